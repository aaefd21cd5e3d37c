//! What an SNS topic sends to an address over HTTPS: the envelope, its signature, and the certificate
//! that is checked with.
//!
//! Source: docs.aws.amazon.com/sns/latest/dg, "Verifying the signatures of Amazon SNS messages" and
//! "Parsing message formats".

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use x509_parser::pem::parse_x509_pem;

use super::{Call, NotHeard};
use crate::{clock::Millis, inbound::moment};

/// SNS repeats a message for up to an hour, with the time and the signature of the first try.
const WINDOW_MS: i64 = 3_900_000;

/// The topic whose messages are listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    arn: String,
    /// Where its region's certificates are, and where subscriptions to it are confirmed.
    origin: String,
}

impl Topic {
    /// Reads `arn:aws:sns:REGION:ACCOUNT:NAME`.
    #[must_use]
    pub fn parse(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
        let end = match partition {
            "aws-cn" => ".cn",
            "aws" | "aws-us-gov" => "",
            _ => return None,
        };
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_good = !region.is_empty()
            && region.bytes().all(plain)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(is_name);
        let origin = format!("https://sns.{region}.amazonaws.com{end}/");
        is_good.then(|| Self { arn: arn.to_owned(), origin })
    }

    /// The rest of an address that is on the topic's own host.
    fn path<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(&self.origin)
    }

    fn is_certificate(&self, url: &str) -> bool {
        let name = self.path(url).and_then(|path| path.strip_suffix(".pem"));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        name.is_some_and(|name| {
            name.starts_with("SimpleNotificationService-") && name.bytes().all(plain)
        })
    }

    fn is_confirmation(&self, url: &str) -> bool {
        let query = self.path(url).and_then(|path| path.strip_prefix('?'));
        query.is_some_and(|query| {
            query.starts_with("Action=ConfirmSubscription&") && query.bytes().all(is_graphic)
        })
    }
}

fn is_graphic(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// What a signature is checked with.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The `SubjectPublicKeyInfo`, in DER.
    key: Vec<u8>,
    valid_from: Millis,
    valid_until: Millis,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    #[must_use]
    pub fn parse(pem: &[u8]) -> Option<Self> {
        let (_, pem) = parse_x509_pem(pem).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let validity = certificate.validity();
        Some(Self {
            key: certificate.public_key().raw.to_vec(),
            valid_from: validity.not_before.timestamp().saturating_mul(1_000),
            valid_until: validity.not_after.timestamp().saturating_mul(1_000),
        })
    }

    fn verify(
        &self,
        algorithm: &'static RsaParameters,
        signed: &str,
        signature: &[u8],
        now: Millis,
    ) -> Result<(), NotHeard> {
        if !(self.valid_from..=self.valid_until).contains(&now) {
            return Err(NotHeard::NotGenuine("the certificate of the signature is not valid now"));
        }
        UnparsedPublicKey::new(algorithm, &self.key)
            .verify(signed.as_bytes(), signature)
            .map_err(|_| NotHeard::NotGenuine("the signature is not of the certificate it names"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// The JSON around a message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    #[serde(rename = "Type")]
    kind: Kind,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    certificate_url: String,
}

impl Envelope {
    /// What is signed: names and values, each on a line, sorted by name.
    fn canonical(&self) -> String {
        let (subject, subscribe_url, token) = match self.kind {
            Kind::Notification => (self.subject.as_deref(), None, None),
            _ => (None, self.subscribe_url.as_deref(), self.token.as_deref()),
        };
        let fields = [
            ("Message", Some(self.message.as_str())),
            ("MessageId", Some(&self.message_id)),
            ("Subject", subject),
            ("SubscribeURL", subscribe_url),
            ("Timestamp", Some(&self.timestamp)),
            ("Token", token),
            ("TopicArn", Some(&self.topic_arn)),
            ("Type", Some(self.kind.as_str())),
        ];
        let lines =
            fields.iter().filter_map(|(name, value)| Some(format!("{name}\n{}\n", (*value)?)));
        lines.collect()
    }

    fn published_at(&self) -> Option<Millis> {
        moment::of_rfc3339(&self.timestamp)
    }

    fn age(&self, now: Millis) -> Option<i64> {
        Some(now.saturating_sub(self.published_at()?).saturating_abs())
    }
}

/// A message whose signature is still to be checked.
#[derive(Debug)]
pub(super) struct Unchecked {
    envelope: Envelope,
    algorithm: &'static RsaParameters,
    signature: Vec<u8>,
}

/// What a topic says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Notification(String),
    /// It wants to be told at this address that we do want its messages.
    Subscribing(String),
    Unsubscribed,
}

impl Unchecked {
    /// Everything that can be said of it without the certificate.
    pub(super) fn read(topic: &Topic, call: &Call<'_>, now: Millis) -> Result<Self, NotHeard> {
        if call.header("x-amz-sns-rawdelivery").is_some_and(|value| value != "false") {
            return Err(NotHeard::NotGenuine(
                "raw messages are not signed: switch raw delivery of the subscription off",
            ));
        }
        let envelope: Envelope = serde_json::from_slice(call.body)
            .map_err(|_| NotHeard::Malformed("it is no message of an SNS topic"))?;
        if envelope.topic_arn != topic.arn {
            return Err(NotHeard::NotGenuine("it is of another topic"));
        }
        if envelope.age(now).is_none_or(|age| age > WINDOW_MS) {
            return Err(NotHeard::NotGenuine("it is older than an hour, or says no time"));
        }
        if !topic.is_certificate(&envelope.certificate_url) {
            return Err(NotHeard::NotGenuine("the certificate is not where SNS has them"));
        }
        if envelope.kind == Kind::SubscriptionConfirmation
            && !envelope.subscribe_url.as_ref().is_some_and(|url| topic.is_confirmation(url))
        {
            return Err(NotHeard::NotGenuine("SNS confirms no subscriptions at that address"));
        }
        let algorithm = match envelope.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(NotHeard::NotGenuine("its signature is of an unknown version")),
        };
        let signature = BASE64
            .decode(&envelope.signature)
            .map_err(|_| NotHeard::NotGenuine("its signature is not base64"))?;
        Ok(Self { envelope, algorithm, signature })
    }

    pub(super) fn certificate_url(&self) -> &str {
        &self.envelope.certificate_url
    }

    /// SNS brings a message again with the time it had at first.
    pub(super) fn published_at(&self) -> Option<Millis> {
        self.envelope.published_at()
    }

    pub(super) fn check(self, certificate: &Certificate, now: Millis) -> Result<Said, NotHeard> {
        let Self { envelope, algorithm, signature } = self;
        certificate.verify(algorithm, &envelope.canonical(), &signature, now)?;
        Ok(match (envelope.kind, envelope.subscribe_url) {
            (Kind::Notification, _) => Said::Notification(envelope.message),
            (Kind::SubscriptionConfirmation, Some(url)) => Said::Subscribing(url),
            _ => Said::Unsubscribed,
        })
    }
}

#[cfg(test)]
#[path = "sns_tests.rs"]
pub(super) mod tests;
