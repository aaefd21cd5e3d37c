//! Workers killed at exact points of a delivery. The proxy holds the packet with which the
//! worker would pass the point; it is killed there, and the packet never arrives. What a code
//! writes before it is sent goes with its claim; so only texts come by the point after it.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    kills::bring_back,
    row::{Act, Judge, ROW, Row, Span},
    scene::Scene,
    worker::rescued,
};
use crate::{
    error::Result,
    product,
    proxy::{Act as TrapAct, Pattern, Proxy, Toward, Trap},
    show::invariants::Evidence,
};

/// Where in the course of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    BeforeClaim,
    AfterClaim,
    BeforeWrite,
    AfterWrite,
    BeforeOutcome,
}

const EXPECTS: &str = "what it held moves again within 10 s and is sent once";
const REPEATS: &str = "what it held moves again within 10 s; a code at most twice, bulk never";

const POINT: Row = Row { promises: &[3, 4], seconds: Span(30, 14), ..ROW };

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "worker-kill-before-claim",
        breaks: "a worker is killed (-9) with its claim on the way to the database",
        expects: EXPECTS,
        act: Act::Harm(|scene| Box::pin(kill_at(scene, Point::BeforeClaim))),
        judge: Judge::Look(|scene, evidence| copies(scene, evidence, false, 0)),
        ..POINT
    },
    Row {
        name: "worker-kill-after-claim",
        breaks: "a worker is killed (-9) with bulk texts claimed, before their attempts are written down",
        expects: EXPECTS,
        act: Act::Harm(|scene| Box::pin(kill_at(scene, Point::AfterClaim))),
        judge: Judge::Look(|scene, evidence| copies(scene, evidence, false, 0)),
        ..POINT
    },
    Row {
        name: "worker-kill-before-write",
        breaks: "a worker is killed (-9) with its request on the way to the provider",
        expects: EXPECTS,
        act: Act::Harm(|scene| Box::pin(kill_at(scene, Point::BeforeWrite))),
        judge: Judge::Look(|scene, evidence| copies(scene, evidence, true, 0)),
        ..POINT
    },
    Row {
        name: "worker-kill-after-write",
        breaks: "a worker is killed (-9) with the provider's answer on the way to it",
        expects: REPEATS,
        act: Act::Harm(|scene| Box::pin(kill_at(scene, Point::AfterWrite))),
        judge: Judge::Look(|scene, evidence| copies(scene, evidence, true, 1)),
        ..POINT
    },
    Row {
        name: "worker-kill-before-outcome",
        breaks: "a worker is killed (-9) with the outcome on the way to the database",
        expects: REPEATS,
        act: Act::Harm(|scene| Box::pin(kill_at(scene, Point::BeforeOutcome))),
        judge: Judge::Look(|scene, evidence| copies(scene, evidence, true, 1)),
        ..POINT
    },
];

impl Point {
    fn lay(self, database: &Proxy, provider: &Proxy) -> Trap {
        let statement =
            |text| database.lay(Toward::Server, Pattern::statement(text), TrapAct::Hold);
        let bytes = |toward, bytes: &[u8]| {
            provider.lay(toward, Pattern::Bytes(bytes.to_vec()), TrapAct::Hold)
        };
        match self {
            Self::BeforeClaim => statement(product::CLAIM),
            Self::AfterClaim => statement(product::BEGIN),
            Self::BeforeWrite => bytes(Toward::Server, b"To="),
            Self::AfterWrite => bytes(Toward::Client, b"HTTP/1.1 20"),
            Self::BeforeOutcome => statement(product::OUTCOME),
        }
    }
}

/// Kills the two workers by turns, each at the point.
async fn kill_at(scene: &mut Scene, point: Point) -> Result<()> {
    let mut watched = JoinSet::new();
    let mut kills = 0;
    scene.until(Duration::from_secs(2)).await;
    while scene.elapsed() + Duration::from_secs(3) < scene.time {
        let which = kills % 2;
        let lines = scene.home.workers[which].lines()?;
        let trap = point.lay(lines.database()?, &lines.first);
        if !trap.sprung(Duration::from_secs(10)).await {
            return Err(format!("no worker came by the point {point:?} within 10 s").into());
        }
        scene.home.kill_worker(which)?;
        scene.caught.push(trap.caught());
        drop(trap);
        kills += 1;
        let away = 200 + scene.dice.below(800);
        bring_back(scene, &mut watched, which, away).await?;
    }
    rescued(scene, watched, &format!("{kills} kills")).await
}

/// How often the codes and texts were sent whose packets were held; `more` than once is allowed. Other
/// kills may have met the same message: each of them left an attempt behind that nobody knows about,
/// as this one did where the attempt was `begun`.
fn copies(scene: &mut Scene, evidence: &Evidence, begun: bool, more: usize) {
    let copies: Vec<(usize, usize)> =
        scene.caught.iter().flat_map(|packet| evidence.copies_of(packet)).collect();
    let sum: usize = copies.iter().map(|(sent, _)| sent).sum();
    let by_others = |unknown: usize| unknown.saturating_sub(usize::from(begun));
    let too_often =
        copies.iter().filter(|(sent, unknown)| *sent > 1 + more + by_others(*unknown)).count();
    let seen = format!(
        "{} packets held with {} known messages in them, sent {sum} times, {too_often} too often",
        scene.caught.len(),
        copies.len()
    );
    let what = if more == 0 { "none of them is sent twice" } else { "at most twice" };
    scene.checks.add(what, too_often == 0 && !copies.is_empty(), seen);
}
