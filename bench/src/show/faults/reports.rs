//! The row about what providers say later: not at all, again and again, in the wrong order, of
//! messages that nobody sent.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{
    row::{Act, Judge, ROW, Row, Running, Span},
    scene::{Scene, Staging},
};
use crate::{
    error::Result,
    gateway::{Manner, Told},
    harness::Wiring,
    show::invariants::Evidence,
};

pub(super) const ROWS: &[Row] = &[Row {
    name: "delivery-reports",
    breaks: "delivery reports are missing, doubled, reordered, forged, or there before the answer",
    expects: "at most one fallback; states only move forward; what is forged changes nothing",
    promises: &[3],
    seconds: Span(30, 10),
    staging: |options| {
        let usual = Staging::usual(options);
        Staging { wiring: Wiring { reports: true, ..usual.wiring }, ..usual }
    },
    act: Act::Harm(|scene| Box::pin(report(scene))),
    judge: Judge::Ask(judge),
    ..ROW
}];

async fn report(scene: &mut Scene) -> Result<()> {
    scene.gateway.state.reports.tell_in_turn(&Manner::BAD);
    scene.begin_phase("reports");
    scene.until(scene.time).await;
    scene.end_phase();
    scene.healed();
    Ok(())
}

fn judge<'a>(scene: &'a mut Scene, evidence: &'a Evidence) -> Running<'a> {
    Box::pin(async move {
        // The last calls are still being made when the last message is accepted.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let told = scene.gateway.state.reports.told();
        answers(scene, &told);
        states(scene, &told).await?;
        fallbacks(scene, evidence);
        Ok(())
    })
}

/// Every call gets the answer it deserves, and each manner was seen.
fn answers(scene: &mut Scene, told: &[Told]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = 0;
    for one in told {
        let expected = if one.manner == Manner::Forged { 401 } else { 200 };
        wrong += one.answers.iter().filter(|status| **status != expected).count();
        *seen.entry(format!("{:?}", one.manner).to_lowercase()).or_default() += 1;
    }
    let complete = seen.len() == Manner::BAD.len();
    let seen = seen.iter().map(|(manner, count)| format!("{count} {manner}")).collect::<Vec<_>>();
    let seen = format!("{}; {wrong} calls answered otherwise", seen.join(", "));
    scene.checks.add("each report gets its answer", wrong == 0 && complete, seen);
}

/// What a message is in the end, of those that one provider alone was asked for.
async fn states(scene: &mut Scene, told: &[Told]) -> Result<()> {
    let attempts = scene.ledger.attempts().await?;
    let mut reported: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
    for attempt in &attempts {
        reported.entry(&attempt.message_id).or_default().push(attempt.report.as_deref());
    }
    let mut messages = scene.ledger.messages().await?;
    messages.append(&mut scene.ledger.bulk().await?);
    let (mut delivered, mut backward) = (0, 0);
    for message in &messages {
        let reports = reported.get(message.id.as_str()).map_or(&[][..], Vec::as_slice);
        let [only] = reports else { continue };
        // A later word, or none, leaves what was said before.
        let expected = match only {
            Some("delivered") => "delivered",
            Some("undelivered") => "undelivered",
            _ => continue,
        };
        delivered += usize::from(expected == "delivered");
        let called_off = message.state == "canceled";
        backward += usize::from(message.state != expected && !called_off);
    }
    let good = |it: &&Told| !matches!(it.manner, Manner::Missing | Manner::Forged);
    let heard = told.iter().filter(good).count();
    let seen = format!("{heard} messages reported, {delivered} delivered, {backward} otherwise");
    scene.checks.add("states only go forward", delivered > 0 && backward == 0, seen);
    Ok(())
}

/// One more provider at most for what was not delivered, and only for codes.
fn fallbacks(scene: &mut Scene, evidence: &Evidence) {
    let (mut gone_on, mut too_often) = (0, 0);
    for attempts in evidence.attempts.values() {
        let undelivered =
            |it: &&crate::product::Attempt| it.report.as_deref() == Some("undelivered");
        let unknown = attempts.iter().filter(|it| it.outcome.as_deref() == Some("unknown")).count();
        let more = attempts.len().saturating_sub(1 + unknown);
        if attempts.iter().any(|it| undelivered(&it)) {
            gone_on += usize::from(more > 0);
            too_often += usize::from(more > 1);
        }
    }
    let seen = format!("{gone_on} went on to another provider, {too_often} to more than one");
    // In a short run everybody who was told a code may have typed it before the report came.
    let shown = gone_on > 0 || scene.options.short;
    scene.checks.add("at most one fallback", shown && too_often == 0, seen);
}
