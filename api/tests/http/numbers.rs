//! Phone numbers as people write them, and what is no phone number.

use otpost_testbed::on_both_homes;
use serde_json::json;

use crate::service::{MESSAGES, Service, Stored, VERIFICATIONS};

const OFTEN: &str = "[limits]\nrecipient = [\"1000/1s\"]\n";
const OFTEN_DE: &str =
    "[limits]\nrecipient = [\"1000/1s\"]\n[recipients]\ndefault_region = \"DE\"\n";

/// One number, with its country code.
const INTERNATIONAL: [&str; 15] = [
    "+12025550143",
    "+1 202 555 0143",
    "+1 (202) 555-0143",
    "+1-202-555-0143",
    "+1.202.555.0143",
    "+1/202/555/0143",
    "  +12025550143\t",
    "+1\u{a0}202\u{a0}555\u{a0}0143",
    "+1\u{2011}202\u{2011}555\u{2011}0143",
    "\u{ff0b}\u{ff11}\u{ff12}\u{ff10}\u{ff12}\u{ff15}\u{ff15}\u{ff15}\u{ff10}\u{ff11}\u{ff14}\u{ff13}",
    "+\u{661}\u{662}\u{660}\u{662}\u{665}\u{665}\u{665}\u{660}\u{661}\u{664}\u{663}",
    "+\u{6f1}\u{6f2}\u{6f0}\u{6f2}\u{6f5}\u{6f5}\u{6f5}\u{6f0}\u{6f1}\u{6f4}\u{6f3}",
    "+\u{967}\u{968}\u{966}\u{968}\u{96b}\u{96b}\u{96b}\u{966}\u{967}\u{96a}\u{969}",
    "\u{202a}+12025550143\u{202c}",
    "+1 202 \u{665}\u{665}\u{665} 0143",
];

/// One German number, as it is written in Germany and outside.
const NATIONAL: [&str; 9] = [
    "0151 12345678",
    "015112345678",
    "(0151) 123 456 78",
    "0151/12345678",
    "+49 151 12345678",
    "+49 (0) 151 12345678",
    "0049 151 12345678",
    "\u{660}\u{661}\u{665}\u{661} \u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}\u{668}",
    "\u{ff10}\u{ff11}\u{ff15}\u{ff11}\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}\u{ff17}\u{ff18}",
];

/// No recipient, and a word of the reason.
const REFUSED: [(&str, &str); 27] = [
    ("", "empty"),
    ("   ", "empty"),
    ("ann@example.org", "e-mail"),
    ("+12025550143@sms.example", "e-mail"),
    ("hello", "not a phone number"),
    ("+", "not a phone number"),
    ("---", "not a phone number"),
    ("\u{1f4de}", "not a phone number"),
    ("\u{0}", "not a phone number"),
    ("tel:+12025550143", "not a phone number"),
    ("+1-800-FLOWERS", "not a phone number"),
    ("+1 202 555 0143 x5", "not a phone number"),
    ("+1 202 555 0143; DROP TABLE messages", "not a phone number"),
    ("null", "not a phone number"),
    ("-12025550143", "country"),
    ("2025550143", "country"),
    ("0151 12345678", "country"),
    ("001 202 555 0143", "country"),
    ("+999 123456789", "country code"),
    ("+0 202 555 0143", "country code"),
    ("+1", "phone number"),
    ("+1202555014", "no such number"),
    ("+120255501433", "no such number"),
    ("+1 555 000 1111", "no such number"),
    ("+49 151 12345678901234567", "too long"),
    ("+1 900 234 5678", "premium-rate"),
    ("+120255501430000000000000000000000000000000000000000000000000000000", "at most 64"),
];

on_both_homes! {
    async fn spellings_of_one_number_are_one_number(bed, OFTEN) {
        let service = Service::start(&bed).await;
        for to in INTERNATIONAL {
            let answer = service.post(VERIFICATIONS, &json!({ "to": to })).await.is(202);
            assert_eq!(answer.str("to"), "+1********43", "{to}");
            let body = json!({ "to": to, "text": "hello" });
            let answer = service.post(MESSAGES, &body).await.is(202);
            assert_eq!(answer.str("to"), "+1********43", "{to}");
        }
    }

    async fn spellings_share_one_limit(bed, "[limits]\nrecipient = [\"1/1m\"]") {
        let service = Service::start(&bed).await;
        service.create_with(&json!({ "to": INTERNATIONAL[0] })).await;
        for to in &INTERNATIONAL[1..] {
            let answer = service.post(VERIFICATIONS, &json!({ "to": to })).await;
            assert_eq!(answer.refused(429, "rate_limited").str("limit"), "recipient");
        }
        assert_eq!(service.end_pending().await, 1);
    }

    async fn a_national_number_is_of_the_default_region(bed, OFTEN_DE) {
        let service = Service::start(&bed).await;
        for to in NATIONAL {
            let answer = service.post(VERIFICATIONS, &json!({ "to": to })).await.is(202);
            assert_eq!(answer.str("to"), "+49*********78", "{to}");
        }
        // The region decides only where the number does not.
        let abroad = service.post(VERIFICATIONS, &json!({ "to": INTERNATIONAL[0] })).await.is(202);
        assert_eq!(abroad.str("to"), "+1********43");
        let wrong = service.post(VERIFICATIONS, &json!({ "to": "0151 123" })).await;
        wrong.refused(422, "recipient_invalid").names("to");
    }

    async fn what_is_no_number_is_refused_with_the_reason(bed, "") {
        let service = Service::start(&bed).await;
        for (to, reason) in REFUSED {
            for body in [json!({ "to": to }), json!({ "to": to, "text": "hello" })] {
                let path = if body.get("text").is_some() { MESSAGES } else { VERIFICATIONS };
                let answer = service.post(path, &body).await;
                let answer = answer.refused(422, "recipient_invalid").names("to");
                let detail = answer.str("detail");
                assert!(detail.contains(reason), "{to:?}: {detail}");
                assert!(to.trim().len() < 4 || !answer.text.contains(to.trim()), "{detail}");
            }
        }
        for to in [
            json!(12_025_550_143_u64), json!(-1), json!(1.5), json!(null), json!(true),
            json!(["+12025550143"]), json!({ "e164": "+12025550143" }),
        ] {
            let answer = service.post(VERIFICATIONS, &json!({ "to": to })).await;
            let answer = answer.refused(422, "invalid_field").names("to");
            assert!(!answer.text.contains("2025550143"), "{}", answer.text);
        }
        assert_eq!(service.stored().await, Stored::default());
        assert_eq!(service.end_pending().await, 0);
    }
}
