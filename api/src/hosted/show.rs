//! `GET /page/{link}`: the page, or why there is none.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use otpost_shared::{
    Home,
    channel::Channel,
    page_link::{PageLink, With},
    recipient,
};

use super::{
    html::{self, Country, View},
    visit::{self, Visit},
    wording::Words,
};
use crate::{App, error::ApiError, language::AcceptLanguage};

pub(super) async fn show(
    State(app): State<App>,
    languages: AcceptLanguage,
    visit: Result<Visit, ApiError>,
) -> Response {
    let home = &app.home;
    let visit = match visit {
        Ok(visit) => visit,
        Err(error) => return without_link(home, &languages, error).await,
    };
    let (link, words) = (&visit.link, &visit.words);
    let page = match visit.expect_open(home).await {
        Ok(()) => view(home, &visit).await.map(|view| html::page(words, &view)),
        Err(error) => Err(error),
    };
    page.map_or_else(
        |error| refused(words, &error, Some(link)),
        |page| (policy(Some(link)), Html(page.into_string())).into_response(),
    )
}

async fn without_link(home: &Home, languages: &AcceptLanguage, error: ApiError) -> Response {
    match visit::words(home, languages, None).await {
        Ok(words) => refused(&words, &error, None),
        Err(_) => error.into_response(),
    }
}

/// The same status as a problem document has, for people.
fn refused(words: &Words, error: &ApiError, link: Option<&PageLink>) -> Response {
    let leave = link.and_then(|link| link.return_to(With::NotVerified));
    let page = html::refused(words, &words.trouble(error), leave.as_deref());
    (error.code().status(), policy(link), Html(page.into_string())).into_response()
}

/// Nothing from elsewhere, nothing inline, and in a frame of the link's origin alone.
fn policy(link: Option<&PageLink>) -> HeaderMap {
    let embed_origin = link.and_then(|link| link.embed_origin.as_deref());
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors {}",
        embed_origin.unwrap_or("'none'")
    );
    let mut headers = HeaderMap::new();
    // An origin of the configuration is visible ASCII.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers
}

async fn view<'a>(home: &Home, visit: &'a Visit) -> Result<View<'a>, ApiError> {
    let link = &visit.link;
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    let policy = settings.policy(link.tenant_id, &link.purpose);
    let is_allowed = |region: &str| {
        let by_policy = policy.as_ref().is_none_or(|policy| policy.allows_region(Some(region)));
        by_policy && home.config.allows_region(Some(region))
    };
    let likely = home.region_of(link.tenant_id).await?;
    let asks_number = link.to.is_none() && link.channels.iter().any(|way| way.is_by_phone());
    let countries = if asks_number { recipient::regions() } else { Vec::new() };
    let countries = countries.into_iter().filter(|(region, _)| is_allowed(region));
    Ok(View {
        channels: &link.channels,
        is_fixed: link.to.is_some(),
        asks_number,
        asks_address: link.to.is_none() && link.channels.contains(&Channel::Email),
        countries: countries
            .map(|(region, code)| Country {
                is_likely: likely.as_ref() == Some(&region),
                region,
                code,
            })
            .collect(),
        digits: policy.map_or(6, |policy| policy.code_length),
        embed_origin: link.embed_origin.as_deref(),
        leave: link.return_to(With::NotVerified),
    })
}
