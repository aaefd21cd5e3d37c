//! `aws_sms`: AWS End User Messaging SMS, `SendTextMessage` of the Pinpoint SMS and Voice API,
//! version 2.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass::{
        self, Account, Content, OptedOut, Recipient, Region, Sender, Throttled, Transient,
    },
    report::{AWS_CONTEXT_KEY as REPORT_KEY, Topic},
};
use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use super::{
    Net, aws,
    aws::{MessageType, Service},
    error_table::{ErrorWords, class_of_word},
    http_call::Answer,
    http_status::class_of_status,
    mistake,
    sender::given,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// Its name in signatures and in host names.
const SERVICE: &str = "sms-voice";
const JSON: &str = "application/x-amz-json-1.0";
/// The header that names the operation.
const TARGET: &str = "x-amz-target";
const SEND: &str = "PinpointSMSVoiceV2.SendTextMessage";
const DESCRIBE: &str = "PinpointSMSVoiceV2.DescribeAccountAttributes";

/// The range of `TimeToLive`.
const TTL_SECS: (u64, u64) = (5, 259_200);

/// What an event about the message carries our id under.
const CONTEXT_KEY: &str = "message_id";

/// Source: the service's API model and the errors common to all of AWS. Decides where the reason
/// does not.
const ERRORS: &ErrorWords = &[
    ("AccessDeniedException", Account),
    ("ConflictException", Sender),
    ("ExpiredTokenException", Account),
    ("IncompleteSignature", Account),
    ("IncompleteSignatureException", Account),
    ("InternalFailure", Transient),
    ("InternalServerException", Transient),
    ("InvalidSignatureException", Account),
    ("MissingAuthenticationToken", Account),
    ("MissingAuthenticationTokenException", Account),
    ("NotAuthorized", Account),
    ("OptInRequired", Account),
    ("RequestExpired", Account),           // our clock is wrong
    ("ResourceNotFoundException", Sender), // origination identity, configuration set
    ("ServiceQuotaExceededException", Account),
    ("ServiceUnavailable", Transient),
    ("ServiceUnavailableException", Transient),
    ("ThrottlingException", Throttled),
    ("UnknownOperationException", Account), // not the address of this service
    ("UnrecognizedClientException", Account),
    ("ValidationException", Sender),
];

/// Source: the reasons in the API model, where they can be about a text message.
const REASONS: &ErrorWords = &[
    ("ACCOUNT_DISABLED", Account),
    ("COUNTRY_NOT_ENABLED", Region),
    ("DESTINATION_COUNTRY_BLOCKED", Region),
    ("DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", Region),
    ("DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE", Region),
    ("DESTINATION_PHONE_NUMBER_NOT_VERIFIED", Account), // still in the sandbox
    ("DESTINATION_PHONE_NUMBER_OPTED_OUT", OptedOut),
    ("INSUFFICIENT_ACCOUNT_REPUTATION", Account),
    ("INTERNATIONAL_SENDING_NOT_SUPPORTED", Sender),
    ("INVALID_IDENTITY_FOR_DESTINATION_COUNTRY", Sender),
    ("MAXIMUM_SIZE_EXCEEDED", Content),
    ("MESSAGE_TYPE_MISMATCH", Sender),
    ("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", Account),
    ("NO_ORIGINATION_IDENTITIES_FOUND", Sender),
    ("NUMBER_CAPABILITIES_MISMATCH", Sender),
    ("PRICE_OVER_THRESHOLD", Region), // in this country only
    ("RESOURCE_NOT_ACCESSIBLE", Sender),
    ("RESOURCE_NOT_ACTIVE", Sender),
    ("SENDER_ID_NOT_REGISTERED", Sender),
    ("SENDER_ID_NOT_SUPPORTED", Sender),
    ("SENDER_ID_REQUIRES_REGISTRATION", Sender),
];

/// The fields of a request whose refusal says more than that it was refused.
const FIELDS: &ErrorWords = &[("destinationphonenumber", Recipient), ("messagebody", Content)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AwsSmsConfig {
    /// The AWS region that sends.
    region: String,
    /// The key of a user or role that may send text messages, and its secret.
    access_key_id: String,
    secret_access_key: SecretText,
    /// Belongs to temporary keys.
    session_token: Option<SecretText>,
    /// Who sends: a number, a sender id, a pool, or the ARN of one; without it AWS chooses.
    origination_identity: Option<String>,
    /// The configuration set, which says where events about a message go.
    configuration_set: Option<String>,
    /// The SNS topic by which those events come to us as delivery reports.
    topic_arn: Option<String>,
    /// How messages that are no codes are sent: `promotional` or `transactional`.
    #[serde(default)]
    bulk_type: MessageType,
    /// For a private endpoint or a test server.
    base_url: Option<String>,
}

pub(super) struct AwsSms {
    service: Service,
    origination_identity: Option<String>,
    configuration_set: Option<String>,
    bulk_type: MessageType,
}

/// The body of a request.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TextMessage<'a> {
    destination_phone_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origination_identity: Option<&'a str>,
    message_body: &'a str,
    message_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_set_name: Option<&'a str>,
    time_to_live: u64,
    context: BTreeMap<&'static str, String>,
}

impl AwsSms {
    pub(super) fn new(name: &str, config: AwsSmsConfig, net: &Net) -> Result<Self, ConfigError> {
        for (key, value) in [
            ("origination_identity", &config.origination_identity),
            ("configuration_set", &config.configuration_set),
        ] {
            if value.as_deref() == Some("") {
                return Err(mistake(name, key, "must not be empty"));
            }
        }
        if let Some(arn) = &config.topic_arn {
            let said = check_topic(arn, config.configuration_set.is_some(), net);
            said.map_err(|said| mistake(name, "topic_arn", said))?;
        }
        let account = aws::Account {
            region: config.region,
            access_key_id: config.access_key_id,
            secret_access_key: config.secret_access_key,
            session_token: config.session_token,
            base_url: config.base_url,
        };
        Ok(Self {
            service: Service::new(name, SERVICE, account, net)?,
            origination_identity: config.origination_identity,
            configuration_set: config.configuration_set,
            bulk_type: config.bulk_type,
        })
    }

    fn operation(&self, target: &'static str) -> RequestBuilder {
        self.service.post().header(CONTENT_TYPE, JSON).header(TARGET, target)
    }

    fn request(&self, out: &Outgoing) -> RequestBuilder {
        let (shortest, longest) = TTL_SECS;
        let own_identity = self.origination_identity.as_deref();
        let reference = out.report_reference();
        let mut context = BTreeMap::from([(CONTEXT_KEY, out.message_id.to_string())]);
        context.extend(reference.map(|text| (REPORT_KEY, text.to_owned())));
        self.operation(SEND).json(&TextMessage {
            destination_phone_number: out.to.address(),
            origination_identity: out.sender.as_deref().or(own_identity),
            message_body: &out.text,
            message_type: match MessageType::of(out.lane, self.bulk_type) {
                MessageType::Promotional => "PROMOTIONAL",
                MessageType::Transactional => "TRANSACTIONAL",
            },
            configuration_set_name: self.configuration_set.as_deref(),
            time_to_live: out.validity.as_secs().clamp(shortest, longest),
            context,
        })
    }
}

fn check_topic(arn: &str, has_events: bool, net: &Net) -> Result<(), &'static str> {
    if Topic::parse(arn).is_none() {
        return Err(
            "must be the ARN of an SNS topic, as \"arn:aws:sns:eu-west-1:123456789012:codes\"",
        );
    }
    if !has_events {
        return Err("needs configuration_set, whose event destination tells this topic");
    }
    if !net.is_reachable {
        return Err("needs server.public_url, the address under which the topic reaches us");
    }
    Ok(())
}

