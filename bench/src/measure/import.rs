//! A bulk send to a million recipients of 64 countries, over HTTP and from a file, against a bare
//! COPY of the very rows it leaves.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use sqlx::PgPool;
use tokio::time::sleep;

use super::{
    Effort, Report, bare::BareCopy, bulk, production, progress::Progress, row::Row,
    station::Station, targets, watch::Watch,
};
use crate::{
    error::Result,
    harness::{Child, Home, Otpost, Usage},
    product::{self, Chain},
};

const FILE_OPTION: &str = "--to-file";

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let home = production(otpost, Chain::Twilio(station.address())).await?;
    let pool = home.pool().await?;
    let (body, count) = (bulk::ndjson(effort, effort.recipients), effort.recipients);
    if !bulk::has_batch(&home).await? {
        return Err(format!("this build has no {}", product::BATCH).into());
    }
    let file = home.folder().join("recipients.csv");
    fs::write(&file, bulk::csv(effort, count))?;
    let from_file = otpost.has_option("send", FILE_OPTION);
    // The rows that are to be copied; and the phone metadata are loaded.
    bulk::import(&home, body.clone()).await?;
    expect(&pool, count).await?;
    let bare = BareCopy::prepare(&home, &pool).await?;
    let (mut over_http, mut over_file) = (Vec::new(), Vec::new());
    let (mut of_http, mut of_file, mut memory) = (Watch::default(), Watch::default(), Vec::new());
    let mut progress = Progress::new("importing, rounds", effort.rounds as u64);
    for round in 0..effort.rounds {
        let limit = of_http.during(bare.copy()).await?;
        empty(&pool).await?;
        let streamed = of_http.during(bulk::import(&home, body.clone())).await?;
        expect(&pool, count).await?;
        let ours = count as f64 / streamed.elapsed.as_secs_f64();
        over_http.push((ours, limit));
        note!("import round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
        if from_file {
            empty(&pool).await?;
            let sent = of_file.during(send_file(&home, &file, &format!("round-{round}"))).await?;
            expect(&pool, count).await?;
            let ours = count as f64 / sent.elapsed.as_secs_f64();
            note!("import round {}, from a file: {ours:.0}/s", round + 1);
            over_file.push((ours, limit));
            memory.push(sent.peak_mb);
        }
        progress.at(round as u64 + 1);
    }
    drop(progress);
    report.add(Row::against(&targets::IMPORT, &over_http, &of_http));
    if from_file {
        report.add(Row::against(&targets::IMPORT_CLI, &over_file, &of_file));
    }
    let usages = home.usages();
    let peak = usages.iter().find(|usage| usage.name.starts_with("api"));
    let peak = peak.map_or(0.0, |usage| usage.peak_mb);
    report.add(Row::worst(&targets::IMPORT_API, &[peak]));
    if from_file {
        report.add(Row::worst(&targets::IMPORT_SEND, &memory));
    } else {
        let why = format!("`otpost send` of this build has no {FILE_OPTION}");
        report.miss_rest(targets::IMPORT_CLI.part, &why);
    }
    report.used("import", usages);
    pool.close().await;
    Ok(())
}

async fn empty(pool: &PgPool) -> Result<()> {
    product::forget_messages(pool).await?;
    sqlx::query("CHECKPOINT").execute(pool).await?;
    Ok(())
}

/// An import that leaves out rows would be fast for the wrong reason.
async fn expect(pool: &PgPool, count: u64) -> Result<()> {
    let waiting = product::count_bulk(pool).await?;
    if waiting == count {
        return Ok(());
    }
    Err(format!("{waiting} messages are waiting after an import of {count}").into())
}

struct Done {
    elapsed: Duration,
    peak_mb: f64,
}

async fn send_file(home: &Home, file: &Path, key: &str) -> Result<Done> {
    let mut command = home.command("send");
    command.arg(FILE_OPTION).arg(file).args(["--text", product::TEXT, "--json"]);
    // With the same key a repeat would be no import.
    command.args(["--idempotency-key", key]);
    let began = Instant::now();
    let mut sending = Child::start(command, "send", home.folder())?;
    let mut peak_mb: f64 = 0.0;
    while sending.is_alive() {
        peak_mb = peak_mb.max(Usage::of("send", sending.id()).peak_mb);
        sleep(Duration::from_millis(20)).await;
    }
    let elapsed = began.elapsed();
    if sending.is_well() {
        return Ok(Done { elapsed, peak_mb });
    }
    Err(format!("otpost send {FILE_OPTION} failed:\n{}", sending.last_words()).into())
}
