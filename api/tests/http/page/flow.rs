//! From the link to the receipt.

use otpost_testbed::on_both_homes;
use serde_json::json;

use super::{ON, Page};
use crate::{
    check::other_than,
    service::{CONSUME, Service, number},
};

const EVERY_PHONE: &str = "[chains]\nvoice = [\"console\"]\nemail = [\"console\"]\n\
    [page]\nenabled = true\nwork_bits = 0\nreturn_urls = [\"https://app.example.org\"]\n";

/// Past the waits of a verification and of its number.
const LATER_MS: i64 = 30_001;

on_both_homes! {
    async fn a_number_becomes_a_receipt(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make_with(&service, &json!({
            "return_url": "https://app.example.org/done?a=b", "state": "s t&x", "subject": "user 7",
            "purpose": "login", "metadata": { "cart": 1 },
        })).await;
        let shown = page.shown().await.is(200);
        assert!(shown.text.contains("<form"), "{}", shown.text);
        let begun = page.create(&json!({ "to": "(202) 555-0001", "country": "US", "channel": "sms" })).await.is(200);
        assert_eq!((begun.str("to"), begun.str("channel")), ("+1********01", "sms"));
        assert!(begun.str("said").contains("+1********01"), "{}", begun.text);
        // The clock goes on meanwhile.
        assert!(matches!(begun.json["expires_in_secs"].as_i64(), Some(295..=300)), "{}", begun.text);
        assert!(matches!(begun.json["resend_in_secs"].as_i64(), Some(25..=30)), "{}", begun.text);
        let begun = page.begun(&begun).await;
        let row = service.show(begun.id).await.is(200);
        assert_eq!((row.str("purpose"), &row.json["metadata"]), ("login", &json!({ "cart": 1 })));
        let wrong = page.check(&begun.handle, &other_than(&begun.code)).await.refused(422, "code_incorrect");
        assert_eq!(wrong.json["guesses_left"], 4);
        assert!(wrong.str("said").contains('4') && wrong.json.get("detail").is_none(), "{}", wrong.text);
        page.check(&begun.handle, "x").await.refused(422, "code_malformed");
        // With what people type around it.
        let done = page.check(&begun.handle, &format!(" {} ", begun.code)).await.is(200);
        let receipt = done.str("receipt");
        assert_eq!(done.str("state"), "s t&x");
        assert_eq!(
            done.str("return_to"),
            format!("https://app.example.org/done?a=b&receipt={receipt}&state=s+t%26x")
        );
        // An answer that was lost can be had again.
        let again = page.check(&begun.handle, &begun.code).await.is(200);
        assert_eq!(again.json, done.json);
        let other = json!({ "receipt": receipt, "purpose": "login", "subject": "user 8" });
        service.post(CONSUME, &other).await.refused(422, "receipt_not_valid");
        let consume = json!({ "receipt": receipt, "purpose": "login", "subject": "user 7" });
        service.post(CONSUME, &consume).await.is(200);
        service.post(CONSUME, &consume).await.refused(409, "receipt_already_consumed");
    }

    async fn a_number_of_the_link_is_shown_masked_and_not_asked_for(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make_with(&service, &json!({ "to": number(1) })).await;
        assert!(!page.link.contains("2025550001"));
        let shown = page.shown().await.is(200);
        assert!(!shown.text.contains("2025550001") && !shown.text.contains("id=\"number\""), "{}", shown.text);
        page.create(&json!({ "to": number(2) })).await.refused(422, "invalid_field").names("to");
        let begun = page.create(&json!({})).await.is(200);
        assert_eq!(begun.str("to"), "+1********01");
        let begun = page.begun(&begun).await;
        page.check(&begun.handle, &begun.code).await.is(200);
        assert_eq!(service.stored().await.hints, 1);
    }

    async fn the_code_goes_out_again_by_another_way(bed, EVERY_PHONE) {
        let service = Service::start(&bed).await;
        let page = Page::make_with(&service, &json!({ "channels": ["sms", "voice"] })).await;
        let begun = page.begin(1).await;
        let again = json!({ "handle": begun.handle });
        let early = page.call("resend", &again).await.refused(429, "resend_too_early");
        assert!(early.str("said").contains("0:"), "{}", early.text);
        service.home.clock.advance(LATER_MS);
        let sent = page.call("resend", &again).await.is(200);
        assert_eq!(sent.str("channel"), "sms");
        assert!(matches!(sent.json["resend_in_secs"].as_i64(), Some(25..=30)), "{}", sent.text);
        service.home.clock.advance(LATER_MS);
        let by_call = json!({ "handle": begun.handle, "channel": "voice" });
        let sent = page.call("resend", &by_call).await.is(200);
        assert_eq!(sent.str("channel"), "voice");
        assert!(sent.str("said").contains("calling"), "{}", sent.text);
        // It is no way of this link, though there is one.
        let by_mail = json!({ "handle": begun.handle, "channel": "email" });
        page.call("resend", &by_mail).await.refused(422, "channel_unavailable");
        assert_eq!(service.show(begun.id).await.json["messages"].as_array().expect("a list").len(), 3);
        page.check(&begun.handle, &begun.code).await.is(200);
        page.call("resend", &again).await.refused(409, "already_verified");
    }

    async fn an_address_is_asked_for_where_it_may_be(bed, EVERY_PHONE) {
        let service = Service::start(&bed).await;
        let page = Page::make_with(&service, &json!({ "channels": ["email"] })).await;
        let shown = page.shown().await.is(200);
        assert!(shown.text.contains("id=\"address\"") && !shown.text.contains("id=\"country\""));
        page.create(&json!({ "to": "+12025550001" })).await.refused(422, "recipient_invalid");
        page.create(&json!({ "to": "ann@example.org", "channel": "sms" })).await.refused(422, "channel_unavailable");
        let begun = page.create(&json!({ "to": "ann@example.org" })).await.is(200);
        let begun = page.begun(&begun).await;
        page.check(&begun.handle, &begun.code).await.is(200);
    }

    async fn the_code_is_sent_in_the_language_of_the_page(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let body = super::with(page.work().await, &json!({ "to": number(1) }));
        let path = format!("/page/{}/create", page.link);
        let call = service.post(&path, &body).by_nobody().header("accept-language", "he-IL,en;q=0.5");
        let begun = call.await.is(200);
        assert!(begun.str("said").contains("שלחנו"), "{}", begun.text);
        let begun = page.begun(&begun).await;
        assert_eq!(service.show(begun.id).await.str("locale"), "he-IL");
        // What the application says goes before the browser.
        let page = Page::make_with(&service, &json!({ "locale": "fr-CA" })).await;
        let shown = service.get(&format!("/page/{}", page.link)).header("accept-language", "he").any().await;
        assert!(shown.text.contains("<html lang=\"fr\" dir=\"ltr\">"), "{}", shown.text);
        let begun = page.begin(2).await;
        assert_eq!(service.show(begun.id).await.str("locale"), "fr-CA");
    }
}
