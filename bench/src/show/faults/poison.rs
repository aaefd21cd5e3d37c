//! Rows about single messages that do harm: those that cannot be sent whoever tries, those whose
//! worker always dies, and hints that come again and again.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{
    play::p99,
    row::{Act, Judge, ROW, Row, Span},
    scene::Scene,
};
use crate::{
    error::Result,
    gateway::now_ms,
    http::Client,
    numbers::Numbers,
    product::{self, Accepted, Message},
    proxy::{Act as TrapAct, Pattern, Proxy, Toward, Trap},
    show::{bulk::Offer, invariants::Evidence, people::Story},
};

const PATIENCE: Duration = Duration::from_secs(10);
const FIRST: u64 = 450_000_000;
/// How many of each kind are broken.
const BROKEN: u64 = 50;

/// One bit of what is sealed is turned.
const BREAK_CODES: &str = "UPDATE verifications SET recipient_sealed =
    set_byte(recipient_sealed, 30, get_byte(recipient_sealed, 30) # 1)";
const BREAK_TEXTS: &str = "UPDATE messages SET body_sealed =
    set_byte(body_sealed, 30, get_byte(body_sealed, 30) # 1) WHERE verification_id IS NULL";

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "poison-rows",
        breaks: "a hundred messages, half of them codes, whose sealed values do not open",
        expects: "each is set aside with a reason; the rest keep 95 % of their rate",
        promises: &[3, 4],
        seconds: Span(40, 20),
        poisons: true,
        prepare: |scene| Box::pin(break_rows(scene)),
        act: Act::Harm(|scene| Box::pin(revive(scene))),
        judge: Judge::Look(others_go_on),
        ..ROW
    },
    Row {
        name: "poison-crash",
        breaks: "whoever asks a provider to send a certain message is killed (-9), three times",
        expects: "it is set aside after the third time; the rest go on",
        promises: &[3, 4],
        seconds: Span(60, 50),
        poisons: true,
        act: Act::Harm(|scene| Box::pin(crash(scene))),
        judge: Judge::Look(others_go_on),
        ..ROW
    },
    Row {
        name: "hints-repeated",
        breaks: "every hint stands in Redis five times over, also after its message was sent",
        expects: "each message is sent once",
        promises: &[1, 3],
        seconds: Span(20, 10),
        act: Act::Harm(|scene| Box::pin(repeat_hints(scene))),
        judge: Judge::Look(sent_once),
        ..ROW
    },
];

/// How often any of the broken ones was claimed.
async fn tries(scene: &mut Scene) -> Result<()> {
    let broken = broken(scene).await?;
    let most = broken.iter().map(|row| row.epoch).max().unwrap_or(0);
    let seen = format!("{} broken, one of them claimed {most} times", broken.len());
    scene.checks.add("at most three tries each", (1..=3).contains(&most), seen);
    Ok(())
}

async fn accepted(client: &Client, to: &str) -> Result<Accepted> {
    let request = client.post(product::START, Some(to), &product::create_body(to));
    Accepted::read(&client.call(&request, PATIENCE).await?)
}

/// Accepts messages while no worker runs, then overwrites what is sealed in their rows.
async fn break_rows(scene: &mut Scene) -> Result<()> {
    for worker in &mut scene.home.workers {
        worker.child.kill()?;
    }
    let (client, numbers) = (scene.home.client(0), Numbers::new(scene.options.seed));
    for place in 0..BROKEN {
        let to = numbers.american(FIRST + place);
        let id = accepted(&client, &to).await?.id;
        scene.earlier.0.push(Story { to, ids: vec![id], ..Story::default() });
        let to = numbers.american(FIRST + BROKEN + place);
        let text = client.post(product::MESSAGES, Some(&to), &product::message_body(&to));
        let answer = client.call(&text, PATIENCE).await?.json();
        let id = answer["id"].as_str().ok_or("a text was not accepted")?.to_owned();
        scene.earlier.1.push(Offer { to, id: Some(id) });
    }
    let pool = scene.ledger.postgres()?;
    for sql in [BREAK_CODES, BREAK_TEXTS] {
        sqlx::query(sql).execute(pool).await?;
    }
    Ok(())
}

