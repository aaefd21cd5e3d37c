//! Batches: one text to many recipients, as one JSON body and line by line.

use std::net::SocketAddr;

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use otpost_api::{client::Peer, router};
use serde_json::Value;
use tower::ServiceExt;

use super::{
    requests::{PEER, service},
    runtime,
};

/// No answer to what a fuzzer makes is longer.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// The whole body is one JSON object: an outcome for each recipient, in their order.
pub fn json(data: &[u8]) {
    let (status, said) = post(Body::from(data.to_vec()), "application/json");
    let said: Value = serde_json::from_slice(&said).expect("JSON");
    if status != StatusCode::OK {
        return is_problem(status, &said);
    }
    let results = said["results"].as_array().expect("outcomes");
    // A row that is no JSON is refused by itself, and then this does not read the whole.
    if let Ok(asked) = serde_json::from_slice::<Value>(data) {
        let asked = asked["messages"].as_array().expect("what was taken has recipients");
        assert_eq!(results.len(), asked.len(), "{said}");
    }
    each_in_its_place(results, &said);
}

/// Line by line: the text, then each recipient; an outcome for each, then the totals.
pub fn lines(data: &[u8]) {
    let (status, said) = post(Body::from(data.to_vec()), "application/x-ndjson");
    if status != StatusCode::OK {
        return is_problem(status, &serde_json::from_slice(&said).expect("JSON"));
    }
    let said = said.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut said: Vec<Value> =
        said.map(|line| serde_json::from_slice(line).expect("a line of JSON")).collect();
    let tail = said.pop().expect("a line of totals");
    assert_eq!(tail["done"], true, "{tail}");
    let given = data.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    assert_eq!(said.len() + 1, given.count(), "{tail}");
    each_in_its_place(&said, &tail);
}

fn post(body: Body, kind: &str) -> (StatusCode, Vec<u8>) {
    let service = service();
    let request = Request::post("/v1/messages/batch")
        .header(header::AUTHORIZATION, format!("Bearer {}", service.key))
        .header(header::CONTENT_TYPE, kind)
        .extension(Peer(SocketAddr::new(PEER, 1)))
        .body(body)
        .expect("a request");
    runtime().block_on(async {
        let answer = router(service.app.clone()).oneshot(request).await.expect("an answer");
        let status = answer.status();
        let said = to_bytes(answer.into_body(), LONGEST_ANSWER).await.expect("a short answer");
        (status, said.to_vec())
    })
}

fn is_problem(status: StatusCode, said: &Value) {
    assert!(status.is_client_error(), "{status} {said}");
    assert!(said["code"].as_str().is_some_and(|code| !code.is_empty()), "{said}");
    assert_eq!(said["status"], status.as_u16(), "{said}");
}

/// Outcomes come in the order of the recipients and add up to the totals; each has an id, or a
/// code that says why not.
fn each_in_its_place(outcomes: &[Value], totals: &Value) {
    for (place, one) in outcomes.iter().enumerate() {
        assert_eq!(one["index"], place, "{one}");
        assert!(one["id"].is_string() != one["code"].is_string(), "{one}");
    }
    let count = |name: &str| totals[name].as_u64().expect("a total");
    let all = count("accepted") + count("refused") + count("repeated");
    assert_eq!(all, outcomes.len() as u64, "{totals}");
}
