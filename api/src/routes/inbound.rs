//! `/v1/inbound/{provider}/reports`: where providers call us. `{provider}` is the name of its
//! section.

use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    routing::get,
};
use otpost_shared::{
    Home,
    db::DbError,
    message::{self, Effect},
    report::{self, Call, NotHeard, Report},
};

use crate::{
    App, MAX_BODY_BYTES,
    body::read,
    error::{ApiError, ErrorCode},
};

/// Not in the reference: nobody but a provider calls it, at an address it was given.
pub fn router() -> Router<App> {
    Router::new().route("/v1/inbound/{provider}/reports", get(reports).post(reports))
}

async fn reports(
    State(app): State<App>,
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
    let heard = report::hear(section, &call, home.clock.now());
    for report in heard.map_err(|why| refused(&provider, why))? {
        let is_ours = take(home, &provider, report).await?;
        if !is_ours && !report::hears_of_others(section) {
            return Err(refused(&provider, NotHeard::NotGenuine("we never asked for it")));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// False when we never asked for it.
async fn take(home: &Home, provider: &str, report: Report) -> Result<bool, DbError> {
    let word = report.word.as_str();
    if message::take_report(home, provider, report).await? == Effect::NotGenuine {
        return Ok(false);
    }
    let provider = provider.to_owned();
    metrics::counter!("otpost_reports_total", "provider" => provider, "word" => word).increment(1);
    Ok(true)
}

fn refused(provider: &str, why: NotHeard) -> ApiError {
    metrics::counter!("otpost_reports_refused_total", "provider" => provider.to_owned())
        .increment(1);
    tracing::debug!(provider, %why, "a report was not listened to");
    match why {
        NotHeard::Unexpected => ErrorCode::RouteNotFound.error(),
        NotHeard::NotGenuine(_) => ErrorCode::ReportNotGenuine.detail(why.to_string()),
        NotHeard::Malformed(_) => ErrorCode::InvalidField.detail(why.to_string()),
    }
}
