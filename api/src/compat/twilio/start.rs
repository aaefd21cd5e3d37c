//! `POST …/Verifications`: sends a code, or the same again while it counts.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use otpost_shared::{
    Home,
    channel::Channel,
    policy::code_lengths,
    recipient::Recipient,
    secrets::Code,
    texts::{Asked, Locale, is_app_hash},
    verification::Variables,
    verify_service::{self, LONGEST_NAME, Service, Start},
};
use serde_json::{Value, json};

use super::{
    caller::InService,
    fault::Fault,
    form::{Form, is_line},
    rate_limits,
    verifications::{VerificationView, payment, view},
};
use crate::App;

/// Tags of a start, and characters of each.
const TAGS: usize = 10;
const TAG: usize = 128;
/// Limits that a start names.
const LIMITS: usize = 10;
/// Characters of a value that is counted by, or that stands in the text.
const LONGEST_VALUE: usize = 255;

pub(super) async fn start(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<(StatusCode, Json<VerificationView>), Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    let start = read(home, &of, &form)?;
    let row = verify_service::start(home, &start).await?;
    let to = start.to.address().to_owned();
    Ok((StatusCode::CREATED, Json(view(home, &of, row, Some(to)).await?)))
}

fn read<'a>(home: &'a Home, of: &'a InService, form: &Form) -> Result<Start<'a>, Fault> {
    let service = &of.service;
    let channel = channel(home, form)?;
    let to = recipient(home, channel, form.required("To")?)?;
    let payment = payment(service, form)?;
    let mut metadata = json!({ "service": of.sid() });
    let tags = tags(form)?;
    if !tags.is_null() {
        metadata["tags"] = tags;
    }
    let mut variables = variables(form)?;
    if let Some((amount, payee)) = &payment {
        metadata["amount"] = json!(amount);
        metadata["payee"] = json!(payee);
        variables.insert("amount".to_owned(), amount.clone());
        variables.insert("payee".to_owned(), payee.clone());
    }
    if let Some(hash) = app_hash(form, channel)? {
        variables.insert("app_hash".to_owned(), hash);
    }
    Ok(Start {
        service,
        to,
        channel,
        app: form.line("CustomFriendlyName", LONGEST_NAME)?.map(str::to_owned),
        code: code(home, service, form, channel)?,
        subject: payment.map(|payment| json!(payment).to_string()),
        variables,
        metadata: json!({ "twilio": metadata }),
        locale: locale(form)?,
        client: client(form)?,
        counted: counted(form)?,
        recipient_rules: &home.config.compat.twilio.recipient,
    })
}

fn channel(home: &Home, form: &Form) -> Result<Channel, Fault> {
    let name = form.required("Channel")?.to_ascii_lowercase();
    let channel = match name.as_str() {
        // What is sent by itself is an SMS.
        "sms" | "auto" => Channel::Sms,
        "call" => Channel::Voice,
        "email" => Channel::Email,
        "whatsapp" => Channel::Whatsapp,
        // Without a code: nothing here does that.
        "sna" => return Err(Fault::channel("sna")),
        _ => return Err(Fault::parameter("Channel", "send sms, call, email or whatsapp")),
    };
    match channel {
        channel if home.config.chains.serves(channel) => Ok(channel),
        Channel::Email => Err(Fault::no_email()),
        _ => Err(Fault::channel(&name)),
    }
}

/// A number with its plus, or an e-mail address where that is the channel.
pub(super) fn recipient(home: &Home, channel: Channel, text: &str) -> Result<Recipient, Fault> {
    let read = if channel == Channel::Email {
        Recipient::parse_email(text)
    } else if text.starts_with('+') {
        home.parse_recipient(text, None)
    } else {
        let said = "send a number in E.164 form, as + and digits";
        return Err(Fault::parameter("To", said));
    };
    read.map_err(|error| Fault::parameter("To", error))
}

