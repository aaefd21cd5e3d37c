//! `/v1/templates`: texts of one's own. List them, show one with its versions, save, delete, try one out.

mod preview;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use otpost_shared::{
    api_key::Scope,
    clock::rfc3339,
    texts::{self, Draft, Owner, Place, StoredTemplate},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::PathName;
use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, ErrorCode, Problem},
    language,
    query::NoParams,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set_language))
        .routes(routes!(preview::preview))
        .routes(routes!(show, save, delete))
}

/// Purpose, channel and language, as a path has them.
type PlacePath = Result<Path<(String, String, String)>, PathRejection>;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveTemplate {
    /// The subject line of an e-mail: needed with `email`, refused otherwise.
    #[serde(default)]
    title: Option<String>,
    /// With `{code}`, and perhaps `{app}`, `{minutes}` and what `variables` names.
    #[schema(example = "{code} is your {app} code.")]
    text: String,
    /// Names that requests give values for.
    #[serde(default)]
    variables: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateView {
    /// `tenant`, or `everyone` for a text of all tenants, which only `otpost template` changes.
    owner: &'static str,
    purpose: String,
    /// `sms`, `email` or `voice`.
    channel: String,
    /// BCP 47.
    locale: String,
    /// 1 for the first text in this place; each change is one more.
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Left out in a version that took the text away.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    variables: Vec<String>,
    /// The API key's id, or `cli`.
    changed_by: String,
    changed_at: String,
}

impl From<StoredTemplate> for TemplateView {
    fn from(row: StoredTemplate) -> Self {
        Self {
            owner: if row.is_for_everyone() { "everyone" } else { "tenant" },
            variables: row.variables().map(str::to_owned).collect(),
            purpose: row.purpose,
            channel: row.channel,
            locale: row.locale,
            version: row.version,
            title: row.title,
            text: row.body,
            changed_by: row.changed_by,
            changed_at: rfc3339(row.created_at),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedTemplates {
    /// The language of people who ask for none; left out while it is that of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    templates: Vec<TemplateView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ShownTemplate {
    template: TemplateView,
    /// The newest first, with the one above at most 100.
    earlier: Vec<TemplateView>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLanguage {
    /// BCP 47; left out for that of the configuration.
    #[serde(default)]
    #[schema(example = "pt-BR")]
    locale: Option<String>,
}

/// Lists the texts that count: your own, then those of all tenants.
#[utoipa::path(
    get, path = "/v1/templates", tag = "templates", operation_id = "list_templates",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "All of them.", body = ListedTemplates),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
    ),
)]
pub async fn list(
    State(app): State<App>,
    _: NoParams,
    caller: Caller,
) -> Result<Json<ListedTemplates>, ApiError> {
    caller.require(Scope::Manage)?;
    let db = &app.home.db;
    let mut rows = texts::list(db, Owner::Tenant(caller.tenant_id)).await?;
    rows.extend(texts::list(db, Owner::Everyone).await?);
    Ok(Json(ListedTemplates {
        language: texts::language_of(db, caller.tenant_id).await?,
        templates: rows.into_iter().map(TemplateView::from).collect(),
    }))
}

/// Sets the language of people who ask for none.
#[utoipa::path(
    put, path = "/v1/templates/language", tag = "templates", operation_id = "set_language",
    security(("api_key" = [])), request_body = SetLanguage,
    responses(
        (status = 204, description = "It counts within a second."),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
    ),
)]
pub async fn set_language(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<SetLanguage>,
) -> Result<StatusCode, ApiError> {
    caller.require(Scope::Manage)?;
    let locale = language::read(body.value.locale.as_deref())?;
    texts::set_language(&app.home, caller.tenant_id, locale.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a text of your own with its earlier versions.
#[utoipa::path(
    get, path = "/v1/templates/{purpose}/{channel}/{locale}", tag = "templates",
    operation_id = "show_template", security(("api_key" = [])),
    params(
        ("purpose" = String, Path, description = "A purpose; `default` is also for those without a text."),
        ("channel" = String, Path, description = "`sms`, `email` or `voice`."),
        ("locale" = String, Path, description = "A language, such as `pt-BR`."),
    ),
    responses(
        (status = 200, description = "The text.", body = ShownTemplate),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
    ),
)]
pub async fn show(
    State(app): State<App>,
    _: NoParams,
    caller: Caller,
    path: PlacePath,
) -> Result<Json<ShownTemplate>, ApiError> {
    caller.require(Scope::Manage)?;
    let place = read(&app, path)?;
    let owner = Owner::Tenant(caller.tenant_id);
    let mut versions = texts::versions(&app.home.db, owner, &place).await?.into_iter();
    let last = versions.next().filter(|last| last.body.is_some());
    let template = last.ok_or_else(|| ErrorCode::TemplateNotFound.error())?.into();
    Ok(Json(ShownTemplate { template, earlier: versions.map(TemplateView::from).collect() }))
}

/// Saves a text of your own as the next version.
#[utoipa::path(
    put, path = "/v1/templates/{purpose}/{channel}/{locale}", tag = "templates",
    operation_id = "save_template", security(("api_key" = [])), request_body = SaveTemplate,
    params(
        ("purpose" = String, Path, description = "A purpose; `default` is also for those without a text."),
        ("channel" = String, Path, description = "`sms`, `email` or `voice`."),
        ("locale" = String, Path, description = "A language, such as `pt-BR`."),
    ),
    responses(
        (status = 200, description = "It counts within a second.", body = TemplateView),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
        (status = 503, description = "Not saved; send it again.", body = Problem),
    ),
)]
pub async fn save(
    State(app): State<App>,
    caller: Caller,
    path: PlacePath,
    body: JsonBody<SaveTemplate>,
) -> Result<Json<TemplateView>, ApiError> {
    caller.require(Scope::Manage)?;
    let place = read(&app, path)?;
    let SaveTemplate { title, text, variables } = body.value;
    let draft = Draft { title, text, variables };
    let (owner, by) = (Owner::Tenant(caller.tenant_id), caller.key_id().to_string());
    let saved = texts::save(&app.home, owner, place, draft, &by).await?;
    Ok(Json(saved.into()))
}

/// Takes a text of your own away; its versions are kept.
#[utoipa::path(
    delete, path = "/v1/templates/{purpose}/{channel}/{locale}", tag = "templates",
    operation_id = "delete_template", security(("api_key" = [])),
    params(
        ("purpose" = String, Path, description = "A purpose."),
        ("channel" = String, Path, description = "`sms`, `email` or `voice`."),
        ("locale" = String, Path, description = "A language, such as `pt-BR`."),
    ),
    responses(
        (status = 204, description = "What was said before it is said again, within a second."),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    _: NoParams,
    caller: Caller,
    path: PlacePath,
) -> Result<StatusCode, ApiError> {
    caller.require(Scope::Manage)?;
    let place = read(&app, path)?;
    let (owner, by) = (Owner::Tenant(caller.tenant_id), caller.key_id().to_string());
    if texts::delete(&app.home, owner, place, &by).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ErrorCode::TemplateNotFound.error())
}

fn read(app: &App, path: PlacePath) -> Result<Place, ApiError> {
    let Path((purpose, channel, locale)) = path.map_err(|_| ErrorCode::TemplateNotFound.error())?;
    let PathName(purpose) = PathName::of(purpose);
    Ok(Place::read(&purpose, &channel, Some(&locale), &app.home.config.texts)?)
}
