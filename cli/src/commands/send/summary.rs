//! What a file came to, in the end or where it was stopped.

use std::{collections::BTreeMap, io, path::Path, process::ExitCode};

use csv::ByteRecord;
use otpost_api::error::ApiError;
use otpost_shared::message::{
    State,
    batch::{Batch, RowRefused},
};
use serde_json::json;

use super::{failures::Failures, people::line_of};
use crate::output::{Failure, moment, print_json, say};

/// So many lines are named.
const NAMED: usize = 20;

/// Counts of rows.
#[derive(Debug, Default)]
pub struct Tally {
    pub accepted: u64,
    /// Stored by an earlier run.
    pub repeated: u64,
    pub refused: BTreeMap<&'static str, u64>,
    /// Those of them with a recipient that an earlier row has: nothing is missing of these.
    duplicates: u64,
    /// Those of them that are not to be sent to.
    suppressed: u64,
    pub left_out: LeftOut,
}

/// The refused rows that are not written down to be mended: sent again, they could reach somebody twice.
#[derive(Debug, Default)]
pub struct LeftOut {
    rows: u64,
    /// Where the first of them begin.
    lines: Vec<u64>,
}

impl Tally {
    /// Counts a refused row, and writes it down if it may be sent again once it is mended.
    pub fn refuse(
        &mut self,
        refused: RowRefused,
        record: &ByteRecord,
        failures: &mut Failures,
    ) -> io::Result<()> {
        let may_be_sent_again = refused.may_be_sent_again();
        self.duplicates += u64::from(refused == RowRefused::Duplicate);
        self.suppressed += u64::from(refused == RowRefused::Suppressed);
        let error = ApiError::from(refused);
        let code = error.code().as_str();
        *self.refused.entry(code).or_default() += 1;
        if may_be_sent_again {
            return failures.add(record, code, error.said());
        }
        self.left_out.add(line_of(record));
        Ok(())
    }

    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// True when everybody who is in the file has a message.
    pub fn is_complete(&self) -> bool {
        self.refused() == self.duplicates
    }

    pub fn all(&self) -> u64 {
        self.accepted + self.repeated + self.refused()
    }

    pub fn say_refused(&self) {
        for (code, count) in &self.refused {
            say!("  {count:>9} {code}");
        }
    }

    /// Nobody is to look for what is wrong with those.
    pub fn say_suppressed(&self) {
        if self.suppressed > 0 {
            say!(
                "{} of these rows cannot be mended: whoever is in them is not to be sent to \
                 (recipient_suppressed).",
                self.suppressed
            );
        }
    }
}

impl LeftOut {
    fn add(&mut self, line: u64) {
        self.rows += 1;
        if self.lines.len() < NAMED {
            self.lines.push(line);
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        json!({ "rows": self.rows, "first_lines": self.lines })
    }

    pub fn say(&self) {
        if self.rows == 0 {
            return;
        }
        let lines: Vec<String> = self.lines.iter().map(ToString::to_string).collect();
        let rest = match self.rows - self.lines.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        say!(
            "Not to be mended, since whoever is in it has a row before or may have been sent to: \
             line {}{rest}.",
            lines.join(", ")
        );
    }
}

/// Why it ended before the last row.
pub enum Stop {
    Asked,
    Failed(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

/// Everything there is to say.
pub struct Summary<'a> {
    pub batch: &'a Batch,
    pub rows: u64,
    pub tally: &'a Tally,
    pub stop: Option<Stop>,
    /// How many messages ended in which state, when they were followed.
    pub states: Option<BTreeMap<String, i64>>,
    pub failures: Option<&'a Path>,
}

impl Summary<'_> {
    pub fn print(&self, as_json: bool) -> ExitCode {
        if as_json {
            self.print_json();
        } else {
            self.say();
        }
        let missed = self.states.iter().flatten().any(|(state, count)| {
            *count > 0 && !matches!(state.as_str(), "sent" | "delivered" | "canceled")
        });
        if self.stop.is_some() || !self.tally.is_complete() || missed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn print_json(&self) {
        print_json(&json!({
            "batch": self.batch.id,
            "rows": self.rows,
            "done": self.stop.is_none(),
            "accepted": self.tally.accepted,
            "repeated": self.tally.repeated,
            "refused": self.tally.refused(),
            "refused_by_code": self.tally.refused,
            "left_out": self.tally.left_out.to_json(),
            "states": self.states,
            "failures": self.failures,
            "error": match &self.stop {
                Some(Stop::Failed(error)) => Some(error),
                Some(Stop::Asked) | None => None,
            },
        }));
    }

    fn say(&self) {
        self.say_counts();
        if let Some(path) = self.failures {
            say!(
                "{} has the rows that were not sent, with their reasons; mend them and send that file.",
                path.display()
            );
        }
        self.tally.say_suppressed();
        self.tally.left_out.say();
        self.say_end();
        say!("What became of them: otpost status --batch {}", self.batch.id);
    }

    fn say_counts(&self) {
        let tally = self.tally;
        say!("{:>11} accepted", tally.accepted);
        if tally.repeated > 0 {
            say!("{:>11} stored by an earlier run, and not repeated", tally.repeated);
        }
        say!("{:>11} refused", tally.refused());
        tally.say_refused();
        if let Some(states) = &self.states {
            say!("Of the messages:");
            for (state, count) in states {
                say!("{count:>11} {state}");
            }
        }
        let unknown = self.states.as_ref().and_then(|states| states.get(State::Unknown.as_str()));
        if let Some(unknown) = unknown {
            say!(
                "{unknown} may have been sent or not, and should not be sent again unseen: \
                 otpost status --batch {} --failed",
                self.batch.id
            );
        }
    }

    fn say_end(&self) {
        let tally = self.tally;
        if let Some(Stop::Failed(error)) = &self.stop {
            say!("Stopped: {error}");
        }
        if self.stop.is_some() {
            say!(
                "{} of {} rows are done. Run the same command again: it goes on from there and \
                 repeats nothing.",
                tally.all(),
                self.rows
            );
        } else if tally.accepted == 0 && tally.repeated > 0 {
            say!(
                "This file was sent with this text before, at {}. To send it once more on purpose, \
                 give it another --key.",
                moment(self.batch.created_at)
            );
        }
    }
}
