//! `twilio_voice`: Twilio Programmable Voice, `Calls.json` of the 2010-04-01 API: a call that reads a code
//! out twice and hangs up.

use std::time::Duration;

use futures_util::future::BoxFuture;
use otpost_shared::{
    channel::Channel,
    config::{ConfigError, SecretText},
    outcome::ErrorClass::Content,
    report::twilio_voice::ERRORS,
};
use reqwest::RequestBuilder;
use serde::Deserialize;

use super::{
    Net,
    http_call::{Answer, call},
    mistake,
    twilio_account::{Keys, Resource, default_base_url, refused},
    twiml::said_twice,
};
use crate::provider::{Outcome, Outgoing, Provider};

/// How long it may be let ring. Twilio would take up to 600.
const RING_SECS: (u64, u64) = (5, 120);

/// Twilio may let it ring so much longer than it is asked to.
const RING_BUFFER: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TwilioVoiceConfig {
    /// The account, `AC…`.
    account_sid: String,
    /// The account's token: for calling, unless there is an API key, and for checking the signatures of
    /// reports.
    auth_token: Option<SecretText>,
    /// The secret of a shared key, if the account's webhook rules have reports signed with one.
    shared_key_secret: Option<SecretText>,
    /// An API key, `SK…`, and its secret: revocable without changing the account's token.
    api_key_sid: Option<String>,
    api_key_secret: Option<SecretText>,
    /// The number that calls, in E.164: one of the account's, or one that it has verified.
    from: String,
    /// After so long nobody has answered: 5 to 120.
    #[serde(default = "default_ring_secs")]
    ring_secs: u64,
    /// For an edge location or a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

/// Voicemail takes most calls a little later.
fn default_ring_secs() -> u64 {
    25
}

pub(super) struct TwilioVoice {
    calls: Resource,
    from: String,
    ring: Duration,
}

impl TwilioVoice {
    pub(super) fn new(
        name: &str,
        config: TwilioVoiceConfig,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        check_number(&config.from).map_err(|said| mistake(name, "from", said))?;
        let (shortest, longest) = RING_SECS;
        if !(shortest..=longest).contains(&config.ring_secs) {
            let rule = format!("must be {shortest} to {longest}");
            return Err(mistake(name, "ring_secs", rule));
        }
        let keys = Keys {
            account_sid: config.account_sid,
            auth_token: config.auth_token,
            shared_key_secret: config.shared_key_secret,
            api_key_sid: config.api_key_sid,
            api_key_secret: config.api_key_secret,
            base_url: config.base_url,
        };
        let ring = Duration::from_secs(config.ring_secs);
        Ok(Self { calls: Resource::new(name, "Calls", keys, net)?, from: config.from, ring })
    }

    /// `None` for what cannot be said.
    fn request(&self, out: &Outgoing) -> Option<RequestBuilder> {
        let is_call = out.channel == Channel::Voice;
        let twiml = is_call.then(|| said_twice(&out.text, &out.language))??;
        // Whoever answers when the code has expired hears one that is of no use.
        let left = out.validity.saturating_sub(RING_BUFFER);
        let timeout = self.ring.min(left).as_secs().max(1).to_string();
        let mut form = vec![("To", out.to.address()), ("From", out.sender_or(&self.from))];
        if let Some(url) = &out.report_to {
            // The event is the end of the call, however it ended.
            form.extend([("StatusCallback", url.as_str()), ("StatusCallbackEvent", "completed")]);
        }
        form.extend([("Timeout", timeout.as_str()), ("Twiml", &twiml)]);
        Some(self.calls.create(&form))
    }
}

/// Nobody can be called by a name.
fn check_number(number: &str) -> Result<(), &'static str> {
    let digits = number.strip_prefix('+').unwrap_or_default();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Ok(()) } else { Err("must be a number in E.164, such as +12025550123") }
}

impl Provider for TwilioVoice {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Some(request) = self.request(out) else {
                let detail = "there is nothing in it that can be said";
                return Outcome::refused(Content, None, detail);
            };
            call(request).await.map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        check_number(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.calls.check("twilio_voice"))
    }
}

/// A call, which is queued at first. Its price is null until it was billed.
#[derive(Deserialize)]
struct Created {
    sid: String,
}

fn read_answer(answer: &Answer) -> Outcome {
    if !answer.is_success() {
        return refused(answer, ERRORS);
    }
    let created = answer.json::<Created>().filter(|created| !created.sid.is_empty());
    created.map_or_else(|| answer.unreadable(), |created| Outcome::accepted(Some(created.sid)))
}

#[cfg(test)]
#[path = "twilio_voice_tests.rs"]
mod tests;
