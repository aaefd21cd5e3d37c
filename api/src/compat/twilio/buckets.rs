//! `…/RateLimits/{limit}/Buckets`: how often one value may be counted.

use std::ops::RangeInclusive;

use axum::{
    Json,
    extract::{RawQuery, Request, State},
    http::StatusCode,
};
use otpost_shared::{
    Home,
    clock::whole_seconds,
    verify_service::{self, Bucket, Inserted, MOST_BUCKETS, MOST_PER_BUCKET, Sid},
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    caller::InService,
    fault::Fault,
    form::Form,
    page::{Asked, Listed},
    rate_limits::{limits_url, named},
};
use crate::App;

const MOST: RangeInclusive<u32> = 1..=MOST_PER_BUCKET;
/// Up to a year.
const SECS: RangeInclusive<u32> = 1..=366 * 86_400;

#[derive(Debug, Serialize)]
pub(super) struct BucketView {
    sid: String,
    rate_limit_sid: String,
    service_sid: String,
    account_sid: String,
    max: i32,
    interval: i32,
    date_created: String,
    date_updated: String,
    url: String,
}

fn buckets_url(home: &Home, of: &InService, limit: Uuid) -> String {
    format!("{}/{}/Buckets", limits_url(home, of), Sid::RateLimit.write(limit))
}

fn view(home: &Home, of: &InService, bucket: &Bucket) -> BucketView {
    let sid = Sid::Bucket.write(bucket.id);
    BucketView {
        url: format!("{}/{sid}", buckets_url(home, of, bucket.rate_limit_id)),
        sid,
        rate_limit_sid: Sid::RateLimit.write(bucket.rate_limit_id),
        service_sid: of.sid(),
        account_sid: of.account.sid(),
        max: bucket.most,
        interval: bucket.interval_secs,
        date_created: whole_seconds(bucket.created_at),
        date_updated: whole_seconds(bucket.updated_at),
    }
}

/// A parameter as the row keeps it; none when it was not sent.
fn number(form: &Form, name: &str, range: RangeInclusive<u32>) -> Result<Option<i32>, Fault> {
    // The ranges fit.
    Ok(form.number(name, range)?.and_then(|number| i32::try_from(number).ok()))
}

/// The bucket that the path names.
async fn found(home: &Home, of: &InService) -> Result<Bucket, Fault> {
    let limit = named(home, of).await?;
    let id = of.id(Sid::Bucket, "bucket")?;
    let found = verify_service::find_bucket(&home.db, limit.id, id).await?;
    found.ok_or_else(|| of.not_found())
}

pub(super) async fn create(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<(StatusCode, Json<BucketView>), Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    let limit = named(home, &of).await?;
    let missing = |name: &'static str| move || Fault::parameter(name, "it is missing");
    let now = home.clock.now();
    let bucket = Bucket {
        id: Uuid::now_v7(),
        rate_limit_id: limit.id,
        most: number(&form, "Max", MOST)?.ok_or_else(missing("Max"))?,
        interval_secs: number(&form, "Interval", SECS)?.ok_or_else(missing("Interval"))?,
        created_at: now,
        updated_at: now,
    };
    if verify_service::insert_bucket(&home.db, &bucket).await? == Inserted::TooMany {
        return Err(Fault::full("buckets of this limit", MOST_BUCKETS));
    }
    Ok((StatusCode::CREATED, Json(view(home, &of, &bucket))))
}

pub(super) async fn list(
    State(app): State<App>,
    of: InService,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<BucketView>>, Fault> {
    let asked = Asked::read(query.as_deref())?;
    let home = &app.home;
    let limit = named(home, &of).await?;
    let page = verify_service::list_buckets(&home.db, limit.id, asked.from, asked.limit()).await?;
    let url = buckets_url(home, &of, limit.id);
    let show = |row| view(home, &of, &row);
    Ok(Json(Listed::new(asked, (&url, "buckets"), page, |row| row.id, show)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    of: InService,
) -> Result<Json<BucketView>, Fault> {
    let bucket = found(&app.home, &of).await?;
    Ok(Json(view(&app.home, &of, &bucket)))
}

pub(super) async fn update(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<Json<BucketView>, Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    let change = (number(&form, "Max", MOST)?, number(&form, "Interval", SECS)?);
    let which = (named(home, &of).await?.id, of.id(Sid::Bucket, "bucket")?);
    let bucket = verify_service::update_bucket(&home.db, which, change, home.clock.now()).await?;
    Ok(Json(view(home, &of, &bucket.ok_or_else(|| of.not_found())?)))
}

pub(super) async fn delete(State(app): State<App>, of: InService) -> Result<StatusCode, Fault> {
    let home = &app.home;
    let (limit, id) = (named(home, &of).await?, of.id(Sid::Bucket, "bucket")?);
    if !verify_service::delete_bucket(&home.db, limit.id, id).await? {
        return Err(of.not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}
