//! Steps that follow by themselves: each at its time or when the one before fails, each address with a
//! code of its own, and none once the verification is over.

use std::sync::Arc;

use otpost_shared::{
    Home,
    attempt::Ending,
    channel::Channel,
    message::{self, Effect, End, Message, Next, Recording, State, take_report},
    outcome::ErrorClass,
    price::Cost,
    queue::Lane,
    recipient::Recipient,
    report::{Reference, Report, Word},
    secrets::Code,
    tenant::DEFAULT_TENANT,
    verification::{
        self, Accepted, CheckAnswer, CheckRequest, NewStep, NewVerification, ReceiptAnswer,
        Refused, ResendAnswer, ResendRequest, Status, Verification,
    },
};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

use super::{
    check, check_request,
    leases::{begin, record},
    messages, number, other_than, request,
};

/// A home with a call and an e-mail to offer, and what else it needs.
macro_rules! chains {
    ($extra:literal) => {
        concat!(
            "[chains]\nvoice = [\"console\"]\nemail = [\"console\"]\n",
            "[limits]\nrecipient = [\"1000/1s\"]\n",
            $extra
        )
    };
}

const CHAINS: &str = chains!("");
const ROTATING: &str = chains!("[purposes.default]\nresend = \"rotate\"");
const ONE_WRONG_GUESS: &str = chains!("guesses_per_recipient_and_day = 1");
const FIVE_SENDS: &str = chains!("sends_per_tenant_and_day = 5");
const NAMED: &str = chains!(
    "[purposes.default]\nemail_template = \"{name}: {code}\"\nvoice_template = \"{name}: {code}\""
);
const TEST_NUMBER: &str = r#"
[recipients]
test_numbers = [{ number = "+15550001111", code = "424242", until = "2999-01-01" }]
[chains]
email = ["console"]
"#;

fn ann() -> Recipient {
    Recipient::parse_email("ann@example.org").expect("an address")
}

fn step(channel: Channel, to: Recipient, after_secs: u32) -> NewStep {
    NewStep { channel, to, after_secs }
}

/// A text, a call a minute later, an e-mail a minute after that.
fn three_ways(n: u32) -> NewVerification {
    let then = vec![step(Channel::Voice, number(n), 60), step(Channel::Email, ann(), 60)];
    NewVerification { then: Some(then), ..request(number(n)) }
}

async fn accept_three_ways(home: &Home, n: u32) -> Accepted {
    verification::accept(home, three_ways(n)).await.expect("accepted")
}

async fn row(home: &Home, id: Uuid) -> Verification {
    verification::find(&home.db, id).await.expect("an answer").expect("a row")
}

/// The codes of the number and of the e-mail address, as a worker would derive them.
async fn both_codes(home: &Home, id: Uuid) -> (Code, Code) {
    let (of, messages) = (row(home, id).await, messages(home, id).await);
    let code = |m: &Message| of.code_to(&home.keys, &m.recipient_hash);
    let code = |m: &Message| code(m).expect("a key").expect("a seed");
    (code(&messages[0]), code(&messages[2]))
}

/// What is due, by channel, each claimed.
async fn due(home: &Home) -> Vec<Arc<Message>> {
    let now = home.clock.now();
    let claimed = message::claim_due(&home.db, Lane::Otp, 10, None, now).await.expect("claimed");
    claimed.into_iter().map(|claimed| claimed.message).collect()
}

async fn channels_due(home: &Home) -> Vec<String> {
    due(home).await.iter().map(|message| message.channel.clone()).collect()
}

async fn states(home: &Home, id: Uuid) -> Vec<String> {
    messages(home, id).await.into_iter().map(|message| message.state).collect()
}

/// What the provider `a` says of its first attempt.
fn undelivered(home: &Home, row: &Message, class: Option<ErrorClass>) -> Report {
    let keys = &home.keys;
    let of = Reference::new(keys, keys.active_kid(), "a", row.id, 1).expect("a key");
    Report { of, word: Word::Undelivered, class, code: None, cost: Cost::default() }
}

/// With an idempotency key, always the same.
async fn check_once(
    home: &Home,
    accepted: &Accepted,
    code: &Code,
    to: Option<Recipient>,
) -> CheckAnswer {
    let request = check_request(accepted, code.clone());
    let request = CheckRequest { to, idempotency_key: Some("once".into()), ..request };
    verification::check(home, request).await.expect("an answer")
}

