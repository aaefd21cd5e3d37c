//! `POST /v1/pages`: an application makes a link to the hosted page.

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    Home,
    admission::Refused,
    api_key::Scope,
    channel::Channel,
    clock::rfc3339,
    page_link::{ADDED, NotWritten, PageLink},
    policy::DEFAULT_PURPOSE,
    queue::Lane,
    settings::Owner,
    verification::Variables,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use super::verifications::create::{SUBJECT, json_len};
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    channel,
    error::{ApiError, ErrorCode, Problem},
    language,
};

/// What stands before all addresses of the page.
pub(crate) const PATH: &str = "/page";

/// Longest state, metadata and variables, in bytes: all of them stand in the address.
const STATE: usize = 512;
const METADATA: usize = 1_024;
const RETURN_URL: usize = 1_024;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePage {
    /// Where the person goes back to, with the parameters `receipt` and `state`: an address that
    /// `page.return_urls` allows. May be left out where the page is embedded.
    #[serde(default)]
    #[schema(example = "https://app.example.org/verified")]
    return_url: Option<String>,
    /// The origin of your page that shows ours in a frame, one of `page.embed_origins`; nobody else can.
    #[serde(default)]
    #[schema(example = "https://app.example.org")]
    embed_origin: Option<String>,
    /// Given back with the receipt as it is. Make it one that only this person's session with you knows.
    #[serde(default)]
    state: Option<String>,
    /// Which policy applies; `default` if left out.
    #[serde(default)]
    purpose: Option<String>,
    /// Whom this is about in your system. The receipt is bound to it.
    #[serde(default)]
    subject: Option<String>,
    /// The number or address, if you know it: the page then asks for none, and shows it masked.
    #[serde(default)]
    to: Option<String>,
    /// The ways that the person can choose among, the first one before the others. Left out, it is `email`
    /// when `to` is an e-mail address, and `sms` otherwise.
    #[serde(default)]
    #[schema(example = json!(["sms", "voice"]))]
    channels: Vec<String>,
    /// The language of page and code (BCP 47); that of the browser if left out.
    #[serde(default)]
    locale: Option<String>,
    /// Values for the placeholders of the purpose's texts.
    #[serde(default)]
    variables: Variables,
    /// A JSON object of your own, given back by showing the verification.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedPage {
    id: String,
    /// Send the person there. Whoever has it can have a code sent in your name, once with success.
    url: String,
    /// Until when a verification can be begun with it.
    expires_at: String,
}

/// Makes a link to the page on which a person gets a code and gives it back. Nothing is stored: each call
/// makes another link, and one that is not used leaves nothing behind.
#[utoipa::path(
    post, path = "/v1/pages", tag = "pages", operation_id = "create_page",
    security(("api_key" = [])), request_body = CreatePage,
    responses(
        (status = 201, description = "The link.", body = CreatedPage),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
        (status = 503, description = "The database does not answer; repeat it.", body = Problem),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<CreatePage>,
) -> Result<(StatusCode, Json<CreatedPage>), ApiError> {
    caller.require(Scope::Verify)?;
    let home = &app.home;
    if !home.config.page.enabled {
        return Err(ErrorCode::PageDisabled.error());
    }
    let link = read(home, caller.tenant_id, body.value).await?;
    let url = format!("{}{PATH}/{}", home.config.public_url(), link.to_text(&home.keys)?);
    let (id, expires_at) = (link.id.to_string(), rfc3339(link.expires_at));
    Ok((StatusCode::CREATED, Json(CreatedPage { id, url, expires_at })))
}

