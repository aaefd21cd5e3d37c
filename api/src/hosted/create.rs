//! `POST /page/{link}/create`: has a code sent to the number that the person said, or to that of the link.

use std::net::IpAddr;

use axum::{Json, extract::State};
use otpost_shared::{
    Home,
    channel::Channel,
    clock::secs_rounded_up,
    db::DbError,
    recipient::is_region,
    verification::{self, Accepted, NewVerification, Refused, Terms},
};
use serde::{Deserialize, Serialize};

use super::{handle::PageHandle, limits, visit::Visit, work::Work};
use crate::{
    App,
    body::JsonBody,
    client::ClientAddress,
    error::{ApiError, ErrorCode},
    routes::verifications::create::{self, CreateVerification},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    /// One of the link's; the first one if left out.
    #[serde(default)]
    channel: Option<String>,
    /// Not with a link that says it.
    #[serde(default)]
    to: Option<String>,
    /// ISO 3166-1 alpha-2, of a number without a plus.
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    nonce: String,
}

/// What the page needs in order to go on; times are spans, since its clock is another one.
#[derive(Debug, Serialize)]
pub(super) struct Begun {
    handle: String,
    channel: &'static str,
    /// Masked.
    to: String,
    expires_in_secs: i64,
    resend_in_secs: i64,
    said: String,
}

pub(super) async fn create(
    State(app): State<App>,
    visit: Visit,
    ClientAddress(client): ClientAddress,
    body: JsonBody<Begin>,
) -> Result<Json<Begun>, ApiError> {
    let home = &app.home;
    let begun = begin(home, &visit, client, body).await.and_then(|accepted| {
        let now = home.clock.now();
        Ok(Json(Begun {
            handle: PageHandle::give(home, &visit.link, &accepted.session_token)?,
            channel: accepted.channel.as_str(),
            said: visit.words.sent(accepted.channel, &accepted.to),
            to: accepted.to,
            expires_in_secs: (accepted.expires_at - now) / 1_000,
            resend_in_secs: secs_rounded_up(accepted.resend_at - now),
        }))
    });
    begun.map_err(|error| visit.words.explain(error))
}

async fn begin(
    home: &Home,
    visit: &Visit,
    client: IpAddr,
    body: JsonBody<Begin>,
) -> Result<Accepted, ApiError> {
    visit.expect_open(home).await?;
    let work = Work { challenge: &body.value.challenge, nonce: &body.value.nonce };
    work.check(home, &visit.link)?;
    let key = work.key(home, &body.bytes);
    let channel = visit.offered(body.value.channel.as_deref())?;
    let of_channel = |error: ApiError| error.with("channel", channel.as_str());
    let mut new = parse(home, visit, channel, &body.value).await.map_err(of_channel)?;
    new.client = Some(client);
    let charged = limits::count_begin(home, &visit.link, &key.marker()).await?;
    new.idempotency_key = Some(key);
    // Whoever opens the page has no API key, and is not to learn who opted out.
    let terms = Terms { hides_opt_outs: true, ..Terms::default() };
    match verification::accept_on_terms(home, new, &terms).await {
        Ok(accepted) => Ok(accepted),
        Err(refused) => {
            // What may have been committed stays counted; a repeat with its challenge passes free.
            if !matches!(refused, Refused::Unavailable(DbError::Undecided(_))) {
                home.limiter.refund(charged).await;
            }
            Err(match refused {
                Refused::KeyReused => ErrorCode::WorkUsed.error(),
                refused => of_channel(refused.into()),
            })
        }
    }
}

/// The verification that an application with an API key would have asked for.
async fn parse(
    home: &Home,
    visit: &Visit,
    channel: Channel,
    wire: &Begin,
) -> Result<NewVerification, ApiError> {
    let link = &visit.link;
    let to = match (&link.to, &wire.to) {
        (Some(fixed), None) => fixed.clone(),
        (None, Some(to)) if channel.is_by_phone() => {
            let country = wire.country.as_deref().filter(|country| is_region(country));
            home.parse_recipient(to, country)?.address().to_owned()
        }
        (None, Some(to)) => to.clone(),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("to", "leave to out: the link says it"));
        }
        (None, None) => return Err(ApiError::invalid("to", "to is missing")),
    };
    let asked = CreateVerification {
        to,
        channel: Some(channel.as_str().to_owned()),
        purpose: Some(link.purpose.clone()),
        subject: link.subject.clone(),
        variables: link.variables.clone(),
        locale: link.locale.clone(),
        metadata: link.metadata.clone(),
        client_ip: None,
        code: None,
        then: None,
        decoy: false,
    };
    create::parse(home, link.tenant_id, &visit.languages, asked).await
}
