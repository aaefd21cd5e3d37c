//! `sns`: Amazon SNS, `Publish` to a phone number, as a form that is answered in XML.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{self, Account, Content, OptedOut, Region, Sender, Throttled, Transient},
};
use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde::Deserialize;

use super::{
    Net, aws,
    aws::{MessageType, Service},
    error_table::{ErrorWords, class_of_word},
    http_call::Answer,
    http_status::class_of_status,
    mistake,
    sender::given,
    xml_texts::XmlTexts,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// Its name in signatures and in host names.
const SERVICE: &str = "sns";
const VERSION: &str = "2010-03-31";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The message attributes that name a sender.
const SENDER_ID: &str = "AWS.SNS.SMS.SenderID";
const ORIGINATION_NUMBER: &str = "AWS.MM.SMS.OriginationNumber";

/// Where an answer says what.
const MESSAGE_ID: &str = "PublishResponse/PublishResult/MessageId";
const ERROR_CODE: &str = "ErrorResponse/Error/Code";
const ERROR_TEXT: &str = "ErrorResponse/Error/Message";
const SETTINGS: &str = "GetSMSAttributesResponse/ResponseMetadata/RequestId";
const SPEND_LIMIT: &str = "GetSMSAttributesResponse/GetSMSAttributesResult/attributes/entry/value";

/// Source: the API reference of `Publish` and its common errors. Codes that only topics and
/// push endpoints have are left out.
const ERRORS: &ErrorWords = &[
    ("AccessDenied", Account),
    ("AccessDeniedException", Account),
    ("AuthorizationError", Account),
    ("ExpiredToken", Account),
    ("ExpiredTokenException", Account),
    ("IncompleteSignature", Account),
    ("InternalError", Transient),
    ("InternalFailure", Transient),
    ("InvalidAction", Account), // not the address of SNS
    ("InvalidClientTokenId", Account),
    ("InvalidParameter", Sender), // unless the sentence says it better
    ("InvalidParameterValue", Sender),
    ("InvalidSecurity", Account),
    ("MalformedQueryString", Account),
    ("MissingAuthenticationToken", Account),
    ("NotAuthorized", Account),
    ("OptInRequired", Account),
    ("OptedOut", OptedOut),
    ("ParameterValueInvalid", Sender),
    ("RequestExpired", Account), // our clock is wrong
    ("ServiceUnavailable", Transient),
    ("SignatureDoesNotMatch", Account),
    ("Throttled", Throttled),
    ("Throttling", Throttled),
    ("ThrottlingException", Throttled),
    ("UnrecognizedClientException", Account),
    ("ValidationError", Sender),
    ("ValidationException", Sender),
];

/// The codes of a wrong parameter, whose sentence names it.
const PARAMETER_CODES: [&str; 5] = [
    "InvalidParameter",
    "InvalidParameterValue",
    "ParameterValueInvalid",
    "ValidationError",
    "ValidationException",
];

/// Sentences that SNS puts behind "Invalid parameter: ", as seen in public reports, the last one in
/// mocks of it only. The number is refused in the same words where the region cannot send SMS at all,
/// so another provider decides.
const SENTENCES: &ErrorWords =
    &[("PhoneNumber Reason:", Region), ("Message too long", Content), ("Empty message", Content)];

/// Codes that mean: the keys are good, but do not open this.
const DENIED: [&str; 3] = ["AccessDenied", "AccessDeniedException", "AuthorizationError"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnsConfig {
    /// The AWS region that sends, one where SNS offers SMS.
    region: String,
    /// The key of a user or role that may publish, and its secret.
    access_key_id: String,
    secret_access_key: SecretText,
    /// Belongs to temporary keys.
    session_token: Option<SecretText>,
    /// A name shown as the sender, where the country allows one.
    sender_id: Option<String>,
    /// The number to send from, one of the account's own.
    origination_number: Option<String>,
    /// How messages that are no codes are sent: `promotional` or `transactional`.
    #[serde(default)]
    bulk_type: MessageType,
    /// The most one message may cost, in US dollars.
    max_price: Option<String>,
    /// For a private endpoint or a test server.
    base_url: Option<String>,
}

pub(super) struct Sns {
    service: Service,
    bulk_type: MessageType,
    /// Message attributes after the type: name, data type, value.
    attributes: Vec<(&'static str, &'static str, String)>,
}

impl Sns {
    pub(super) fn new(name: &str, config: SnsConfig, net: &Net) -> Result<Self, ConfigError> {
        if config.max_price.as_deref().is_some_and(|price| !is_price(price)) {
            let rule = "must be a decimal number above zero, as \"0.05\"";
            return Err(mistake(name, "max_price", rule));
        }
        let mut attributes = Vec::new();
        for (key, attribute, data_type, value) in [
            ("sender_id", SENDER_ID, "String", config.sender_id),
            ("origination_number", ORIGINATION_NUMBER, "String", config.origination_number),
            ("max_price", "AWS.SNS.SMS.MaxPrice", "Number", config.max_price),
        ] {
            match value {
                Some(text) if text.is_empty() => {
                    return Err(mistake(name, key, "must not be empty"));
                }
                Some(text) => attributes.push((attribute, data_type, text)),
                None => {}
            }
        }
        let account = aws::Account {
            region: config.region,
            access_key_id: config.access_key_id,
            secret_access_key: config.secret_access_key,
            session_token: config.session_token,
            base_url: config.base_url,
        };
        let service = Service::new(name, SERVICE, account, net)?;
        Ok(Self { service, bulk_type: config.bulk_type, attributes })
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let sms_type = match MessageType::of(out.lane, self.bulk_type) {
            MessageType::Promotional => "Promotional",
            MessageType::Transactional => "Transactional",
        };
        let mut form = vec![
            ("Action".to_owned(), "Publish"),
            ("Version".to_owned(), VERSION),
            ("PhoneNumber".to_owned(), out.to.address()),
            ("Message".to_owned(), &out.text),
        ];
        let first = ("AWS.SNS.SMS.SMSType", "String", sms_type);
        let sender = out.sender.as_deref().map(|sender| (attribute_of(sender), "String", sender));
        let own = self.attributes.iter().map(|(name, kind, value)| (*name, *kind, value.as_str()));
        let is_sender = |name: &str| matches!(name, SENDER_ID | ORIGINATION_NUMBER);
        let own = own.filter(|(name, ..)| sender.is_none() || !is_sender(name));
        let all = std::iter::once(first).chain(sender).chain(own);
        for (place, (name, kind, value)) in all.enumerate() {
            let entry = format!("MessageAttributes.entry.{}", place + 1);
            form.push((format!("{entry}.Name"), name));
            form.push((format!("{entry}.Value.DataType"), kind));
            form.push((format!("{entry}.Value.StringValue"), value));
        }
        self.service.post().header(CONTENT_TYPE, FORM).form(&form)
    }
}

/// A sender id has a letter at least.
fn attribute_of(sender: &str) -> &'static str {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { ORIGINATION_NUMBER } else { SENDER_ID }
}

impl Provider for Sns {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            self.service
                .call(self.request(out))
                .await
                .map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        given(sender)
    }

    /// Of the calls that spend nothing this is the one about SMS. Keys that may only publish are
    /// refused it, but not before their signature was found good.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let form = [
                ("Action", "GetSMSAttributes"),
                ("Version", VERSION),
                ("attributes.member.1", "MonthlySpendLimit"),
            ];
            let request = self.service.post().header(CONTENT_TYPE, FORM).form(&form);
            read_check(&self.service.call_check(request).await?)
        })
    }
}

