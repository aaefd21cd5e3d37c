//! Rows about backlogs: thousands to a million waiting while no worker runs; then workers start,
//! and people who come now must not wait for those before them.

use std::time::{Duration, Instant};

use super::{
    play::p99,
    row::{Act, Answers, Judge, Options, ROW, Row, Span},
    scene::{Scene, Staging},
};
use crate::{
    error::Result,
    gateway::now_us,
    harness::Wiring,
    load::closed,
    numbers::Numbers,
    product::{self, Accepted},
    show::{bulk::Offer, invariants::Evidence, people::Story},
};

/// Requests in flight while the backlog is made.
const CONNECTIONS: usize = 64;
/// Codes that are older than this are not worth sending any more.
const LONGEST: Duration = Duration::from_secs(500);
/// A code is sent or has expired by then; a million texts need as long.
const DRAINING: Duration = Duration::from_mins(15);
/// Far from the numbers of the people and from those of the feeder.
const FIRST: u64 = 400_000_000;

const CODES: Row = Row {
    expects: "no wedge; codes accepted meanwhile leave within 1 s at p99; memory is flat",
    promises: &[1, 5],
    seconds: Span(30, 12),
    answers: Answers::Refused,
    may_give_up: true,
    staging: many_slots,
    judge: Judge::Ask(|scene, evidence| Box::pin(async { in_time(scene, evidence, 1_000) })),
    ..ROW
};

const BULK: Row = Row {
    expects: "no wedge; codes accepted meanwhile leave within 100 ms at p99; memory is flat",
    promises: &[1, 8],
    answers: Answers::Accepted,
    may_give_up: false,
    judge: Judge::Ask(|scene, evidence| Box::pin(async { in_time(scene, evidence, 100) })),
    ..CODES
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "backlog-codes-9000",
        breaks: "9,000 codes wait while no worker runs; then workers start",
        prepare: |scene| Box::pin(codes(scene, Span(9_000, 900))),
        act: Act::Harm(|scene| Box::pin(start_workers(scene))),
        ..CODES
    },
    Row {
        name: "backlog-codes-100000",
        breaks: "100,000 codes wait while no worker runs; then workers start",
        prepare: |scene| Box::pin(codes(scene, Span(100_000, 1_500))),
        act: Act::Harm(|scene| Box::pin(start_workers(scene))),
        ..CODES
    },
    Row {
        name: "backlog-codes-1000000",
        breaks: "as many codes wait as can be accepted within their lifetime, a million at most",
        prepare: |scene| Box::pin(codes(scene, Span(1_000_000, 2_000))),
        act: Act::Harm(|scene| Box::pin(start_workers(scene))),
        ..CODES
    },
    Row {
        name: "backlog-bulk-9000",
        breaks: "9,000 bulk texts wait while no worker runs; then workers start",
        prepare: |scene| Box::pin(texts(scene, Span(9_000, 900))),
        act: Act::Harm(|scene| Box::pin(start_workers(scene))),
        ..BULK
    },
    Row {
        name: "backlog-bulk-100000",
        breaks: "100,000 bulk texts wait while no worker runs; then workers start",
        prepare: |scene| Box::pin(texts(scene, Span(100_000, 1_500))),
        act: Act::Harm(|scene| Box::pin(start_workers(scene))),
        ..BULK
    },
    Row {
        name: "backlog-bulk-1000000",
        breaks: "a million bulk texts wait while no worker runs; then workers start",
        prepare: |scene| Box::pin(texts(scene, Span(1_000_000, 2_000))),
        act: Act::Harm(|scene| Box::pin(start_workers(scene))),
        ..BULK
    },
];

/// A quick gateway and the product's own concurrency: the backlog is to drain. The feeder is
/// silent, the backlog keeps the bulk lane full by itself.
pub(super) fn many_slots(options: Options) -> Staging {
    Staging { delay_ms: 20, bulk: 0, wiring: Wiring::default(), ..Staging::usual(options) }
}

