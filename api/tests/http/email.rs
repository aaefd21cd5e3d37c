//! Codes and messages by e-mail, from the request to what is stored.

use otpost_shared::{message, suppression, verification};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    check::other_than,
    service::{BATCHES, CHECK, MESSAGES, Service, Stored, VERIFICATIONS, number},
};

const BOTH: &str = "[chains]\nemail = [\"console\"]\n";
const EMAIL_ONLY: &str = "[chains]\nsms = []\nemail = [\"console\"]\n";
const OFTEN: &str = "[chains]\nemail = [\"console\"]\n[limits]\nrecipient = [\"1000/1s\"]\n";
const SMS_COSTS: &str = r#"
[recipients]
default_region = "DE"
[chains]
sms = ["gateway"]
email = ["console"]
[providers.gateway]
kind = "twilio"
"#;
const GREET: &str = r#"
[chains]
email = ["console"]
[limits]
recipient = ["1000/1s"]
[purposes.greet]
template = "{code}"
email_lifetime_secs = 3600
email_subject = "{name}, your code"
email_template = "Hi {name},\n\n{code}\n\n{greeting}"
"#;

/// No address that a code can be sent to, and a word of the reason.
const REFUSED: [(&str, &str); 20] = [
    ("", "empty"),
    (" \t", "empty"),
    ("+12025550143", "not an e-mail"),
    ("example.org", "not an e-mail"),
    ("Ann <ann@example.org>", "not an e-mail"),
    ("ann@example.org, bob@example.org", "not an e-mail"),
    ("ann@example.org\r\nBcc: bob@example.org", "not an e-mail"),
    ("ann\u{0}@example.org", "not an e-mail"),
    ("ann@example.org (home)", "not an e-mail"),
    ("@example.org", "before the @"),
    ("ann..lee@example.org", "before the @"),
    ("\"ann\"@example.org", "before the @"),
    ("j\u{f6}rg@example.org", "before the @"),
    ("ann%example.com@example.org", "before the @"),
    ("example.com!ann@example.org", "before the @"),
    ("ann@", "after the @"),
    ("ann@localhost", "after the @"),
    ("ann@[192.0.2.1]", "after the @"),
    ("ann@192.0.2.1", "after the @"),
    ("ann@-example.org", "after the @"),
];

fn code(to: &str) -> Value {
    json!({ "to": to, "channel": "email" })
}

fn letter(to: &str) -> Value {
    json!({ "to": to, "channel": "email", "title": "A parcel", "text": "It is here." })
}

