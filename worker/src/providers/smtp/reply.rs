//! What a server's replies mean, and what its silence does.

use std::{error::Error as _, io, ops::RangeInclusive, time::Duration};

use lettre::transport::smtp::{Error, response::Response};
use otpost_shared::outcome::ErrorClass::{
    self, Account, Content, Recipient, Sender, Throttled, Transient, Unknown,
};

use crate::provider::{Blame, Outcome};

/// So much of a server's words is handed on, in characters.
const LONGEST_WORDS: usize = 1_000;

/// What the library says when the server closes the connection.
const CLOSED: &str = "incomplete response";
/// How soon there may be room again on our side.
const OWN_SHORTAGE: Duration = Duration::from_millis(100);

/// The server closes the connection after this one.
const CLOSING: u16 = 421;

/// What was asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// To be let in: the connection, its greeting and EHLO.
    Open,
    Tls,
    Login,
    Sender,
    Recipient,
    Data,
    /// The e-mail itself has left, or begun to.
    Content,
}

impl Stage {
    /// As a sentence calls it.
    fn noun(self) -> &'static str {
        match self {
            Self::Open => "the connection",
            Self::Tls => "STARTTLS",
            Self::Login => "the login",
            Self::Sender => "the sender",
            Self::Recipient => "the recipient",
            Self::Data => "DATA",
            Self::Content => "the e-mail",
        }
    }
}