/// Only a `PublishResponse` with an id is a success: a request that lost its signature on the
/// way is taken for one to another AWS service, which may answer 200 in XML of its own.
fn read_answer(answer: &Answer) -> Outcome {
    let Some(texts) = XmlTexts::read(&answer.body) else {
        return answer.unreadable();
    };
    match (texts.at(MESSAGE_ID), texts.at(ERROR_CODE)) {
        (Some(id), None) if answer.is_success() => Outcome::accepted(Some(id.to_owned())),
        (_, Some(code)) => {
            let text = texts.at(ERROR_TEXT);
            let class = class_of_error(answer.status, code, text.unwrap_or_default());
            answer.refused(class, Some(code.to_owned()), text)
        }
        (_, None) => answer.unreadable(),
    }
}

fn class_of_error(status: u16, code: &str, text: &str) -> ErrorClass {
    if PARAMETER_CODES.contains(&code) {
        let said = SENTENCES.iter().find(|(sentence, _)| text.contains(sentence));
        if let Some((_, class)) = said {
            return *class;
        }
    }
    class_of_word(ERRORS, code).unwrap_or_else(|| class_of_status(status))
}

fn read_check(answer: &Answer) -> Result<String, String> {
    let status = answer.status;
    let texts = XmlTexts::read(&answer.body)
        .ok_or_else(|| format!("sns answered HTTP {status} with an unreadable body"))?;
    match (texts.at(ERROR_CODE), texts.at(SETTINGS)) {
        (Some(code), _) if DENIED.contains(&code) => {
            Ok("sns: credentials good; they may not read the SMS settings".to_owned())
        }
        (Some(code), _) => {
            let text = texts.at(ERROR_TEXT).map(|text| format!(": {text}")).unwrap_or_default();
            Err(format!("sns answered HTTP {status}, {code}{text}"))
        }
        (None, Some(_)) if answer.is_success() => Ok(texts.at(SPEND_LIMIT).map_or_else(
            || "sns: credentials good".to_owned(),
            |limit| format!("sns: credentials good, monthly limit {limit} USD"),
        )),
        (None, _) => Err(format!("sns answered HTTP {status} with something else")),
    }
}

/// A decimal number as the attribute's data type wants it, and above zero.
fn is_price(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain && text.parse().is_ok_and(|price: f64| price > 0.0)
}

#[cfg(test)]
#[path = "sns_tests.rs"]
mod tests;
