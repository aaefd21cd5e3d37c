//! `sandbox`: accepts everything and sends nothing, or fails as told to rehearse a failover.

use std::time::Duration;

use futures_util::future::BoxFuture;
use otpost_shared::{config::ConfigError, outcome::ErrorClass};
use serde::Deserialize;

use super::parse_class;
use crate::provider::{Outcome, Outgoing, Provider};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SandboxConfig {
    /// The class of every outcome: `ok`, or an error class as in the API.
    outcome: String,
    /// How long each send takes, in milliseconds.
    delay_ms: u64,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { outcome: ErrorClass::Ok.as_str().to_owned(), delay_ms: 0 }
    }
}

pub(super) struct Sandbox {
    class: ErrorClass,
    delay: Duration,
}

impl Sandbox {
    pub(super) fn new(name: &str, config: &SandboxConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            class: parse_class(name, "outcome", &config.outcome)?,
            delay: Duration::from_millis(config.delay_ms),
        })
    }
}

impl Provider for Sandbox {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            match self.class {
                ErrorClass::Ok => Outcome::accepted(Some(format!("sandbox-{}", out.message_id))),
                class => Outcome::refused(class, None, "the sandbox was told to fail"),
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async { Ok("sandbox: sends nothing".to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use otpost_shared::outcome::ErrorClass;

    use super::{Sandbox, SandboxConfig};
    use crate::{provider::Provider, providers::samples::outgoing};

    fn sandbox(outcome: &str) -> Sandbox {
        let config = SandboxConfig { outcome: outcome.to_owned(), delay_ms: 1 };
        Sandbox::new("sms", &config).unwrap()
    }

    #[tokio::test]
    async fn accepts_by_default_and_fails_when_told() {
        let accepted = sandbox("ok").send(&outgoing("hi")).await;
        assert_eq!(accepted.class, ErrorClass::Ok);
        assert!(accepted.provider_message_id.is_some());
        for class in ErrorClass::ALL {
            let outcome = sandbox(class.as_str()).send(&outgoing("hi")).await;
            assert_eq!(outcome.class, class);
        }
    }

    #[test]
    fn an_unknown_class_is_an_error() {
        let config = SandboxConfig { outcome: "throtled".to_owned(), delay_ms: 0 };
        let error = Sandbox::new("sms", &config).err().unwrap().to_string();
        assert!(error.contains("did you mean \"throttled\"?"), "{error}");
    }
}
