//! The try-it and inbox pages: there for this machine, for nobody else, and only with the console.

use otpost_shared::inbox::Received;
use otpost_testbed::on_both_homes;
use serde_json::json;

use crate::service::{Service, VERIFICATIONS, number};

const SANDBOX: &str = r#"
[chains]
sms = ["sandbox"]
[providers.sandbox]
kind = "sandbox"
"#;

const EVERY_PHONE: &str = "[chains]\nvoice = [\"console\"]\nwhatsapp = [\"console\"]";

const PAGES: [(&str, &str); 6] = [
    ("/", "text/html"),
    ("/inbox", "text/html"),
    ("/inbox.json", "application/json"),
    ("/assets/otpost.css", "text/css"),
    ("/assets/try_it.js", "text/javascript"),
    ("/assets/inbox.js", "text/javascript"),
];

/// What a request from elsewhere, or one that is not meant for this machine, carries.
const FOREIGN: [(&str, &str); 9] = [
    ("host", "rebound.example"),
    ("host", "rebound.example:8080"),
    ("host", "127.0.0.1.example"),
    ("host", "localhost.example:80"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "localhost"),
    ("x-real-ip", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1"),
    ("via", "1.1 proxy"),
];

/// Nothing is at these addresses, not even for this machine.
async fn has_no_pages(service: &Service) {
    for (path, _) in PAGES {
        service.get(path).await.refused(404, "route_not_found");
    }
    for path in ["/try/verifications", "/try/verifications/check"] {
        service.post(path, &json!({})).await.refused(404, "route_not_found");
    }
}

/// The channels among which the form lets choose, as its page lists them.
async fn offered(service: &Service) -> Vec<String> {
    let page = service.get("/").by_nobody().await.is(200);
    let (_, form) = page.text.split_once("<select name=\"channel\">").expect("a choice");
    let (options, _) = form.split_once("</select>").expect("its end");
    let values = options.split("<option value=\"").skip(1);
    values.filter_map(|option| Some(option.split_once('"')?.0.to_owned())).collect()
}

on_both_homes! {
    async fn they_are_there_for_this_machine(bed, "") {
        let service = Service::start(&bed).await;
        for (path, kind) in PAGES {
            let page = service.get(path).by_nobody().await.is(200);
            assert!(page.header("content-type").starts_with(kind), "{path}");
            assert!(!page.text.is_empty(), "{path}");
            let policy = page.header("content-security-policy");
            assert_eq!(policy.contains("default-src 'none'"), kind == "text/html", "{path}");
        }
        for host in ["localhost", "localhost:1", "127.0.0.1", "[::1]:8080"] {
            service.get("/inbox.json").header("host", host).await.is(200);
        }
    }

    async fn for_anybody_else_they_are_not(bed, "") {
        let service = Service::start(&bed).await;
        for (name, value) in FOREIGN {
            for (path, _) in PAGES {
                let answer = service.get(path).header(name, value).await;
                answer.refused(404, "route_not_found");
            }
            for path in ["/try/verifications", "/try/verifications/check"] {
                let call = service.post(path, &json!({ "to": number(1) }));
                call.header(name, value).await.refused(404, "route_not_found");
            }
        }
        assert_eq!(service.end_pending().await, 0);
    }

    async fn with_another_provider_there_are_none(bed, SANDBOX) {
        has_no_pages(&Service::start(&bed).await).await;
    }

    async fn on_a_public_address_there_are_none(bed, "[server]\nlisten = \"0.0.0.0:8080\"") {
        has_no_pages(&Service::start(&bed).await).await;
    }

    async fn a_code_is_sent_and_checked_in_the_browser(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1) });
        let sent = service.post("/try/verifications", &body).by_nobody().await.is(202);
        assert_eq!((sent.str("status"), sent.str("to")), ("pending", "+1********01"));
        let limited = service.post("/try/verifications", &body).by_nobody().await;
        limited.refused(429, "rate_limited");
        let (id, token) = (sent.str("id"), sent.str("session_token"));
        service.home.clock.advance(30_001);
        let path = format!("{VERIFICATIONS}/{id}/resend");
        let again = service.post(&path, &json!({ "session_token": token })).by_nobody().await;
        again.is(202);
        let code = service.code_of(id.parse().expect("an id")).await;
        let check = |code: &str| {
            let body = json!({ "session_token": token, "code": code });
            service.post("/try/verifications/check", &body).by_nobody()
        };
        check("x").await.refused(422, "code_malformed");
        check(&crate::check::other_than(&code)).await.refused(422, "code_incorrect");
        check(&code).await.is(200);
        check(&code).await.refused(409, "already_verified");
    }

    async fn an_email_is_offered_where_it_is_sent(bed, "[chains]\nemail = [\"console\"]") {
        let service = Service::start(&bed).await;
        assert_eq!(offered(&service).await, ["sms", "email"]);
        let body = json!({ "to": "ann@example.org", "channel": "email" });
        let sent = service.post("/try/verifications", &body).by_nobody().await.is(202);
        assert_eq!((sent.str("channel"), sent.str("to")), ("email", "a**@example.org"));
        let received = Received {
            to: "Ann+x@example.org".to_owned(),
            channel: "email",
            title: Some("A title".to_owned()),
            text: "A text".to_owned(),
            code: Some("17".to_owned()),
            at_ms: 1_000,
        };
        service.home.inbox.put(received);
        let expected = json!([{
            "to": "Ann+x@example.org", "channel": "email", "title": "A title", "text": "A text",
            "code": "17", "at": "1970-01-01T00:00:01.000Z",
        }]);
        for query in ["to=ann%2Bx@example.org", "to=ann+x@example.org", "to=%20Ann%2bx@EXAMPLE.org"] {
            let one = service.get(&format!("/inbox.json?{query}")).by_nobody().await.is(200);
            assert_eq!(one.json, expected, "{query}");
        }
        let none = service.get("/inbox.json?to=ann@example.org").by_nobody().await.is(200);
        assert_eq!(none.json, json!([]));
    }

    async fn a_call_and_whatsapp_are_offered_where_there_are_chains(bed, EVERY_PHONE) {
        let service = Service::start(&bed).await;
        assert_eq!(offered(&service).await, ["sms", "voice", "whatsapp"]);
        let page = service.get("/").by_nobody().await.is(200);
        for option in [
            r#"<option value="sms" data-reaches="phone">SMS</option>"#,
            r#"<option value="voice" data-reaches="phone">voice call</option>"#,
            r#"<option value="whatsapp" data-reaches="phone">WhatsApp</option>"#,
        ] {
            assert!(page.text.contains(option), "{option}: {}", page.text);
        }
        // Everything to fill in says what it is, and nothing comes from elsewhere.
        let fields = page.text.lines().filter(|line| line.contains("<input") || line.contains("<select"));
        let labelled = fields.clone().filter(|line| line.trim_start().starts_with("<label>"));
        assert_eq!((fields.count(), labelled.count()), (4, 4), "{}", page.text);
        assert!(!page.text.contains("//") && !page.text.contains('{'), "{}", page.text);
        for (n, channel) in [(1, "voice"), (2, "whatsapp")] {
            let body = json!({ "to": number(n), "channel": channel });
            let sent = service.post("/try/verifications", &body).by_nobody().await.is(202);
            assert_eq!(sent.str("channel"), channel);
            service.home.clock.advance(30_001);
            let path = format!("{VERIFICATIONS}/{}/resend", sent.str("id"));
            let again = json!({ "session_token": sent.str("session_token"), "channel": "sms" });
            let again = service.post(&path, &again).by_nobody().await.is(202);
            assert_eq!(again.str("channel"), "sms");
        }
    }

    async fn the_inbox_shows_what_the_console_received(bed, "") {
        let service = Service::start(&bed).await;
        for n in [1, 2] {
            let text = format!("<b>{n}</b>");
            let (to, title, code) = (number(n), None, None);
            let received = Received { to, channel: "sms", title, text, code, at_ms: 1_000 };
            service.home.inbox.put(received);
        }
        let all = service.get("/inbox.json").by_nobody().await.is(200);
        assert_eq!(all.json.as_array().expect("a list").len(), 2);
        let expected = json!([{
            "to": number(1), "channel": "sms", "text": "<b>1</b>", "at": "1970-01-01T00:00:01.000Z"
        }]);
        for query in ["to=%2B12025550001", "to=+12025550001", "to=12025550001"] {
            let one = service.get(&format!("/inbox.json?{query}")).by_nobody().await.is(200);
            assert_eq!(one.json, expected, "{query}");
        }
        assert_eq!(offered(&service).await, ["sms"]);
        service.get("/inbox.json?to=%FF").by_nobody().await.is(200);
        for (query, field) in [("to=1&to=2", "to"), ("from=1", "from")] {
            let answer = service.get(&format!("/inbox.json?{query}")).by_nobody().await;
            answer.refused(422, "invalid_field").names(field);
        }
    }
}
