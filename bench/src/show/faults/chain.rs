//! The row about a chain of two: the first provider misbehaves in every way there is, one after the
//! other, and what became of single codes is told as a table.
//!
//! * [`way`]: the ways, and what must come of each
//! * [`course`]: one code's course: where it was sent, and when

pub(super) mod course;
mod way;

use std::time::{Duration, Instant};

use self::{course::Course, way::Way};
use super::{
    backlog::many_slots,
    row::{Act, Judge, Options, ROW, Row, Span},
    scene::{Phase, Scene, Staging},
};
use crate::{
    error::Result,
    gateway::{Manner, in_ms, now_ms},
    harness::Wiring,
    product,
    show::{invariants::Evidence, people::Story},
};

/// More would show nothing more.
const PEOPLE: u32 = 50;
/// How long the first provider must have been the only one asked before it misbehaves again.
const TRUSTED: Duration = Duration::from_secs(1);
/// Two answered looks, 5 s apart, and time to spare.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long after it began everybody knows of it.
const KNOWN_MS: i64 = 2_000;

pub(super) const ROWS: &[Row] = &[Row {
    name: "chain-of-two",
    breaks: "the first of two providers says opted out, throttles, is not there, hangs, answers 200 with \
             an error, and takes codes without a word, one after the other",
    expects: "each code goes where the table of courses says, with the same digits at each gateway",
    promises: &[3],
    seconds: Span(10, 8),
    staging,
    act: Act::Harm(|scene| Box::pin(misbehave(scene))),
    judge: Judge::Look(judge),
    ..ROW
}];

fn staging(options: Options) -> Staging {
    let settings = vec![product::fallback_after("twilio", way::SILENCE_SECS)];
    Staging {
        rate: options.rate.min(PEOPLE),
        wiring: Wiring { settings, reports: true, ..Wiring::default() },
        ..many_slots(options)
    }
}

async fn misbehave(scene: &mut Scene) -> Result<()> {
    scene.gateway.state.reports.tell_in_turn(&[Manner::Plain]);
    // Silence means nothing before it is known that there are reports.
    scene.until(Duration::from_secs(2)).await;
    for way in Way::ALL {
        trusted(scene).await?;
        way.begin(scene).await?;
        scene.begin_phase(way.name());
        tokio::time::sleep(way.lasts()).await;
        scene.end_phase();
        way.end(scene).await?;
    }
    // The last of those that nothing was said of go on, whether anybody waits for them or not.
    let silence = Duration::from_secs(way::SILENCE_SECS.into());
    tokio::time::sleep(silence + Duration::from_secs(2)).await;
    scene.healed();
    Ok(())
}

/// Until the first provider alone is asked, and answers.
async fn trusted(scene: &Scene) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        tokio::time::sleep(TRUSTED).await;
        let from = now_ms() - i64::try_from(TRUSTED.as_millis())?;
        let phase = Phase { name: "", from, to: i64::MAX };
        let taken = scene.requests("twilio", &phase).iter().any(|seen| seen.accepted);
        if taken && scene.requests("vonage", &phase).is_empty() {
            return Ok(());
        }
    }
    Err(format!("the first provider is not in use again after {PATIENCE:?}").into())
}

fn judge(scene: &mut Scene, evidence: &Evidence) {
    for (way, phase) in Way::ALL.into_iter().zip(scene.phases.clone()) {
        let met = Met::of(scene, evidence, way, &phase);
        outcomes(scene, evidence, way, &phase);
        met.check(scene);
        scene.courses.extend(met.told());
    }
}

/// Those who came while the first provider misbehaved in one way.
struct Met {
    way: Way,
    /// They were asked of it and it misbehaved, in the order of their coming.
    first: Vec<Course>,
    /// They came when that was known, and were asked of the second alone.
    round: Vec<Course>,
    /// People whose requests did not all carry the same digits.
    differing: usize,
    people: usize,
}

