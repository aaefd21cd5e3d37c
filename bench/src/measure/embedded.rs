//! The embedded default: accepts per second of one `otpost serve` on `SQLite`, against a bare
//! loop of one-row commits just as durable.

use super::{
    Effort, Report,
    accept::{accept, warm_up},
    bare::BareSqlite,
    embedded_home, first_of,
    row::{Aim, Row},
};
use crate::{error::Result, harness::Otpost};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let home = embedded_home(otpost).await?;
    warm_up(&home, effort).await?;
    let mut bare = BareSqlite::prepare(&home.data_dir()).await?;
    let mut runs = Vec::new();
    for round in 0..effort.rounds {
        let limit = bare.inserts(effort.time()).await?;
        let (tally, _) = accept(&home, effort, first_of(round), None).await?;
        tally.only(&[202])?;
        let ours = tally.rate(&[202]);
        eprintln!("serve-accept round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
        runs.push((ours, limit));
    }
    let aim = Aim { goal: 2.0, floor: 1.0 };
    report.add(Row::against("serve-accept", "1/s", &runs, aim));
    report.used("serve-accept", home.usages());
    Ok(())
}
