//! `then`: what follows by itself, and how it is refused.

use otpost_testbed::on_both_homes;
use serde_json::{Value, json};

use crate::service::{Service, VERIFICATIONS, number};

const CHAINS: &str = r#"
[chains]
voice = ["console"]
email = ["console"]
[limits]
recipient = ["1000/1s"]
"#;

const PURPOSES: &str = r#"
[recipients]
countries = ["US"]
[chains]
sms = ["gateway"]
voice = ["console"]
email = ["console"]
[providers.gateway]
kind = "twilio"
[purposes.default]
email_template = "{name}: {code}"
"#;

/// A step beside a good request to +1202555…, the refusal it gets, and the field that it names.
const BAD_STEPS: [(&str, &str, &str); 16] = [
    ("{}", "invalid_field", "then[0]"),
    (r#"{"channel": "fax"}"#, "channel_unavailable", "then[0].channel"),
    (r#"{"channel": "whatsapp"}"#, "channel_unavailable", "then[0].channel"),
    (r#"{"channel": 7}"#, "invalid_field", "then[0].channel"),
    (r#"{"channel": "email"}"#, "recipient_invalid", "then[0].to"),
    (r#"{"channel": "email", "to": "ann"}"#, "recipient_invalid", "then[0].to"),
    (r#"{"channel": "email", "to": "+12025550101"}"#, "recipient_invalid", "then[0].to"),
    (r#"{"channel": "voice", "to": "ann@example.org"}"#, "recipient_invalid", "then[0].to"),
    (r#"{"channel": "voice", "to": "+12025550999"}"#, "invalid_field", "then[0].to"),
    (r#"{"channel": "voice", "after_secs": 9}"#, "invalid_field", "then[0].after_secs"),
    (r#"{"channel": "voice", "after_secs": -1}"#, "invalid_field", "then[0].after_secs"),
    (r#"{"channel": "voice", "after_secs": 581}"#, "invalid_field", "then[0].after_secs"),
    (r#"{"channel": "voice", "after_secs": 4294967295}"#, "invalid_field", "then[0].after_secs"),
    (r#"{"channel": "voice", "after": 60}"#, "invalid_field", "then[0].after"),
    (
        r#"{"channel": "voice"}, {"channel": "voice", "after_secs": 1e9}"#,
        "invalid_field",
        "then[1].after_secs",
    ),
    (
        r#"{"channel": "voice"}, {"channel": "voice"}, {"channel": "voice"}, {"channel": "voice"}"#,
        "invalid_field",
        "then",
    ),
];

fn to_ann_too(n: u32) -> Value {
    let then = json!([{ "channel": "voice" }, { "channel": "email", "to": "ann@example.org" }]);
    json!({ "to": number(n), "then": then })
}

on_both_homes! {
    async fn steps_are_accepted_and_shown(bed, CHAINS) {
        let service = Service::start(&bed).await;
        let created = service.post(VERIFICATIONS, &to_ann_too(1)).await.is(202);
        let shown = service.get(&format!("{VERIFICATIONS}/{}", created.str("id"))).await.is(200);
        assert_eq!((shown.str("channel"), shown.str("also_to")), ("sms", "a**@example.org"));
        let messages = shown.json["messages"].as_array().expect("messages");
        let read = |of: &Value, name: &str| of[name].as_str().map(str::to_owned);
        let channels: Vec<_> = messages.iter().map(|m| read(m, "channel").expect("one")).collect();
        assert_eq!(channels, ["sms", "voice", "email"]);
        assert!(read(&messages[0], "not_before").is_none());
        assert!(read(&messages[1], "not_before") < read(&messages[2], "not_before"));
        assert_eq!(read(&messages[2], "to").as_deref(), Some("a**@example.org"));
        assert!(read(&messages[1], "to").is_none());
    }

    async fn a_resend_by_another_channel_says_where_it_goes(bed, CHAINS) {
        let service = Service::start(&bed).await;
        let created = service.post(VERIFICATIONS, &to_ann_too(1)).await.is(202);
        bed.home.clock.advance(31_000);
        let path = format!("{VERIFICATIONS}/{}/resend", created.str("id"));
        let refused = service.post(&path, &json!({ "channel": "whatsapp" })).await;
        refused.refused(422, "channel_unavailable").names("channel");
        let resent = service.post(&path, &json!({ "channel": "email" })).await.is(202);
        assert_eq!((resent.str("channel"), resent.str("to")), ("email", "a**@example.org"));
    }

    async fn a_step_that_cannot_be_taken_is_named(bed, CHAINS) {
        let service = Service::start(&bed).await;
        for (steps, code, field) in BAD_STEPS {
            let body = format!(r#"{{"to": "{}", "then": [{steps}]}}"#, number(1));
            service.post_text(VERIFICATIONS, body).await.refused(422, code).names(field);
        }
        assert_eq!(service.end_pending().await, 0);
    }

    async fn a_step_stands_under_the_rules_of_any_message(bed, PURPOSES) {
        let service = Service::start(&bed).await;
        let missing = service.post(VERIFICATIONS, &to_ann_too(1)).await;
        missing.refused(422, "variable_missing");
        // The price of a number abroad is paid by steps as well.
        let then = json!([{ "channel": "sms", "to": "+4915112345678" }]);
        let body = json!({ "to": "ann@example.org", "channel": "email", "then": then,
            "variables": { "name": "Ann" } });
        let abroad = service.post(VERIFICATIONS, &body).await;
        abroad.refused(403, "country_not_allowed").names("then");
    }
}
