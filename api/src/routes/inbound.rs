//! `/v1/inbound/{provider}/reports`: where providers call us. `{provider}` is the name of its
//! section.

use axum::{
    Extension, Router,
    extract::{Path, Request, State},
    http::StatusCode,
    routing::get,
};
use otpost_shared::{
    clock::Millis,
    config::ProviderSection,
    message::{self, Effect},
    report::{self, Call, NotHeard, Report},
};

use crate::{
    App, MAX_BODY_BYTES,
    body::read,
    error::{ApiError, ErrorCode},
    topics::{Topics, Unheard},
};

/// Not in the reference: nobody but a provider calls it, at an address it was given.
pub fn router(topics: Topics) -> Router<App> {
    Router::new()
        .route("/v1/inbound/{provider}/reports", get(reports).post(reports))
        .layer(Extension(topics))
}

async fn reports(
    State(app): State<App>,
    Extension(topics): Extension<Topics>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let home = &app.home;
    let section =
        home.config.providers.get(&provider).ok_or_else(|| ErrorCode::RouteNotFound.error())?;
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let url = format!("{}{path}", home.config.public_url());
    let headers: Vec<(&str, &str)> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let body = read(Request::new(body), MAX_BODY_BYTES).await?;
    let call = Call { url: &url, headers: &headers, body: &body };
    let heard = hear(&topics, section, &call, home.clock.now()).await;
    let Some(report) = heard.map_err(|why| refused(&provider, why))? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let word = report.word.as_str();
    if message::take_report(home, &provider, report).await? == Effect::NotGenuine {
        let why = NotHeard::NotGenuine("we never asked for it");
        return Err(refused(&provider, why.into()));
    }
    metrics::counter!("otpost_reports_total", "provider" => provider, "word" => word).increment(1);
    Ok(StatusCode::NO_CONTENT)
}

async fn hear(
    topics: &Topics,
    section: &ProviderSection,
    call: &Call<'_>,
    now: Millis,
) -> Result<Option<Report>, Unheard> {
    match report::of_topic(section, call, now) {
        Some(message) => topics.hear(message?, now).await,
        None => Ok(report::hear(section, call, now)?),
    }
}

fn refused(provider: &str, why: Unheard) -> ApiError {
    metrics::counter!("otpost_reports_refused_total", "provider" => provider.to_owned())
        .increment(1);
    let why = match why {
        Unheard::Refused(why) => why,
        Unheard::Away(why) => {
            tracing::warn!(provider, why, "a report cannot be checked for now");
            return ErrorCode::CertificateUnavailable.error().retry_after_ms(20_000);
        }
    };
    tracing::debug!(provider, %why, "a report was not listened to");
    match why {
        NotHeard::Unexpected => ErrorCode::RouteNotFound.error(),
        NotHeard::NotGenuine(_) => ErrorCode::ReportNotGenuine.detail(why.to_string()),
        NotHeard::Malformed(_) => ErrorCode::InvalidField.detail(why.to_string()),
    }
}
