//! Rows about workers that die, freeze or are told to stop.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use tokio::task::JoinSet;

use super::{
    kills::bring_back,
    row::{Act, Judge, ROW, Row, Span},
    scene::{Scene, Staging},
    standing::Stood,
};
use crate::{
    error::Result,
    gateway::now_ms,
    harness::Wiring,
    product::{self, Message},
    show::{invariants::Evidence, people::Story},
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "worker-kill-loop",
        breaks: "one of two workers is killed (-9) at random moments, 200 times",
        expects: "what it held moves again within 10 s; at most one copy more of each code",
        promises: &[3, 4],
        act: Act::Harm(|scene| Box::pin(kill_loop(scene))),
        seconds: Span(10, 8),
        judge: Judge::Look(came_to_the_last),
        ..ROW
    },
    Row {
        name: "worker-frozen",
        breaks: "a worker is frozen (SIGSTOP) for a minute and then goes on",
        expects: "its late outcomes change nothing that was decided meanwhile",
        promises: &[3, 4],
        seconds: Span(78, 26),
        act: Act::Harm(|scene| Box::pin(freeze(scene))),
        ..ROW
    },
    Row {
        name: "worker-sigterm",
        breaks: "every worker is told to stop (SIGTERM) under load",
        expects: "each exits within 30 s, leaves no claimed message behind and causes no repeat",
        promises: &[3],
        seconds: Span(20, 12),
        act: Act::Harm(|scene| Box::pin(terminate(scene))),
        judge: Judge::Look(nothing_repeated),
        ..ROW
    },
    Row {
        name: "bulk-worker-kill",
        breaks: "a worker is killed (-9) with a batch of bulk texts claimed",
        expects: "another sends what was not begun; what was begun is `unknown` and not repeated",
        promises: &[3, 4],
        seconds: Span(30, 16),
        staging: |options| Staging {
            delay_ms: 1_000,
            bulk: 150,
            wiring: Wiring { settings: vec![product::bulk_concurrency(48)], ..Wiring::default() },
            ..Staging::usual(options)
        },
        act: Act::Harm(|scene| Box::pin(kill_with_batch(scene))),
        judge: Judge::Look(texts_possibly_sent),
        ..ROW
    },
];

/// Kills the two workers by turns and measures how long the messages stand still that the
/// killed one held.
async fn kill_loop(scene: &mut Scene) -> Result<()> {
    let wanted = scene.options.kills.unwrap_or(scene.options.pick(Span(200, 6)));
    let mut watched = JoinSet::new();
    scene.begin_phase("kills");
    for kill in 0..wanted {
        let pause = 500 + scene.dice.below(1_500);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let which = usize::try_from(kill % 2)?;
        scene.home.kill_worker(which)?;
        scene.end_phase();
        let away = scene.dice.below(800);
        bring_back(scene, &mut watched, which, away).await?;
    }
    rescued(scene, watched, &format!("{wanted} kills")).await
}

/// A kill finds nothing when nobody comes any more.
fn came_to_the_last(scene: &mut Scene, evidence: &Evidence) {
    let last = scene.phases.last().map_or(0, |phase| phase.to);
    let came = |story: &&Story| story.told.first().is_some_and(|told| told.at >= last);
    let after = evidence.stories.iter().filter(came).count();
    let seen = format!("{after} people came after the last kill");
    scene.checks.add("people come until the last kill", after > 0, seen);
}

/// What the killed ones held, and when the last of it had moved.
pub(super) async fn rescued(
    scene: &mut Scene,
    mut watched: JoinSet<Result<Stood>>,
    what: &str,
) -> Result<()> {
    let mut all = Stood::default();
    while let Some(ended) = watched.join_next().await {
        let stood = ended??;
        all.held += stood.held;
        all.longest = all.longest.max(stood.longest);
    }
    let seen =
        format!("{what}, {} messages held, the last moved after {:.1?}", all.held, all.longest);
    let in_time = all.longest <= Duration::from_secs(10);
    scene.add_timed("what it held moves again within 10 s", in_time, seen.clone());
    scene.checks.add("something was held", all.held > 0, seen);
    scene.stood_still(all);
    Ok(())
}

