//! What calls to AWS share: a service in one region, and requests signed with the account's keys.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use otpost_shared::{
    config::{ConfigError, SecretText},
    outcome::ErrorClass,
    queue::Lane,
};
use reqwest::{Body, Client, Request, RequestBuilder, Url, header::HeaderValue};
use serde::Deserialize;

use super::{
    Net,
    http_call::{Answer, call, call_check},
    mistake,
    net::endpoint,
};
use crate::provider::Outcome;

const NOT_SIGNED: &str = "the request could not be signed";

/// The keys that every AWS provider's section has.
pub(super) struct Account {
    pub(super) region: String,
    pub(super) access_key_id: String,
    pub(super) secret_access_key: SecretText,
    pub(super) session_token: Option<SecretText>,
    pub(super) base_url: Option<String>,
}

/// How AWS is to treat a message: cheaply, or as something that must arrive in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MessageType {
    #[default]
    Promotional,
    Transactional,
}

impl MessageType {
    /// A code is always transactional.
    pub(super) fn of(lane: Lane, bulk: Self) -> Self {
        match lane {
            Lane::Otp => Self::Transactional,
            Lane::Bulk => bulk,
        }
    }
}

/// One AWS service, and the keys to it.
pub(super) struct Service {
    client: Client,
    url: Url,
    /// Its name in signatures and in host names.
    signing_name: &'static str,
    region: String,
    credentials: Credentials,
}

impl Service {
    pub(super) fn new(
        name: &str,
        service: &'static str,
        account: Account,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        let region = account.region;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || !region.bytes().all(plain) {
            return Err(mistake(name, "region", "must be a region's name, as \"eu-west-1\""));
        }
        let token = account.session_token;
        for (key, value) in [
            ("access_key_id", Some(account.access_key_id.as_str())),
            ("secret_access_key", Some(account.secret_access_key.expose())),
            ("session_token", token.as_ref().map(SecretText::expose)),
        ] {
            if value.is_some_and(|text| !is_word(text)) {
                return Err(mistake(name, key, "must be one word of printable ASCII"));
            }
        }
        let base_url =
            account.base_url.unwrap_or_else(|| format!("https://{service}.{region}.amazonaws.com"));
        Ok(Self {
            client: net.client(name)?,
            url: endpoint(name, &base_url, "/")?,
            signing_name: service,
            region,
            credentials: Credentials::new(
                account.access_key_id,
                account.secret_access_key.expose(),
                token.map(|token| token.expose().to_owned()),
                None,
                "configuration",
            ),
        })
    }

    /// A request to the service, still to be filled and signed.
    pub(super) fn post(&self) -> RequestBuilder {
        self.client.post(self.url.clone())
    }

    /// Signs, sends once and reads the answer to its end; the error is the finished outcome.
    pub(super) async fn call(&self, request: RequestBuilder) -> Result<Answer, Outcome> {
        let signed = self.signed(request, SystemTime::now());
        let unsigned = || Outcome::refused(ErrorClass::Account, None, NOT_SIGNED);
        call(signed.ok_or_else(unsigned)?).await
    }

    /// The same for a check of the credentials: the error is a sentence for the operator.
    pub(super) async fn call_check(&self, request: RequestBuilder) -> Result<Answer, String> {
        let signed = self.signed(request, SystemTime::now());
        call_check(signed.ok_or(NOT_SIGNED)?).await
    }

    fn signed(&self, request: RequestBuilder, now: SystemTime) -> Option<RequestBuilder> {
        let (client, request) = request.build_split();
        let signed = self.sign(request.ok()?, now)?;
        Some(RequestBuilder::from_parts(client, signed))
    }

    /// Adds the signature, which is good for some minutes around `now`.
    fn sign(&self, mut request: Request, now: SystemTime) -> Option<Request> {
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.signing_name)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .ok()?
            .into();
        let headers = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = request.body().and_then(Body::as_bytes).unwrap_or_default();
        let url = request.url().as_str();
        let body = SignableBody::Bytes(body);
        let signable = SignableRequest::new(request.method().as_str(), url, headers, body).ok()?;
        let (instructions, _) = sign(signable, &params).ok()?.into_parts();
        for header in instructions.into_parts().0 {
            let mut value = HeaderValue::from_str(header.value()).ok()?;
            value.set_sensitive(true);
            request.headers_mut().insert(header.name(), value);
        }
        Some(request)
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
#[path = "aws_tests.rs"]
mod tests;
