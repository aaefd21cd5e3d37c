//! What clients were told: while something was broken, before it was, and after it was mended.

use std::{collections::BTreeMap, time::Duration};

use super::{
    play::p99,
    row::{Answers, Row},
    scene::Scene,
};
use crate::show::{
    bulk::Offer,
    invariants::Evidence,
    people::{Story, Told},
};

pub(super) fn judge(row: &Row, scene: &mut Scene, stories: &[Story], offers: &[Offer]) {
    statuses_fit(row.answers, scene, stories);
    if row.answers == Answers::Accepted {
        at_once(scene, stories);
    } else {
        refusals(scene, stories);
        outside(row, scene, stories);
    }
    if !row.may_give_up {
        nobody_gives_up(scene, stories, offers);
    }
}

fn starts(stories: &[Story]) -> impl Iterator<Item = &Told> {
    stories.iter().flat_map(|story| &story.told)
}

fn checks(stories: &[Story]) -> impl Iterator<Item = &Told> {
    stories.iter().flat_map(|story| &story.checked)
}

fn statuses_fit(allowed: Answers, scene: &mut Scene, stories: &[Story]) {
    let untold: &[u16] = match allowed {
        Answers::Accepted => &[],
        Answers::Refused => &[503],
        Answers::Cut => &[503, 0],
    };
    let fits = |it: &Told, usual: &[u16]| usual.contains(&it.status) || untold.contains(&it.status);
    let start: &[u16] = if allowed == Answers::Accepted { &[202] } else { &[202, 409] };
    let fitting = starts(stories).all(|it| fits(it, start));
    let what = match allowed {
        Answers::Accepted => "every call is answered 202",
        Answers::Refused => "only 202, 503, or 409 while in progress",
        Answers::Cut => "only 202, 503, 409 while in progress, or nothing",
    };
    scene.checks.add(what, fitting, statuses(starts(stories)));
    let fitting = checks(stories).all(|it| fits(it, &[200, 409, 410, 422, 423]));
    let took_effect = checks(stories).any(|it| it.status == 200);
    let seen = statuses(checks(stories));
    scene.checks.add("a check takes effect or says why not", fitting && took_effect, seen);
}

fn at_once(scene: &mut Scene, stories: &[Story]) {
    let mut took: Vec<Duration> = starts(stories).map(|it| it.took).collect();
    let (p99, slowest) = (p99(&mut took), took.last().copied().unwrap_or_default());
    let seen = format!("{p99:.1?}, slowest {slowest:.1?}");
    scene.add_timed("p99 of the answer within 150 ms", p99 <= Duration::from_millis(150), seen);
}

fn refusals(scene: &mut Scene, stories: &[Story]) {
    let refusals = || starts(stories).chain(checks(stories)).filter(|it| it.status == 503);
    let bare = refusals().filter(|it| !it.has_retry_after).count();
    let seen = format!("{} refusals, {bare} without", refusals().count());
    scene.checks.add("every 503 has Retry-After", bare == 0, seen);
    let slowest = refusals().map(|it| it.took).max().unwrap_or_default();
    let in_time = slowest <= Duration::from_millis(2_750);
    scene.add_timed("refused within 2.5 s", in_time, format!("slowest {slowest:.1?}"));
}

/// Where calls may be refused, they may be so only while something is broken.
fn outside(row: &Row, scene: &mut Scene, stories: &[Story]) {
    let (Some(broke), Some(mended)) = scene.broken else {
        scene.checks.add("it was broken and mended", false, format!("{:?}", scene.broken));
        return;
    };
    // Some rows break things before anyone comes.
    if starts(stories).any(|it| it.at < broke) {
        let (before, refused) = counted(stories, |it| it.at + in_ms(it.took) < broke);
        let seen = format!("{before} calls, {refused} refused or unanswered");
        scene.checks.add("nothing is refused before", before > 0 && refused == 0, seen);
    }
    let (after, refused) = counted(stories, |it| it.at >= mended + in_ms(row.again));
    let seen = format!("{after} calls later than that, {refused} refused or unanswered");
    let accepts = after > 0 && refused == 0;
    let what = format!("accepts again within {} s of healing", row.again.as_secs());
    scene.checks.add(what, accepts, seen);
}

/// How many calls are `meant`, and how many of them were refused, cut off or put off.
fn counted(stories: &[Story], meant: impl Fn(&&Told) -> bool) -> (usize, usize) {
    let started: Vec<&Told> = starts(stories).filter(&meant).collect();
    let checked: Vec<&Told> = checks(stories).filter(&meant).collect();
    let refused = started.iter().filter(|it| it.status != 202).count()
        + checked.iter().filter(|it| matches!(it.status, 0 | 503)).count();
    (started.len() + checked.len(), refused)
}

/// Of a row whose expectation is that callers are refused: some were.
pub(super) fn something_refused(scene: &mut Scene, evidence: &Evidence) {
    let (refused, all) = refused_of(&evidence.stories);
    let seen = format!("{refused} of {all} calls");
    scene.checks.add("something was refused", refused > 0, seen);
}

/// Of a row whose faults are tried again: a refusal is the exception.
pub(super) fn hardly_refused(scene: &mut Scene, evidence: &Evidence) {
    let (refused, all) = refused_of(&evidence.stories);
    let seen = format!("{refused} of {all} calls");
    scene.checks.add("less than 1 % is refused", refused * 100 < all, seen);
}

/// How many calls were answered 503, and how many there were.
fn refused_of(stories: &[Story]) -> (usize, usize) {
    let all = || starts(stories).chain(checks(stories));
    (all().filter(|it| it.status == 503).count(), all().count())
}

fn nobody_gives_up(scene: &mut Scene, stories: &[Story], offers: &[Offer]) {
    let people = stories.iter().filter(|story| story.ids.is_empty()).count();
    let texts = offers.iter().filter(|offer| offer.id.is_none()).count();
    let seen = format!("{people} of {} people, {texts} of {} texts", stories.len(), offers.len());
    scene.checks.add("nobody gives up", people + texts == 0, seen);
}

/// How often each status came; 0 is no answer at all.
fn statuses<'a>(told: impl Iterator<Item = &'a Told>) -> String {
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    for answer in told {
        *counts.entry(answer.status).or_default() += 1;
    }
    let words = counts.iter().map(|(status, count)| match status {
        0 => format!("{count} unanswered"),
        status => format!("{count} × {status}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn in_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(at: i64, status: u16) -> Told {
        Told { at, status, has_retry_after: true, took: Duration::from_millis(5) }
    }

    #[test]
    fn a_refusal_counts_where_it_was_told() {
        let told = vec![told(10, 202), told(20, 503), told(30, 202)];
        let checked = vec![Told { status: 409, ..told[2] }, Told { status: 0, ..told[2] }];
        let story = Story { told, checked, ..Story::default() };
        let stories = [story];
        assert_eq!(counted(&stories, |it| it.at < 20), (1, 0));
        assert_eq!(counted(&stories, |it| it.at >= 20), (4, 2));
    }
}
