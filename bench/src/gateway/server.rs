//! Connections: one request in, one answer out, or none when a rule says so.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    http::request::Parts,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{Answer, Manner, State, control};
use crate::error::Error;

pub(crate) type Reply = Response<Full<Bytes>>;

/// What a request asks to be sent.
pub(crate) struct Asked {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) text: String,
    /// Where its sender wants to hear what becomes of it.
    pub(crate) report_to: Option<String>,
}

/// One of the three languages spoken here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect {
    Twilio,
    Vonage,
    Plain,
}

impl Dialect {
    fn of(path: &str) -> Option<Self> {
        match path {
            _ if path.starts_with("/2010-04-01/") => Some(Self::Twilio),
            "/sms/json" | "/account/get-balance" => Some(Self::Vonage),
            _ if path.starts_with("/http/") => Some(Self::Plain),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Vonage => "vonage",
            Self::Plain => "plain",
        }
    }
}

/// Accepts until aborted; aborting it closes every connection too.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, Arc::clone(&state)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    // Without this an answer can wait 40 ms for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&reset);
    let service = service_fn(move |request| {
        Box::pin(answer(Arc::clone(&state), Arc::clone(&asked), request))
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let mut stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed) {
        let _ = stream.set_zero_linger();
    } else {
        let _ = stream.shutdown().await;
    }
}

/// An error here ends the connection without an answer, which is what some rules want.
async fn answer(
    state: Arc<State>,
    reset: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> Result<Reply, Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path();
    if path.starts_with("/control/") {
        return Ok(control::answer(&state, &head, &body));
    }
    let Some(dialect) = Dialect::of(path) else {
        return Ok(json(StatusCode::NOT_FOUND, r#"{"error":"no such path"}"#));
    };
    let asked = match read(&state, dialect, &head, &body) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(*refusal),
    };
    let (delay, rule) = state.rules.choose(path, &asked.to);
    let written = match &rule {
        Answer::Ok => Ok(accept(&state, dialect, &asked)),
        Answer::Http { status, retry_after } => Ok(bare(*status, retry_after.as_deref())),
        Answer::Error { code, status } => Ok(refuse(dialect, *code, *status)),
        Answer::Raw { status, body, length, .. } => {
            Ok(json(status_of(*status), &format!("{body:<length$}")))
        }
        Answer::Hang { .. } | Answer::Reset { .. } | Answer::Drop { .. } => Err(()),
    };
    state.log.put(dialect.name(), asked.to.clone(), asked.text.clone(), rule.sends());
    if let Some(manner) = state.reports.manner(&asked).filter(|_| rule.sends()) {
        let tell = tell(Arc::clone(&state), dialect, asked, manner);
        if manner == Manner::Early {
            tell.await;
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                tell.await;
            });
        }
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match rule {
        Answer::Hang { .. } => tokio::time::sleep(Duration::from_mins(10)).await,
        Answer::Reset { .. } => reset.store(true, Ordering::Relaxed),
        _ => {}
    }
    written.map_err(|()| "no answer, as the rule says".into())
}

async fn tell(state: Arc<State>, dialect: Dialect, asked: Asked, manner: Manner) {
    state.reports.tell(dialect, &state.twilio.auth_token, &asked, manner).await;
}

fn read(state: &State, dialect: Dialect, head: &Parts, body: &[u8]) -> Result<Asked, Box<Reply>> {
    match dialect {
        Dialect::Twilio => state.twilio.read(head, body),
        Dialect::Vonage => state.vonage.read(head, body),
        Dialect::Plain => state.plain.read(head, body),
    }
}

fn accept(state: &State, dialect: Dialect, asked: &Asked) -> Reply {
    match dialect {
        Dialect::Twilio => state.twilio.accepted(asked),
        Dialect::Vonage => state.vonage.accepted(asked),
        Dialect::Plain => state.plain.accepted(),
    }
}

fn refuse(dialect: Dialect, code: u32, status: Option<u16>) -> Reply {
    match dialect {
        Dialect::Twilio => super::twilio::error(status.unwrap_or(400), code, "Refused by a rule"),
        Dialect::Vonage => super::vonage::error(code, "Refused by a rule"),
        Dialect::Plain => json(
            status_of(status.unwrap_or(400)),
            &format!(r#"{{"code":{code},"message":"Refused by a rule"}}"#),
        ),
    }
}

fn bare(status: u16, retry_after: Option<&str>) -> Reply {
    let mut reply =
        json(status_of(status), &format!(r#"{{"status":{status},"message":"by a rule"}}"#));
    if let Some(Ok(value)) = retry_after.map(header::HeaderValue::from_str) {
        reply.headers_mut().insert(header::RETRY_AFTER, value);
    }
    reply
}

pub(crate) fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn json(status: StatusCode, body: &str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *reply.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

/// The fields of a form body, decoded; only those named in `N` are kept, in that order.
pub(crate) fn form<const N: usize>(body: &[u8], names: [&str; N]) -> [Option<String>; N] {
    let mut found = [const { None }; N];
    for (name, value) in form_urlencoded::parse(body) {
        if let Some(place) = names.iter().position(|wanted| *wanted == name) {
            found[place] = Some(value.into_owned());
        }
    }
    found
}

/// Whether the request carries exactly this `Authorization`.
pub(crate) fn is_authorized(head: &Parts, expected: &str) -> bool {
    let sent = head.headers.get(header::AUTHORIZATION);
    sent.is_some_and(|sent| sent.as_bytes() == expected.as_bytes())
}

/// The value of a Basic `Authorization` header.
pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Something unique that looks like a gateway's message id: 32 hexadecimal digits.
pub(crate) fn fresh_id() -> String {
    use std::sync::atomic::AtomicU64;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{next:016x}", super::now_us())
}