fn again(id: Uuid, channel: Option<Channel>) -> ResendRequest {
    let tenant_id = DEFAULT_TENANT;
    ResendRequest { tenant_id, id, channel, client: None, idempotency_key: None }
}

on_both_homes! {
    async fn each_step_comes_at_its_time(bed, CHAINS) {
        accept_three_ways(&bed.home, 1).await;
        assert_eq!(channels_due(&bed.home).await, ["sms"]);
        bed.home.clock.advance(59_000);
        assert_eq!(channels_due(&bed.home).await, [""; 0]);
        bed.home.clock.advance(1_000);
        assert_eq!(channels_due(&bed.home).await, ["voice"]);
        bed.home.clock.advance(60_000);
        let last = due(&bed.home).await.remove(0);
        let to = last.recipient(&bed.home.keys).expect("a key").expect("its own");
        assert_eq!((last.channel.as_str(), to), ("email", ann()));
    }

    async fn success_calls_off_what_is_to_come(bed, CHAINS) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        let (code, _) = both_codes(&bed.home, accepted.id).await;
        assert!(matches!(check(&bed.home, &accepted, code).await, CheckAnswer::Verified { .. }));
        assert_eq!(states(&bed.home, accepted.id).await, ["canceled"; 3]);
        let canceled = accept_three_ways(&bed.home, 2).await;
        let now = bed.home.clock.now();
        verification::cancel(&bed.home.db, DEFAULT_TENANT, canceled.id, now).await.expect("done");
        assert_eq!(states(&bed.home, canceled.id).await, ["canceled"; 3]);
    }

    async fn a_step_that_fails_brings_the_next_one_forward(bed, CHAINS) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        for channel in ["sms", "voice", "email"] {
            let message = due(&bed.home).await.remove(0);
            assert_eq!(message.channel, channel);
            assert_eq!(row(&bed.home, accepted.id).await.status(0), Status::Pending);
            begin(&bed.home, &message, 1).await.expect("a lease");
            let failure = "there is no such number".to_owned();
            let end = End { state: State::Failed, class: ErrorClass::Recipient, failure };
            record(&bed.home, &message, 1, ErrorClass::Recipient, Next::End(end)).await;
        }
        assert_eq!(row(&bed.home, accepted.id).await.status(0), Status::Failed);
    }

    async fn a_step_that_comes_at_once_is_a_step_still(bed, ROTATING) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        let text = due(&bed.home).await.remove(0);
        // As soon as can be.
        let now = text.created_at;
        let next = Next::Try { number: 1, provider: "a".into(), suppression_hash: Vec::new() };
        let begin = Recording { message: Arc::clone(&text), ended: None, next, now };
        message::record(&bed.home.db, &[begin]).await.expect("an answer");
        let (class, failure) = (ErrorClass::Recipient, "there is no such number".to_owned());
        let next = Next::End(End { state: State::Failed, class, failure });
        let end = Recording { message: text, ended: Some((1, Ending::of(class))), next, now };
        message::record(&bed.home.db, &[end]).await.expect("an answer");
        bed.home.clock.advance(31_000);
        let resent = verification::resend(&bed.home, again(accepted.id, None)).await;
        assert!(matches!(resent, Ok(ResendAnswer::Resent(_))), "{resent:?}");
        let rows = messages(&bed.home, accepted.id).await;
        let rows: Vec<_> = rows.iter().map(|m| (m.state.as_str(), m.generation)).collect();
        assert_eq!(rows, [("failed", 1), ("queued", 2), ("queued", 2), ("queued", 2)]);
    }

    async fn what_was_not_delivered_brings_the_next_step_forward(bed, CHAINS) {
        accept_three_ways(&bed.home, 1).await;
        let text = due(&bed.home).await.remove(0);
        begin(&bed.home, &text, 1).await.expect("a lease");
        record(&bed.home, &text, 1, ErrorClass::Ok, Next::Sent).await;
        let report = undelivered(&bed.home, &text, Some(ErrorClass::Recipient));
        let effect = take_report(&bed.home, "a", report).await.expect("an answer");
        assert_eq!(effect, Effect::Undelivered);
        assert_eq!(channels_due(&bed.home).await, ["voice"]);
    }

    async fn each_address_has_its_own_code_and_proves_itself(bed, CHAINS) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        let (by_phone, by_email) = both_codes(&bed.home, accepted.id).await;
        assert!(!by_phone.matches(&by_email));
        // Presented with the number, the e-mail's code proves nothing.
        let mixed =
            CheckRequest { to: Some(number(1)), ..check_request(&accepted, by_email.clone()) };
        let answer = verification::check(&bed.home, mixed).await.expect("an answer");
        assert!(matches!(answer, CheckAnswer::Incorrect { guesses_left: 4 }));
        let stranger =
            CheckRequest { to: Some(number(2)), ..check_request(&accepted, by_email.clone()) };
        let answer = verification::check(&bed.home, stranger).await.expect("an answer");
        assert!(matches!(answer, CheckAnswer::NotFound));
        let answer = check(&bed.home, &accepted, by_email).await;
        let CheckAnswer::Verified { receipt, to, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(to, ann().masked());
        let used =
            verification::consume_receipt(&bed.home, DEFAULT_TENANT, &receipt, "default", None, false);
        let used = used.await.expect("an answer");
        assert!(matches!(used, ReceiptAnswer::Consumed { to, .. } if to == ann().masked()));
    }

    async fn a_repeat_proves_no_other_address_than_the_first_time(bed, CHAINS) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        let (_, by_email) = both_codes(&bed.home, accepted.id).await;
        for to in [None, None, Some(ann())] {
            let answer = check_once(&bed.home, &accepted, &by_email, to).await;
            assert!(matches!(answer, CheckAnswer::Verified { to, .. } if to == ann().masked()));
        }
        let answer = check_once(&bed.home, &accepted, &by_email, Some(number(1))).await;
        assert!(matches!(answer, CheckAnswer::Over(Status::Verified)), "{answer:?}");
    }

    async fn a_second_address_cannot_be_guessed_at_through_many_first_ones(bed, ONE_WRONG_GUESS) {
        let first = accept_three_ways(&bed.home, 1).await;
        let (_, code) = both_codes(&bed.home, first.id).await;
        let wrong = check(&bed.home, &first, other_than(&code)).await;
        assert!(matches!(wrong, CheckAnswer::Incorrect { .. }), "{wrong:?}");
        let second = accept_three_ways(&bed.home, 2).await;
        let (by_phone, by_email) = both_codes(&bed.home, second.id).await;
        let wrong = check(&bed.home, &second, other_than(&by_email)).await;
        assert!(matches!(wrong, CheckAnswer::BudgetSpent { .. }), "{wrong:?}");
        let right = check(&bed.home, &second, by_email).await;
        assert!(matches!(right, CheckAnswer::BudgetSpent { .. }), "{right:?}");
        // Or whoever spends the budget of his own address would guess at the number for nothing.
        let right = check(&bed.home, &second, by_phone).await;
        assert!(matches!(right, CheckAnswer::BudgetSpent { .. }), "{right:?}");
        assert_eq!(row(&bed.home, second.id).await.guesses, 0);
    }

    async fn a_resend_may_go_another_way(bed, CHAINS) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        let code = both_codes(&bed.home, accepted.id).await.1;
        bed.home.clock.advance(31_000);
        let resent = verification::resend(&bed.home, again(accepted.id, Some(Channel::Email))).await;
        let Ok(ResendAnswer::Resent(resent)) = resent else { panic!("{resent:?}") };
        assert_eq!((resent.channel, resent.to), (Channel::Email, ann().masked()));
        // What was asked for does not come once more by itself.
        assert_eq!(states(&bed.home, accepted.id).await, ["queued", "queued", "canceled", "queued"]);
        let sent = messages(&bed.home, accepted.id).await.remove(3);
        let of = row(&bed.home, accepted.id).await;
        let carried = of.code_to(&bed.home.keys, &sent.recipient_hash).expect("a key");
        assert!(carried.expect("a seed").matches(&code));
        assert_eq!(sent.recipient(&bed.home.keys).expect("a key"), Some(ann()));
    }

    async fn a_resend_goes_only_where_something_can_go(bed, "[chains]\nvoice = [\"console\"]") {
        let accepted = verification::accept(&bed.home, request(number(1))).await.expect("accepted");
        bed.home.clock.advance(31_000);
        for channel in [Channel::Email, Channel::Whatsapp] {
            let resent = verification::resend(&bed.home, again(accepted.id, Some(channel))).await;
            assert!(matches!(resent, Err(Refused::Channel(refused)) if refused == channel));
        }
        let resent = verification::resend(&bed.home, again(accepted.id, Some(Channel::Voice))).await;
        assert!(matches!(resent, Ok(ResendAnswer::Resent(_))), "{resent:?}");
    }

    async fn a_step_that_is_due_carries_the_new_code_too(bed, ROTATING) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        bed.home.clock.advance(60_500);
        let resent = verification::resend(&bed.home, again(accepted.id, None)).await;
        assert!(matches!(resent, Ok(ResendAnswer::Resent(_))), "{resent:?}");
        let mut due = channels_due(&bed.home).await;
        due.sort();
        assert_eq!(due, ["sms", "voice"]);
    }

    async fn a_step_that_is_due_is_not_said_twice(bed, CHAINS) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        assert_eq!(channels_due(&bed.home).await, ["sms"]);
        bed.home.clock.advance(60_500);
        let resent = verification::resend(&bed.home, again(accepted.id, Some(Channel::Voice))).await;
        assert!(matches!(resent, Ok(ResendAnswer::Resent(_))), "{resent:?}");
        assert_eq!(channels_due(&bed.home).await, ["voice"]);
    }

    async fn what_is_told_late_of_an_earlier_step_hurries_nobody(bed, CHAINS) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        let text = due(&bed.home).await.remove(0);
        begin(&bed.home, &text, 1).await.expect("a lease");
        record(&bed.home, &text, 1, ErrorClass::Ok, Next::Sent).await;
        bed.home.clock.advance(60_000);
        let call = due(&bed.home).await.remove(0);
        begin(&bed.home, &call, 1).await.expect("a lease");
        let report = undelivered(&bed.home, &text, Some(ErrorClass::Recipient));
        take_report(&bed.home, "a", report).await.expect("an answer");
        assert_eq!(states(&bed.home, accepted.id).await, ["undelivered", "sending", "queued"]);
        assert_eq!(channels_due(&bed.home).await, [""; 0]);
    }

    async fn a_resend_needs_what_the_texts_of_its_channel_need(bed, NAMED) {
        let mut new = request(number(1));
        new.then = Some(vec![step(Channel::Email, ann(), 60)]);
        new.variables = [("name".to_owned(), "Ann".to_owned())].into();
        verification::accept(&bed.home, new).await.expect("accepted");
        let accepted = verification::accept(&bed.home, request(number(2))).await.expect("accepted");
        bed.home.clock.advance(31_000);
        let refused = verification::resend(&bed.home, again(accepted.id, Some(Channel::Voice))).await;
        assert!(matches!(refused, Err(Refused::VariableMissing(name)) if name == "name"));
    }

    async fn a_test_number_is_no_second_address(bed, TEST_NUMBER) {
        let to = bed.home.parse_recipient("+15550001111", None).expect("a test number");
        let then = Some(vec![step(Channel::Sms, to, 60)]);
        let new = NewVerification { then, channel: Channel::Email, ..request(ann()) };
        let refused = verification::accept(&bed.home, new).await;
        assert!(matches!(refused, Err(Refused::Step(at)) if at.field == "to"));
    }

    async fn a_new_code_is_what_the_steps_to_come_carry(bed, ROTATING) {
        let accepted = accept_three_ways(&bed.home, 1).await;
        bed.home.clock.advance(31_000);
        let resent = verification::resend(&bed.home, again(accepted.id, None)).await;
        assert!(matches!(resent, Ok(ResendAnswer::Resent(_))), "{resent:?}");
        let rows = messages(&bed.home, accepted.id).await;
        let rows: Vec<_> = rows.iter().map(|m| (m.state.as_str(), m.generation)).collect();
        assert_eq!(rows, [("canceled", 1), ("queued", 2), ("queued", 2), ("queued", 2)]);
    }

    async fn the_cap_counts_every_step(bed, FIVE_SENDS) {
        accept_three_ways(&bed.home, 1).await;
        let refused = verification::accept(&bed.home, three_ways(2)).await;
        assert!(matches!(refused, Err(Refused::DailyCap { .. })), "{refused:?}");
        verification::accept(&bed.home, request(number(2))).await.expect("two are left");
    }
}
