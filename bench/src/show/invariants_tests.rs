//! Every violation that is planted in good evidence is found.

use super::*;

const TO: &str = "+12025550100";
const TEXTED: &str = "+12025550199";

/// One person, one verification, one copy, one success; and one bulk text.
fn good() -> Evidence {
    let seen = Seen {
        number: 1,
        at_us: 1,
        provider: "twilio".into(),
        to: TO.to_owned(),
        text: "Your code is 123456".to_owned(),
        accepted: true,
    };
    let verification = Verification {
        id: "v".to_owned(),
        status: "verified".to_owned(),
        guesses: 1,
        guess_limit: 5,
        resends: 0,
        failure: None,
        created_at: 1,
        expires_at: 1_000,
    };
    let message = Message {
        id: "m".to_owned(),
        verification_id: "v".to_owned(),
        state: "sent".to_owned(),
        failure: None,
        epoch: 1,
        deadline: 1_000,
        finished_at: Some(20),
    };
    let attempt = Attempt {
        message_id: "m".to_owned(),
        number: 1,
        provider: "twilio".to_owned(),
        started_at: 10,
        outcome: Some("ok".to_owned()),
        report: None,
    };
    let story = Story {
        to: TO.to_owned(),
        ids: vec!["v".to_owned()],
        effects: 1,
        successes: 1,
        ..Story::default()
    };
    let text = Message { id: "b".to_owned(), verification_id: "b".to_owned(), ..message.clone() };
    let copy =
        Seen { to: TEXTED.to_owned(), text: "Your parcel is here".to_owned(), ..seen.clone() };
    Evidence {
        stories: vec![story],
        offers: vec![Offer { to: TEXTED.to_owned(), id: Some("b".to_owned()) }],
        bulk: HashMap::from([("b".to_owned(), text)]),
        tolerates_untried: false,
        lacks_texts: false,
        sent: grouped([seen, copy], |seen| &seen.to),
        verifications: HashMap::from([("v".to_owned(), verification)]),
        messages: grouped([message], |row| &row.verification_id),
        attempts: grouped([attempt], |row| &row.message_id),
    }
}

/// The invariants that fail after `harm` was done to good evidence.
fn found(harm: impl FnOnce(&mut Evidence)) -> String {
    let mut evidence = good();
    harm(&mut evidence);
    let mut checks = Checks::default();
    evidence.check(&mut checks);
    checks.failed().iter().map(|name| &name[..2]).collect::<Vec<_>>().join(" ")
}

fn row(evidence: &mut Evidence) -> &mut Verification {
    evidence.verifications.get_mut("v").expect("the one verification")
}

fn message(evidence: &mut Evidence) -> &mut Message {
    &mut evidence.messages.get_mut("v").expect("its messages")[0]
}

fn attempt(evidence: &mut Evidence) -> &mut Attempt {
    &mut evidence.attempts.get_mut("m").expect("its attempts")[0]
}

fn text(evidence: &mut Evidence) -> &mut Message {
    evidence.bulk.get_mut("b").expect("the one text")
}

fn text_attempts(evidence: &mut Evidence) -> &mut Vec<Attempt> {
    evidence.attempts.get_mut("b").expect("its attempts")
}

fn copies<'a>(evidence: &'a mut Evidence, to: &str) -> &'a mut Vec<Seen> {
    evidence.sent.get_mut(to).expect("its copies")
}

fn copy_saying(evidence: &mut Evidence, text: &str) {
    let copies = copies(evidence, TO);
    let copy = Seen { text: text.to_owned(), ..copies[0].clone() };
    copies.push(copy);
}

#[test]
fn good_evidence_passes() {
    assert_eq!(found(|_| {}), "");
}

#[test]
fn every_planted_violation_is_found() {
    assert_eq!(found(|it| it.stories[0].ids.push("w".to_owned())), "I0 I1");
    assert_eq!(found(|it| it.stories[0].ids[0] = "lost".to_owned()), "I0 I1 I4 I6");
    assert_eq!(found(|it| message(it).state = "queued".to_owned()), "I1");
    assert_eq!(found(|it| copy_saying(it, "Your code is 123456")), "I2");
    assert_eq!(found(|it| it.stories[0].successes = 2), "I4");
    assert_eq!(found(|it| attempt(it).started_at = 1_001), "I5");
    assert_eq!(found(|it| row(it).guesses = 6), "I6");
    assert_eq!(found(|it| it.stories[0].effects = 6), "I6");
}

