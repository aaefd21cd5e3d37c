//! What gateways answer, read by each provider over a real connection.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use otpost_shared::{
    channel::Channel, outcome::ErrorClass, queue::Lane, recipient::Recipient, secrets::Code,
};
use otpost_worker::{
    provider::{Outgoing, Provider},
    providers::{self, Net},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use super::{first_line, runtime};

/// No gateway's words take more room than this, in characters.
const LONGEST_DETAIL: usize = 1_100;

/// A gateway that gives the answer it was last told, and the providers that call it.
struct Gateway {
    /// Whose answer it gives; two tests may want one at the same time.
    turn: Mutex<()>,
    answer: Arc<Mutex<Vec<u8>>>,
    providers: Vec<Arc<dyn Provider>>,
}

/// First line: which provider, as a digit, or what follows the digits. Second: the status. Third: `Retry-After`. Rest: the body.
pub fn provider_answer(data: &[u8]) {
    let (which, rest) = first_line(data);
    let (status, rest) = first_line(rest);
    let (retry_after, body) = first_line(rest);
    let status: u16 = String::from_utf8_lossy(status).trim().parse().unwrap_or(200);
    // An interim answer is none.
    let status = if (200..=999).contains(&status) { status } else { 200 };
    let gateway = gateway();
    let provider = usize::from(which.first().copied().unwrap_or(b'0').wrapping_sub(b'0'));
    let provider = &gateway.providers[provider % gateway.providers.len()];
    let _turn = gateway.turn.lock().unwrap_or_else(PoisonError::into_inner);
    *gateway.answer.lock().unwrap_or_else(PoisonError::into_inner) =
        written(status, retry_after, body);
    let out = Outgoing {
        message_id: Uuid::nil(),
        lane: Lane::Otp,
        attempt: 1,
        channel: Channel::Sms,
        to: Recipient::parse_unchecked("+15551234567", None).expect("a number"),
        text: "Your code is 123456".into(),
        code: Some(Code::new("123456".into())),
        language: "en".into(),
        mail: None,
        validity: Duration::from_mins(2),
        sender: None,
        report_to: None,
    };
    let outcome = runtime().block_on(provider.send(&out));
    assert!(
        outcome.retry_after.is_none_or(|wait| wait <= Duration::from_hours(1200)),
        "{outcome:?}"
    );
    let words = outcome.detail.as_ref().map_or(0, |text| text.chars().count());
    assert!(words <= LONGEST_DETAIL, "{words} characters");
    // Only a good status may mean that the message was accepted.
    let good = (200..=299).contains(&status);
    assert!(good || outcome.class != ErrorClass::Ok, "{status}: {outcome:?}");
    assert!(!good || outcome.class == ErrorClass::Ok || outcome.detail.is_some(), "{outcome:?}");
}

/// The answer on the wire. What cannot stand in a header is left out of it.
fn written(status: u16, retry_after: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Said\r\n").into_bytes();
    // These have no body, whatever they say.
    let body = if matches!(status, 204 | 304) { &[] } else { body };
    if !retry_after.is_empty() {
        bytes.extend_from_slice(b"Retry-After: ");
        bytes.extend(retry_after.iter().filter(|byte| **byte >= b' ' && **byte != 0x7f));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn gateway() -> &'static Gateway {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    GATEWAY.get_or_init(|| {
        let answer = Arc::new(Mutex::new(Vec::new()));
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        runtime().spawn(serve(listener, Arc::clone(&answer)));
        // The connections belong to the runtime that the providers are made on.
        let _inside = runtime().enter();
        Gateway { turn: Mutex::default(), answer, providers: built(&url) }
    })
}

fn built(url: &str) -> Vec<Arc<dyn Provider>> {
    let rules = "success_json_pointer = '/status'\nsuccess_values = ['0', 'queued']\n\
        id_json_pointer = '/id'\nerror_code_json_pointer = '/error/code'\n\
        error_text_json_pointer = '/error/text'\n[errors]\n21 = 'recipient'\nbusy = 'throttled'";
    let http = format!("url = '{url}/send'\nbody = '{{\"to\":\"{{to}}\",\"m\":\"{{text}}\"}}'");
    let aws = format!(
        "region = 'eu-west-1'\naccess_key_id = 'k'\nsecret_access_key = 's'\nbase_url = '{url}'"
    );
    [
        (
            "twilio",
            format!("account_sid = 'AC1'\nauth_token = 't'\nfrom = 'x'\nbase_url = '{url}'"),
        ),
        ("vonage", format!("api_key = 'k'\napi_secret = 's'\nfrom = 'x'\nbase_url = '{url}'")),
        ("http", format!("{http}\n{rules}")),
        ("http", http),
        ("telnyx", format!("api_key = 'k'\nfrom = '1'\nbase_url = '{url}'")),
        ("plivo", format!("auth_id = 'MA1'\nauth_token = 't'\nsrc = '1'\nbase_url = '{url}'")),
        ("sinch", format!("service_plan_id = 'p'\napi_token = 't'\nbase_url = '{url}'")),
        ("infobip", format!("base_url = '{url}'\napi_key = 'k'\nfrom = 'x'")),
        ("messagebird", format!("access_key = 'k'\noriginator = 'x'\nbase_url = '{url}'")),
        ("bird", format!("api_key = 'k'\nfrom = 'x'\nbase_url = '{url}'")),
        (
            "vonage_messages",
            format!("api_key = 'k'\napi_secret = 's'\nfrom = 'x'\nbase_url = '{url}'"),
        ),
        (
            "twilio_voice",
            format!("account_sid = 'AC1'\nauth_token = 't'\nfrom = '+1'\nbase_url = '{url}'"),
        ),
        (
            "whatsapp_cloud",
            format!(
                "phone_number_id = '1'\naccess_token = 't'\ntemplate = 'c'\nlanguage = 'en'\n\
                 base_url = '{url}'"
            ),
        ),
        ("sns", aws.clone()),
        ("aws_sms", aws),
    ]
    .map(|(kind, keys)| {
        let keys = keys.parse().expect("a section");
        providers::build("sms", kind, &keys, &Net::default()).expect("a provider")
    })
    .into()
}

async fn serve(listener: TcpListener, answer: Arc<Mutex<Vec<u8>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, Arc::clone(&answer)));
    }
}

/// Answers one request after the other, on one connection.
async fn talk(mut stream: TcpStream, answer: Arc<Mutex<Vec<u8>>>) {
    let mut read = Vec::new();
    loop {
        while let Some(length) = request_length(&read).filter(|length| *length <= read.len()) {
            read.drain(..length);
            let bytes = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut read).await {
            Ok(1..) => {}
            _ => return,
        }
    }
}

/// Head and body of the first request, once its head is there.
fn request_length(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
    let body = text.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    Some(head + body.map_or(0, |length| length.trim().parse::<usize>().expect("a length")))
}
