//! What commands print, and how they fail.

use std::{fmt, process::ExitCode};

use otpost_api::error::ApiError;
use otpost_shared::{
    admission::Refused, clock::secs_rounded_up, config::ConfigError, db::DbError,
    recipient::RecipientError, secrets::SecretError,
};

/// How a command ends.
pub type Done = Result<ExitCode, Failure>;

/// A sentence for the person at the terminal.
#[derive(Debug)]
pub struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    #[must_use]
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 1 }
    }

    /// What was asked for cannot be meant: nothing was tried.
    #[must_use]
    pub fn misused(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 2 }
    }

    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

macro_rules! from_display {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })*
    };
}

from_display!(ConfigError, DbError, SecretError, RecipientError, std::io::Error);

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::new(match refused {
            Refused::Limited { scope, wait_ms } => {
                let (scope, secs) = (scope.as_str(), secs_rounded_up(wait_ms));
                format!("the limit per {scope} is used up; try again in {secs} s")
            }
            Refused::Busy { wait_ms } => format!(
                "more is waiting than can be sent in time; try again in {} s",
                secs_rounded_up(wait_ms)
            ),
            Refused::Suppressed => {
                "this recipient is not to be sent to; `otpost suppression list --to` says \
                who said so"
                    .into()
            }
            Refused::KeyReused => "this idempotency key was used for another message".into(),
            Refused::Unavailable(error) => error.to_string(),
            // Where the way out is the same, so are the words.
            other => ApiError::from(other).said().to_owned(),
        })
    }
}

/// Prints a line to standard output; a reader that has gone, as `| head` does, is no error.
macro_rules! say {
    ($($part:tt)*) => {{
        let _ = std::io::Write::write_fmt(
            &mut std::io::stdout(),
            format_args!("{}\n", format_args!($($part)*)),
        );
    }};
}
pub(crate) use say;

/// Prints a value as indented JSON.
pub fn print_json(value: &serde_json::Value) {
    say!("{value:#}");
}

/// `12.345 s`
pub fn secs(ms: i64) -> String {
    format!("{}.{:03} s", ms / 1_000, (ms % 1_000).abs())
}

/// A moment for people and programs alike.
pub fn moment(at: i64) -> String {
    otpost_shared::clock::rfc3339(at)
}
