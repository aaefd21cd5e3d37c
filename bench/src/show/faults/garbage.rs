//! Rows about providers that answer what nobody can read. It is never taken for a yes.

use std::time::Duration;

use super::{
    provider::{in_words, line_mode, outcomes},
    row::{Act, Judge, ROW, Row, Span},
    scene::Scene,
    trouble::FIRST,
};
use crate::{
    error::Result,
    gateway::{Answer, Rule},
    proxy::Mode,
    show::invariants::Evidence,
};

const HUGE: usize = 10 * 1024 * 1024;
/// 64 KiB are read; the rest is what sockets and the proxy hold by themselves.
const READ: u64 = 4 * 1024 * 1024;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "provider-reset",
        breaks: "the first provider's answers break off with a reset in the middle",
        expects: "unknown: a code goes on with the same digits, bulk is not resent",
        promises: &[3],
        seconds: Span(24, 16),
        act: Act::Harm(|scene| Box::pin(line_mode(scene, Mode::CutAfter(40), Span(12, 6)))),
        judge: Judge::Ask(|scene, evidence| {
            Box::pin(async { outcomes(scene, evidence, &["unknown", "transient"], 500) })
        }),
        ..ROW
    },
    Row {
        name: "provider-garbage",
        breaks: "the first provider answers with broken JSON, then with an error inside a 200, \
                 then with 10 MB",
        expects: "unknown, or what the error means; 64 KiB read at most; never `sent`",
        promises: &[3],
        seconds: Span(32, 27),
        act: Act::Harm(|scene| Box::pin(garbage(scene))),
        judge: Judge::Look(never_sent),
        ..ROW
    },
];

async fn garbage(scene: &mut Scene) -> Result<()> {
    let raw = |status, body: &str, length| {
        let (body, sent) = (body.to_owned(), status == 201);
        Answer::Raw { status, body, length, sent }
    };
    let kinds: [(&'static str, Answer); 3] = [
        ("broken JSON", raw(201, r#"{"sid": "SM0123456789abcdef", "status": "que"#, 0)),
        (
            "an error inside a 200",
            raw(200, r#"{"code": 21610, "message": "STOP", "status": 400}"#, 0),
        ),
        ("10 MB", raw(201, r#"{"sid": "SM0123456789abcdef""#, HUGE)),
    ];
    scene.until(Duration::from_secs(3)).await;
    for (name, answer) in kinds {
        let before = answered(scene)?;
        scene.answer(vec![Rule::new(FIRST, answer).delay_ms(20)]);
        scene.begin_phase(name);
        tokio::time::sleep(scene.options.span(Span(7, 6))).await;
        scene.end_phase();
        scene.answer(Vec::new());
        // What is still being answered belongs to this kind.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if name == "10 MB" {
            let phase = scene.phases.last().ok_or("nothing was begun")?;
            let calls = scene.requests("twilio", phase).len().max(1);
            let each = (answered(scene)? - before) / u64::try_from(calls)?;
            let seen = format!("{calls} calls, {} KiB passed for each", each / 1024);
            scene.checks.add("a huge answer is not read", each <= READ, seen);
        }
    }
    scene.healed();
    Ok(())
}

fn answered(scene: &Scene) -> Result<u64> {
    let lines = scene.senders().iter().map(|sender| Ok(sender.lines()?.first.answered()));
    lines.sum()
}

fn never_sent(scene: &mut Scene, evidence: &Evidence) {
    for phase in scene.phases.clone() {
        let found = evidence.outcomes("twilio", phase.from..phase.to - 200);
        let taken: usize = found.iter().filter(|it| it.0 == "ok").map(|it| it.1).sum();
        let what = format!("{}: never taken for sent", phase.name);
        scene.checks.add(what, taken == 0 && !found.is_empty(), in_words(&found));
    }
}
