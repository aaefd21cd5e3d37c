//! Rows about providers that are away: slow, busy, failing, not there. Codes go round them.

use std::{collections::BTreeMap, time::Duration};

use super::{
    breaker::{breaker, breaker_half},
    http_date::http_date,
    row::{Act, Answers, Judge, ROW, Row, Span},
    scene::{Scene, Staging},
    trouble::{FIRST, Trouble},
};
use crate::{
    error::Result,
    gateway::{Answer, Rule, in_ms, now_ms},
    harness::Wiring,
    product,
    proxy::Mode,
    show::invariants::Evidence,
};

const FALLBACK: Duration = Duration::from_secs(6);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "provider-timeout",
        breaks: "the first provider takes requests and never answers",
        expects: "5 s in total; a code is with the second provider within 6 s; bulk is not resent",
        promises: &[3],
        act: Act::Trouble(Trouble::ProviderHangs, Span(20, 8)),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { fallback(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "provider-drip",
        breaks: "the first provider answers a byte a second",
        expects: "5 s in total; a code is with the second provider within 6 s; bulk is not resent",
        promises: &[3],
        seconds: Span(32, 18),
        act: Act::Harm(|scene| {
            Box::pin(line_mode(scene, Mode::Drip(Duration::from_secs(1)), Span(20, 8)))
        }),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { fallback(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "provider-429",
        breaks: "the first provider answers 429 with Retry-After: seconds, then a date, then garbage",
        expects: "no call inside the window; codes go round it",
        promises: &[3],
        seconds: Span(40, 30),
        staging: Staging::one_worker,
        act: Act::Harm(|scene| Box::pin(throttle(scene))),
        judge: Judge::Look(kept_away),
        ..ROW
    },
    Row {
        name: "provider-500-all",
        breaks: "the first provider answers 500 to everything",
        expects: "the breaker opens within 20 calls and looks again at most once in 5 s",
        promises: &[3],
        staging: Staging::one_worker,
        act: Act::Trouble(Trouble::ProviderFails, Span(20, 12)),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { breaker(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "provider-500-half",
        breaks: "the first provider answers 500 to every second request",
        expects: "in any 5 s no more than the 20 calls that open the breaker, and a look",
        promises: &[3],
        seconds: Span(32, 20),
        staging: Staging::one_worker,
        act: Act::Harm(|scene| Box::pin(fail_half(scene))),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { breaker_half(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "provider-refused",
        breaks: "nobody listens at the first provider's address",
        expects: "known not sent: the second provider has it, nothing is repeated",
        promises: &[3],
        seconds: Span(24, 16),
        act: Act::Harm(|scene| Box::pin(line_mode(scene, Mode::Refuse, Span(12, 6)))),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { refused(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "provider-dns",
        breaks: "the first provider's name does not resolve",
        expects: "known not sent: the second provider has it, nothing is repeated",
        promises: &[3],
        staging: |options| elsewhere(options, "http://provider.invalid"),
        act: Act::Harm(|scene| Box::pin(throughout(scene))),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { not_sent(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "provider-tls",
        breaks: "the first provider speaks no TLS where TLS is expected",
        expects: "known not sent: the second provider has it, nothing is repeated",
        promises: &[3],
        staging: |options| elsewhere(options, "https://127.0.0.1:{port}"),
        act: Act::Harm(|scene| Box::pin(throughout(scene))),
        judge: Judge::Ask(|scene, evidence| Box::pin(async { not_sent(scene, evidence) })),
        ..ROW
    },
    Row {
        name: "providers-down",
        breaks: "every provider answers 500 until codes that live 30 s have expired",
        expects: "nothing is sent late; each failure shows with its reason; accepted again 15 s later",
        promises: &[2, 5],
        // What cannot be sent in time is not accepted.
        answers: Answers::Refused,
        // Two answered looks, 5 s apart, then the lane is measured and the measurement read.
        again: Duration::from_secs(15),
        may_give_up: true,
        seconds: Span(46, 44),
        staging: |options| Staging {
            purpose: Some("short"),
            rate: (options.rate / 4).max(2),
            wiring: Wiring {
                settings: [
                    Staging::usual(options).wiring.settings,
                    product::lifetime("short", 30).to_vec(),
                ]
                .concat(),
                ..Wiring::default()
            },
            ..Staging::usual(options)
        },
        act: Act::Harm(|scene| Box::pin(all_down(scene))),
        judge: Judge::Look(nothing_late),
        ..ROW
    },
];

/// A first provider at another address than its proxy's.
fn elsewhere(options: super::row::Options, url: &'static str) -> Staging {
    let mut staging = Staging::usual(options);
    staging.wiring.first_url = Some(url);
    staging
}

async fn throughout(scene: &mut Scene) -> Result<()> {
    scene.begin_phase("");
    scene.until(scene.time).await;
    Ok(())
}

/// Treats everything between the workers and the first provider in this way for a while. Half
/// of what comes there is not sent, and the answer that says so does not arrive.
pub(super) async fn line_mode(scene: &mut Scene, mode: Mode, span: Span) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    let unsent = Rule::new(FIRST, Answer::Http { status: 500, retry_after: None });
    scene.answer(vec![unsent.fraction(0.5).delay_ms(scene.staging.delay_ms)]);
    set_lines(scene, mode).await?;
    scene.begin_phase("");
    tokio::time::sleep(scene.options.span(span)).await;
    scene.end_phase();
    set_lines(scene, Mode::Pass).await?;
    scene.answer(Vec::new());
    scene.healed();
    Ok(())
}

async fn set_lines(scene: &Scene, mode: Mode) -> Result<()> {
    for sender in scene.senders() {
        sender.lines()?.first.set(mode).await?;
    }
    Ok(())
}

/// How long a code took from the first provider to the second, for all that went that way.
fn fallback(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    let mut slowest = 0;
    let mut went = 0;
    for story in &evidence.stories {
        let log = scene.gateway.state.log.of(&story.to);
        let first = |provider| log.iter().find(|seen| seen.provider == provider);
        let (Some(before), Some(after)) = (first("twilio"), first("vonage")) else { continue };
        went += 1;
        slowest = slowest.max(after.at_us.saturating_sub(before.at_us));
    }
    let slowest = Duration::from_micros(slowest);
    let seen = format!("{went} codes went that way, the slowest after {slowest:.1?}");
    scene.add_timed("with the second provider within 6 s", slowest <= FALLBACK, seen);
    scene.checks.add("codes went round it", went > 0, format!("{went}"));
    // What was begun within the time-out before it healed may have been answered after.
    outcomes(scene, evidence, &["unknown", "transient"], 5_500)
}

/// How the attempts with the first provider ended in the last phase; only these may occur. What
/// was begun in the last `after_ms` of it may have been answered after.
pub(super) fn outcomes(
    scene: &mut Scene,
    evidence: &Evidence,
    allowed: &[&str],
    after_ms: i64,
) -> Result<()> {
    let phase = scene.phases.last().ok_or("nothing was broken")?;
    let found = evidence.outcomes("twilio", phase.from..phase.to.saturating_sub(after_ms));
    let fitting = found.iter().all(|(outcome, _)| allowed.contains(&outcome.as_str()));
    let fitting = fitting && !found.is_empty();
    let what = format!("its outcomes are {}", allowed.join(" or "));
    scene.checks.add(what, fitting, in_words(&found));
    Ok(())
}

pub(super) fn in_words(found: &[(String, usize)]) -> String {
    let words = found.iter().map(|(outcome, count)| format!("{count} {outcome}"));
    words.collect::<Vec<_>>().join(", ")
}

async fn throttle(scene: &mut Scene) -> Result<()> {
    let kinds: [(&'static str, String); 3] =
        [("seconds", "4".to_owned()), ("date", String::new()), ("garbage", "soon".to_owned())];
    scene.until(Duration::from_secs(3)).await;
    for (name, mut value) in kinds {
        if name == "date" {
            value = http_date(now_ms() / 1_000 + 6);
        }
        let answer = Answer::Http { status: 429, retry_after: Some(value) };
        scene.answer(vec![Rule::new(FIRST, answer).delay_ms(20)]);
        scene.begin_phase(name);
        tokio::time::sleep(Duration::from_secs(8)).await;
        scene.end_phase();
        scene.answer(Vec::new());
    }
    scene.healed();
    Ok(())
}

/// After the first 429 of a window no request may come before its end. What was under way when
/// the answer came is forgiven.
fn kept_away(scene: &mut Scene, evidence: &Evidence) {
    const UNDER_WAY_MS: i64 = 500;
    for phase in scene.phases.clone() {
        let times: Vec<i64> =
            scene.requests("twilio", &phase).iter().map(|seen| in_ms(seen.at_us)).collect();
        let inside = match phase.name {
            "seconds" => inside_windows(&times, |first| first + 4_000 - 20, UNDER_WAY_MS),
            // To the second, and written down a little before the phase began.
            "date" => inside_windows(&times, |_| phase.from + 4_800, UNDER_WAY_MS),
            _ => 0,
        };
        let seen = format!("{} calls, {inside} of them inside a window", times.len());
        let what = format!("Retry-After as {}: no call inside", phase.name);
        scene.checks.add(what, inside == 0 && !times.is_empty(), seen);
    }
    let log = &scene.gateway.state.log;
    let is_missing = |to: &str| log.of(to).iter().all(|seen| !seen.accepted);
    let told = evidence.stories.iter().filter(|story| !story.ids.is_empty());
    let missing = told.filter(|story| is_missing(&story.to)).count();
    scene.checks.add("codes go round it", missing == 0, format!("{missing} never sent"));
}

/// How many calls came inside a window that an earlier one had opened.
fn inside_windows(times: &[i64], end: impl Fn(i64) -> i64, forgiven: i64) -> usize {
    let mut inside = 0;
    let (mut began, mut until) = (i64::MIN / 2, i64::MIN / 2);
    for &time in times {
        if time >= until {
            (began, until) = (time, end(time));
        } else if time > began + forgiven {
            inside += 1;
        }
    }
    inside
}

async fn fail_half(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    let failing = Rule::new(FIRST, Answer::Http { status: 500, retry_after: None });
    let failing = failing.fraction(0.5).delay_ms(scene.staging.delay_ms);
    scene.answer(vec![failing]);
    scene.begin_phase("");
    tokio::time::sleep(scene.options.span(Span(20, 12))).await;
    scene.end_phase();
    scene.answer(Vec::new());
    scene.healed();
    Ok(())
}

/// A request on a connection that was open when it broke may have been sent, as far as anyone
/// can tell: right at the beginning `unknown` is right, and `ok` never.
fn refused(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    const UNDER_WAY_MS: i64 = 500;
    outcomes(scene, evidence, &["transient", "unknown"], UNDER_WAY_MS)?;
    if let Some(phase) = scene.phases.last_mut() {
        phase.from += UNDER_WAY_MS;
    }
    not_sent(scene, evidence)
}

fn not_sent(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    outcomes(scene, evidence, &["transient"], 500)?;
    let phase = scene.phases.last().ok_or("nothing was broken")?;
    let found = evidence.outcomes("vonage", phase.from..phase.to);
    let sent: usize = found.iter().filter(|it| it.0 == "ok").map(|it| it.1).sum();
    scene.checks.add("the second provider has it", sent > 0, in_words(&found));
    Ok(())
}

async fn all_down(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(3)).await;
    let failing = Rule::new("/", Answer::Http { status: 500, retry_after: None });
    scene.answer(vec![failing.delay_ms(20)]);
    scene.breaks();
    scene.begin_phase("");
    tokio::time::sleep(Duration::from_secs(36)).await;
    scene.end_phase();
    scene.answer(Vec::new());
    scene.healed();
    Ok(())
}

fn nothing_late(scene: &mut Scene, evidence: &Evidence) {
    let expiry: BTreeMap<&str, i64> =
        evidence.verifications.iter().map(|(id, row)| (id.as_str(), row.expires_at)).collect();
    let (mut late, mut unsent) = (0, 0);
    for story in &evidence.stories {
        let log = scene.gateway.state.log.of(&story.to);
        let ends = story.ids.iter().filter_map(|id| expiry.get(id.as_str()));
        let end = ends.max().copied().unwrap_or(i64::MAX);
        let sent = || log.iter().filter(|seen| seen.accepted);
        late += sent().filter(|seen| in_ms(seen.at_us) > end + 500).count();
        unsent += usize::from(sent().count() == 0);
    }
    scene.checks.add("nothing is sent late", late == 0, format!("{late} late"));
    scene.checks.add("codes expired unsent", unsent > 0, format!("{unsent}"));
    let ended = evidence.unsent_without_reason();
    scene.checks.add("each failure has its reason", ended == 0, format!("{ended} without"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_inside_a_window_is_seen() {
        let end = |first| first + 4_000;
        assert_eq!(inside_windows(&[0, 100, 4_000, 4_100], end, 500), 0);
        assert_eq!(inside_windows(&[0, 100, 2_000, 4_000], end, 500), 1);
    }
}