/// Turns the wire's texts into a link that the page can keep.
async fn read(home: &Home, tenant_id: Uuid, wire: CreatePage) -> Result<PageLink, ApiError> {
    check_sizes(&wire)?;
    let now = home.clock.now();
    let purpose = wire.purpose.unwrap_or_else(|| DEFAULT_PURPOSE.into());
    let settings = home.settings.now(&home.db, now).await?;
    if settings.policy(tenant_id, &purpose).is_none() {
        let known = settings.purposes(Owner::Tenant(tenant_id));
        return Err(Refused::UnknownPurpose { known }.into());
    }
    let channels = channels(home, &wire.channels, wire.to.as_deref())?;
    let to = match (wire.to, channels.first()) {
        (Some(to), Some(channel)) => {
            Some(home.read_recipient_of(tenant_id, *channel, &to).await??.address().to_owned())
        }
        _ => None,
    };
    let return_url = return_url(home, wire.return_url)?;
    let embed_origin = embed_origin(home, wire.embed_origin)?;
    if return_url.is_none() && embed_origin.is_none() {
        let said =
            "say where the person goes back to: return_url, or embed_origin for a page in a frame";
        return Err(ApiError::invalid("return_url", said));
    }
    Ok(PageLink {
        id: Uuid::now_v7(),
        tenant_id,
        purpose,
        channels,
        to,
        subject: wire.subject,
        variables: wire.variables,
        metadata: wire.metadata,
        locale: language::read(wire.locale.as_deref())?.map(|locale| locale.to_string()),
        return_url,
        embed_origin,
        state: wire.state,
        expires_at: now + i64::from(home.config.page.link_lifetime_secs) * 1_000,
    })
}

impl From<NotWritten> for ApiError {
    fn from(error: NotWritten) -> Self {
        match error {
            NotWritten::TooLong { field, length, most } => {
                let said = format!(
                    "the link would have {length} characters, and may have {most}: make {field} shorter, \
                     which takes the most of them"
                );
                Self::invalid(&field, said)
            }
            NotWritten::NotSealed(error) => error.into(),
        }
    }
}

fn check_sizes(wire: &CreatePage) -> Result<(), ApiError> {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    for (name, bytes, most) in [
        ("subject", length(&wire.subject), SUBJECT),
        ("state", length(&wire.state), STATE),
        ("return_url", length(&wire.return_url), RETURN_URL),
        ("metadata", wire.metadata.as_ref().map_or(0, json_len), METADATA),
        ("variables", json_len(&wire.variables), METADATA),
    ] {
        if bytes > most {
            let said = format!("{name} may have at most {most} bytes: it becomes part of the link");
            return Err(ApiError::invalid(name, said));
        }
    }
    Ok(())
}

fn channels(home: &Home, names: &[String], to: Option<&str>) -> Result<Vec<Channel>, ApiError> {
    let usual = if to.is_some_and(|to| to.contains('@')) { "email" } else { "sms" };
    let usual = [usual.to_owned()];
    let names = if names.is_empty() { &usual } else { names };
    let mut read = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let of_place = |error: ApiError| error.with("field", format!("channels[{place}]"));
        let channel =
            channel::read_for(Lane::Otp, &home.config.chains, Some(name)).map_err(of_place)?;
        if read.contains(&channel) {
            let said = "name each channel once";
            return Err(of_place(ApiError::invalid("channels", said)));
        }
        let differs = |first: &Channel| first.is_by_phone() != channel.is_by_phone();
        if to.is_some() && read.first().is_some_and(differs) {
            let said = format!("{name} does not reach the address that is sent as to");
            return Err(of_place(ApiError::invalid("channels", said)));
        }
        read.push(channel);
    }
    Ok(read)
}

fn return_url(home: &Home, text: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let url = Url::parse(&text).ok().filter(|url| home.config.page.may_return_to(url));
    let url = url.ok_or_else(|| {
        ApiError::invalid(
            "return_url",
            "this is nowhere that people are sent back to; add it to page.return_urls",
        )
    })?;
    if let Some((name, _)) = url.query_pairs().find(|(name, _)| ADDED.contains(&name.as_ref())) {
        let said = format!("leave the parameter {name} out: the page adds it");
        return Err(ApiError::invalid("return_url", said));
    }
    Ok(Some(url.into()))
}

fn embed_origin(home: &Home, text: Option<String>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if !home.config.page.may_embed(&text) => {
            let said = "this is no page that may embed ours; add its origin to page.embed_origins";
            Err(ApiError::invalid("embed_origin", said))
        }
        allowed => Ok(allowed),
    }
}
