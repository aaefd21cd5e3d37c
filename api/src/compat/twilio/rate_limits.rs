//! `…/RateLimits`: limits that a start names, with a value to count by.

use axum::{
    Json,
    extract::{RawQuery, Request, State},
    http::StatusCode,
};
use otpost_shared::{
    Home,
    clock::whole_seconds,
    verify_service::{self, Inserted, MOST_RATE_LIMITS, RateLimit, Sid},
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    caller::InService,
    fault::Fault,
    form::Form,
    page::{Asked, Listed},
    services_url,
};
use crate::App;

/// Characters of a name.
pub(super) const LONGEST_NAME: usize = 64;
/// Characters of a description.
const LONGEST_DESCRIPTION: usize = 255;

#[derive(Debug, Serialize)]
pub(super) struct RateLimitView {
    sid: String,
    service_sid: String,
    account_sid: String,
    unique_name: String,
    description: String,
    date_created: String,
    date_updated: String,
    url: String,
    links: Links,
}

#[derive(Debug, Serialize)]
struct Links {
    buckets: String,
}

/// Where a Service's limits are.
pub(super) fn limits_url(home: &Home, of: &InService) -> String {
    format!("{}/{}/RateLimits", services_url(&home.config), of.sid())
}

fn view(home: &Home, of: &InService, limit: RateLimit) -> RateLimitView {
    let sid = Sid::RateLimit.write(limit.id);
    let url = format!("{}/{sid}", limits_url(home, of));
    RateLimitView {
        sid,
        service_sid: of.sid(),
        account_sid: of.account.sid(),
        unique_name: limit.unique_name,
        description: limit.description,
        date_created: whole_seconds(limit.created_at),
        date_updated: whole_seconds(limit.updated_at),
        links: Links { buckets: format!("{url}/Buckets") },
        url,
    }
}

/// The limit that the path names.
pub(super) async fn named(home: &Home, of: &InService) -> Result<RateLimit, Fault> {
    let id = of.id(Sid::RateLimit, "limit")?;
    let found = verify_service::find_rate_limit(&home.db, of.service.id, id).await?;
    found.ok_or_else(|| of.not_found())
}

pub(super) async fn create(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<(StatusCode, Json<RateLimitView>), Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    form.required("UniqueName")?;
    let name = form.line("UniqueName", LONGEST_NAME)?.unwrap_or_default();
    let description = form.line("Description", LONGEST_DESCRIPTION)?.unwrap_or_default();
    let now = home.clock.now();
    let limit = RateLimit {
        id: Uuid::now_v7(),
        service_id: of.service.id,
        unique_name: name.to_owned(),
        description: description.to_owned(),
        created_at: now,
        updated_at: now,
    };
    match verify_service::insert_rate_limit(&home.db, &limit).await? {
        Inserted::Yes => Ok((StatusCode::CREATED, Json(view(home, &of, limit)))),
        Inserted::Taken => {
            Err(Fault::parameter("UniqueName", "this Service has a limit of this name"))
        }
        Inserted::TooMany => Err(Fault::full("limits of this Service", MOST_RATE_LIMITS)),
    }
}

pub(super) async fn list(
    State(app): State<App>,
    of: InService,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<RateLimitView>>, Fault> {
    let asked = Asked::read(query.as_deref())?;
    let home = &app.home;
    let page = verify_service::list_rate_limits(&home.db, of.service.id, asked.from, asked.limit())
        .await?;
    let url = limits_url(home, &of);
    let show = |row| view(home, &of, row);
    Ok(Json(Listed::new(asked, (&url, "rate_limits"), page, |row| row.id, show)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    of: InService,
) -> Result<Json<RateLimitView>, Fault> {
    let limit = named(&app.home, &of).await?;
    Ok(Json(view(&app.home, &of, limit)))
}

pub(super) async fn update(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<Json<RateLimitView>, Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    let description = form.line("Description", LONGEST_DESCRIPTION)?;
    let which = (of.service.id, of.id(Sid::RateLimit, "limit")?);
    let now = home.clock.now();
    let limit = verify_service::update_rate_limit(&home.db, which, description, now).await?;
    Ok(Json(view(home, &of, limit.ok_or_else(|| of.not_found())?)))
}

pub(super) async fn delete(State(app): State<App>, of: InService) -> Result<StatusCode, Fault> {
    let home = &app.home;
    let id = of.id(Sid::RateLimit, "limit")?;
    if !verify_service::delete_rate_limit(&home.db, of.service.id, id).await? {
        return Err(of.not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}
