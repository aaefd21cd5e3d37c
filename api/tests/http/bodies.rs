//! Bodies that no route takes: broken, cut off, too large, of another kind.

use otpost_testbed::on_both_homes;
use reqwest::{Body, Method};
use serde_json::{Value, json};

use crate::service::{CHECK, CONSUME, Created, MESSAGES, Service, Stored, VERIFICATIONS, number};

/// Not JSON, whatever the route.
const BROKEN: [&[u8]; 12] = [
    b"{",
    b"}",
    b"{to: 1}",
    b"{'to': 1}",
    b"{,}",
    b"nul",
    b"to=%2B12025550101",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b"{\"\xff\": 1}",
    b"<to>+12025550101</to>",
    b"\0",
];

/// What may not follow a body.
const TRAILING: [&str; 5] = ["}", "x", "{}", " null", "\0"];

/// JSON, but no object.
const NO_OBJECT: [&str; 7] = ["[]", "[\"+12025550101\"]", "null", "true", "-1", "1.5", "\"{}\""];

/// Kinds of body that are not taken.
const KINDS: [&str; 6] = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json5",
    "json",
    "",
];

/// Every address that takes a body, with one that would do, and whether it may be left out.
fn routes(created: &Created) -> [(String, Value, bool); 8] {
    let check = json!({ "session_token": created.token, "code": "x" });
    let by_token = json!({ "session_token": created.token });
    let own = |verb: &str| format!("{VERIFICATIONS}/{}/{verb}", created.id);
    let text = json!({ "to": number(101), "text": "hello" });
    [
        (VERIFICATIONS.into(), json!({ "to": number(101), "metadata": { "a": [1] } }), false),
        (CHECK.into(), check.clone(), false),
        (CONSUME.into(), json!({ "receipt": "x", "purpose": "default" }), false),
        (MESSAGES.into(), text, false),
        (own("resend"), by_token.clone(), true),
        (own("cancel"), by_token, true),
        ("/try/verifications".into(), json!({ "to": number(101) }), false),
        ("/try/verifications/check".into(), check, false),
    ]
}

on_both_homes! {
    async fn no_route_takes_what_is_not_its_json(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let before = service.stored().await;
        for (path, _, optional) in routes(&created) {
            for body in BROKEN {
                let answer = service.post_text(&path, body).await.refused(400, "malformed_body");
                assert!(answer.str("detail").contains("line 1"), "{}", answer.text);
            }
            for body in NO_OBJECT {
                let answer = service.post_text(&path, body).await.refused(422, "invalid_field");
                assert!(answer.str("detail").contains("a JSON object"), "{}", answer.text);
            }
            for kind in KINDS {
                let call = service.call(Method::POST, &path).raw(kind, "{}");
                call.await.refused(415, "media_type_unsupported");
            }
            let call = service.call(Method::POST, &path).bare("{}");
            call.await.refused(415, "media_type_unsupported");
            let unknown = service.post(&path, &json!({ "unknown": 1 })).await;
            unknown.refused(422, "invalid_field").names("unknown");
            if !optional {
                service.post_text(&path, "").await.refused(400, "malformed_body");
                let missing = service.post(&path, &json!({})).await.refused(422, "invalid_field");
                assert!(!missing.str("field").is_empty(), "{}", missing.text);
            }
        }
        assert_eq!(service.stored().await, before);
        assert_eq!(service.end_pending().await, 1);
    }

    async fn a_body_counts_only_whole_and_alone(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let before = service.stored().await;
        for (path, body, _) in routes(&created) {
            let body = body.to_string();
            for end in (1..body.len()).filter(|end| body.is_char_boundary(*end)) {
                let call = service.post_text(&path, body[..end].to_owned()).once("k");
                call.await.refused(400, "malformed_body");
            }
            for trailing in TRAILING {
                let call = service.post_text(&path, format!("{body}{trailing}")).once("k");
                call.await.refused(400, "malformed_body");
            }
        }
        assert_eq!(service.stored().await, before);
        // Neither the number's limit nor the key is used up.
        let body = json!({ "to": number(101) });
        service.post(VERIFICATIONS, &body).once("k").await.is(202);
        assert_eq!(service.end_pending().await, 2);
    }

    async fn a_megabyte_is_refused_on_every_route(bed, "") {
        let service = Service::start(&bed).await;
        let created = service.create(1).await;
        let before = service.stored().await;
        for (path, mut body, _) in routes(&created) {
            body["padding"] = json!("x".repeat(1_000_000));
            service.post(&path, &body).await.refused(413, "body_too_large");
            // Of a length that is not told beforehand.
            let pieces = [Ok::<_, std::io::Error>(body.to_string())];
            let stream = Body::wrap_stream(futures_util::stream::iter(pieces));
            service.post_text(&path, stream).await.refused(413, "body_too_large");
        }
        // The limit itself is not too large.
        let frame = json!({ "to": number(2), "metadata": { "x": "" } }).to_string().len();
        for (length, status) in [(64 * 1_024, 422), (64 * 1_024 + 1, 413)] {
            let body = json!({ "to": number(2), "metadata": { "x": "y".repeat(length - frame) } });
            service.post(VERIFICATIONS, &body).await.is(status);
        }
        assert_eq!(service.stored().await, before);
        assert_eq!(service.end_pending().await, 1);
    }

    async fn json_is_taken_however_it_is_announced(bed, "") {
        let service = Service::start(&bed).await;
        let kinds =
            ["application/json; charset=utf-8", "Application/JSON", " application/json ;x=y"];
        for (n, kind) in kinds.into_iter().enumerate() {
            let body = format!("\n\t{{ \"to\" : \"\\u002b1202555{n:04}\" }} \r\n");
            service.call(Method::POST, VERIFICATIONS).raw(kind, body).await.is(202);
        }
        let expected = Stored { codes: 3, hints: 3, ..Stored::default() };
        assert_eq!(service.stored().await, expected);
    }
}
