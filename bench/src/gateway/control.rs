//! Rules and log over HTTP, for a gateway that runs in a process of its own.
//!
//! `GET|PUT|DELETE /control/rules`, `GET|DELETE /control/sent?to=&after=&limit=`,
//! `GET /control/counts`.

use hyper::{Method, StatusCode, http::request::Parts};
use serde::Serialize;

use super::{
    Rule, State,
    server::{Reply, form, json},
};

pub(crate) fn answer(state: &State, head: &Parts, body: &[u8]) -> Reply {
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/control/rules") => json(StatusCode::OK, &state.rules.to_json()),
        (&Method::PUT, "/control/rules") => match serde_json::from_slice::<Vec<Rule>>(body) {
            Ok(rules) => {
                state.rules.set(rules);
                json(StatusCode::OK, &state.rules.to_json())
            }
            Err(wrong) => {
                let told = serde_json::json!({"error": wrong.to_string()});
                json(StatusCode::BAD_REQUEST, &told.to_string())
            }
        },
        (&Method::DELETE, "/control/rules") => {
            state.rules.set(Vec::new());
            json(StatusCode::OK, "[]")
        }
        (&Method::GET, "/control/sent") => sent(state, head.uri.query().unwrap_or_default()),
        (&Method::DELETE, "/control/sent") => {
            state.log.clear();
            json(StatusCode::OK, "[]")
        }
        (&Method::GET, "/control/counts") => show(&state.log.counts()),
        _ => json(StatusCode::NOT_FOUND, r#"{"error":"no such control"}"#),
    }
}

fn sent(state: &State, query: &str) -> Reply {
    let [to, after, limit] = form(query.as_bytes(), ["to", "after", "limit"]);
    if let Some(to) = to {
        return show(&state.log.of(&to));
    }
    let after = after.and_then(|text| text.parse().ok()).unwrap_or(0);
    let limit = limit.and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    show(&state.log.after(after, limit))
}

fn show<T: Serialize>(value: &T) -> Reply {
    json(StatusCode::OK, &serde_json::to_string(value).unwrap_or_default())
}
