//! Rows about rates: the first provider may only be called so often by two workers together, while
//! the bulk lane wants more.

use std::time::Duration;

use super::{
    play::p99,
    row::{Act, Answers, Judge, Options, ROW, Row, Span},
    scene::{Phase, Scene, Staging},
    trouble::Trouble,
};
use crate::{error::Result, harness::Wiring, product, show::invariants::Evidence};

/// How often the first provider may be called in a second, and at once.
#[derive(Clone, Copy)]
struct Bound {
    rate: u32,
    burst: u32,
}

const USUAL: Bound = Bound { rate: 40, burst: 10 };
/// So little that twice as many codes are no load.
const LITTLE: Bound = Bound { rate: 10, burst: 5 };
/// How long the first calls may take to fall into step.
const SETTLING_MS: i64 = 3_000;
const STALL: Duration = Duration::from_secs(1);
/// A call may arrive so much later than its token came, and the next one need not.
const JITTER_MS: i64 = 100;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "rate-two-workers",
        breaks: "the first provider may be called 40 times a second, 10 at once; bulk wants more",
        expects: "two workers keep to it within 1 % over a minute; codes wait for nobody",
        promises: &[8],
        seconds: Span(64, 19),
        staging: |options| rated(options, USUAL, USUAL.rate / 5),
        act: Act::Harm(|scene| Box::pin(throughout(scene))),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { kept_exactly(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "rate-codes-go-round",
        breaks: "twice as many codes come as the first provider may be called for",
        expects: "it is called no more than that; the others go to the second within a second",
        promises: &[8],
        seconds: Span(34, 14),
        staging: |options| rated(options, LITTLE, 2 * LITTLE.rate),
        act: Act::Harm(|scene| Box::pin(throughout(scene))),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { went_round(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "rate-redis-kill",
        breaks: "Redis is killed (-9) and started again while two workers share a rate",
        expects: "each uses half of it meanwhile; it is never exceeded",
        promises: &[1, 8],
        staging: |options| rated(options, USUAL, USUAL.rate / 5),
        act: Act::Trouble(Trouble::RedisKilled, Span(20, 8)),
        judge: Judge::Ask(|scene, _| {
            Box::pin(async { never_above(scene, "calls go on without Redis") })
        }),
        ..ROW
    },
    Row {
        name: "rate-postgres-stalls",
        breaks: "Postgres is frozen for a second, again and again, while two workers share a rate",
        expects: "what had its token and waited for the database does not leave all at once",
        promises: &[8],
        seconds: Span(40, 21),
        answers: Answers::Refused,
        staging: |options| rated(options, USUAL, USUAL.rate / 5),
        act: Act::Harm(|scene| Box::pin(stalls(scene))),
        judge: Judge::Ask(|scene, _| Box::pin(async { never_above(scene, "calls came between") })),
        ..ROW
    },
];

/// As many slots as it takes to reach the rate, and a bulk lane that would.
fn rated(options: Options, bound: Bound, people: u32) -> Staging {
    let mut settings = vec![product::bulk_concurrency(32)];
    settings.extend(product::rate("twilio", bound.rate, bound.burst));
    Staging {
        wiring: Wiring { settings, ..Wiring::default() },
        bulk: usize::try_from(bound.rate * 5).unwrap_or(200),
        rate: people,
        ..Staging::usual(options)
    }
}

async fn throughout(scene: &mut Scene) -> Result<()> {
    scene.begin_phase("");
    scene.until(scene.time).await;
    scene.end_phase();
    Ok(())
}

/// Ends with ten seconds in which nothing may be refused, and a little more.
async fn stalls(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    scene.begin_phase("");
    while scene.elapsed() + Duration::from_secs(12) < scene.time {
        Trouble::PostgresFrozen.begin(scene).await?;
        tokio::time::sleep(STALL).await;
        Trouble::PostgresFrozen.end(scene).await?;
        tokio::time::sleep(2 * STALL).await;
    }
    scene.end_phase();
    scene.healed();
    Ok(())
}

/// When calls came to the first provider in the last phase, once they were in step.
fn calls(scene: &Scene) -> Result<(Vec<i64>, Phase)> {
    let mut phase = scene.phases.last().ok_or("nothing was begun")?.clone();
    phase.from += SETTLING_MS;
    Ok((times(scene, &phase), phase))
}

/// When calls came to the first provider in a phase, in microseconds.
fn times(scene: &Scene, phase: &Phase) -> Vec<i64> {
    let seen = scene.requests("twilio", phase);
    seen.iter().map(|seen| i64::try_from(seen.at_us).unwrap_or(i64::MAX)).collect()
}

/// The most calls that came within any span of so many milliseconds.
fn most_within(times: &[i64], span_ms: i64) -> usize {
    let within = |(place, from): (usize, &i64)| {
        times[place..].partition_point(|at| *at < from + span_ms * 1_000)
    };
    times.iter().enumerate().map(within).max().unwrap_or(0)
}

impl Bound {
    fn allows(self, calls: usize, span_ms: i64) -> bool {
        let most = f64::from(self.rate) * span_ms as f64 / 1_000.0 + f64::from(self.burst);
        calls as f64 <= most
    }
}

fn kept_exactly(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    let (times, phase) = calls(scene)?;
    let seconds = (phase.to - phase.from) as f64 / 1_000.0;
    let expected = seconds * f64::from(USUAL.rate);
    let off = (times.len() as f64 / expected - 1.0) * 100.0;
    let seen = format!("{} calls in {seconds:.1} s, {off:+.2} %", times.len());
    scene.add_timed("the rate is kept within 1 %", off.abs() <= 1.0, seen);
    not_above(scene, USUAL, &times, phase.to - phase.from);
    scene.checks.add("calls came", !times.is_empty(), format!("{}", times.len()));
    waited(scene, evidence, 500);
    let (rows, claims) = evidence.claims();
    let seen = format!("{rows} messages, {claims} claims");
    let few = claims as f64 <= 1.1 * rows as f64;
    scene.add_timed("hardly anything is claimed in vain", few, seen);
    Ok(())
}

/// In the whole time, and in any second.
fn not_above(scene: &mut Scene, bound: Bound, times: &[i64], whole_ms: i64) {
    let most = most_within(times, 1_000);
    let Bound { rate, burst } = bound;
    let seen = format!("{most} calls in one second, {rate} and {burst} at once allowed");
    let in_time = bound.allows(most, 1_000 + JITTER_MS);
    scene.add_timed("in any second no more than a burst above it", in_time, seen);
    let seen = format!("{} calls in {:.1} s", times.len(), whole_ms as f64 / 1_000.0);
    let kept = bound.allows(times.len(), whole_ms + JITTER_MS);
    scene.checks.add("in the whole time no more than a burst above it", kept, seen);
}

fn waited(scene: &mut Scene, evidence: &Evidence, limit_ms: u64) {
    let mut waits = evidence.waits();
    let (p99, slowest) = (p99(&mut waits), waits.last().copied().unwrap_or_default());
    let seen = format!("{} codes, p99 {p99:.1?}, slowest {slowest:.1?}", waits.len());
    let in_time = !waits.is_empty() && p99 <= Duration::from_millis(limit_ms);
    scene.add_timed(&format!("codes leave within {limit_ms} ms at p99"), in_time, seen);
}

fn went_round(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    let (times, phase) = calls(scene)?;
    not_above(scene, LITTLE, &times, phase.to - phase.from);
    let round = scene.requests("vonage", &phase).len();
    let seen = format!("{round} by the second provider, {} by the first", times.len());
    scene.checks.add("codes go round it", round > 0 && !times.is_empty(), seen);
    waited(scene, evidence, 1_000);
    Ok(())
}

/// Calls came while something was broken; and from before that to the end, never too many.
fn never_above(scene: &mut Scene, calls_came: &str) -> Result<()> {
    let (during, phase) = calls(scene)?;
    scene.checks.add(calls_came, !during.is_empty(), format!("{} calls", during.len()));
    let around = Phase { name: "", from: phase.from - SETTLING_MS, to: i64::MAX };
    let times = times(scene, &around);
    let span = times.first().zip(times.last()).map_or(0, |(first, last)| (last - first) / 1_000);
    not_above(scene, USUAL, &times, span);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_span_is_found() {
        let ms = |ms: i64| ms * 1_000;
        let times = [ms(0), ms(400), ms(900), ms(1_000), ms(1_300), ms(1_899), ms(1_900)];
        assert_eq!(most_within(&times, 1_000), 4);
        assert_eq!(most_within(&times, 1), 1);
        assert_eq!(most_within(&[], 1_000), 0);
    }
}
