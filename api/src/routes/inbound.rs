//! `/v1/inbound/{provider}/reports` and `…/messages`: where providers call us, with what became of a
//! message and with what people write back. `{provider}` is the name of its section.

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use otpost_shared::{
    Home,
    clock::Millis,
    db::DbError,
    inbound::{self, Written},
    message::{self, Effect},
    report::{Brought, Call, Hearer, NotHeard, Report, TopicMessage},
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
        .route("/v1/inbound/{provider}/messages", get(messages).post(messages))
        .layer(Extension(topics))
}

async fn reports(
    State(app): State<App>,
    Extension(topics): Extension<Topics>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let home = &app.home;
    let hearer = hearer(home, &provider)?;
    let came = Came::read(home, request).await?;
    let headers = came.headers();
    let (call, now) = (came.call(&headers), home.clock.now());
    if let Some(answer) = hearer.handshake(&call) {
        let answer = answer.map_err(|why| refused(&provider, why.into()))?;
        return Ok(answer.into_response());
    }
    let heard = match hearer.of_topic(&call, now) {
        Some(message) => hear_topic(&topics, &provider, message, now).await,
        None => hearer.hear(&call, now).map_err(Unheard::from),
    };
    let brought = heard.map_err(|why| refused(&provider, why))?;
    for report in brought.reports {
        let is_ours = take(home, &provider, report).await?;
        if !is_ours && !hearer.hears_of_others() {
            let why = NotHeard::NotGenuine("we never asked for it");
            return Err(refused(&provider, why.into()));
        }
    }
    inbound::note_unreadable(&provider, brought.unreadable);
    for written in brought.written {
        take_written(home, &provider, written).await?;
    }
    Ok(StatusCode::OK.into_response())
}

/// False when we never asked for it.
async fn take(home: &Home, provider: &str, report: Report) -> Result<bool, DbError> {
    let word = report.word.as_str();
    match message::take_report(home, provider, report).await? {
        Effect::NotGenuine => return Ok(false),
        // Whether it is ours nobody can say any more.
        Effect::Unknown => return Ok(true),
        _ => {}
    }
    let provider = provider.to_owned();
    metrics::counter!("otpost_reports_total", "provider" => provider, "word" => word).increment(1);
    Ok(true)
}

async fn messages(
    State(app): State<App>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let home = &app.home;
    let hearer = hearer(home, &provider)?;
    let came = Came::read(home, request).await?;
    let heard = inbound::hear(home, &provider, &came.call(&came.headers()), home.clock.now());
    let brought = heard.map_err(|why| refused(&provider, why.into()))?;
    inbound::note_unreadable(&provider, brought.unreadable);
    for written in brought.written {
        take_written(home, &provider, written).await?;
    }
    Ok(if hearer.wants_twiml() {
        ([(header::CONTENT_TYPE, "text/xml")], "<Response/>").into_response()
    } else {
        StatusCode::OK.into_response()
    })
}

async fn take_written(home: &Home, provider: &str, written: Written) -> Result<(), DbError> {
    let wish = written.wish.as_str();
    inbound::take(home, provider, written).await?;
    let provider = provider.to_owned();
    metrics::counter!("otpost_inbound_total", "provider" => provider, "wish" => wish).increment(1);
    Ok(())
}

fn hearer<'a>(home: &'a Home, provider: &str) -> Result<&'a Hearer, ApiError> {
    home.hearer(provider).ok_or_else(|| ErrorCode::RouteNotFound.error())
}

/// A call, whole.
struct Came {
    /// As the provider knows it.
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Came {
    async fn read(home: &Home, request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let url = format!("{}{path}", home.config.public_url());
        let body = read(Request::new(body), MAX_BODY_BYTES).await?;
        Ok(Self { url, headers: parts.headers, body })
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        let all = self.headers.iter();
        all.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
    }

    fn call<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> Call<'a> {
        Call { url: &self.url, headers, body: &self.body }
    }
}

async fn hear_topic(
    topics: &Topics,
    provider: &str,
    message: Result<TopicMessage, NotHeard>,
    now: Millis,
) -> Result<Brought, Unheard> {
    topics.hear(provider, message?, now).await
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
        // Anybody can bring that about as often as they like: it makes no line in the log.
        Unheard::Later(why) => {
            tracing::debug!(provider, why, "a report is not checked for now");
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
