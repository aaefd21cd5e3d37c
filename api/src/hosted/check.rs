//! `POST /page/{link}/check`: is this the code? Then a receipt, and where to go with it.

use std::net::IpAddr;

use axum::{Json, extract::State};
use otpost_shared::{
    Home,
    page_link::{PageLink, Use},
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{limits, session::Session, visit::Visit};
use crate::{
    App,
    body::{IdempotencyHeader, JsonBody},
    client::ClientAddress,
    error::{ApiError, ErrorCode},
    routes::verifications::check::{self, CheckVerification},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    session: String,
    code: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Confirmed {
    receipt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// The link's address with receipt and state; none where the page is embedded alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    return_to: Option<String>,
}

pub(super) async fn check(
    State(app): State<App>,
    visit: Visit,
    ClientAddress(client): ClientAddress,
    body: JsonBody<Confirm>,
) -> Result<Json<Confirmed>, ApiError> {
    let confirmed = confirm(&app.home, &visit.link, client, body.value).await;
    confirmed.map(Json).map_err(|error| visit.words.explain(error))
}

/// A link may have run out meanwhile: whoever has begun in time may end.
async fn confirm(
    home: &Home,
    link: &PageLink,
    client: IpAddr,
    wire: Confirm,
) -> Result<Confirmed, ApiError> {
    let session = Session::take(home, link, &wire.session)?;
    if link.used(home, session.id).await? == Some(Use::AnothersBefore) {
        return Err(ErrorCode::PageUsed.error());
    }
    let counted = limits::count_guess(home, link, client).await?;
    let asked = CheckVerification {
        session_token: session.token,
        code: wire.code,
        to: None,
        subject: link.subject.clone(),
    };
    // An answer that is lost on its way can be had again.
    let key = IdempotencyHeader::of(format!("page {}", link.id));
    let checked = check::run(home, link.tenant_id, key, asked).await;
    if !checked.as_ref().is_err_and(|error| error.code() == ErrorCode::CodeIncorrect) {
        home.limiter.refund(counted).await;
    }
    let receipt = checked?.receipt.ok_or_else(|| ErrorCode::AlreadyVerified.error())?;
    if link.mark_used(home, session.id).await? == Use::AnothersBefore {
        return Err(ErrorCode::PageUsed.error());
    }
    let return_to = return_to(link, &[("receipt", &receipt)]);
    Ok(Confirmed { return_to, receipt, state: link.state.clone() })
}

/// Where the person goes back to, with these parameters and the state.
pub(super) fn return_to(link: &PageLink, with: &[(&str, &str)]) -> Option<String> {
    let mut url = Url::parse(link.return_url.as_deref()?).ok()?;
    let state = link.state.as_deref().map(|state| ("state", state));
    url.query_pairs_mut().extend_pairs(with.iter().copied().chain(state));
    Some(url.into())
}
