//! `POST /v1/verifications/check`.

use std::sync::Arc;

use otpost_shared::{
    attempt::Ending,
    message::{self, End, Next, Recording, State},
    outcome::ErrorClass,
};
use otpost_testbed::on_both_homes;
use serde_json::json;

use crate::service::{CHECK, Created, Service, VERIFICATIONS, number};

/// The zeros of the scripts that keyboards offer.
const ZEROS: [char; 5] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{e50}', '\u{ff10}'];

const MALFORMED: [&str; 14] = [
    "",
    " ",
    "-",
    "abcdef",
    "12345a",
    "O12345",
    "12.34",
    "+12345",
    "123_456",
    "\u{2460}\u{2461}",
    "1234567890123",
    "1 2 3 4 5 6 7 8 9 0 1 2 3",
    "\u{0}123456",
    "12345\u{1f4de}",
];

/// Bodies beside a good token and code, and the refusal they get.
const BAD_FIELDS: [(&str, &str, &str); 8] = [
    (r#""subject": 1"#, "invalid_field", "subject"),
    (r#""to": 12025550101"#, "invalid_field", "to"),
    (r#""to": "ann@example""#, "recipient_invalid", "to"),
    (r#""to": "0151 12345678""#, "recipient_invalid", "to"),
    (r#""guess": "1""#, "invalid_field", "guess"),
    (r#""code": "123456""#, "invalid_field", "code"),
    (r#""session_token": """#, "invalid_field", "session_token"),
    (r#""id": null"#, "invalid_field", "id"),
];

fn in_script(code: &str, zero: char) -> String {
    let digit = |c: char| char::from_u32(u32::from(zero) + c.to_digit(10).expect("a digit"));
    code.chars().map(|c| digit(c).expect("a digit")).collect()
}

/// A well-formed code that is not the right one.
pub fn other_than(code: &str) -> String {
    let number: u64 = code.parse().expect("digits");
    format!("{:0width$}", (number + 1) % 10_u64.pow(6), width = code.len())
}

async fn guesses_left(service: &Service, created: &Created) -> i64 {
    service.show(created.id).await.is(200).json["guesses_left"].as_i64().expect("a count")
}

on_both_homes! {
    async fn the_right_code_counts_once(bed, "") {
        let service = Service::start(&bed).await;
        let Created { id, token, code } = service.create(1).await;
        let answer = service.check(&token, &code).await.is(200);
        assert_eq!((answer.str("id"), answer.str("status")), (&*id.to_string(), "verified"));
        assert!(answer.str("receipt").len() > 43 && answer.str("verified_at").ends_with('Z'));
        service.check(&token, &code).await.refused(409, "already_verified");
        service.check(&token, "1").await.refused(409, "already_verified");
        let shown = service.show(id).await.is(200);
        assert_eq!(shown.str("status"), "verified");
        assert_eq!(shown.str("verified_at"), answer.str("verified_at"));
        assert_eq!(shown.json["messages"][0]["state"], "canceled");
    }

    async fn a_repeat_with_the_same_key_gets_the_same_receipt(bed, "") {
        let service = Service::start(&bed).await;
        let Created { token, code, .. } = service.create(1).await;
        let body = json!({ "session_token": token, "code": code });
        let first = service.post(CHECK, &body).once("k").await.is(200);
        let again = service.post(CHECK, &body).once("k").await.is(200);
        assert_eq!(first.json, again.json);
        service.post(CHECK, &body).once("other").await.refused(409, "already_verified");
        service.post(CHECK, &body).await.refused(409, "already_verified");
    }

    async fn a_code_counts_in_every_spelling(bed, "") {
        let service = Service::start(&bed).await;
        let spellings = |code: &str| -> Vec<String> {
            let (a, b) = code.split_at(3);
            let spaced: Vec<String> = code.chars().map(String::from).collect();
            let mut all = vec![
                format!("{a} {b}"), format!("{a}-{b}"), format!(" {code}\n"),
                format!("{a}\u{a0}{b}"), format!("{a}\u{2009}{b}\t"), spaced.join(" "),
            ];
            all.extend(ZEROS.map(|zero| in_script(code, zero)));
            all.push(format!("{}-{b}", in_script(a, ZEROS[4])));
            all
        };
        for n in 0..12 {
            let created = service.create(n).await;
            let spelling = &spellings(&created.code)[n as usize];
            service.check(&created.token, spelling).await.is(200);
        }
    }

    async fn a_malformed_code_costs_no_guess(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let before = service.stored().await;
        for code in MALFORMED {
            let answer = service.check(&created.token, code).await;
            answer.refused(422, "code_malformed").names("code");
        }
        let long = "1".repeat(10_000);
        service.check(&created.token, &long).await.refused(422, "code_malformed");
        for code in [json!(123_456), json!(-1), json!(1.5), json!(null), json!(["1"])] {
            let body = json!({ "session_token": created.token, "code": code });
            service.post(CHECK, &body).await.refused(422, "invalid_field").names("code");
        }
        assert_eq!(guesses_left(&service, &created).await, 5);
        assert_eq!(service.stored().await, before);
        service.check(&created.token, &created.code).await.is(200);
    }

    async fn bad_fields_cost_no_guess(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let Created { token, code, .. } = &created;
        for (field, refusal, name) in BAD_FIELDS {
            let body = format!(r#"{{"session_token": "{token}", "code": "{code}", {field}}}"#);
            service.post_text(CHECK, body).await.refused(422, refusal).names(name);
        }
        for key in ["", &"k".repeat(256), "schlüssel"] {
            let body = json!({ "session_token": token, "code": code });
            service.post(CHECK, &body).once(key).await.refused(422, "idempotency_key_invalid");
        }
        assert_eq!(guesses_left(&service, &created).await, 5);
        service.check(token, code).await.is(200);
    }

    async fn wrong_codes_count_down_and_lock(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let wrong = other_than(&created.code);
        for left in [4, 3, 2, 1, 0] {
            let answer = service.check(&created.token, &wrong).await.refused(422, "code_incorrect");
            assert_eq!(answer.json["guesses_left"], left);
        }
        let late = service.check(&created.token, &created.code).await;
        late.refused(423, "verification_locked");
        assert_eq!(service.show(created.id).await.str("status"), "locked");
        // A code of another length is a guess like any other.
        let second = service.create(2).await;
        service.check(&second.token, "1").await.refused(422, "code_incorrect");
    }

    async fn a_number_has_so_many_wrong_guesses_a_day(
        bed, "[limits]\nrecipient = [\"100/1s\"]\nguesses_per_recipient_and_day = 2"
    ) {
        let service = Service::start(&bed).await;
        let (first, second) = (service.create(1).await, service.create(1).await);
        for created in [&first, &second] {
            let wrong = other_than(&created.code);
            service.check(&created.token, &wrong).await.refused(422, "code_incorrect");
        }
        let spent = service.check(&second.token, &second.code).await;
        let wait = spent.refused(429, "guess_budget_spent").retry_after();
        assert!(wait <= 86_400, "{wait}");
        // Another number is not concerned.
        let other = service.create(2).await;
        service.check(&other.token, &other.code).await.is(200);
    }

    async fn who_is_not_the_holder_finds_nothing(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let body = json!({ "to": number(1), "subject": "user-1" });
        let created = service.create_with(&body).await;
        let Created { token, code, .. } = &created;
        let elsewhere = service.create(2).await.token;
        let made_up = "A".repeat(64);
        let whole = json!({ "session_token": token, "code": code, "subject": "user-1" });
        let not_found = service
            .post(CHECK, &json!({ "session_token": made_up, "code": code })).await
            .refused(404, "verification_not_found");
        assert!(not_found.str("detail").contains("another `subject` or `to` than at create"));
        let mut answers = vec![service.post(CHECK, &whole).by(&foreign).await];
        let spliced = format!("{}{}", &token[..22], &elsewhere[22..]);
        for token in ["", "x", &token[..63], &format!("{token}A"), &spliced, &"é".repeat(32)] {
            let body = json!({ "session_token": token, "code": code, "subject": "user-1" });
            answers.push(service.post(CHECK, &body).await);
        }
        for (name, value) in
            [("subject", json!("user-2")), ("subject", json!(null)), ("to", json!(number(2)))]
        {
            let mut body = whole.clone();
            body[name] = value;
            answers.push(service.post(CHECK, &body).await);
        }
        for answer in answers {
            assert_eq!((answer.status, &answer.text), (404, &not_found.text));
        }
        assert_eq!(guesses_left(&service, &created).await, 5);
        let mut body = whole;
        body["to"] = json!("+1 (202) 555-0001");
        service.post(CHECK, &body).await.is(200);
    }

    async fn what_is_over_says_how(bed, "") {
        let service = Service::start(&bed).await;
        let (canceled, failed) = (service.create(1).await, service.create(2).await);
        let path = format!("{VERIFICATIONS}/{}/cancel", canceled.id);
        service.post(&path, &json!({})).await.is(200);
        let answer = service.check(&canceled.token, &canceled.code).await;
        answer.refused(410, "verification_canceled");
        fail(&service, &failed).await;
        let answer = service.check(&failed.token, &failed.code).await;
        answer.refused(410, "verification_failed");
        let shown = service.show(failed.id).await.is(200);
        assert_eq!((shown.str("status"), shown.str("failure")), ("failed", "a landline"));
        let message = &shown.json["messages"][0];
        assert_eq!(message["state"], "failed");
        assert_eq!(message["failure_class"], "recipient");
        assert_eq!(message["attempts"][0]["outcome"], "recipient");
        let expired = service.create(3).await;
        service.home.clock.advance(600_001);
        let answer = service.check(&expired.token, &expired.code).await;
        answer.refused(410, "verification_expired");
        assert_eq!(service.show(expired.id).await.str("status"), "expired");
    }
}

/// Lets the provider refuse the number, as a worker would record it.
async fn fail(service: &Service, created: &Created) {
    let (db, now) = (&service.home.db, service.home.clock.now());
    let rows = message::list_by_verification(db, created.id).await.expect("an answer");
    let claimed = message::claim(db, &[rows[0].id], None, now).await.expect("an answer");
    let next = Next::Try { number: 1, provider: "a".into(), suppression_hash: Vec::new() };
    let row = &claimed[0].message;
    let begun = Recording { message: Arc::clone(row), ended: None, next, now };
    message::record(db, &[begun]).await.expect("an answer");
    let class = ErrorClass::Recipient;
    let ending = Ending::of(class);
    let next = Next::End(End { state: State::Failed, class, failure: "a landline".into() });
    let recording = Recording { message: Arc::clone(row), ended: Some((1, ending)), next, now };
    message::record(db, &[recording]).await.expect("an answer");
}