/// When, with which codes, and under which subject and details of the enhanced code (any without one).
type Row = (&'static [Stage], RangeInclusive<u16>, Option<(u16, RangeInclusive<u16>)>, ErrorClass);

const ANY: &[Stage] = &[
    Stage::Open,
    Stage::Tls,
    Stage::Login,
    Stage::Sender,
    Stage::Recipient,
    Stage::Data,
    Stage::Content,
];
const LET_IN: &[Stage] = &[Stage::Open, Stage::Tls, Stage::Login];
const OF_RECIPIENT: &[Stage] = &[Stage::Recipient, Stage::Data, Stage::Content];
/// The recipient was accepted: what is said now need not be about them.
const AFTER_RECIPIENT: &[Stage] = &[Stage::Data, Stage::Content];
const OF_EMAIL: &[Stage] = &[Stage::Sender, Stage::Recipient, Stage::Data, Stage::Content];

/// The first row that fits counts. A mailbox that is full (5.2.2) is so for whoever delivers to it, and
/// an e-mail that goes round by another server would meet it again: it is the recipient's. Whatever ends
/// a message for good must be sure, so details that nobody registered are not the recipient's.
///
/// Source: RFC 5321, 4.2; RFC 3463; RFC 3886, 3.3.4; RFC 4954, 6; RFC 7372, 3; RFC 7505, 4. Office 365
/// says 4.3.2 with 432 for too many connections and 5.1.90 for a daily limit, Gmail 5.4.5 for one; SES
/// says 454 alone for its rate.
const MEANINGS: &[Row] = &[
    // No TLS, or no logins, for now: something behind the server is down.
    (LET_IN, 454..=454, None, Transient),
    // Policy, which at this hour means: too much.
    (ANY, 400..=499, Some((7, 0..=999)), Throttled),
    // Too many recipients; some servers count those of an hour.
    (ANY, 400..=499, Some((5, 3..=3)), Throttled),
    // Too many connections, or too many e-mails a second.
    (ANY, 432..=432, Some((3, 2..=2)), Throttled),
    (OF_EMAIL, 454..=454, None, Throttled),
    (ANY, 400..=499, None, Transient),
    // Authentication is needed, too weak, wrong, or not without TLS.
    (ANY, 530..=530, None, Account),
    (ANY, 534..=535, None, Account),
    (ANY, 538..=538, None, Account),
    (LET_IN, 500..=599, None, Account),
    // DKIM, SPF, reverse DNS: they do not believe that we are the sender.
    (ANY, 500..=599, Some((7, 20..=27)), Sender),
    // An address of the sender that is none.
    (ANY, 500..=599, Some((1, 7..=8)), Sender),
    // What an account may send in a day.
    (ANY, 500..=599, Some((4, 5..=5)), Account),
    (ANY, 500..=599, Some((1, 90..=90)), Account),
    (OF_RECIPIENT, 500..=599, Some((1, 0..=6)), Recipient),
    (OF_RECIPIENT, 500..=599, Some((1, 10..=10)), Recipient),
    (OF_RECIPIENT, 500..=599, Some((1, 0..=999)), Sender),
    // Longer than this mailbox, or the server, takes.
    (ANY, 500..=599, Some((2, 3..=3)), Content),
    (ANY, 500..=599, Some((3, 4..=4)), Content),
    // Switched off, or full. What else is said of a mailbox by then may be about the sender's.
    (AFTER_RECIPIENT, 500..=599, Some((2, 1..=2)), Recipient),
    (AFTER_RECIPIENT, 500..=599, Some((2, 0..=999)), Sender),
    (&[Stage::Recipient], 500..=599, Some((2, 0..=999)), Recipient),
    (ANY, 500..=599, Some((6, 0..=999)), Content),
    (&[Stage::Content], 500..=599, None, Content),
    (&[Stage::Sender, Stage::Data], 552..=552, None, Content),
    // Policy about a recipient whom we named is about who may send there.
    (&[Stage::Recipient], 500..=599, Some((7, 0..=999)), Sender),
    (&[Stage::Recipient], 550..=553, None, Recipient),
    // Not an address; and domains that take no mail (RFC 7504).
    (&[Stage::Recipient], 501..=501, None, Recipient),
    (&[Stage::Recipient], 521..=521, None, Recipient),
    (&[Stage::Recipient], 555..=556, None, Recipient),
    (ANY, 500..=599, None, Sender),
];

/// Subject and detail of an enhanced code, which a reply may begin with.
fn enhanced(code: u16, words: &str) -> Option<(u16, u16, &str)> {
    let end = words.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(words.len());
    let (number, rest) = words.split_at(end);
    let mut parts = number.split('.').map(|part| part.parse::<u16>().ok());
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    let fits = parts.next().is_none() && class == code / 100 && subject < 1_000 && detail < 1_000;
    fits.then_some((subject, detail, rest.trim_start()))
}

fn class_of(stage: Stage, code: u16, subject_and_detail: Option<(u16, u16)>) -> ErrorClass {
    // What is no refusal was not expected here.
    meaning(stage, code, subject_and_detail).unwrap_or(Transient)
}

/// A server that lets us say who sends works. What it then puts off may be about this recipient alone:
/// an unknown domain, a full mailbox, greylisting. Its own troubles have subject 3, its limits 5.
fn blame_of(stage: Stage, code: u16, subject_and_detail: Option<(u16, u16)>) -> Blame {
    let is_put_off = match subject_and_detail {
        Some((subject, _)) => (400..=499).contains(&code) && !matches!(subject, 3 | 5),
        None => (450..=452).contains(&code),
    };
    if stage == Stage::Recipient && is_put_off && code != CLOSING {
        Blame::Recipient
    } else {
        Blame::Usual
    }
}

fn meaning(stage: Stage, code: u16, subject_and_detail: Option<(u16, u16)>) -> Option<ErrorClass> {
    let fits = |(stages, codes, says, _): &&Row| {
        let is_said = says.as_ref().is_none_or(|(subject, details)| {
            subject_and_detail.is_some_and(|(s, d)| s == *subject && details.contains(&d))
        });
        stages.contains(&stage) && codes.contains(&code) && is_said
    };
    MEANINGS.iter().find(fits).map(|(.., class)| *class)
}

/// Why an e-mail was not taken, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) class: ErrorClass,
    /// The enhanced code if there is one, else the three digits.
    code: Option<String>,
    pub(super) words: String,
    stage: Stage,
    /// The connection cannot be used any more.
    is_gone: bool,
    blame: Blame,
}

impl Refusal {
    /// Of a reply, or of none.
    pub(super) fn of(stage: Stage, error: &Error) -> Self {
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        let Some(code) = error.status().map(u16::from) else {
            return Self::silent(stage, error);
        };
        let (more, words) = match enhanced(code, &said) {
            Some((subject, detail, words)) => (Some((subject, detail)), words),
            None => (None, said.as_str()),
        };
        let in_full = more.map(|(subject, detail)| format!("{}.{subject}.{detail}", code / 100));
        let words: String = words.chars().take(LONGEST_WORDS).collect();
        Self {
            class: class_of(stage, code, more),
            code: Some(in_full.unwrap_or_else(|| code.to_string())),
            words: format!("{} was refused with {code}: {words}", stage.noun()),
            stage,
            is_gone: code == CLOSING,
            blame: blame_of(stage, code, more),
        }
    }

