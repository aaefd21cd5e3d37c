//! What whoever opened the hosted page sends: with a link of ours, or with any text in its place.

use std::{net::SocketAddr, sync::OnceLock};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Method, Request, header},
};
use otpost_api::{client::Peer, router};
use otpost_shared::{channel::Channel, page_link::PageLink, tenant::DEFAULT_TENANT};
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use super::{
    first_line,
    requests::{PEER, headers, service},
    runtime,
};

/// No answer is longer.
const LONGEST_ANSWER: usize = 256 * 1024;

fn link() -> &'static str {
    static LINK: OnceLock<String> = OnceLock::new();
    LINK.get_or_init(|| {
        let link = PageLink {
            id: Uuid::from_u128(8),
            tenant_id: DEFAULT_TENANT,
            purpose: "default".to_owned(),
            channels: vec![Channel::Sms],
            to: None,
            subject: Some("ann".to_owned()),
            variables: [].into(),
            metadata: None,
            locale: None,
            return_url: Some("https://app.example.org/".to_owned()),
            embed_origin: None,
            state: None,
            expires_at: i64::MAX,
        };
        link.to_text(&service().app.home.keys).expect("a key")
    })
}

/// First line: `GET` or anything else for POST, a space, and what stands below `/page/`, where LINK is a good
/// link. Then headers, an empty line and the body, which is JSON unless it says something else.
pub fn page(data: &[u8]) {
    let (line, rest) = first_line(data);
    let (headers, body) = headers(rest);
    let line = String::from_utf8_lossy(line);
    let (method, path) = line.split_once(' ').unwrap_or(("POST", &line));
    let has_link = path.starts_with("LINK");
    // What is no address never gets so far.
    let Ok(uri) = format!("/page/{}", path.replacen("LINK", link(), 1)).parse() else { return };
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = if method == "GET" { Method::GET } else { Method::POST };
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let kind = HeaderValue::from_static("application/json");
    request.headers_mut().entry(header::CONTENT_TYPE).or_insert(kind);
    request.extensions_mut().insert(Peer(SocketAddr::new(PEER, 1)));
    runtime().block_on(async {
        let router = router(service().app.clone());
        let answer = router.oneshot(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        let text = to_bytes(answer.into_body(), LONGEST_ANSWER).await.expect("a short answer");
        assert!(status < 500, "{path} is answered {status}");
        let kind = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind == "application/problem+json" {
            let said: Value = serde_json::from_slice(&text).expect("JSON");
            assert_eq!(said["status"], status);
            assert!(said["code"].is_string());
        } else {
            // Without a link there is nothing but files.
            let is_file = kind.starts_with("text/css") || kind.starts_with("text/javascript");
            assert!(has_link || is_file || status >= 400, "{path} is answered {status}");
        }
    });
}
