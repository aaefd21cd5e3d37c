//! Batches: one text to many recipients, taken as JSON or line by line, shown and listed.

mod create;
mod csv;
mod lines;
mod list;
mod outcome;
mod respond;
mod room;
mod show;
mod stream;

use axum::Extension;
use otpost_shared::message::batch::{self, Batch};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::list::ListedMessage;
use self::room::Room;
use crate::{
    App,
    auth::Caller,
    error::{ApiError, ErrorCode},
    routes::PathId,
};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(show::show))
        .routes(routes!(list::list))
        .layer(Extension(Room::default()))
}

/// The caller's batch.
async fn find(app: &App, caller: &Caller, id: PathId) -> Result<Batch, ApiError> {
    let not_found = || ErrorCode::BatchNotFound.error();
    let id = id.0.ok_or_else(not_found)?;
    batch::find(&app.home.db, caller.tenant_id, id).await?.ok_or_else(not_found)
}