    /// The connection broke, or what came over it is no reply.
    fn silent(stage: Stage, error: &Error) -> Self {
        let cause = innermost(error);
        let is_unreadable = is_unreadable(error);
        let words = match stage {
            Stage::Open => format!("not connected: {cause}"),
            _ if is_unreadable => format!("the reply to {} cannot be read", stage.noun()),
            // The library found out by itself, before it said anything.
            _ if error.is_client() => cause,
            _ => format!("no reply to {}: {cause}", stage.noun()),
        };
        let class = match stage {
            Stage::Content => Unknown,
            _ if error.is_client() => Account,
            _ => Transient,
        };
        // A refusal most likely, of which the library does not say more.
        let is_of_recipient = stage == Stage::Recipient && is_unreadable;
        let blame = if is_of_recipient { Blame::Recipient } else { Blame::Usual };
        Self { class, blame, ..Self::mute(stage, words) }
    }

    /// A reply that does not follow from what was asked.
    pub(super) fn odd(stage: Stage, reply: &Response) -> Self {
        let words = format!("{} was answered with {}", stage.noun(), reply.code());
        Self::mute(stage, words)
    }

    /// Nothing was said over the connection, if there is one.
    pub(super) fn before(class: ErrorClass, words: impl Into<String>) -> Self {
        Self { class, ..Self::mute(Stage::Open, words.into()) }
    }

    /// The server was not even asked: there is no room on our side.
    pub(super) fn of_ours(words: impl Into<String>) -> Self {
        Self { blame: Blame::Ours, ..Self::before(Throttled, words) }
    }

    fn mute(stage: Stage, words: String) -> Self {
        let blame = Blame::Usual;
        Self { class: Transient, code: None, words, stage, is_gone: true, blame }
    }

    /// No reply came in time.
    pub(super) fn late(stage: Stage, within: &str) -> Self {
        let class = if stage == Stage::Content { Unknown } else { Transient };
        let words = match stage {
            Stage::Open => format!("not let in within {within}"),
            _ => format!("no reply to {} within {within}", stage.noun()),
        };
        Self { class, ..Self::mute(stage, words) }
    }

    /// True when the connection can be used for the next e-mail, once this one is called off.
    pub(super) fn leaves_connection(&self) -> bool {
        !self.is_gone
    }

    /// True when the server waits for more of this e-mail.
    pub(super) fn is_half_way(&self) -> bool {
        matches!(self.stage, Stage::Recipient | Stage::Data)
    }

    pub(super) fn outcome(self) -> Outcome {
        let nothing = if self.class == Unknown { "" } else { "; nothing was sent" };
        Outcome::refused(self.class, self.code, format!("{}{nothing}", self.words))
            .blaming(self.blame)
            .retry_after((self.blame == Blame::Ours).then_some(OWN_SHORTAGE))
    }
}

/// Something came, but none of what the library takes for a reply: it wants a second digit up to 5, a
/// space after the code, and UTF-8.
fn is_unreadable(error: &Error) -> bool {
    let io = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let is_no_text = io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData);
    is_no_text || error.is_response() && !says(error, CLOSED)
}

fn says(error: &Error, words: &str) -> bool {
    error.source().is_some_and(|cause| cause.to_string() == words)
}

fn innermost(error: &Error) -> String {
    let mut cause = error.source();
    let mut words = "it was closed".to_owned();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    if words == CLOSED { "it was closed".to_owned() } else { words }
}

/// By what the server knows an e-mail that it took: the id in its queue, or all that it said.
pub(super) fn queue_id(reply: &Response) -> Option<String> {
    let line = reply.message().find(|line| !line.trim().is_empty())?;
    let code = u16::from(reply.code());
    let words = enhanced(code, line).map_or(line, |(_, _, words)| words).trim();
    let marked = ["queued as ", "id="].into_iter().find_map(|mark| words.split_once(mark));
    let id = marked.and_then(|(_, after)| after.split_whitespace().next()).unwrap_or(words);
    let id = id.trim_end_matches(['.', ',', ';', ')']);
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
