//! What apps that know django-phone-verify send: heads and bodies of both endpoints.

use std::net::SocketAddr;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Method, Request, header},
};
use otpost_api::{client::Peer, router};
use serde_json::Value;
use tower::ServiceExt;

use super::{
    first_line,
    requests::{PEER, headers, service},
    runtime,
};

/// No answer is longer, unless it repeats what it was sent.
const LONGEST_ANSWER: usize = 256 * 1024;

/// First line: `v` for verify, anything else for register. Then headers, an empty line and the body, which
/// is JSON unless it says something else.
pub fn django(data: &[u8]) {
    let (line, rest) = first_line(data);
    let (headers, body) = headers(rest);
    let path = if line.first() == Some(&b'v') { "verify" } else { "register" };
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("/api/phone/{path}").parse().expect("an address");
    *request.headers_mut() = headers;
    let kind = HeaderValue::from_static("application/json");
    request.headers_mut().entry(header::CONTENT_TYPE).or_insert(kind);
    request.extensions_mut().insert(Peer(SocketAddr::new(PEER, 1)));
    runtime().block_on(async {
        let router = router(service().app.clone());
        let answer = router.oneshot(request).await.expect("an answer");
        let status = answer.status().as_u16();
        assert!([200, 400, 413, 415, 429].contains(&status), "{path} is answered {status}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
        let text = to_bytes(answer.into_body(), LONGEST_ANSWER).await.expect("a short answer");
        let said: Value = serde_json::from_slice(&text).expect("JSON");
        let said = said.as_object().expect("an object");
        assert!(!said.is_empty());
        for (name, value) in said {
            let is_list = value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
            assert!(is_list || value.is_string(), "{name}");
        }
    });
}