impl Provider for AwsSms {
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

    /// Keys that may only send are refused this, but not before their signature was found good.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request = self.operation(DESCRIBE).json(&serde_json::json!({}));
            read_check(&self.service.call_check(request).await?)
        })
    }
}

/// An answer of either kind.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "MessageId")]
    message_id: Option<String>,
    /// The name of the error, perhaps with a namespace before it or an address behind it.
    #[serde(rename = "__type")]
    error: Option<String>,
    #[serde(rename = "Reason")]
    reason: Option<String>,
    #[serde(rename = "Message")]
    text: Option<String>,
    /// As the errors common to all of AWS spell it.
    #[serde(rename = "message")]
    common_text: Option<String>,
    #[serde(rename = "Fields")]
    fields: Option<Vec<Field>>,
    #[serde(rename = "AccountAttributes")]
    attributes: Option<Vec<Attribute>>,
}

#[derive(Deserialize)]
struct Field {
    #[serde(rename = "Name")]
    name: String,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Value")]
    value: String,
}

impl Said {
    fn error(&self) -> Option<&str> {
        let error = self.error.as_deref()?;
        let (name, _) = error.split_once(':').unwrap_or((error, ""));
        Some(name.rsplit('#').next().unwrap_or(name))
    }

    fn text(&self) -> Option<&str> {
        self.text.as_deref().or(self.common_text.as_deref())
    }

    fn class(&self, error: &str, status: u16) -> ErrorClass {
        let by_reason = self.reason.as_deref().and_then(|reason| class_of_word(REASONS, reason));
        let by_field = || {
            let mut fields = self.fields.iter().flatten();
            fields.find_map(|field| class_of_word(FIELDS, &field.name.to_ascii_lowercase()))
        };
        by_reason
            .or_else(by_field)
            .or_else(|| class_of_word(ERRORS, error))
            .unwrap_or_else(|| class_of_status(status))
    }
}

fn read_answer(answer: &Answer) -> Outcome {
    let Some(said) = answer.json::<Said>() else {
        return answer.unreadable();
    };
    if let Some(error) = said.error() {
        let class = said.class(error, answer.status);
        let code = said.reason.as_deref().unwrap_or(error);
        return answer.refused(class, Some(code.to_owned()), said.text());
    }
    match said.message_id {
        Some(id) if answer.is_success() && !id.is_empty() => Outcome::accepted(Some(id)),
        _ => answer.unreadable(),
    }
}

fn read_check(answer: &Answer) -> Result<String, String> {
    let status = answer.status;
    let unreadable = || format!("aws_sms answered HTTP {status} with an unreadable body");
    let said = answer.json::<Said>().ok_or_else(unreadable)?;
    match (said.error(), said.reason.as_deref(), &said.attributes) {
        (Some("AccessDeniedException"), None, _) => {
            Ok("aws_sms: credentials good; they may not read the account's attributes".to_owned())
        }
        (Some(error), reason, _) => {
            let text = said.text().map(|text| format!(": {text}")).unwrap_or_default();
            Err(format!("aws_sms answered HTTP {status}, {}{text}", reason.unwrap_or(error)))
        }
        (None, _, Some(attributes)) if answer.is_success() => {
            let tier = attributes.iter().find(|attribute| attribute.name == "ACCOUNT_TIER");
            Ok(match tier.map(|tier| tier.value.as_str()) {
                Some("SANDBOX") => {
                    "aws_sms: credentials good; in the sandbox, only verified numbers are sent to"
                        .to_owned()
                }
                _ => "aws_sms: credentials good".to_owned(),
            })
        }
        _ => Err(unreadable()),
    }
}

#[cfg(test)]
#[path = "aws_sms_tests.rs"]
mod tests;
