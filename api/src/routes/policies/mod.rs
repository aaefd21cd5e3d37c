//! `/v1/policies`: what holds for the verifications of each purpose. List them, show one with its history,
//! change it, go back to an earlier version, take the changes back.

mod wire;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use otpost_shared::{
    api_key::Scope,
    listing::Listing,
    policy::{self, Change},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::wire::{
    ChangePolicy, ListedPolicies, ListedVersions, PolicyVersion, PolicyView, body_of,
};
use super::{DEFAULT_LIMIT, PathName, read_after, read_limit};
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
    query::{NoParams, Params},
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, change, remove))
        .routes(routes!(list_versions))
        .routes(routes!(restore))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PoliciesQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// 1 to 1000, otherwise 100.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionsQuery {
    /// `next` of the page before.
    #[param(value_type = Option<i32>)]
    after: Option<String>,
    /// 1 to 1000, otherwise 100.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
}

/// Lists the policies of all purposes as they count, by name.
#[utoipa::path(
    get, path = "/v1/policies", tag = "policies", operation_id = "list_policies",
    security(("api_key" = [])), params(PoliciesQuery),
    responses(
        (status = 200, description = "A page.", body = ListedPolicies),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Params<PoliciesQuery>, ApiError>,
) -> Result<Json<ListedPolicies>, ApiError> {
    caller.require(Scope::Manage)?;
    let Params(query) = query?;
    let limit = read_limit(query.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    let all = policy::list(&app.home, Some(caller.tenant_id)).await?;
    let is_after = |name: &str| query.after.as_deref().is_none_or(|after| name > after);
    let shown = all.into_iter().filter(|shown| is_after(&shown.purpose));
    let page = Listing::of(shown.collect(), limit, |last| last.purpose.clone());
    let policies = page.rows.into_iter().map(Into::into).collect();
    Ok(Json(ListedPolicies { policies, next: page.next }))
}

/// Shows the policy of a purpose as it counts, and where its keys come from.
#[utoipa::path(
    get, path = "/v1/policies/{purpose}", tag = "policies", operation_id = "show_policy",
    security(("api_key" = [])),
    params(("purpose" = String, Path, description = "The purpose's name.")),
    responses(
        (status = 200, description = "The policy.", body = PolicyView),
        (status = 404, description = "There is no such purpose.", body = Problem),
    ),
)]
pub async fn show(
    State(app): State<App>,
    _: NoParams,
    PathName(purpose): PathName,
    caller: Caller,
) -> Result<Json<PolicyView>, ApiError> {
    caller.require(Scope::Manage)?;
    view(&app, &caller, &purpose).await.map(Json)
}

/// Changes the policy of a purpose for the tenant, or makes a purpose of its own. It counts within a second,
/// for what is accepted from then on. Of `default` it counts for that purpose alone: others start from the
/// configuration.
#[utoipa::path(
    put, path = "/v1/policies/{purpose}", tag = "policies", operation_id = "change_policy",
    security(("api_key" = [])), request_body = ChangePolicy,
    params(("purpose" = String, Path, description = "The purpose's name: a small letter, then small letters, digits, `_` and `-`.")),
    responses(
        (status = 200, description = "The policy as it counts now.", body = PolicyView),
        (status = 409, description = "Another change came between; `version` is the one now.", body = Problem),
        (status = 422, description = "The policy cannot be; `fields` names all keys that are wrong or contradict each other.", body = Problem),
        (status = 503, description = "The database does not answer.", body = Problem),
    ),
)]
pub async fn change(
    State(app): State<App>,
    PathName(purpose): PathName,
    caller: Caller,
    body: JsonBody<ChangePolicy>,
) -> Result<Json<PolicyView>, ApiError> {
    caller.require(Scope::Manage)?;
    let ChangePolicy { changes, version } = body.value;
    let body = Some(body_of(changes));
    let change = change_by(&caller, purpose.clone());
    policy::change(&app.home, Change { body, based_on: version, ..change }).await?;
    view(&app, &caller, &purpose).await.map(Json)
}

