//! `POST /page/{link}/challenge`: what the browser is to work on before it begins a verification.

use axum::{Json, extract::State};

use super::{visit::Visit, work::Challenge};
use crate::{App, error::ApiError};

pub(super) async fn challenge(
    State(app): State<App>,
    visit: Visit,
) -> Result<Json<Challenge>, ApiError> {
    let home = &app.home;
    let given = match visit.expect_open(home).await {
        Ok(()) => Challenge::give(home, &visit.link),
        Err(error) => Err(error),
    };
    given.map(Json).map_err(|error| visit.words.explain(error))
}
