//! What a breaker let through to the first provider, and whether the rest went to the second.

use std::collections::BTreeMap;

use super::{
    provider::in_words,
    scene::{Phase, Scene},
};
use crate::{
    error::Result,
    gateway::{Seen, in_ms},
    show::invariants::Evidence,
};

/// How many failures open the breaker at the latest, and how often it may look again.
const FAILURES: usize = 20;
const PROBE_MS: i64 = 5_000;

/// Calls to the first provider in the phase, and how many may be under way at one time.
fn calls(scene: &Scene) -> Result<(Vec<Seen>, Phase, usize)> {
    let phase = scene.phases.last().ok_or("nothing was broken")?.clone();
    let under_way = usize::try_from(scene.options.rate / 2)?.max(8);
    Ok((scene.requests("twilio", &phase), phase, under_way))
}

/// Once it has seen its failures, a breaker lets through one call in five seconds.
pub(super) fn breaker(scene: &mut Scene, _: &Evidence) -> Result<()> {
    went_round(scene)?;
    let (calls, phase, under_way) = calls(scene)?;
    let opened = calls.get(FAILURES - 1).map(|seen| in_ms(seen.at_us));
    // Answers take this long, and calls that were under way then are forgiven.
    let settled = opened.map(|at| at + 400);
    let after: Vec<i64> = calls
        .iter()
        .map(|seen| in_ms(seen.at_us))
        .filter(|at| settled.is_some_and(|settled| *at > settled))
        .collect();
    let allowed = (phase.to - settled.unwrap_or(phase.to)) / PROBE_MS + 2;
    let seen = format!(
        "{} calls, {} of them after the first {FAILURES} were answered; {allowed} looks allowed",
        calls.len(),
        after.len()
    );
    let kept = i64::try_from(after.len())? <= allowed && calls.len() <= FAILURES + under_way + 9;
    let kept = kept && !calls.is_empty();
    scene.checks.add("the breaker opens and looks once in 5 s", kept, seen);
    Ok(())
}

/// A breaker is open when there is something to send and the second provider gets it, to the end.
fn went_round(scene: &mut Scene) -> Result<()> {
    let phase = scene.phases.last().ok_or("nothing was broken")?;
    let at_last = |seen: &&Seen| in_ms(seen.at_us) > phase.to - PROBE_MS;
    let sent = scene.requests("vonage", phase).iter().filter(at_last).count();
    let seen = format!("{sent} calls to the second in the last 5 s");
    scene.checks.add("what comes goes to the second provider", sent > 0, seen);
    Ok(())
}

pub(super) fn breaker_half(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    went_round(scene)?;
    let (calls, phase, under_way) = calls(scene)?;
    let mut in_window: BTreeMap<i64, usize> = BTreeMap::new();
    for seen in &calls {
        *in_window.entry((in_ms(seen.at_us) - phase.from) / PROBE_MS).or_default() += 1;
    }
    let most = in_window.values().max().copied().unwrap_or(0);
    let allowed = FAILURES + under_way + 1;
    let found = evidence.outcomes("twilio", phase.from..phase.to);
    let failed = found.iter().any(|(outcome, _)| outcome == "transient");
    let seen = format!(
        "{} calls, at most {most} in 5 s; {allowed} allowed; {}",
        calls.len(),
        in_words(&found)
    );
    scene.checks.add("the breaker opens within 20 calls", most <= allowed && failed, seen);
    Ok(())
}