/// Requests made from numbers, answers read back into what `read` makes of them.
async fn fill<T: Send + 'static>(
    scene: &mut Scene,
    many: Span,
    make: fn(&str) -> (&'static str, String),
    read: fn(String, &crate::http::Answer) -> Option<T>,
) -> Result<Vec<T>> {
    scene.home.end_workers()?;
    let count = scene.options.pick(many);
    let (client, numbers) = (scene.home.client(0), Numbers::new(scene.options.seed));
    let seed = scene.options.seed;
    let request = move |place: u64| {
        let (path, body) = make(&numbers.american(FIRST + place));
        let key = format!("backlog-{seed}-{place}");
        (place < count).then(|| client.post(path, Some(&key), &body))
    };
    let keep = move |kept: &mut Vec<T>, place: u64, answer: &crate::http::Answer| {
        kept.extend(read(numbers.american(FIRST + place), answer));
    };
    let address = scene.home.client(0).address;
    let (tally, kept) = closed(address, CONNECTIONS, LONGEST, request, keep).await?;
    let taken = format!("{} of {count} accepted in {:.0?}", kept.len(), tally.elapsed);
    let all_taken = tally.only(&[202]).map_err(|error| error.to_string());
    let words = all_taken.as_ref().err().map_or(String::new(), |error| format!("; {error}"));
    scene.checks.add("the backlog is accepted", all_taken.is_ok(), taken + &words);
    Ok(kept)
}

async fn codes(scene: &mut Scene, many: Span) -> Result<()> {
    scene.breaks();
    scene.earlier.0 = fill(
        scene,
        many,
        |to| (product::START, product::create_body(to)),
        |to, answer| {
            let accepted = Accepted::read(answer).ok()?;
            // Nobody reads these codes, and nobody waits for them.
            Some(Story { to, ids: vec![accepted.id], ..Story::default() })
        },
    )
    .await?;
    Ok(())
}

async fn texts(scene: &mut Scene, many: Span) -> Result<()> {
    scene.earlier.1 = fill(
        scene,
        many,
        |to| (product::MESSAGES, product::message_body(to)),
        |to, answer| {
            let id = answer.json()["id"].as_str()?.to_owned();
            Some(Offer { to, id: Some(id) })
        },
    )
    .await?;
    Ok(())
}

async fn start_workers(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(1)).await;
    for _ in 0..scene.staging.workers {
        scene.home.start_worker().await?;
    }
    scene.begin_phase("");
    let (began, before) = (now_us(), scene.ledger.count_pending("").await?);
    let drained = drained(scene).await?;
    let sent = scene.gateway.state.log.counts().accepted;
    let seconds = now_us().saturating_sub(began) as f64 / 1e6;
    let seen = format!("{before} waiting at the start, {:.0} sent a second", sent as f64 / seconds);
    scene.checks.add("it is drained", drained && before > 0 && sent > 0, seen);
    scene.healed();
    Ok(())
}

/// Waits until no more is on its way than people who come now account for.
async fn drained(scene: &Scene) -> Result<bool> {
    let few = i64::from(scene.staging.rate.max(20));
    let began = Instant::now();
    while began.elapsed() < DRAINING {
        if scene.ledger.count_pending("").await? < few {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

/// How long codes took that were accepted after the workers had started.
pub(super) fn in_time(scene: &mut Scene, evidence: &Evidence, limit_ms: u64) -> Result<()> {
    let phase = scene.phases.last().ok_or("no worker was started")?;
    let mut waits = evidence.waits_since(phase.from);
    let accepted = evidence.accepted_since(phase.from);
    let p99 = p99(&mut waits);
    let seen = format!(
        "{} of {accepted} codes, p99 {p99:.1?}, slowest {:.1?}",
        waits.len(),
        waits.last().copied().unwrap_or_default()
    );
    let what = format!("codes accepted meanwhile leave within {limit_ms} ms at p99");
    scene.add_timed(&what, p99 <= Duration::from_millis(limit_ms), seen.clone());
    let all = accepted > 0 && waits.len() == accepted;
    scene.checks.add("every code accepted meanwhile arrives", all, seen);
    Ok(())
}