on_both_homes! {
    async fn an_address_is_proven(bed, BOTH) {
        let service = Service::start(&bed).await;
        let answer = service.post(VERIFICATIONS, &code(" Ann.Lee@Example.ORG ")).await.is(202);
        assert_eq!((answer.str("channel"), answer.str("to")), ("email", "A******@example.org"));
        let id = answer.str("id").parse().expect("an id");
        let row = verification::find(&service.home.db, id).await.expect("an answer");
        let row = row.expect("a row");
        assert_eq!(row.expires_at - row.created_at, 900_000);
        let to = row.recipient(&service.home.keys).expect("a key");
        assert_eq!(to.address(), "Ann.Lee@example.org", "it is written to as it was written");
        let shown = service.show(id).await.is(200);
        assert_eq!((shown.str("channel"), shown.str("to")), ("email", "A******@example.org"));
        assert_eq!(shown.json["messages"][0]["channel"], "email");
        let (code, token) = (service.code_of(id).await, answer.str("session_token"));
        let check = |code: &str, to: &str| {
            let body = json!({ "session_token": token, "code": code, "to": to });
            service.call(Method::POST, CHECK).json(&body)
        };
        for other in ["ann.lee@example.com", "annlee@example.org", &number(1)] {
            check(&code, other).await.refused(404, "verification_not_found");
        }
        check(&code, "ann.lee").await.refused(422, "recipient_invalid").names("to");
        check(&other_than(&code), "ann.lee@example.org").await.refused(422, "code_incorrect");
        check(&code, "ann.lee@EXAMPLE.org").await.is(200);
    }

    async fn an_address_is_no_number_of_another_verification(bed, BOTH) {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let body = json!({
            "session_token": created.token, "code": created.code, "to": "ann@example.org",
        });
        service.post(CHECK, &body).await.refused(404, "verification_not_found");
    }

    async fn spellings_of_one_address_share_its_limits(bed, BOTH) {
        let service = Service::start(&bed).await;
        service.post(VERIFICATIONS, &code("ann@example.org")).await.is(202);
        for to in ["Ann@example.org", "ANN@EXAMPLE.ORG", " ann@example.org"] {
            let answer = service.post(VERIFICATIONS, &code(to)).await;
            assert_eq!(answer.refused(429, "rate_limited").str("limit"), "recipient", "{to}");
        }
        service.post(VERIFICATIONS, &code("ann+otpost@example.org")).await.is(202);
        service.post(MESSAGES, &letter("Ann@example.org")).await.is(202);
        service.post(MESSAGES, &letter("ann@example.org")).await.refused(429, "rate_limited");
    }

    async fn what_is_no_address_is_refused_with_the_reason(bed, BOTH) {
        let service = Service::start(&bed).await;
        for (to, reason) in REFUSED {
            for (path, body) in [(VERIFICATIONS, code(to)), (MESSAGES, letter(to))] {
                let answer = service.post(path, &body).await;
                let answer = answer.refused(422, "recipient_invalid").names("to");
                assert!(answer.str("detail").contains(reason), "{to:?}: {}", answer.text);
                let given = to.trim();
                assert!(given.len() < 5 || !answer.text.contains(given), "{}", answer.text);
            }
        }
        assert_eq!(service.stored().await, Stored::default());
    }

    async fn the_channel_and_the_address_go_together(bed, BOTH) {
        let service = Service::start(&bed).await;
        for body in [json!({ "to": "ann@example.org" }), json!({ "to": "ann@example.org", "channel": "sms" })] {
            let answer = service.post(VERIFICATIONS, &body).await;
            let answer = answer.refused(422, "recipient_invalid").names("to");
            assert!(answer.str("detail").contains("set channel to \"email\""), "{}", answer.text);
        }
        let fax = json!({ "to": number(1), "channel": "fax" });
        let answer = service.post(VERIFICATIONS, &fax).await.refused(422, "channel_unavailable");
        assert_eq!(answer.str("detail"), "available: sms, email");
    }

    async fn without_a_chain_there_is_no_email(bed, "") {
        let service = Service::start(&bed).await;
        for (path, body) in
            [(VERIFICATIONS, code("ann@example.org")), (MESSAGES, letter("ann@example.org"))]
        {
            let answer = service.post(path, &body).await;
            let answer = answer.refused(422, "channel_unavailable").names("channel");
            let said = "available: sms; for email name a provider in chains.email";
            assert_eq!(answer.str("detail"), said);
        }
        let answer = service.post(VERIFICATIONS, &json!({ "to": "ann@example.org" })).await;
        let said = answer.refused(422, "recipient_invalid");
        assert!(!said.text.contains("set channel"), "{}", said.text);
    }

    async fn there_may_be_email_alone(bed, EMAIL_ONLY) {
        let service = Service::start(&bed).await;
        for body in [json!({ "to": number(1) }), json!({ "to": number(1), "channel": "sms" })] {
            let answer = service.post(VERIFICATIONS, &body).await.refused(422, "channel_unavailable");
            assert!(answer.str("detail").starts_with("available: email; "), "{}", answer.text);
        }
        service.post(VERIFICATIONS, &code("ann@example.org")).await.is(202);
    }

    async fn countries_are_for_numbers(bed, SMS_COSTS) {
        let service = Service::start(&bed).await;
        service.post(VERIFICATIONS, &json!({ "to": number(1) })).await.refused(403, "country_not_allowed");
        service.post(VERIFICATIONS, &code("ann@example.org")).await.is(202);
        service.post(MESSAGES, &letter("ann@example.org")).await.is(202);
    }

    async fn a_message_by_email_may_be_longer(bed, OFTEN) {
        let service = Service::start(&bed).await;
        let of = |characters: usize| {
            let mut body = letter("ann@example.org");
            body["text"] = json!("\u{fc}".repeat(characters));
            body
        };
        let answer = service.post(MESSAGES, &of(10_001)).await.refused(422, "invalid_field").names("text");
        assert_eq!(answer.str("detail"), "text must have 1 to 10000 characters");
        assert_eq!(service.stored().await, Stored::default());
        service.post(MESSAGES, &of(10_000)).await.is(202);
    }

    async fn a_message_has_a_title_that_is_kept_with_its_text(bed, OFTEN) {
        let service = Service::start(&bed).await;
        let answer = service.post(MESSAGES, &letter("ann@example.org")).await.is(202);
        assert_eq!((answer.str("channel"), answer.str("to")), ("email", "a**@example.org"));
        let shown = service.get(&format!("{MESSAGES}/{}", answer.str("id"))).await.is(200);
        assert_eq!((shown.str("channel"), shown.str("state")), ("email", "queued"));
        assert!(!shown.text.contains("parcel") && !shown.text.contains("here"), "{}", shown.text);
        let id = answer.str("id").parse().expect("an id");
        let row = message::find(&service.home.db, id).await.expect("an answer").expect("a row");
        let body = row.body(&service.home.keys).expect("a key").expect("its own");
        assert_eq!((body.title.as_deref(), &*body.text), (Some("A parcel"), "It is here."));
        for (title, said) in [
            (json!(null), "needs a title"),
            (json!(""), "1 to 200"),
            (json!(" "), "1 to 200"),
            (json!("x".repeat(201)), "1 to 200"),
            (json!("a\r\nBcc: bob@example.org"), "one line"),
            (json!("a\u{0}"), "one line"),
        ] {
            let mut body = letter("ann@example.org");
            body["title"] = title;
            let answer = service.post(MESSAGES, &body).await;
            let answer = answer.refused(422, "invalid_field").names("title");
            assert!(answer.str("detail").contains(said), "{said}: {}", answer.text);
        }
        let sms = json!({ "to": number(1), "title": "A parcel", "text": "It is here." });
        service.post(MESSAGES, &sms).await.refused(422, "invalid_field").names("title");
    }

    async fn a_repeat_says_the_same_channel(bed, BOTH) {
        let service = Service::start(&bed).await;
        for (path, body) in [
            (VERIFICATIONS, code("ann@example.org")),
            (VERIFICATIONS, json!({ "to": number(1) })),
            (MESSAGES, letter("ann@example.org")),
        ] {
            let key = body.to_string();
            let key = format!("{}{}", path.len(), key.len());
            let first = service.post(path, &body).once(&key).await.is(202);
            let again = service.post(path, &body).once(&key).await.is(202);
            assert_eq!(first.json, again.json);
        }
    }

    async fn a_resend_leaves_the_longer_life_as_it_is(bed, BOTH) {
        let service = Service::start(&bed).await;
        let created = service.post(VERIFICATIONS, &code("ann@example.org")).await.is(202);
        service.home.clock.advance(30_001);
        let path = format!("{VERIFICATIONS}/{}/resend", created.str("id"));
        let again = service.post(&path, &json!({})).await.is(202);
        assert_eq!(again.str("to"), "a**@example.org");
        assert_eq!(again.str("expires_at"), created.str("expires_at"));
        let shown = service.show(created.str("id").parse().expect("an id")).await.is(200);
        assert_eq!(shown.json["messages"][1]["channel"], "email");
    }

    async fn each_purpose_has_texts_and_a_life_of_its_own(bed, GREET) {
        let service = Service::start(&bed).await;
        let body = |variables: Value| {
            json!({
                "to": "ann@example.org", "channel": "email", "purpose": "greet",
                "variables": variables,
            })
        };
        for missing in [json!({}), json!({ "name": "Ann" }), json!({ "greeting": "Bye" })] {
            let answer = service.post(VERIFICATIONS, &body(missing)).await;
            answer.refused(422, "variable_missing").names("variables");
        }
        let long = |characters: usize| "\u{fc}".repeat(characters);
        // ", your code" has eleven characters.
        let answer = service.post(VERIFICATIONS, &body(json!({ "name": long(190), "greeting": "" }))).await;
        let answer = answer.refused(422, "invalid_field").names("variables");
        assert!(answer.str("detail").starts_with("the title may have 200 "), "{}", answer.text);
        let good = body(json!({ "name": long(189), "greeting": long(1_700) }));
        let created = service.post(VERIFICATIONS, &good).await.is(202);
        let id = created.str("id").parse().expect("an id");
        let row = verification::find(&service.home.db, id).await.expect("an answer");
        let row = row.expect("a row");
        assert_eq!(row.expires_at - row.created_at, 3_600_000);
        // An SMS of the same purpose needs none of it.
        service.post(VERIFICATIONS, &json!({ "to": number(1), "purpose": "greet" })).await.is(202);
    }

    async fn many_at_once_are_sms(bed, BOTH) {
        let service = Service::start(&bed).await;
        let batch = json!({
            "text": "Hi", "messages": [{ "to": "ann@example.org" }, { "to": number(1) }],
        });
        let answer = service.post(BATCHES, &batch).await.is(200);
        let row = &answer.json["results"][0];
        assert_eq!(row["code"], "recipient_invalid");
        assert!(row["detail"].as_str().is_some_and(|said| said.contains("only SMS")), "{row}");
        assert_eq!(answer.json["accepted"], 1);
    }

    async fn an_address_is_kept_back(bed, OFTEN) {
        let service = Service::start(&bed).await;
        let body = json!({ "to": "Ann@example.org" });
        let added = service.post("/v1/suppressions", &body).await.is(201);
        assert_eq!(added.str("to"), "A**@example.org");
        service.post(MESSAGES, &letter("ann@example.org")).await.refused(403, "recipient_suppressed");
        service.post(VERIFICATIONS, &code("ann@example.org")).await.is(202);
        let body = json!({ "to": "ANN@example.org", "scope": "all" });
        assert_eq!(service.post("/v1/suppressions", &body).await.is(201).str("id"), added.str("id"));
        service.post(VERIFICATIONS, &code("ann@example.org")).await.refused(403, "recipient_suppressed");
        service.post(VERIFICATIONS, &code("ann+x@example.org")).await.is(202);
        let found = service.get("/v1/suppressions?to=ann@Example.org").await.is(200);
        assert_eq!(found.json["suppressions"][0]["id"], added.str("id"));
        let found = service.get("/v1/suppressions?to=bob@example.org").await.is(200);
        assert_eq!(found.json["suppressions"], json!([]));
        service.get("/v1/suppressions?to=bob@").await.refused(422, "recipient_invalid");
        let to = service.home.read_recipient(uuid::Uuid::nil(), "ann@example.org").await;
        let to = to.expect("an answer").expect("an address");
        assert_eq!(suppression::lift(&service.home, &to).await, Ok(0), "a tenant said so");
    }
}
