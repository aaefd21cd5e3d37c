//! `POST /page/{link}/resend`: sends the code again, by the same way or another one of the link's.

use axum::{Json, extract::State};
use otpost_shared::{
    Home,
    clock::secs_rounded_up,
    verification::{ResendRequest, Terms},
};
use serde::{Deserialize, Serialize};

use super::{handle::PageHandle, visit::Visit};
use crate::{
    App, body::JsonBody, client::ClientAddress, error::ApiError, routes::verifications::resend,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Again {
    handle: String,
    /// One of the link's; the one before if left out.
    #[serde(default)]
    channel: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct SentAgain {
    channel: &'static str,
    resend_in_secs: i64,
    said: String,
}

pub(super) async fn resend(
    State(app): State<App>,
    visit: Visit,
    ClientAddress(client): ClientAddress,
    body: JsonBody<Again>,
) -> Result<Json<SentAgain>, ApiError> {
    let request = read(&app.home, &visit, &body.value)
        .map(|request| ResendRequest { client: Some(client), ..request });
    let sent = match request {
        Ok(request) => send(&app.home, &visit, request).await,
        Err(error) => Err(error),
    };
    sent.map(Json).map_err(|error| visit.words.explain(error))
}

fn read(home: &Home, visit: &Visit, wire: &Again) -> Result<ResendRequest, ApiError> {
    let handle = PageHandle::take(home, &visit.link, &wire.handle)?;
    let channel = wire.channel.as_deref().map(|name| visit.offered(Some(name))).transpose()?;
    let tenant_id = visit.link.tenant_id;
    Ok(ResendRequest { tenant_id, id: handle.id, channel, client: None, idempotency_key: None })
}

async fn send(home: &Home, visit: &Visit, request: ResendRequest) -> Result<SentAgain, ApiError> {
    // As at the first time.
    let terms = Terms { hides_opt_outs: true, ..Terms::default() };
    let resent = resend::run(home, request, &terms).await?;
    Ok(SentAgain {
        channel: resent.channel.as_str(),
        resend_in_secs: secs_rounded_up(resent.resend_at - home.clock.now()),
        said: visit.words.sent(resent.channel, &resent.to),
    })
}
