//! A worker started before a million waiting messages: whether it ever stands still, how much
//! memory it takes, and whether codes get past.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    Effort, Report, bulk, first_of,
    lanes::p99_of_all,
    latency::{Sent, start, travelled},
    production,
    progress::Progress,
    report::Sample,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::Result,
    gateway::Seen,
    harness::{Home, Otpost, Usage},
    product::{self, Chain},
};

/// Codes per second meanwhile.
const RATE: u32 = 50;
/// A worker that sends nothing for so long will not do it any more.
const WEDGED: Duration = Duration::from_mins(1);
/// A backlog that takes longer than this is not drained, it trickles.
const LONGEST: Duration = Duration::from_mins(15);
/// Of one look at what the gateway received.
const PAGE: u64 = 50_000;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    let count = bulk::enqueue(&home, effort, effort.recipients).await?;
    station.clear().await?;
    let mut watch = Watch::default();
    home.start_worker().await?;
    let drained = watch.during(drain(&home, &station, effort, count)).await?;
    home.end_workers()?;
    let found = look_through(&station, effort, &drained.sent).await?;
    let rate = drained.bulk_per_second(count);
    note!(
        "backlog of {count}: {rate:.0}/s, {} lost, {} doubled",
        count.saturating_sub(found.recipients),
        found.texts - found.recipients
    );
    let wrong = count.saturating_sub(found.recipients) + (found.texts - found.recipients);
    let peak = drained.samples.iter().map(|sample| sample.megabytes).fold(0.0, f64::max);
    let p99 = p99_of_all(found.took, drained.codes);
    report.add(Row::alone(&targets::BACKLOG_RATE, &[rate], &watch));
    report.add(Row::alone(&targets::BACKLOG_STILL, &[drained.standstill], &watch));
    report.add(Row::alone(&targets::BACKLOG_P99, &[p99], &watch));
    report.add(Row::worst(&targets::BACKLOG_MEMORY, &[peak.max(drained.peak_mb)]));
    report.add(Row::worst(&targets::BACKLOG_LOST, &[wrong as f64]));
    report.samples = drained.samples;
    report.used("backlog", home.usages());
    report.used("backlog", vec![station.usage()]);
    Ok(())
}

struct Drained {
    samples: Vec<Sample>,
    /// Seconds.
    standstill: f64,
    elapsed: Duration,
    sent: Sent,
    /// Codes that were accepted.
    codes: usize,
    peak_mb: f64,
}

impl Drained {
    fn bulk_per_second(&self, count: u64) -> f64 {
        count as f64 / self.elapsed.as_secs_f64()
    }
}

/// Until everything that was waiting has reached the gateway, with codes coming all the time.
async fn drain(home: &Home, station: &Station, effort: Effort, count: u64) -> Result<Drained> {
    let (sent, over) = (Sent::default(), Arc::new(AtomicBool::new(false)));
    let (codes, looks) = tokio::join!(
        ask_for_codes(home, effort, &sent, &over),
        look_every_second(home, station, &over, count),
    );
    let (codes, mut drained) = (codes?, looks?);
    // The last codes are still on their way.
    sleep(Duration::from_secs(2)).await;
    drained.codes = codes;
    drained.sent = sent;
    Ok(drained)
}

async fn ask_for_codes(
    home: &Home,
    effort: Effort,
    sent: &Sent,
    over: &AtomicBool,
) -> Result<usize> {
    let (short, mut codes) = (Effort { seconds: 5, ..effort }, 0);
    let mut first = first_of(0);
    while !over.load(Ordering::Relaxed) {
        let (_, tokens) = start(home, short, first, RATE, sent).await?;
        codes += tokens.len();
        first += u64::from(RATE) * short.seconds;
    }
    Ok(codes)
}

async fn look_every_second(
    home: &Home,
    station: &Station,
    over: &AtomicBool,
    count: u64,
) -> Result<Drained> {
    let worker = home.workers.first().ok_or("no worker")?.child.id();
    let mut progress = Progress::new("draining the backlog", count);
    let (began, mut samples) = (Instant::now(), Vec::new());
    let (mut moved, mut last, mut standstill) = (Instant::now(), 0, Duration::ZERO);
    let mut next = began;
    let drained = loop {
        // The codes that come meanwhile are no progress.
        let bulk = station.counts().await?.bulk();
        if bulk > last {
            standstill = standstill.max(moved.elapsed());
            (moved, last) = (Instant::now(), bulk);
        }
        if Instant::now() >= next {
            let usage = Usage::of("worker", worker);
            let seconds = began.elapsed().as_secs_f64();
            let waiting = count.saturating_sub(bulk);
            samples.push(Sample { seconds, megabytes: usage.now_mb, waiting });
            next += Duration::from_secs(1);
            progress.at(bulk.min(count));
        }
        if bulk >= count && product_is_done(home).await? {
            break Ok(());
        }
        if began.elapsed() > LONGEST {
            break Err(format!("{last} of {count} sent after {LONGEST:?}, and no more waited for"));
        }
        if moved.elapsed() > WEDGED {
            break Err(format!("wedged: {last} of {count} sent, then nothing for {WEDGED:?}"));
        }
        sleep(Duration::from_millis(100)).await;
    };
    over.store(true, Ordering::Relaxed);
    drained?;
    Ok(Drained {
        samples,
        standstill: standstill.as_secs_f64(),
        elapsed: began.elapsed(),
        sent: Sent::default(),
        codes: 0,
        peak_mb: Usage::of("worker", worker).peak_mb,
    })
}

/// A text may have come twice, so the database has the last word.
async fn product_is_done(home: &Home) -> Result<bool> {
    let pool = home.pool().await?;
    let left = product::count_bulk(&pool).await?;
    pool.close().await;
    Ok(left == 0)
}

struct Found {
    /// Bulk texts that arrived, and how many recipients they were for.
    texts: u64,
    recipients: u64,
    /// Milliseconds each code took.
    took: Vec<f64>,
}

/// Page by page: a million messages are more than one answer should hold.
async fn look_through(station: &Station, effort: Effort, sent: &Sent) -> Result<Found> {
    let (hasher, mut recipients) = (RandomState::new(), HashSet::new());
    let (mut texts, mut codes, mut last): (u64, Vec<Seen>, u64) = (0, Vec::new(), 0);
    loop {
        let page = station.received_after(last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = end.number;
        for seen in page {
            if product::code_in(&seen.text).is_some() {
                codes.push(seen);
            } else {
                texts += 1;
                recipients.insert(hasher.hash_one(&seen.to));
            }
        }
    }
    let took = travelled(&codes, effort, sent);
    Ok(Found { texts, recipients: recipients.len() as u64, took })
}
