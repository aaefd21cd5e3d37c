//! `/v1/webhooks`: where the tenant's events are posted to. Make one, list them, show, change and remove one,
//! give it another secret, try it; see what was delivered, and have it delivered once more.

mod deliveries;

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    api_key::Scope,
    clock::rfc3339,
    event::Filter,
    listing::Listing,
    webhook::{self, Description, NewWebhook, NotMade, ROTATION_MS, Target, Webhook},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{DEFAULT_LIMIT, PathId, read_after, read_limit};
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
    query::{NoParams, Params},
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(show, change, remove))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::replay))
        .routes(routes!(deliveries::replay_from))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// An https address that anybody could reach.
    #[schema(example = "https://app.example.org/hooks/otpost")]
    url: String,
    /// Types such as `verification.verified`, or groups such as `message`. Left out or empty means all.
    #[serde(default)]
    #[schema(example = json!(["verification.verified", "message"]))]
    types: Vec<String>,
    /// For yourself.
    #[serde(default)]
    description: String,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    #[serde(default)]
    url: Option<String>,
    /// An empty list means all.
    #[serde(default)]
    types: Option<Vec<String>>,
    #[serde(default)]
    description: Option<String>,
    /// False keeps events back from now on; true takes away that it was disabled.
    #[serde(default)]
    enabled: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    id: String,
    url: String,
    description: String,
    /// Empty means all.
    types: Vec<String>,
    enabled: bool,
    /// The first failure since the last success.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
    /// Left out when somebody disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_why: Option<String>,
    created_at: String,
}

