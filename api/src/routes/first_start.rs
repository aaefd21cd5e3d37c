//! The try-it and inbox pages of a first start: only with the console provider, on a loopback
//! address, asked for from this very machine under its own name.

use axum::{
    Json, Router,
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use otpost_shared::{channel::Channel, clock::rfc3339, tenant::DEFAULT_TENANT, verification};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::verifications::{
    check::{self, CheckVerification, CheckedVerification},
    create::{self, CreateVerification, CreatedVerification},
};
use crate::{
    App,
    body::{IdempotencyHeader, JsonBody},
    client::Peer,
    error::{ApiError, ErrorCode},
    language::AcceptLanguage,
    query::{Params, plus_restored},
};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(try_it))
        .route("/inbox", get(|_: ThisMachine| async { page(include_str!("../pages/inbox.html")) }))
        .route("/assets/otpost.css", get(|_: ThisMachine| async { css() }))
        .route(
            "/assets/try_it.js",
            get(|_: ThisMachine| async { script(include_str!("../pages/try_it.js")) }),
        )
        .route(
            "/assets/inbox.js",
            get(|_: ThisMachine| async { script(include_str!("../pages/inbox.js")) }),
        )
        .route("/inbox.json", get(inbox))
        .route("/try/verifications", post(try_create))
        .route("/try/verifications/check", post(try_check))
}

/// Proof that the request comes from a browser or program on this machine, and was meant for it:
/// the name rules out DNS rebinding, the missing forwarding header a proxy.
struct ThisMachine;

impl FromRequestParts<App> for ThisMachine {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Peer(peer) = Peer::from_request_parts(parts, app).await?;
        if peer.ip().is_loopback() && is_meant_for_loopback(&parts.headers) {
            Ok(Self)
        } else {
            Err(ErrorCode::RouteNotFound.error())
        }
    }
}

fn is_meant_for_loopback(headers: &HeaderMap) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
        && !forwarded.iter().any(|name| headers.contains_key(*name))
}

/// Offers the channels that there is a chain for.
async fn try_it(_: ThisMachine, State(app): State<App>) -> Response {
    let options: String = app.home.config.chains.available().map(option).collect();
    page(include_str!("../pages/try_it.html").replace("{channels}", &options))
}

fn option(channel: Channel) -> String {
    let reaches = if channel.is_by_phone() { "phone" } else { "email" };
    let (value, noun) = (channel.as_str(), channel.noun());
    format!("<option value=\"{value}\" data-reaches=\"{reaches}\">{noun}</option>")
}

fn page(html: impl Into<String>) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                  form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html.into())).into_response()
}

fn script(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

fn css() -> Response {
    let text = include_str!("../pages/otpost.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text).into_response()
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InboxQuery {
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct InboxMessage {
    to: String,
    channel: &'static str,
    /// Of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    text: String,
    /// The code in it, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    at: String,
}

async fn inbox(
    _: ThisMachine,
    State(app): State<App>,
    Params(query): Params<InboxQuery>,
) -> Result<Json<Vec<InboxMessage>>, ApiError> {
    // A number's plus may be left out.
    let to = query.to.map(|to| match plus_restored(&to) {
        address if address.contains('@') => address,
        number => format!("+{}", number.trim().trim_start_matches('+')),
    });
    let messages = app.home.inbox.list(to.as_deref());
    let messages = messages.into_iter().map(|m| InboxMessage {
        to: m.to,
        channel: m.channel,
        title: m.title,
        text: m.text,
        code: m.code,
        at: rfc3339(m.at_ms),
    });
    Ok(Json(messages.collect()))
}

async fn try_create(
    _: ThisMachine,
    State(app): State<App>,
    languages: AcceptLanguage,
    body: JsonBody<CreateVerification>,
) -> Result<(StatusCode, Json<CreatedVerification>), ApiError> {
    let new = create::parse(&app.home, DEFAULT_TENANT, &languages, body.value).await?;
    let accepted = verification::accept(&app.home, new).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted.into())))
}

async fn try_check(
    _: ThisMachine,
    State(app): State<App>,
    key: IdempotencyHeader,
    body: JsonBody<CheckVerification>,
) -> Result<Json<CheckedVerification>, ApiError> {
    check::run(&app.home, DEFAULT_TENANT, key, body.value).await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_under_its_own_name() {
        let asked = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().expect("a header"));
            }
            is_meant_for_loopback(&headers)
        };
        assert!(asked(&[("host", "127.0.0.1:8080")]));
        assert!(asked(&[("host", "localhost")]));
        assert!(asked(&[("host", "[::1]:8080")]));
        assert!(!asked(&[("host", "rebound.example:8080")]));
        assert!(!asked(&[("host", "localhost.example")]));
        assert!(!asked(&[("host", "localhost"), ("x-forwarded-for", "198.51.100.1")]));
        assert!(!asked(&[]));
    }
}
