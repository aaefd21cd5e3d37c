//! `/v1/inbound/{provider}/reports` and `…/messages`: where providers call us, with what became of a
//! message and with what people write back. `{provider}` is the name of its section.

mod room;
mod taking;

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use otpost_shared::{
    Home,
    clock::Millis,
    inbound,
    report::{Brought, Call, Hearer, NotHeard, TopicMessage},
};

use self::{
    room::{Held, Room},
    taking::Places,
};
use crate::{
    App,
    body::{read_if, told_length},
    error::{ApiError, ErrorCode},
    observe::OwnTime,
    topics::{Topics, Unheard},
};

/// Not in the reference: nobody but a provider calls it, at an address it was given.
pub fn router(topics: Topics, connections: u32) -> Router<App> {
    let desk = Desk { topics, room: Room::default(), places: Places::beside(connections) };
    Router::new()
        .route("/v1/inbound/{provider}/reports", get(reports).post(reports))
        .route("/v1/inbound/{provider}/messages", get(messages).post(messages))
        .layer(Extension(desk))
}

/// What all calls share.
#[derive(Clone)]
struct Desk {
    topics: Topics,
    room: Room,
    places: Places,
}

async fn reports(
    State(app): State<App>,
    Extension(Desk { topics, room, places }): Extension<Desk>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let hearer = hearer(&app.home, &provider)?;
    expect_signature(hearer, &request).map_err(|why| refused(&provider, why.into()))?;
    let time = OwnTime::of(&request);
    let came = Came::read(&app.home, hearer.most_bytes_of_reports(), &room, request).await?;
    let heard = hear(&topics, &provider, hearer, &came, app.home.clock.now()).await;
    let brought = match heard.map_err(|why| refused(&provider, why))? {
        Said::Asked(answer) => return Ok(answer.into_response()),
        Said::Brought(brought) => brought,
    };
    time.keep();
    let are_ours = taking::take(&app.home, &provider, brought, places, came.into_held()).await?;
    if !are_ours && !hearer.hears_of_others() {
        return Err(refused(&provider, NotHeard::NotGenuine("we never asked for it").into()));
    }
    Ok(StatusCode::OK.into_response())
}

async fn messages(
    State(app): State<App>,
    Extension(Desk { room, places, .. }): Extension<Desk>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let home = &app.home;
    hearer(home, &provider)?;
    let refuse = |why: NotHeard| refused(&provider, why.into());
    let url = url(home, request.uri());
    let hearer = inbound::hearer_at(home, &provider, &url).map_err(refuse)?;
    let time = OwnTime::of(&request);
    let came = Came::read(home, hearer.most_bytes_of_people(), &room, request).await?;
    let heard = inbound::read(hearer, &came.call(&came.headers()), home.clock.now());
    let brought = heard.map_err(refuse)?;
    time.keep();
    taking::take(home, &provider, brought, places, came.into_held()).await?;
    Ok(if hearer.wants_twiml() {
        ([(header::CONTENT_TYPE, "text/xml")], "<Response/>").into_response()
    } else {
        StatusCode::OK.into_response()
    })
}

fn hearer<'a>(home: &'a Home, provider: &str) -> Result<&'a Hearer, ApiError> {
    home.hearer(provider).ok_or_else(|| ErrorCode::RouteNotFound.error())
}

/// Whoever signs nothing is not read: large calls take room.
fn expect_signature(hearer: &Hearer, request: &Request) -> Result<(), NotHeard> {
    let is_signed = !hearer.lacks_signature(|name| request.headers().contains_key(name));
    if is_signed || told_length(request) == Some(0) {
        return Ok(());
    }
    Err(NotHeard::NotGenuine("it is not signed"))
}

/// As the provider knows it.
fn url(home: &Home, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    format!("{}{path}", home.config.public_url())
}

/// A call, whole.
struct Came {
    url: String,
    headers: HeaderMap,
    body: Bytes,
    held: Held,
}

impl Came {
    /// With at most so many bytes.
    async fn read(
        home: &Home,
        most: usize,
        room: &Room,
        request: Request,
    ) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let mut held = Held::default();
        let may_keep = |bytes| room.hold(&mut held, bytes);
        let body = read_if(Request::new(body), most, may_keep).await;
        let body = body.map_err(|error| name_the_way_out(error, most))?;
        Ok(Self { url: url(home, &parts.uri), headers: parts.headers, body, held })
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        let all = self.headers.iter();
        all.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
    }

    fn call<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> Call<'a> {
        Call { url: &self.url, headers, body: &self.body }
    }

    /// What it brought has been read: the rest of it is no longer kept.
    fn into_held(self) -> Held {
        self.held
    }
}

fn name_the_way_out(error: ApiError, most: usize) -> ApiError {
    if error.code() != ErrorCode::BodyTooLarge {
        return error;
    }
    let most = most / 1024;
    ErrorCode::BodyTooLarge
        .detail(format!("of this provider it is {most} KiB; have it bring less with one call"))
}

/// What a call to the address for reports says.
enum Said {
    /// It asks whether the address is ours, and is to hear this.
    Asked(String),
    Brought(Brought),
}

async fn hear(
    topics: &Topics,
    provider: &str,
    hearer: &Hearer,
    came: &Came,
    now: Millis,
) -> Result<Said, Unheard> {
    let headers = came.headers();
    let call = came.call(&headers);
    if let Some(answer) = hearer.handshake(&call) {
        return Ok(Said::Asked(answer?));
    }
    Ok(Said::Brought(match hearer.of_topic(&call, now) {
        Some(message) => hear_topic(topics, provider, message, now).await?,
        None => hearer.hear(&call, now)?,
    }))
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
