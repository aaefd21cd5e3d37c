//! What callers send: heads and bodies, answered by the whole API over an embedded home.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, OnceLock},
};

use axum::{
    body::{Body, to_bytes},
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
};
use otpost_api::{
    App,
    body::IdempotencyHeader,
    client::{ClientAddress, Peer},
    observe, router,
};
use otpost_shared::{
    api_key::{self, Scope},
    tenant::DEFAULT_TENANT,
    verify_service::{self, Inserted, Options, Service as VerifyService},
};
use otpost_testbed::{Bed, Kind};
use tower::ServiceExt;
use uuid::Uuid;

use super::{first_line, runtime};

pub(super) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const CONFIG: &str = "[server]\ntrusted_proxies = ['10.0.0.0/8', '2001:db8::/32']\n\
    [limits]\nclient_ip = ['1000000/1s']\n\
    [compat.django]\nenabled = true\nwrong_per_client = ['1000000/1s']\n\
    [compat.twilio]\nenabled = true\nrecipient = ['1000000/1s']\n\
    [page]\nenabled = true\nwork_bits = 0\nreturn_urls = ['https://app.example.org']\n\
    wrong_per_client = ['1000000/1s']\nsends_per_link = ['1000000/1s']\n";
/// Of what answers as Twilio Verify does.
pub(super) const VERIFY_SERVICE: Uuid = Uuid::from_u128(7);
/// No answer is longer.
const LONGEST_ANSWER: usize = 64 * 1024;

const ROUTES: [(Method, &str); 9] = [
    (Method::POST, "/v1/verifications"),
    (Method::POST, "/v1/verifications/check"),
    (Method::POST, "/v1/verifications/{id}/resend"),
    (Method::POST, "/v1/verifications/{id}/cancel"),
    (Method::GET, "/v1/verifications/{id}"),
    (Method::POST, "/v1/receipts/consume"),
    (Method::POST, "/v1/messages"),
    (Method::GET, "/v1/messages/{id}"),
    (Method::GET, "/inbox.json?to={id}"),
];

pub(super) struct Service {
    // Its folder lives as long as the process.
    _bed: Bed,
    pub(super) app: App,
    pub(super) key: String,
}

pub(super) fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| {
        runtime().block_on(async {
            let bed = Bed::make(Kind::Embedded, CONFIG).await;
            let metrics = observe::install_metrics().expect("the first recorder");
            let (key, text) = api_key::generate(DEFAULT_TENANT, "fuzz", &Scope::ALL, 0);
            api_key::insert(&bed.home.db, &key).await.expect("stored");
            let options = Options {
                friendly_name: "Fuzz".to_owned(),
                code_length: 6,
                custom_codes: true,
                payments: false,
            };
            let of = VerifyService::new(VERIFY_SERVICE, DEFAULT_TENANT, "default", options, 0);
            let inserted = verify_service::insert(&bed.home.db, &of).await.expect("stored");
            assert_eq!(inserted, Inserted::Yes);
            let app = App { home: Arc::new(bed.home.clone()), metrics };
            Service { _bed: bed, app, key: text.to_string() }
        })
    })
}

/// Lines of `Name: value` up to an empty one. What is no header is left out.
pub(super) fn headers(mut rest: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    loop {
        let (line, after) = first_line(rest);
        if line.is_empty() {
            return (headers, after);
        }
        rest = after;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
}

/// Who calls, and the idempotency key: headers only.
pub fn head(data: &[u8]) {
    let (headers, _) = headers(data);
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    request.extensions_mut().insert(Peer(SocketAddr::new(PEER, 1)));
    let (mut parts, ()) = request.into_parts();
    let app = &service().app;
    runtime().block_on(async {
        let found = ClientAddress::from_request_parts(&mut parts, app).await.expect("an address");
        let said = parts.headers.get_all("x-forwarded-for").iter();
        let mut said = said.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        let named = said.any(|hop| hop.trim().parse() == Ok(found.0));
        assert!(named || found.0 == PEER, "{} was named by nobody", found.0);

        let given = parts.headers.get("idempotency-key").map(|value| value.as_bytes().to_vec());
        let key = IdempotencyHeader::from_request_parts(&mut parts, app).await;
        match (given, key.map(IdempotencyHeader::into_text)) {
            (None, Ok(None)) => {}
            (Some(given), Ok(Some(key))) => {
                assert_eq!(given, key.as_bytes());
                assert!((1..=255).contains(&key.len()));
            }
            (Some(given), Err(_)) => {
                let plain = given.iter().all(|byte| (b' '..0x7f).contains(byte));
                assert!(!plain || !(1..=255).contains(&given.len()), "{given:?} is a key");
            }
            (given, key) => panic!("{given:?} became {key:?}"),
        }
    });
}

/// First line: a digit for the route, and what stands for its id. Then headers, an empty line and
/// the body. A right API key is added unless there is an `Authorization` or the line says `-`.
pub fn request(data: &[u8]) {
    let (line, rest) = first_line(data);
    let (headers, body) = headers(rest);
    let (route, id) = line.split_first().map_or((0, &[][..]), |(first, id)| (*first, id));
    let (method, path) = &ROUTES[usize::from(route) % ROUTES.len()];
    let path = path.replace("{id}", &percent_encoded(id));
    // What is no address, such as one that is too long, never gets here.
    let Ok(address) = path.parse() else { return };
    let service = service();
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = method.clone();
    *request.uri_mut() = address;
    *request.headers_mut() = headers;
    let (all, bearer) = (request.headers_mut(), format!("Bearer {}", service.key));
    if !all.contains_key(header::AUTHORIZATION) && id.first() != Some(&b'-') {
        all.insert(header::AUTHORIZATION, bearer.parse().expect("a header"));
    }
    if !all.contains_key(header::CONTENT_TYPE) {
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request.extensions_mut().insert(Peer(SocketAddr::new(PEER, 1)));
    runtime().block_on(async {
        let router = router(service.app.clone());
        let answer = router.oneshot(request).await.expect("an answer");
        let status = answer.status();
        assert!(!status.is_server_error(), "{method} {path} is answered {status}");
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        assert!(
            status != StatusCode::TOO_MANY_REQUESTS
                || answer.headers().contains_key(header::RETRY_AFTER),
            "no Retry-After"
        );
        let text = to_bytes(answer.into_body(), LONGEST_ANSWER).await.expect("a short answer");
        if status.is_client_error() {
            let problem: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{problem}");
            assert_eq!(problem["status"], status.as_u16(), "{problem}");
            assert!(kind.is_some_and(|kind| kind == "application/problem+json"));
        }
    });
}

/// So that any bytes can stand in an address.
fn percent_encoded(id: &[u8]) -> String {
    id.iter()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
