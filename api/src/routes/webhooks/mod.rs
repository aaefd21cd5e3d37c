//! `/v1/webhooks`: where the tenant's events are posted to. Make one, list them, show, change and remove one,
//! give it another secret, try it; see what was delivered, and have it delivered once more.

mod deliveries;
mod wire;

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    api_key::Scope,
    listing::Listing,
    webhook::{self, NewWebhook, ROTATION_MS, Webhook},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::wire::{
    ChangeWebhook, CreateWebhook, ListedWebhooks, TestedWebhook, WebhookView, WebhookWithSecret,
};
use super::{DEFAULT_LIMIT, PathId, read_after, read_limit};
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
    query::{NoParams, Params},
    timestamp::rfc3339,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(show, change, remove))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::replay))
        .routes(routes!(deliveries::replay_since))
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
    let new = NewWebhook { url, types, description };
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
    let change = webhook::Change { url, types, description, is_enabled: enabled };
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

fn known_id(caller: &Caller, id: PathId) -> Result<Uuid, ApiError> {
    caller.require(Scope::Events)?;
    id.0.ok_or_else(|| ErrorCode::WebhookNotFound.error())
}

async fn find(app: &App, caller: &Caller, id: PathId) -> Result<Webhook, ApiError> {
    let id = known_id(caller, id)?;
    let row = webhook::find(&app.home.db, caller.tenant_id, id).await?;
    row.ok_or_else(|| ErrorCode::WebhookNotFound.error())
}