impl From<Webhook> for WebhookView {
    fn from(row: Webhook) -> Self {
        Self {
            id: row.id.to_string(),
            types: row.filter().words().to_vec(),
            enabled: row.is_enabled(),
            url: row.url,
            description: row.description,
            failing_since: row.failing_since.map(rfc3339),
            disabled_at: row.disabled_at.map(rfc3339),
            disabled_why: row.disabled_why,
            created_at: rfc3339(row.created_at),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: WebhookView,
    /// With it receivers check signatures. It is in no other answer.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
    /// Until then the secret before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secret_until: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedWebhooks {
    webhooks: Vec<WebhookView>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TestedWebhook {
    /// The delivery with this event says what came of it.
    event_id: String,
}

/// Makes an endpoint. Events of the next moment on are posted there, signed with the secret, which is shown
/// this once.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", operation_id = "create_webhook",
    security(("api_key" = [])), request_body = CreateWebhook,
    responses(
        (status = 201, description = "It is there.", body = WebhookWithSecret),
        (status = 409, description = "There are as many as there may be.", body = Problem),
        (status = 422, description = "A field is of the wrong form, or the address may not be posted to.", body = Problem),
        (status = 503, description = "The database does not answer.", body = Problem),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<CreateWebhook>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), ApiError> {
    caller.require(Scope::Events)?;
    let CreateWebhook { url, types, description } = body.value;
    let new = NewWebhook {
        target: read_url(&app, &url)?,
        description: read_description(description)?,
        filter: read_types(&types)?,
    };
    let (row, secret) = webhook::create(&app.home, caller.tenant_id, &new).await?;
    let made = WebhookWithSecret {
        webhook: row.into(),
        secret: secret.to_text().to_string(),
        old_secret_until: None,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhooksQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// 1 to 1000, otherwise 100.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

/// Lists the endpoints, oldest first.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    security(("api_key" = [])), params(WebhooksQuery),
    responses(
        (status = 200, description = "A page.", body = ListedWebhooks),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Params<WebhooksQuery>, ApiError>,
) -> Result<Json<ListedWebhooks>, ApiError> {
    caller.require(Scope::Events)?;
    let Params(query) = query?;
    let limit = read_limit(query.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    let after = read_after(query.after.as_deref())?.unwrap_or_default();
    let rows = webhook::list(&app.home.db, caller.tenant_id, after, limit + 1).await?;
    let page = Listing::of(rows, limit, |row| row.id.to_string());
    let webhooks = page.rows.into_iter().map(WebhookView::from).collect();
    Ok(Json(ListedWebhooks { webhooks, next: page.next }))
}

/// Shows an endpoint, and how it fares.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "show_webhook",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The endpoint.", body = WebhookView),
        (status = 404, description = "There is no such endpoint.", body = Problem),
    ),
)]
pub async fn show(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<Json<WebhookView>, ApiError> {
    find(&app, &caller, id).await.map(|row| Json(row.into()))
}

/// Changes an endpoint: what is left out stays. Enabled again, it gets what waits for it.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "change_webhook",
    security(("api_key" = [])), request_body = ChangeWebhook,
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The endpoint as it is now.", body = WebhookView),
        (status = 404, description = "There is no such endpoint.", body = Problem),
        (status = 422, description = "A field is of the wrong form, or the address may not be posted to.", body = Problem),
    ),
)]
pub async fn change(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    body: JsonBody<ChangeWebhook>,
) -> Result<Json<WebhookView>, ApiError> {
    let id = known_id(&caller, id)?;
    let ChangeWebhook { url, types, description, enabled } = body.value;
    let change = webhook::Change {
        target: url.map(|url| read_url(&app, &url)).transpose()?,
        description: description.map(read_description).transpose()?,
        filter: types.map(|types| read_types(&types)).transpose()?,
        is_enabled: enabled,
    };
    let row = webhook::update(&app.home, caller.tenant_id, id, &change).await?;
    Ok(Json(row.into()))
}

/// Removes an endpoint, with what waits for it.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "remove_webhook",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses(
        (status = 204, description = "Nothing is posted there any more."),
        (status = 404, description = "There is no such endpoint.", body = Problem),
    ),
)]
pub async fn remove(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<StatusCode, ApiError> {
    let id = known_id(&caller, id)?;
    if webhook::remove(&app.home, caller.tenant_id, id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ErrorCode::WebhookNotFound.error())
}

/// Gives an endpoint another secret, shown this once. The one before signs too for a day, so that receivers can
/// change over.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate", tag = "webhooks", operation_id = "rotate_webhook",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The new secret.", body = WebhookWithSecret),
        (status = 404, description = "There is no such endpoint.", body = Problem),
    ),
)]
pub async fn rotate(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<Json<WebhookWithSecret>, ApiError> {
    let id = known_id(&caller, id)?;
    let (row, secret) = webhook::rotate(&app.home, caller.tenant_id, id).await?;
    Ok(Json(WebhookWithSecret {
        webhook: row.into(),
        secret: secret.to_text().to_string(),
        old_secret_until: Some(rfc3339(app.home.clock.now() + ROTATION_MS)),
    }))
}

/// Posts an event of type `webhook.test` there, whatever types it takes.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", tag = "webhooks", operation_id = "test_webhook",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses(
        (status = 202, description = "It is on its way; its delivery says what came of it.", body = TestedWebhook),
        (status = 404, description = "There is no such endpoint.", body = Problem),
        (status = 422, description = "It is disabled.", body = Problem),
    ),
)]
pub async fn test(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<(StatusCode, Json<TestedWebhook>), ApiError> {
    let id = known_id(&caller, id)?;
    let event_id = webhook::test(&app.home, caller.tenant_id, id).await?.to_string();
    Ok((StatusCode::ACCEPTED, Json(TestedWebhook { event_id })))
}

fn read_url(app: &App, url: &str) -> Result<Target, ApiError> {
    Target::parse(url, app.home.config.webhooks)
        .map_err(|said| ApiError::invalid("url", format!("url {said}")))
}

fn read_description(text: String) -> Result<Description, ApiError> {
    Description::parse(text)
        .map_err(|said| ApiError::invalid("description", format!("description {said}")))
}

fn read_types(types: &[String]) -> Result<Filter, ApiError> {
    Filter::parse(types.iter().map(String::as_str))
        .map_err(|error| ApiError::invalid("types", error.to_string()))
}

fn known_id(caller: &Caller, id: PathId) -> Result<Uuid, ApiError> {
    caller.require(Scope::Events)?;
    id.0.ok_or_else(|| ErrorCode::WebhookNotFound.error())
}

async fn find(app: &App, caller: &Caller, id: PathId) -> Result<Webhook, ApiError> {
    let id = known_id(caller, id)?;
    let row = webhook::find(&app.home.db, caller.tenant_id, id).await?;
    row.ok_or_else(|| ErrorCode::WebhookNotFound.error())
}

impl From<NotMade> for ApiError {
    fn from(refused: NotMade) -> Self {
        match refused {
            NotMade::TooMany { most } => ErrorCode::TooManyWebhooks.error().with("most", most),
            NotMade::NotFound => ErrorCode::WebhookNotFound.error(),
            NotMade::Disabled => {
                ApiError::invalid("id", "it is disabled, and gets nothing; enable it first")
            }
            NotMade::Unavailable(error) => error.into(),
        }
    }
}
