//! What Twilio's libraries send: forms and addresses below a Service.

use std::net::SocketAddr;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Method, Request, header},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use otpost_api::{client::Peer, router};
use otpost_shared::{tenant::DEFAULT_TENANT, verify_service::Sid};
use serde_json::Value;
use tower::ServiceExt;

use super::{
    first_line,
    requests::{PEER, VERIFY_SERVICE, headers, service},
    runtime,
};

/// No answer is longer.
const LONGEST_ANSWER: usize = 256 * 1024;

/// First line: `GET` or anything else for POST, a space, and what stands below the Service. Then headers, an
/// empty line and the body, which is a form unless it says something else.
pub fn twilio(data: &[u8]) {
    let (line, rest) = first_line(data);
    let (headers, body) = headers(rest);
    let line = String::from_utf8_lossy(line);
    let (method, path) = line.split_once(' ').unwrap_or(("POST", &line));
    let of = Sid::Service.write(VERIFY_SERVICE);
    // What is no address never gets so far.
    let Ok(uri) = format!("/twilio/v2/Services/{of}{path}").parse() else { return };
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = if method == "GET" { Method::GET } else { Method::POST };
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().entry(header::CONTENT_TYPE).or_insert(kind);
    let user = Sid::Account.write(DEFAULT_TENANT);
    let caller = BASE64.encode(format!("{user}:{}", service().key));
    let caller = HeaderValue::try_from(format!("Basic {caller}")).expect("ASCII");
    request.headers_mut().entry(header::AUTHORIZATION).or_insert(caller);
    request.extensions_mut().insert(Peer(SocketAddr::new(PEER, 1)));
    runtime().block_on(async {
        let router = router(service().app.clone());
        let answer = router.oneshot(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let text = to_bytes(answer.into_body(), LONGEST_ANSWER).await.expect("a short answer");
        let said: Value = serde_json::from_slice(&text).expect("JSON");
        if status < 400 {
            assert!([200, 201].contains(&status), "{status}");
            return;
        }
        assert!(status < 500, "{path} is answered {status}");
        let said = said.as_object().expect("an object");
        assert_eq!(said.len(), 4, "{said:?}");
        assert_eq!(said["status"], status);
        assert!(said["code"].is_u64() && said["message"].is_string());
    });
}
