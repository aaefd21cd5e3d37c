//! Verifications: create, check, show, resend, cancel.

pub mod cancel;
pub mod check;
pub mod create;
pub mod live;
pub mod resend;
pub mod show;
mod steps;
mod views;

use otpost_shared::{
    secrets::Handle,
    verification::{self, Status, Verification},
};
use uuid::Uuid;

use crate::{
    App,
    auth::MaybeCaller,
    error::{ApiError, ErrorCode},
    routes::PathId,
};

/// The error for a verification that has ended.
pub(crate) fn over(status: Status) -> ApiError {
    match status {
        Status::Verified => ErrorCode::AlreadyVerified,
        Status::Locked => ErrorCode::VerificationLocked,
        Status::Canceled => ErrorCode::VerificationCanceled,
        Status::Failed => ErrorCode::VerificationFailed,
        Status::Expired | Status::Pending => ErrorCode::VerificationExpired,
    }
    .error()
}

/// A path's id; anything else is simply not found.
fn known_id(id: PathId) -> Result<Uuid, ApiError> {
    id.0.ok_or_else(|| ErrorCode::VerificationNotFound.error())
}

/// The verification a caller may act on: its tenant's by API key, or its own by session token.
async fn authorised(
    app: &App,
    caller: &MaybeCaller,
    id: Uuid,
    session_token: Option<&str>,
) -> Result<Verification, ApiError> {
    let row = verification::find(&app.home.db, id).await?;
    if let Some(caller) = &caller.0 {
        caller.require(otpost_shared::api_key::Scope::Verify)?;
        return row
            .filter(|row| row.tenant_id == caller.tenant_id)
            .ok_or_else(|| ErrorCode::VerificationNotFound.error());
    }
    let Some(text) = session_token else {
        return Err(ErrorCode::Unauthorized
            .detail("without an API key, send the session_token in the body"));
    };
    let token = Handle::parse(text).ok_or_else(|| ErrorCode::VerificationNotFound.error())?;
    row.filter(|row| row.holds_token(&token)).ok_or_else(|| ErrorCode::VerificationNotFound.error())
}
