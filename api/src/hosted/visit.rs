//! Whose link a request brings, and in which language it is answered.

use axum::{extract::FromRequestParts, http::request::Parts};
use otpost_shared::{Home, page_link::PageLink, tenant::DEFAULT_TENANT};
use uuid::Uuid;

use super::wording::Words;
use crate::{
    App,
    error::{ApiError, ErrorCode},
    language::AcceptLanguage,
    query,
    routes::PathName,
};

/// A request by whoever opened the page with a link of ours, however old.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) link: PageLink,
    pub(super) languages: AcceptLanguage,
    pub(super) words: Words,
}

impl FromRequestParts<App> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        query::expect_none(&parts.uri)?;
        let Ok(languages) = AcceptLanguage::from_request_parts(parts, app).await;
        // The path has one name: whatever comes behind it is part of the route.
        let Ok(PathName(text)) = PathName::from_request_parts(parts, app).await;
        let link = PageLink::parse(&app.home.keys, &text);
        let link = link.ok_or_else(|| ErrorCode::PageNotFound.error())?;
        let words = words(&app.home, &languages, Some(&link)).await?;
        Ok(Self { link, languages, words })
    }
}

/// What is said to whoever asks so; without a link to whoever it is.
pub(super) async fn words(
    home: &Home,
    languages: &AcceptLanguage,
    link: Option<&PageLink>,
) -> Result<Words, ApiError> {
    let tenant_id: Uuid = link.map_or(DEFAULT_TENANT, |link| link.tenant_id);
    let asked = languages.asked(link.and_then(|link| link.locale.as_deref()))?;
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    Ok(Words::of(settings.texts(), tenant_id, &asked, &home.config.texts.app))
}

impl Visit {
    /// Lets in whoever begins.
    ///
    /// # Errors
    /// The link is too old, its tenant is disabled, or somebody succeeded with it.
    pub(super) async fn expect_open(&self, home: &Home) -> Result<(), ApiError> {
        let is_over = self.link.expires_at <= home.clock.now();
        if is_over || home.is_disabled(self.link.tenant_id).await? {
            return Err(ErrorCode::PageExpired.error());
        }
        match self.link.used(home, Uuid::nil()).await? {
            Some(_) => Err(ErrorCode::PageUsed.error()),
            None => Ok(()),
        }
    }
}
