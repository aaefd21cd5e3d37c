//! The embedded default: accepts per second of one `otpost serve` on `SQLite`, against a bare
//! loop of one-row commits just as durable.

use super::{
    Effort, Report,
    accept::{accept, warm_up},
    bare_sqlite::BareSqlite,
    embedded_home, first_of,
    row::Row,
    targets,
    watch::Watch,
};
use crate::{error::Result, harness::Otpost};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let home = embedded_home(otpost).await?;
    warm_up(&home, effort).await?;
    let mut bare = BareSqlite::prepare(&home.data_dir())?;
    let (mut runs, mut watch) = (Vec::new(), Watch::default());
    for round in 0..effort.rounds {
        let limit = watch.during(async { bare.inserts(effort.time()) }).await?;
        let ours = accept(&home, effort, first_of(round), None);
        let (tally, _) = watch.during(ours).await?;
        tally.only(&[202])?;
        let ours = tally.rate(&[202]);
        note!("serve-accept round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
        runs.push((ours, limit));
    }
    report.add(Row::against(&targets::SERVE_ACCEPT, &runs, &watch));
    report.used("serve-accept", home.usages());
    Ok(())
}