async fn revive(scene: &mut Scene) -> Result<()> {
    for which in 0..scene.home.workers.len() {
        scene.home.revive_worker(which).await?;
    }
    scene.until(scene.time).await;
    let broken = scene.earlier.0.len() + scene.earlier.1.len();
    let began = Instant::now();
    let limit = scene.options.span(Span(60, 30));
    loop {
        let left = broken_left(scene).await?;
        if left == 0 || began.elapsed() > limit {
            let seen = format!("{left} of {broken} still tried {:.0?} later", scene.elapsed());
            scene.checks.add("what cannot be sent is set aside", left == 0, seen);
            return tries(scene).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How many of the broken ones have not come to their end.
async fn broken_left(scene: &Scene) -> Result<usize> {
    Ok(broken(scene).await?.iter().filter(|row| row.finished_at.is_none()).count())
}

async fn broken(scene: &Scene) -> Result<Vec<Message>> {
    let texts = scene.earlier.1.iter().filter_map(|offer| offer.id.as_deref());
    let codes = scene.earlier.0.iter().flat_map(|story| &story.ids).map(String::as_str);
    let broken: HashSet<&str> = texts.chain(codes).collect();
    let mut all = scene.ledger.messages().await?;
    all.append(&mut scene.ledger.bulk().await?);
    all.retain(|row| broken.contains(row.verification_id.as_str()));
    Ok(all)
}

fn others_go_on(scene: &mut Scene, evidence: &Evidence) {
    let mut waits = evidence.waits();
    let people = evidence.stories.iter().filter(|story| story.accepted_us > 0).count();
    let in_time = waits.iter().filter(|wait| **wait < Duration::from_secs(10)).count();
    let p99 = p99(&mut waits);
    let seen = format!("{in_time} of {people} codes within 10 s, p99 {p99:.1?}");
    let enough = people > 0 && in_time * 100 >= people * 95;
    scene.checks.add("95 % of the others are not held up", enough, seen);
}

/// Kills whoever sends this one message, with its request on the way to the provider.
async fn crash(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(2)).await;
    for worker in &mut scene.home.workers {
        worker.child.signal(Signal::SIGSTOP)?;
    }
    let to = Numbers::new(scene.options.seed).american(FIRST);
    let verification = accepted(&scene.home.client(0), &to).await?.id;
    let all = scene.ledger.messages().await?;
    let message = all.into_iter().find(|row| row.verification_id == verification);
    let message = message.ok_or("the accepted code has no message")?.id;
    let mut traps: Vec<[Trap; 2]> = Vec::new();
    for which in 0..scene.home.workers.len() {
        traps.push(lay(scene, which, &to)?);
    }
    for worker in &mut scene.home.workers {
        worker.child.signal(Signal::SIGCONT)?;
    }
    for kill in 1..=3 {
        let which = first_sprung(&traps).await.ok_or_else(|| {
            format!("nobody sent the message within 20 s after {} kills", kill - 1)
        })?;
        scene.home.kill_worker(which)?;
        traps[which] = lay(scene, which, &to)?;
        scene.home.revive_worker(which).await?;
    }
    scene.earlier.0.push(Story { to, ids: vec![verification], ..Story::default() });
    tokio::time::sleep(Duration::from_secs(10)).await;
    let fourth: u64 = traps.iter().flatten().map(Trap::count).sum();
    scene.checks.add("nobody sends it a fourth time", fourth == 0, format!("{fourth} times"));
    let all = scene.ledger.messages().await?;
    let row = all.into_iter().find(|row| row.id == message).ok_or("its row is gone")?;
    // A provider was asked each time, and nobody knows what became of it.
    let aside = matches!(row.state.as_str(), "failed" | "unknown");
    let claims = row.epoch;
    let seen = format!("{} after {claims} claims: {}", row.state, row.failure.unwrap_or_default());
    scene.checks.add("it is set aside after the third time", aside, seen);
    Ok(())
}

/// One trap on the way to each provider.
fn lay(scene: &Scene, which: usize, to: &str) -> Result<[Trap; 2]> {
    let lines = scene.home.workers[which].lines()?;
    let number = Pattern::Bytes(to.trim_start_matches('+').as_bytes().to_vec());
    let trap = |line: &Proxy| line.lay(Toward::Server, number.clone(), TrapAct::Hold);
    Ok([trap(&lines.first), trap(&lines.second)])
}

async fn first_sprung(traps: &[[Trap; 2]]) -> Option<usize> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if let Some(which) = traps.iter().position(|of| of.iter().any(|trap| trap.count() > 0)) {
            return Some(which);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

async fn repeat_hints(scene: &mut Scene) -> Result<()> {
    let mut pushed = 0;
    while scene.elapsed() < scene.time {
        let recent = scene.ledger.codes_since(now_ms() - 1_000).await?;
        let hints: Vec<Vec<u8>> = recent.iter().map(|row| product::hint(&row.id)).collect();
        scene.redis()?.push(product::HINTS, &hints, 5).await?;
        pushed += hints.len() * 5;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    scene.checks.add("hints were repeated", pushed > 0, format!("{pushed} pushed"));
    Ok(())
}

fn sent_once(scene: &mut Scene, evidence: &Evidence) {
    let repeats = evidence.repeats();
    scene.checks.add("each message is sent once", repeats == 0, format!("{repeats} repeats"));
}
