//! What one row of the matrix is: its name, what it breaks and what must hold.

use std::{pin::Pin, time::Duration};

use super::{
    scene::{Scene, Staging},
    trouble::Trouble,
};
use crate::{error::Result, show::invariants::Evidence};

pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;
/// Breaks things on a stage while people come.
pub(crate) type Harm = for<'a> fn(&'a mut Scene) -> Running<'a>;
/// Looks at what is left when it is quiet again.
#[derive(Clone, Copy)]
pub(crate) enum Judge {
    Nothing,
    Look(fn(&mut Scene, &Evidence)),
    /// It has to ask somebody, or may fail.
    Ask(for<'a> fn(&'a mut Scene, &'a Evidence) -> Running<'a>),
}

/// What `faults` can be told about each row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How long people come at least.
    pub(crate) seconds: u64,
    /// People per second.
    pub(crate) rate: u32,
    pub(crate) seed: u64,
    /// Latencies are shown but not judged.
    pub(crate) untimed: bool,
    /// Shorter faults and smaller backlogs.
    pub(crate) short: bool,
    /// How often `worker-kill-loop` kills.
    pub(crate) kills: Option<u64>,
}

/// A number for a thorough run and one for a short run: seconds, or how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64, pub(crate) u64);

impl Options {
    pub(crate) fn pick(self, span: Span) -> u64 {
        if self.short { span.1 } else { span.0 }
    }

    pub(crate) fn span(self, span: Span) -> Duration {
        Duration::from_secs(self.pick(span))
    }
}

/// What clients may be told while it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answers {
    /// `202` and nothing else, within 150 ms at the 99th percentile.
    Accepted,
    /// `202`, or `503` with `Retry-After` within 2.5 s, or `409` while the first is in progress.
    Refused,
    /// As above, or no answer at all.
    Cut,
}

/// How a row is played.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Four seconds after the beginning, for so long.
    Trouble(Trouble, Span),
    Harm(Harm),
    /// What it would break does not exist yet, and what that is.
    NotYet(&'static str),
}

/// One row of the matrix.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What is broken, and how.
    pub(crate) breaks: &'static str,
    /// What must hold besides the invariants.
    pub(crate) expects: &'static str,
    /// The promises it is evidence for.
    pub(crate) promises: &'static [u8],
    /// How many seconds it needs at least.
    pub(crate) seconds: Span,
    pub(crate) answers: Answers,
    /// Where calls may be refused: from so long after healing on, none is any more.
    pub(crate) again: Duration,
    /// Some people may never be accepted: what is broken stays so for longer than they ask.
    pub(crate) may_give_up: bool,
    /// It makes messages that nobody can send.
    pub(crate) poisons: bool,
    pub(crate) staging: fn(Options) -> Staging,
    /// Before people come.
    pub(crate) prepare: Harm,
    pub(crate) act: Act,
    pub(crate) judge: Judge,
}

/// What a row is unless it says otherwise.
pub(crate) const ROW: Row = Row {
    name: "",
    breaks: "",
    expects: "",
    promises: &[1],
    seconds: Span(10, 8),
    answers: Answers::Accepted,
    again: Duration::from_secs(10),
    may_give_up: false,
    poisons: false,
    staging: Staging::usual,
    prepare: |_| Box::pin(async { Ok(()) }),
    act: Act::NotYet(""),
    judge: Judge::Nothing,
};

impl Row {
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.act, Act::NotYet(_))
    }

    /// How long people come: a fault needs time to break, to mend and to show that it mended.
    pub(crate) fn time(&self, options: Options) -> Duration {
        let needed = match self.act {
            Act::Trouble(_, span) => options.pick(span) + 8,
            Act::Harm(_) | Act::NotYet(_) => options.pick(self.seconds),
        };
        Duration::from_secs(needed.max(options.seconds))
    }
}