#[test]
fn what_is_called_sent_must_have_arrived_and_in_time() {
    let gone = |it: &mut Evidence, to| drop(it.sent.remove(to));
    assert_eq!(found(|it| gone(it, TO)), "I1");
    assert_eq!(found(|it| gone(it, TEXTED)), "I1");
    let delivered = |it: &mut Evidence| text(it).state = "delivered".to_owned();
    assert_eq!(found(|it| (delivered(it), gone(it, TEXTED)).1), "I1");
    // The product says it began in time; microseconds here, milliseconds there.
    let late = 6_001_000;
    assert_eq!(found(|it| copies(it, TO)[0].at_us = late - 1_000), "");
    assert_eq!(found(|it| copies(it, TO)[0].at_us = late), "I5");
    assert_eq!(found(|it| copies(it, TEXTED)[0].at_us = late), "I5");
}

#[test]
fn a_text_is_neither_lost_nor_repeated() {
    assert_eq!(found(|it| it.bulk.clear()), "I1");
    assert_eq!(found(|it| text(it).state = "queued".to_owned()), "I1");
    assert_eq!(found(|it| text(it).state = "failed".to_owned()), "I1");
    let again = |it: &mut Evidence| {
        let copies = copies(it, TEXTED);
        copies.push(copies[0].clone());
    };
    assert_eq!(found(again), "I2");
    assert_eq!(found(|it| (it.offers.clear(), it.lacks_texts = true).1), "I1");
}

#[test]
fn a_text_has_one_outcome() {
    let count = |harm: fn(&mut Evidence)| {
        let mut evidence = good();
        let of_text = Attempt { message_id: "b".to_owned(), ..attempt(&mut evidence).clone() };
        evidence.attempts.insert("b".to_owned(), vec![of_text]);
        harm(&mut evidence);
        let texts = evidence.texts();
        [texts.ok, texts.unknown, texts.otherwise, texts.repeats]
    };
    assert_eq!(count(|_| {}), [1, 0, 0, 0]);
    assert_eq!(count(|it| text_attempts(it)[0].outcome = Some("unknown".to_owned())), [0, 1, 0, 0]);
    assert_eq!(count(|it| text_attempts(it)[0].outcome = None), [0, 0, 1, 0]);
    assert_eq!(count(|it| text_attempts(it).clear()), [0, 0, 1, 0]);
    let twice = |it: &mut Evidence| {
        let of = text_attempts(it);
        of.push(of[0].clone());
    };
    assert_eq!(count(twice), [0, 0, 1, 0]);
    let repeated = |it: &mut Evidence| {
        let of = copies(it, TEXTED);
        of.push(of[0].clone());
    };
    assert_eq!(count(repeated), [1, 0, 0, 1]);
}

#[test]
fn nobody_at_all_is_no_evidence() {
    assert_eq!(found(|it| (it.stories.clear(), it.verifications.clear()).1), "I0");
}

#[test]
fn a_repeat_after_an_unknown_outcome_is_allowed_with_the_same_digits_only() {
    let unknown = |it: &mut Evidence| attempt(it).outcome = Some("unknown".to_owned());
    let repeated = found(|it| {
        unknown(it);
        copy_saying(it, "Your code is 123456");
    });
    assert_eq!(repeated, "");
    let other_digits = found(|it| {
        unknown(it);
        copy_saying(it, "Your code is 654321");
    });
    assert_eq!(other_digits, "I3");
}

#[test]
fn a_report_sends_it_on_once() {
    let undelivered = |it: &mut Evidence| {
        let of = it.attempts.get_mut("m").expect("its attempts");
        of[0].report = Some("undelivered".to_owned());
        let next = Attempt { provider: "vonage".to_owned(), ..of[0].clone() };
        of.push(next);
        copy_saying(it, "Your code is 123456");
    };
    assert_eq!(found(undelivered), "");
    let twice = found(|it| {
        undelivered(it);
        copy_saying(it, "Your code is 123456");
    });
    assert_eq!(twice, "I2");
}

#[test]
fn a_failure_needs_a_reason() {
    let failed = |it: &mut Evidence| {
        row(it).status = "failed".to_owned();
        it.stories[0].successes = 0;
        message(it).state = "failed".to_owned();
    };
    assert_eq!(found(failed), "I1");
    let explained = found(|it| {
        failed(it);
        message(it).failure = Some("recipient".to_owned());
    });
    assert_eq!(explained, "");
}

#[test]
fn possibly_sent_needs_an_attempt_that_was_never_heard_from() {
    let unknown = |it: &mut Evidence| {
        row(it).status = "pending".to_owned();
        it.stories[0].successes = 0;
        message(it).state = "unknown".to_owned();
        message(it).failure = Some("its worker was lost".to_owned());
    };
    assert_eq!(found(unknown), "I1");
    let asked = found(|it| {
        unknown(it);
        attempt(it).outcome = Some("unknown".to_owned());
    });
    assert_eq!(asked, "");
}
