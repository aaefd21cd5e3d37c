//! `POST /page/{link}/resend`: sends the code again, by the same way or another one of the link's.

use axum::{Json, extract::State};
use otpost_shared::{
    Home,
    channel::Channel,
    verification::{ResendRequest, Terms},
};
use serde::{Deserialize, Serialize};

use super::{session::Session, visit::Visit};
use crate::{
    App,
    body::JsonBody,
    client::ClientAddress,
    error::{ApiError, ErrorCode},
    routes::verifications::resend,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Again {
    session: String,
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
    let session = Session::take(home, &visit.link, &wire.session)?;
    let channel = match wire.channel.as_deref() {
        None => None,
        Some(name) => Some(offered(&visit.link.channels, name)?),
    };
    let tenant_id = visit.link.tenant_id;
    Ok(ResendRequest { tenant_id, id: session.id, channel, client: None, idempotency_key: None })
}

fn offered(channels: &[Channel], name: &str) -> Result<Channel, ApiError> {
    let found = channels.iter().copied().find(|channel| channel.as_str() == name);
    found.ok_or_else(|| ErrorCode::ChannelUnavailable.error().with("field", "channel"))
}

async fn send(home: &Home, visit: &Visit, request: ResendRequest) -> Result<SentAgain, ApiError> {
    // As at the first time.
    let terms = Terms { hides_opt_outs: true, ..Terms::default() };
    let resent = resend::run(home, request, &terms).await?;
    Ok(SentAgain {
        channel: resent.channel.as_str(),
        resend_in_secs: (resent.resend_at - home.clock.now() + 999) / 1_000,
        said: visit.words.sent(resent.channel, &resent.to),
    })
}