impl Met {
    fn of(scene: &Scene, evidence: &Evidence, way: Way, phase: &Phase) -> Self {
        let came = |story: &&Story| (phase.from..phase.to).contains(&in_ms(story.accepted_us));
        let mut stories: Vec<&Story> = evidence.stories.iter().filter(came).collect();
        stories.sort_unstable_by_key(|story| story.accepted_us);
        let log = &scene.gateway.state.log;
        let all = stories.iter().filter_map(|story| Course::of(evidence, log, story));
        let mut met = Self { way, first: Vec::new(), round: Vec::new(), differing: 0, people: 0 };
        for course in all {
            met.people += 1;
            met.differing += usize::from(course.digits.len() != 1);
            if way.is_met_by(&course) {
                met.first.push(course);
            } else if course.asked("vonage") == course.steps.len()
                && course.accepted_ms > phase.from + KNOWN_MS
            {
                met.round.push(course);
            }
        }
        met
    }

    fn check(&self, scene: &mut Scene) {
        let name = self.way.name();
        let (people, differing) = (self.people, self.differing);
        let seen = format!("{people} people, {differing} with others or none");
        let what = format!("{name}: the same digits at each gateway");
        scene.checks.add(what, people > 0 && differing == 0, seen);
        let Some(limit) = self.way.second_within() else {
            let asked: usize = self.first.iter().map(|course| course.asked("vonage")).sum();
            let seen = format!("{} people, {asked} requests to the second", self.first.len());
            let what = format!("{name}: nobody else is asked");
            scene.checks.add(what, asked == 0 && !self.first.is_empty(), seen);
            return;
        };
        let taken: Vec<i64> = self.first.iter().filter_map(|it| it.taken_by("vonage")).collect();
        let slowest = taken.iter().max().copied().unwrap_or_default();
        let (went, all) = (taken.len(), self.first.len());
        let seen = format!("{went} of {all} went on, the slowest was there after {slowest} ms");
        let what = format!("{name}: what it did not send goes to the second");
        scene.checks.add(what, went == all && went > 0, seen.clone());
        let in_time = u128::try_from(slowest).is_ok_and(|ms| ms <= limit.as_millis());
        scene.add_timed(&format!("{name}: there within {limit:?}"), in_time, seen);
        if self.way.is_gone_round() {
            let mut took: Vec<i64> =
                self.round.iter().filter_map(|it| it.taken_by("vonage")).collect();
            took.sort_unstable();
            let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
            let seen = format!("{} codes by the second alone, p99 {p99} ms", took.len());
            let what = format!("{name}: whoever comes later goes round it");
            scene.checks.add(what, !took.is_empty(), seen);
        }
    }

    /// The first that met it, and the first that went round it.
    fn told(self) -> Vec<Course> {
        let name = self.way.told();
        let Some(first) = self.first.into_iter().next() else { return Vec::new() };
        let since = first.accepted_ms;
        let later = |it: Course| {
            let who = format!("{:.1} s later", (it.accepted_ms - since) as f64 / 1_000.0);
            it.called(name, &who)
        };
        let round = self.way.is_gone_round().then(|| self.round.into_iter().next()).flatten();
        [first.called(name, "the first")].into_iter().chain(round.map(later)).collect()
    }
}

/// How what was asked of it ended; what was under way when it began or ended may have ended otherwise.
fn outcomes(scene: &mut Scene, evidence: &Evidence, way: Way, phase: &Phase) {
    const UNDER_WAY_MS: i64 = 500;
    let begun = phase.from + UNDER_WAY_MS..phase.to - way.answers_after_ms() - UNDER_WAY_MS;
    let found = evidence.outcomes("twilio", phase.from..phase.to);
    let settled = evidence.outcomes("twilio", begun);
    let fitting = settled.iter().all(|(outcome, _)| way.allows(outcome));
    let shown = found.iter().any(|(outcome, _)| outcome == way.outcome());
    let seen = super::provider::in_words(&found);
    let what = format!("{}: its outcome is {}", way.name(), way.outcome());
    scene.checks.add(what, fitting && shown, seen);
}