async fn freeze(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(3)).await;
    scene.home.workers[0].child.signal(Signal::SIGSTOP)?;
    let held = its_own(scene).await?;
    tokio::time::sleep(scene.options.span(Span(60, 14))).await;
    let decided = decided(scene).await?;
    let rescued = decided.iter().filter(|row| held.contains(&row.id)).count();
    let seen = format!("{} held when it froze, {rescued} decided before it went on", held.len());
    scene.checks.add("others finish what it held", rescued > 0, seen);
    scene.home.workers[0].child.signal(Signal::SIGCONT)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let now: HashMap<String, Message> =
        all_messages(scene).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let same = |before: &&Message| {
        now.get(&before.id).is_some_and(|it| {
            (&it.state, it.finished_at, it.epoch)
                == (&before.state, before.finished_at, before.epoch)
        })
    };
    let changed: Vec<&str> =
        decided.iter().filter(|row| !same(row)).map(|row| row.id.as_str()).collect();
    let seen = format!(
        "{} decided before it went on, {} changed after{}",
        decided.len(),
        changed.len(),
        changed.first().map_or(String::new(), |id| format!(" such as {id}"))
    );
    scene.checks.add("its late outcomes change nothing", changed.is_empty(), seen);
    scene.healed();
    Ok(())
}

/// What the frozen worker holds: what others hold moves within a second.
async fn its_own(scene: &Scene) -> Result<HashSet<String>> {
    let before = scene.ledger.claimed().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let now = scene.ledger.claimed().await?;
    let stayed = before.into_iter().filter(|it| now.contains(it));
    Ok(stayed.map(|it| it.id).collect())
}

/// Every message that has come to its end.
async fn decided(scene: &Scene) -> Result<Vec<Message>> {
    let all = all_messages(scene).await?;
    Ok(all.into_iter().filter(|row| row.finished_at.is_some()).collect())
}

async fn all_messages(scene: &Scene) -> Result<Vec<Message>> {
    let mut all = scene.ledger.messages().await?;
    all.append(&mut scene.ledger.bulk().await?);
    Ok(all)
}

async fn terminate(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    let began = Instant::now();
    for worker in &mut scene.home.workers {
        worker.child.signal(Signal::SIGTERM)?;
    }
    while scene.home.workers.iter_mut().any(|worker| worker.child.is_alive())
        && began.elapsed() < Duration::from_secs(32)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    let seen = format!("{took:.1?}");
    scene.checks.add("they exit within 30 s", took < Duration::from_secs(30), seen);
    let left = scene.ledger.claimed().await?;
    let attempts = scene.ledger.attempts().await?;
    let runs = |id: &str| attempts.iter().any(|it| it.message_id == id && it.outcome.is_none());
    let running = left.iter().filter(|it| runs(&it.id)).count();
    let codes = left.iter().filter(|it| it.lane == "otp").count();
    let seen = format!("{} claimed, {codes} of them codes, {running} begun", left.len());
    scene.checks.add("no claimed message is left behind", left.is_empty(), seen);
    for which in 0..scene.home.workers.len() {
        scene.home.revive_worker(which).await?;
    }
    scene.healed();
    Ok(())
}

fn nothing_repeated(scene: &mut Scene, evidence: &Evidence) {
    let unknown = evidence.outcomes("twilio", 0..now_ms()).into_iter();
    let unknown = unknown.filter(|(outcome, _)| outcome == "unknown").map(|(_, count)| count);
    let (unknown, repeats) = (unknown.sum::<usize>(), evidence.repeats());
    let seen = format!("{repeats} repeats, {unknown} unknown outcomes");
    scene.checks.add("nothing is sent again", repeats == 0 && unknown == 0, seen);
}

async fn kill_with_batch(scene: &mut Scene) -> Result<()> {
    let mut watched = JoinSet::new();
    let kills = scene.options.pick(Span(6, 2));
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let which = usize::try_from(kill % 2)?;
        scene.home.kill_worker(which)?;
        bring_back(scene, &mut watched, which, 500).await?;
    }
    rescued(scene, watched, &format!("{kills} kills")).await
}

fn texts_possibly_sent(scene: &mut Scene, evidence: &Evidence) {
    let (unknown, begun) = evidence.texts_unknown();
    let seen = format!("{unknown} `unknown`, {begun} of them with an attempt that was begun");
    scene.checks.add("only what was begun is `unknown`", unknown == begun, seen);
}
