//! In which ways a provider misbehaves, and what must come of each.

use std::time::Duration;

use super::Course;
use crate::{
    error::Result,
    gateway::{Answer, Rule},
    show::faults::{
        scene::Scene,
        trouble::{FIRST, Trouble},
    },
};

/// A code of which nothing was said for so long goes on.
pub(super) const SILENCE_SECS: u32 = 5;
/// Of those it is asked for, where not all are meant: enough others are reported on.
const SOME: f64 = 0.1;
const DELAY_MS: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    OptedOut,
    Throttles,
    Gone,
    Hangs,
    Lies,
    Silent,
}

impl Way {
    /// Whoever is told of an opt-out waits for nothing: it comes first, and silence, which nothing else
    /// may be mixed up with, comes last.
    pub(super) const ALL: [Self; 6] =
        [Self::OptedOut, Self::Throttles, Self::Gone, Self::Hangs, Self::Lies, Self::Silent];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OptedOut => "opted out",
            Self::Throttles => "throttles",
            Self::Gone => "gone",
            Self::Hangs => "hangs",
            Self::Lies => "lies",
            Self::Silent => "silent",
        }
    }

    /// For the table.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::OptedOut => "says that the recipient opted out (21610)",
            Self::Throttles => "answers 429, `Retry-After: 5`",
            Self::Gone => "is not there: connections are refused",
            Self::Hangs => "takes requests, sends nothing and never answers",
            Self::Lies => "answers 200 with an error in it, and sends nothing",
            Self::Silent => {
                "says yes, sends nothing and reports nothing (`fallback_after_secs = 5`)"
            }
        }
    }

    pub(super) fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            Self::OptedOut => 3,
            Self::Throttles | Self::Gone | Self::Lies => 6,
            Self::Hangs | Self::Silent => 9,
        })
    }

    pub(super) async fn begin(self, scene: &mut Scene) -> Result<()> {
        let raw = |status, body: &str| {
            let (body, length, sent) = (body.to_owned(), 0, false);
            Answer::Raw { status, body, length, sent }
        };
        let (answer, share) = match self {
            Self::OptedOut => (Answer::Error { code: 21_610, status: None }, SOME),
            Self::Throttles => {
                (Answer::Http { status: 429, retry_after: Some("5".to_owned()) }, 1.0)
            }
            Self::Gone => return Trouble::ProviderRefuses.begin(scene).await,
            Self::Hangs => (Answer::Hang { sent: false }, 1.0),
            Self::Lies => {
                let body = r#"{"code": 20500, "message": "Internal Server Error", "status": 500}"#;
                (raw(200, body), 1.0)
            }
            Self::Silent => {
                let body = r#"{"sid": "SM0123456789abcdef0123456789abcdef", "status": "queued"}"#;
                (raw(201, body), SOME)
            }
        };
        scene.answer(vec![Rule::new(FIRST, answer).fraction(share).delay_ms(DELAY_MS)]);
        Ok(())
    }

    pub(super) async fn end(self, scene: &mut Scene) -> Result<()> {
        if self == Self::Gone {
            return Trouble::ProviderRefuses.end(scene).await;
        }
        scene.answer(Vec::new());
        Ok(())
    }

    /// How an attempt with it ends.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Throttles => "throttled",
            Self::Gone => "transient",
            Self::Hangs | Self::Lies => "unknown",
            Self::Silent => "ok",
        }
    }

    /// Whether an attempt with it may end like this meanwhile.
    pub(super) fn allows(self, outcome: &str) -> bool {
        outcome == self.outcome() || self == Self::OptedOut && outcome == "ok"
    }

    /// How long it takes until that is known.
    pub(super) fn answers_after_ms(self) -> i64 {
        if self == Self::Hangs { 5_000 } else { 0 }
    }

    pub(super) fn is_met_by(self, course: &Course) -> bool {
        let Some(first) = course.steps.first() else { return false };
        let is_it = first.provider == "twilio" && first.outcome == self.outcome();
        is_it && (self != Self::Silent || first.is_silent)
    }

    /// How soon after its `202` a code is with the second provider; none if it must not go there.
    pub(super) fn second_within(self) -> Option<Duration> {
        match self {
            Self::OptedOut => None,
            Self::Throttles | Self::Gone | Self::Lies => Some(Duration::from_secs(1)),
            Self::Hangs => Some(Duration::from_secs(6)),
            // Whoever tidies up looks every second.
            Self::Silent => Some(Duration::from_secs(7)),
        }
    }

    /// Whether those who come later are spared the first provider.
    pub(super) fn is_gone_round(self) -> bool {
        !matches!(self, Self::OptedOut | Self::Silent)
    }
}
