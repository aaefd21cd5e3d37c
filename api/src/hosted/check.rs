//! `POST /page/{link}/check`: is this the code? Then a receipt, and where to go with it.

use std::net::IpAddr;

use axum::{Json, extract::State};
use otpost_shared::{
    Home,
    page_link::{PageLink, Use, With},
};
use serde::{Deserialize, Serialize};

use super::{handle::PageHandle, limits, visit::Visit};
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
    handle: String,
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
    let handle = PageHandle::take(home, link, &wire.handle)?;
    if link.used(home, handle.id).await? == Some(Use::AnothersBefore) {
        return Err(ErrorCode::PageUsed.error());
    }
    let counted = limits::count_guess(home, link, client).await?;
    let asked = CheckVerification {
        session_token: handle.token,
        code: wire.code,
        to: None,
        subject: link.subject.clone(),
    };
    // An answer that is lost on its way can be had again.
    let key = IdempotencyHeader::of(format!("page {}", link.id));
    let checked = check::run(home, link.tenant_id, key, asked).await;
    if !checked.as_ref().is_err_and(may_have_been_wrong) {
        home.limiter.refund(counted).await;
    }
    let receipt = checked?.receipt.ok_or_else(|| ErrorCode::AlreadyVerified.error())?;
    if link.mark_used(home, handle.id).await? == Use::AnothersBefore {
        return Err(ErrorCode::PageUsed.error());
    }
    let return_to = link.return_to(With::Receipt(&receipt));
    Ok(Confirmed { return_to, receipt, state: link.state.clone() })
}

/// Where the database did not answer, or something broke, a code may have been compared all the same.
fn may_have_been_wrong(error: &ApiError) -> bool {
    matches!(error.code(), ErrorCode::CodeIncorrect | ErrorCode::Unavailable | ErrorCode::Internal)
}