/// Takes the tenant's changes back: what is below counts again. A purpose that only the tenant has is no more,
/// and requests that name it get `unknown_purpose`.
#[utoipa::path(
    delete, path = "/v1/policies/{purpose}", tag = "policies", operation_id = "reset_policy",
    security(("api_key" = [])),
    params(("purpose" = String, Path, description = "The purpose's name.")),
    responses(
        (status = 204, description = "They no longer count; the history remains."),
        (status = 404, description = "There is nothing of the tenant's own.", body = Problem),
    ),
)]
pub async fn remove(
    State(app): State<App>,
    _: NoParams,
    PathName(purpose): PathName,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require(Scope::Manage)?;
    policy::change(&app.home, change_by(&caller, purpose)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the tenant's changes of a policy, the newest first.
#[utoipa::path(
    get, path = "/v1/policies/{purpose}/versions", tag = "policies",
    operation_id = "list_policy_versions", security(("api_key" = [])),
    params(("purpose" = String, Path, description = "The purpose's name."), VersionsQuery),
    responses(
        (status = 200, description = "A page.", body = ListedVersions),
        (status = 404, description = "There is no such purpose, and never was.", body = Problem),
        (status = 422, description = "A parameter is of the wrong form.", body = Problem),
    ),
)]
pub async fn list_versions(
    State(app): State<App>,
    PathName(purpose): PathName,
    caller: Caller,
    query: Result<Params<VersionsQuery>, ApiError>,
) -> Result<Json<ListedVersions>, ApiError> {
    caller.require(Scope::Manage)?;
    let Params(query) = query?;
    let limit = read_limit(query.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    let before = read_after(query.after.as_deref())?.unwrap_or(i32::MAX);
    let (home, tenant_id) = (&app.home, Some(caller.tenant_id));
    let rows = policy::list_versions(&home.db, tenant_id, &purpose, before, limit + 1).await?;
    if rows.is_empty() && policy::find(home, tenant_id, &purpose).await?.is_none() {
        return Err(ErrorCode::PolicyNotFound.error());
    }
    let page = Listing::of(rows, limit, |last| last.version);
    let versions = page.rows.into_iter().map(PolicyVersion::from).collect();
    Ok(Json(ListedVersions { versions, next: page.next }))
}

/// Makes what an earlier version of the tenant's says count again, as a new version.
#[utoipa::path(
    post, path = "/v1/policies/{purpose}/versions/{version}/restore", tag = "policies",
    operation_id = "restore_policy", security(("api_key" = [])),
    params(
        ("purpose" = String, Path, description = "The purpose's name."),
        ("version" = i32, Path, description = "The version's number."),
    ),
    responses(
        (status = 200, description = "The policy as it counts now.", body = PolicyView),
        (status = 404, description = "There is no such version.", body = Problem),
        (status = 422, description = "It no longer fits what is below, or took everything back.", body = Problem),
    ),
)]
pub async fn restore(
    State(app): State<App>,
    caller: Caller,
    path: Result<Path<(String, i32)>, PathRejection>,
    _: NoParams,
) -> Result<Json<PolicyView>, ApiError> {
    caller.require(Scope::Manage)?;
    // No version has another form.
    let Ok(Path((purpose, version))) = path else { return Err(ErrorCode::PolicyNotFound.error()) };
    let PathName(purpose) = PathName::of(purpose);
    policy::restore(&app.home, version, change_by(&caller, purpose.clone())).await?;
    view(&app, &caller, &purpose).await.map(Json)
}

/// What the caller changes of its tenant's; as it is, it takes everything back.
fn change_by(caller: &Caller, purpose: String) -> Change {
    Change {
        tenant_id: Some(caller.tenant_id),
        purpose,
        body: None,
        based_on: None,
        changed_by: caller.key_id().to_string(),
    }
}

async fn view(app: &App, caller: &Caller, purpose: &str) -> Result<PolicyView, ApiError> {
    let shown = policy::find(&app.home, Some(caller.tenant_id), purpose).await?;
    shown.map(PolicyView::from).ok_or_else(|| ErrorCode::PolicyNotFound.error())
}
