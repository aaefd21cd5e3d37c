//! What the page's script holds of a verification: its session token, sealed, so that it counts with this
//! link alone and for nothing else.

use otpost_shared::{Home, page_link::PageLink, secrets::Handle};
use uuid::Uuid;

use crate::error::{ApiError, ErrorCode};

const FIELD: &str = "page.handle";

pub(super) struct PageHandle {
    pub(super) id: Uuid,
    pub(super) token: String,
}

impl PageHandle {
    pub(super) fn give(home: &Home, link: &PageLink, token: &str) -> Result<String, ApiError> {
        Ok(link.give(&home.keys, FIELD, token.as_bytes())?)
    }

    /// # Errors
    /// It was made up, or given with another link.
    pub(super) fn take(home: &Home, link: &PageLink, text: &str) -> Result<Self, ApiError> {
        let token = link.take(&home.keys, FIELD, text).and_then(|t| String::from_utf8(t).ok());
        let handle = token.and_then(|token| Some(Self { id: Handle::parse(&token)?.id, token }));
        handle.ok_or_else(|| ErrorCode::VerificationNotFound.error())
    }
}
