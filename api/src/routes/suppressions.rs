//! `/v1/suppressions`: who is not to be sent to. Add one, list them, show one, take one back.

use axum::{Json, extract::State, http::StatusCode};
use otpost_shared::{
    Home,
    api_key::Scope,
    clock::rfc3339,
    secrets::SecretError,
    suppression::{self, NewSuppression, Reason, Suppression},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{DEFAULT_LIMIT, PathId, read_after, read_limit};
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
    query::{NoParams, Params},
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add, list)).routes(routes!(show, remove))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSuppression {
    /// A phone number, best as `+` and digits, or an e-mail address.
    #[schema(example = "+4915112345678")]
    to: String,
    /// `bulk` keeps texts back, `all` codes too. `bulk` when it is left out.
    #[serde(default)]
    scope: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SuppressionView {
    id: String,
    /// Masked.
    to: String,
    /// `bulk`, or `all` with codes too.
    scope: String,
    /// `stop`: the recipient said so; `provider`: a provider did; `manual`: you did.
    reason: String,
    /// Through which provider it was heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    created_at: String,
}

impl SuppressionView {
    fn of(home: &Home, row: Suppression) -> Result<Self, SecretError> {
        Ok(Self {
            id: row.id.to_string(),
            to: row.recipient(&home.keys)?.masked(),
            scope: row.scope,
            reason: row.reason,
            provider: row.provider,
            created_at: rfc3339(row.created_at),
        })
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only those of this number or e-mail address, a plus in it as `%2B`.
    to: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// 1 to 1000, otherwise 100.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedSuppressions {
    suppressions: Vec<SuppressionView>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Keeps back what would be sent to a recipient, from now on and what is queued.
#[utoipa::path(
    post, path = "/v1/suppressions", tag = "suppressions", operation_id = "add_suppression",
    security(("api_key" = [])), request_body = AddSuppression,
    responses(
        (status = 201, description = "It counts; if it did before, this is the first one.", body = SuppressionView),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
    ),
)]
pub async fn add(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<AddSuppression>,
) -> Result<(StatusCode, Json<SuppressionView>), ApiError> {
    caller.require(Scope::Send)?;
    let wire = body.value;
    let scope = match wire.scope.as_deref() {
        None => suppression::Scope::Bulk,
        Some(text) => suppression::Scope::parse(text)
            .ok_or_else(|| ApiError::invalid("scope", "scope is bulk or all"))?,
    };
    let new = NewSuppression {
        tenant_id: Some(caller.tenant_id),
        to: app.home.read_recipient(caller.tenant_id, &wire.to).await??,
        scope,
        reason: Reason::Manual,
        provider: None,
    };
    let added = suppression::add(&app.home, new).await?;
    Ok((StatusCode::CREATED, Json(SuppressionView::of(&app.home, added)?)))
}

/// Lists who is not to be sent to, oldest first.
#[utoipa::path(
    get, path = "/v1/suppressions", tag = "suppressions", operation_id = "list_suppressions",
    security(("api_key" = [])), params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = ListedSuppressions),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Params<ListQuery>, ApiError>,
) -> Result<Json<ListedSuppressions>, ApiError> {
    caller.require(Scope::Send)?;
    let Params(query) = query?;
    let after = read_after(query.after.as_deref())?.unwrap_or_default();
    let limit = read_limit(query.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    let home = &app.home;
    let of = match &query.to {
        None => None,
        Some(to) => {
            let to = home.read_recipient(caller.tenant_id, to).await??;
            Some(suppression::hash(&home.keys, &to))
        }
    };
    let page = suppression::list(&home.db, caller.tenant_id, of.as_deref(), after, limit).await?;
    let rows = page.rows.into_iter().map(|row| SuppressionView::of(home, row));
    Ok(Json(ListedSuppressions {
        suppressions: rows.collect::<Result<_, _>>()?,
        next: page.next.map(|id| id.to_string()),
    }))
}

/// Shows one.
#[utoipa::path(
    get, path = "/v1/suppressions/{id}", tag = "suppressions", operation_id = "show_suppression",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "The suppression's id.")),
    responses(
        (status = 200, description = "The suppression.", body = SuppressionView),
        (status = 404, description = "There is no such suppression.", body = Problem),
    ),
)]
pub async fn show(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<Json<SuppressionView>, ApiError> {
    let row = find(&app, &caller, id).await?;
    Ok(Json(SuppressionView::of(&app.home, row)?))
}

/// Takes one back that a tenant added.
#[utoipa::path(
    delete, path = "/v1/suppressions/{id}", tag = "suppressions",
    operation_id = "remove_suppression", security(("api_key" = [])),
    params(("id" = String, Path, description = "The suppression's id.")),
    responses(
        (status = 204, description = "It no longer counts."),
        (status = 404, description = "There is no such suppression.", body = Problem),
        (status = 409, description = "The recipient or a provider said so.", body = Problem),
    ),
)]
pub async fn remove(
    State(app): State<App>,
    id: PathId,
    caller: Caller,
    _: NoParams,
) -> Result<StatusCode, ApiError> {
    let row = find(&app, &caller, id).await?;
    if row.is_for_everyone() {
        return Err(ErrorCode::SuppressionOfRecipient.error());
    }
    suppression::remove(&app.home, row.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, caller: &Caller, id: PathId) -> Result<Suppression, ApiError> {
    caller.require(Scope::Send)?;
    let not_found = || ErrorCode::SuppressionNotFound.error();
    let id = id.0.ok_or_else(not_found)?;
    suppression::find(&app.home.db, caller.tenant_id, id).await?.ok_or_else(not_found)
}
