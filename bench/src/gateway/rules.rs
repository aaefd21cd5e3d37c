//! How to answer whom: rules by path, recipient and share of the requests, changed at run time.

use std::{
    sync::{
        RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// The first rule that fits a request decides; without one the answer is an immediate yes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// How the request's path begins: `/sms/` is Vonage, `/2010-04-01/` Twilio, `/` everything.
    #[serde(default = "everything")]
    pub(crate) path: String,
    /// Only this recipient, in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// Of the requests that fit, the share this rule takes; the rest goes on to the next rule.
    #[serde(default = "all")]
    pub(crate) fraction: f64,
    /// Waited before the answer.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    #[serde(default)]
    pub(crate) answer: Answer,
    #[serde(skip)]
    matched: AtomicU64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Answer {
    #[default]
    Ok,
    /// A bare HTTP status, with `Retry-After` where given (sent as it is written). Not sent.
    Http {
        status: u16,
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The dialect's own error: Twilio's `code` with its HTTP status (400 unless told),
    /// Vonage's `status` inside a 200. Not sent.
    Error {
        code: u32,
        #[serde(default)]
        status: Option<u16>,
    },
    /// Any status with any body, made longer with spaces to so many bytes. Not sent unless told.
    Raw {
        status: u16,
        body: String,
        #[serde(default)]
        length: usize,
        #[serde(default)]
        sent: bool,
    },
    /// No answer at all, the connection stays open. The SMS counts as sent unless told otherwise.
    Hang {
        #[serde(default = "yes")]
        sent: bool,
    },
    /// The connection is reset after the request was read.
    Reset {
        #[serde(default = "yes")]
        sent: bool,
    },
    /// The connection is closed in good order after the request was read.
    Drop {
        #[serde(default = "yes")]
        sent: bool,
    },
}

impl Answer {
    pub(crate) fn sends(&self) -> bool {
        match self {
            Self::Ok => true,
            Self::Http { .. } | Self::Error { .. } => false,
            Self::Raw { sent, .. }
            | Self::Hang { sent }
            | Self::Reset { sent }
            | Self::Drop { sent } => *sent,
        }
    }
}

impl Rule {
    pub(crate) fn new(path: &str, answer: Answer) -> Self {
        Self {
            path: path.to_owned(),
            to: None,
            fraction: 1.0,
            delay_ms: 0,
            answer,
            matched: AtomicU64::new(0),
        }
    }

    pub(crate) fn only(mut self, to: &str) -> Self {
        self.to = Some(to.to_owned());
        self
    }

    pub(crate) fn delay_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = delay_ms;
        self
    }

    pub(crate) fn fraction(mut self, fraction: f64) -> Self {
        self.fraction = fraction;
        self
    }

    /// Spread evenly and without chance: of ten requests a rule of 0.3 takes exactly three.
    fn takes(&self, path: &str, to: &str) -> bool {
        if !path.starts_with(&self.path) || self.to.as_deref().is_some_and(|only| only != to) {
            return false;
        }
        let nth = self.matched.fetch_add(1, Ordering::Relaxed) as f64;
        ((nth + 1.0) * self.fraction).floor() > (nth * self.fraction).floor()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Rules(RwLock<Vec<Rule>>);

impl Rules {
    pub(crate) fn set(&self, rules: Vec<Rule>) {
        match self.0.write() {
            Ok(mut held) => *held = rules,
            Err(poisoned) => *poisoned.into_inner() = rules,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let held = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        serde_json::to_string(&*held).unwrap_or_default()
    }

    /// What to do with one request: how long to wait, then what to say.
    pub(crate) fn choose(&self, path: &str, to: &str) -> (Duration, Answer) {
        let held = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.iter().find(|rule| rule.takes(path, to)).map_or((Duration::ZERO, Answer::Ok), |rule| {
            (Duration::from_millis(rule.delay_ms), rule.answer.clone())
        })
    }
}

fn everything() -> String {
    "/".to_owned()
}

fn all() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_takes_its_share_evenly() {
        let rules = Rules::default();
        let failing = Answer::Http { status: 500, retry_after: None };
        let mut rule = Rule::new("/sms/", failing.clone());
        rule.fraction = 0.3;
        rules.set(vec![rule]);
        let failed = (0..10).filter(|_| rules.choose("/sms/json", "+1").1 == failing);
        assert_eq!(failed.count(), 3);
        assert_eq!(rules.choose("/http/send", "+1").1, Answer::Ok);
    }

    #[test]
    fn rules_are_read_from_json_and_misspelling_is_refused() {
        let read: Result<Vec<Rule>, _> =
            serde_json::from_str(r#"[{"path":"/sms/","answer":{"kind":"error","code":4}}]"#);
        assert!(read.is_ok_and(|rules| rules[0].fraction > 0.99));
        assert!(serde_json::from_str::<Rule>(r#"{"dealy_ms":5}"#).is_err());
    }
}
