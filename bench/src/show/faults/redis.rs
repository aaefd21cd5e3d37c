//! Rows about Redis. Whatever happens to it, everything is accepted and sent.

use std::time::Duration;

use super::{
    play::p99,
    row::{Act, Judge, ROW, Row, Span},
    scene::Scene,
    trouble::Trouble,
};
use crate::{
    error::Result,
    product,
    proxy::{Act as TrapAct, Pattern, Toward},
    show::invariants::Evidence,
};

const SAME: &str = "every answer is 202; nothing is lost; nothing is sent again";

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "redis-kill",
        breaks: "Redis is killed (-9) and started again",
        expects: SAME,
        act: Act::Trouble(Trouble::RedisKilled, Span(10, 4)),
        judge: Judge::Look(no_repeats),
        ..ROW
    },
    Row {
        name: "redis-stop",
        breaks: "Redis is stopped (SIGSTOP): connections stay open and nobody answers",
        expects: SAME,
        act: Act::Trouble(Trouble::RedisFrozen, Span(30, 8)),
        judge: Judge::Look(no_repeats),
        ..ROW
    },
    Row {
        name: "redis-full",
        breaks: "Redis is out of memory (noeviction) and refuses every write",
        expects: SAME,
        act: Act::Trouble(Trouble::RedisFull, Span(15, 5)),
        judge: Judge::Look(no_repeats),
        ..ROW
    },
    Row {
        name: "redis-read-only",
        breaks: "Redis is made the replica of a master that is gone, and read-only",
        expects: SAME,
        act: Act::Trouble(Trouble::RedisReadOnly, Span(15, 5)),
        judge: Judge::Look(no_repeats),
        ..ROW
    },
    Row {
        name: "redis-flush",
        breaks: "FLUSHALL every two seconds",
        expects: SAME,
        act: Act::Harm(|scene| Box::pin(flush(scene))),
        judge: Judge::Look(no_repeats),
        ..ROW
    },
    Row {
        name: "redis-reply-swallowed",
        breaks: "of the answers that bring workers their hints, every third never arrives",
        expects: "the message is claimed without its hint within 4 s",
        act: Act::Harm(|scene| Box::pin(swallow(scene))),
        judge: Judge::Look(claimed_anyhow),
        ..ROW
    },
];

async fn flush(scene: &mut Scene) -> Result<()> {
    while scene.elapsed() + Duration::from_secs(2) < scene.time {
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.redis()?.flush_all().await?;
    }
    scene.healed();
    Ok(())
}

async fn swallow(scene: &mut Scene) -> Result<()> {
    for worker in &scene.home.workers {
        let line = worker.lines()?.queue()?;
        let hints = Pattern::Bytes(product::HINTS.as_bytes().to_vec());
        scene.traps.push(line.lay_endlessly(3, Toward::Client, hints, TrapAct::Swallow));
    }
    scene.until(scene.time.saturating_sub(Duration::from_secs(2))).await;
    let swallowed: u64 = scene.traps.iter().map(crate::proxy::Trap::count).sum();
    scene.checks.add("answers were swallowed", swallowed > 0, format!("{swallowed}"));
    scene.traps.clear();
    scene.healed();
    Ok(())
}

fn no_repeats(scene: &mut Scene, evidence: &Evidence) {
    let repeats = evidence.repeats();
    scene.checks.add("nothing is sent again", repeats == 0, format!("{repeats} repeats"));
}

fn claimed_anyhow(scene: &mut Scene, evidence: &Evidence) {
    let mut waits = evidence.waits();
    let (p99, slowest) = (p99(&mut waits), waits.last().copied().unwrap_or_default());
    let seen = format!("{} codes, p99 {p99:.1?}, slowest {slowest:.1?}", waits.len());
    let in_time = slowest <= Duration::from_secs(4);
    scene.add_timed("at the gateway within 4 s", in_time, seen.clone());
    scene.checks.add("codes came", !waits.is_empty(), seen);
    no_repeats(scene, evidence);
}