/// Where there are no words in it, those of the usual language are said.
fn locale(form: &Form) -> Result<Asked, Fault> {
    let Some(text) = form.text("Locale") else { return Ok(Asked::default()) };
    let wrong = || Fault::parameter("Locale", "send a language such as en or pt-BR");
    Locale::parse(text).map(|locale| Asked::new(Some(locale), None)).ok_or_else(wrong)
}

/// A code of the caller's own: up to 10 letters and digits, digits alone where they are read out.
fn code(
    home: &Home,
    service: &Service,
    form: &Form,
    channel: Channel,
) -> Result<Option<Code>, Fault> {
    let Some(text) = form.text("CustomCode") else { return Ok(None) };
    if !service.takes_custom_codes() {
        return Err(Fault::feature("CustomCode", "needs CustomCodeEnabled"));
    }
    let is_good = |byte: u8| match channel {
        Channel::Voice => byte.is_ascii_digit(),
        _ => byte.is_ascii_alphanumeric(),
    };
    let lengths = code_lengths(&home.config);
    let is_long = u32::try_from(text.len()).is_ok_and(|length| lengths.contains(&length));
    if !is_long || !text.bytes().all(is_good) {
        let (least, most) = (lengths.start(), lengths.end());
        let said = format!("send {least} to {most} letters and digits, for a call digits alone");
        return Err(Fault::parameter("CustomCode", said));
    }
    Ok(Some(Code::new(text.to_owned())))
}

/// What stands in the text beside code and name.
fn variables(form: &Form) -> Result<Variables, Fault> {
    let name = "TemplateCustomSubstitutions";
    let variables = form.map(name)?;
    let is_short = |text: &String| text.chars().count() <= LONGEST_VALUE;
    if variables.len() > LIMITS || !variables.iter().all(|(k, v)| is_short(k) && is_short(v)) {
        let said = format!("at most {LIMITS} values of {LONGEST_VALUE} characters");
        return Err(Fault::parameter(name, said));
    }
    Ok(variables)
}

fn app_hash(form: &Form, channel: Channel) -> Result<Option<String>, Fault> {
    let Some(hash) = form.text("AppHash").filter(|_| channel == Channel::Sms) else {
        return Ok(None);
    };
    if !is_app_hash(hash) {
        return Err(Fault::parameter("AppHash", "send the 11 characters of the app's hash"));
    }
    Ok(Some(hash.to_owned()))
}

/// Null when there are none.
fn tags(form: &Form) -> Result<Value, Fault> {
    let tags = form.map("Tags")?;
    if tags.is_empty() {
        return Ok(Value::Null);
    }
    let is_short = |text: &String| text.chars().count() <= TAG;
    if tags.len() > TAGS || !tags.iter().all(|(key, value)| is_short(key) && is_short(value)) {
        let said = format!("at most {TAGS} of {TAG} characters");
        return Err(Fault::parameter("Tags", said));
    }
    Ok(json!(tags))
}

fn client(form: &Form) -> Result<Option<IpAddr>, Fault> {
    let Some(text) = form.text("DeviceIp") else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Fault::parameter("DeviceIp", "send an IP address"))
}

fn counted(form: &Form) -> Result<Vec<(String, String)>, Fault> {
    let counted = form.map("RateLimits")?;
    let is_short = |text: &String| text.chars().count() <= LONGEST_VALUE;
    if counted.len() > LIMITS || !counted.values().all(is_short) {
        let said = format!("at most {LIMITS} values of {LONGEST_VALUE} characters");
        return Err(Fault::parameter("RateLimits", said));
    }
    // No limit has another name, and the database takes not every text.
    if let Some(name) = counted.keys().find(|name| !is_line(name, rate_limits::LONGEST_NAME)) {
        let said = format!("this Service has no limit named {name:?}");
        return Err(Fault::parameter("RateLimits", said));
    }
    Ok(counted.into_iter().collect())
}
