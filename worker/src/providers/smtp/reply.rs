//! What a server's replies mean, and what its silence does.

use std::{error::Error as _, ops::RangeInclusive};

use lettre::transport::smtp::{Error, response::Response};
use otpost_shared::outcome::ErrorClass::{
    self, Account, Content, Recipient, Sender, Throttled, Transient, Unknown,
};

use crate::provider::Outcome;

/// So much of a server's words is handed on, in characters.
const LONGEST_WORDS: usize = 1_000;

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

/// The first row that fits counts. A mailbox that is full (5.2.2) is so for whoever delivers to it, and
/// an e-mail that goes round by another server would meet it again: it is the recipient's.
///
/// Source: RFC 5321, 4.2; RFC 3463; RFC 4954, 6; RFC 7372, 3.
const MEANINGS: &[Row] = &[
    // No TLS, or no logins, for now: something behind the server is down.
    (LET_IN, 454..=454, None, Transient),
    // Policy, which at this hour means: too much.
    (ANY, 400..=499, Some((7, 0..=999)), Throttled),
    // Too many recipients; some servers count those of an hour.
    (ANY, 400..=499, Some((5, 3..=3)), Throttled),
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
    (OF_RECIPIENT, 500..=599, Some((1, 0..=999)), Recipient),
    // Longer than this mailbox, or the server, takes.
    (ANY, 500..=599, Some((2, 3..=3)), Content),
    (ANY, 500..=599, Some((3, 4..=4)), Content),
    (OF_RECIPIENT, 500..=599, Some((2, 0..=999)), Recipient),
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
    let fits = |(stages, codes, says, _): &&Row| {
        let is_said = says.as_ref().is_none_or(|(subject, details)| {
            subject_and_detail.is_some_and(|(s, d)| s == *subject && details.contains(&d))
        });
        stages.contains(&stage) && codes.contains(&code) && is_said
    };
    // What is no refusal was not expected here.
    MEANINGS.iter().find(fits).map_or(Transient, |(.., class)| *class)
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
            is_gone: code == 421,
        }
    }

    /// The connection broke, or what came over it is no reply.
    fn silent(stage: Stage, error: &Error) -> Self {
        let cause = innermost(error);
        let words = match stage {
            Stage::Open => format!("not connected: {cause}"),
            // The library found out by itself, before it said anything.
            _ if error.is_client() => cause,
            _ => format!("no reply to {}: {cause}", stage.noun()),
        };
        let class = match stage {
            Stage::Content => Unknown,
            _ if error.is_client() => Account,
            _ => Transient,
        };
        Self { class, code: None, words, stage, is_gone: true }
    }

    /// A reply that does not follow from what was asked.
    pub(super) fn odd(stage: Stage, reply: &Response) -> Self {
        let words = format!("{} was answered with {}", stage.noun(), reply.code());
        Self { class: Transient, code: None, words, stage, is_gone: true }
    }

    /// Nothing was said over the connection, if there is one.
    pub(super) fn before(class: ErrorClass, words: impl Into<String>) -> Self {
        Self { class, code: None, words: words.into(), stage: Stage::Open, is_gone: true }
    }

    /// No reply came in time.
    pub(super) fn late(stage: Stage, within: &str) -> Self {
        let class = if stage == Stage::Content { Unknown } else { Transient };
        let words = match stage {
            Stage::Open => format!("not let in within {within}"),
            _ => format!("no reply to {} within {within}", stage.noun()),
        };
        Self { class, code: None, words, stage, is_gone: true }
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
    }
}

fn innermost(error: &Error) -> String {
    let mut cause = error.source();
    let mut words = "it was closed".to_owned();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    // Which the library says when the server closes the connection.
    if words == "incomplete response" { "it was closed".to_owned() } else { words }
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
mod tests {
    use super::*;

    fn class(stage: Stage, reply: &str) -> ErrorClass {
        let (code, words) = reply.split_at(3);
        let code = code.parse().unwrap();
        let more = enhanced(code, words.trim_start()).map(|(subject, detail, _)| (subject, detail));
        class_of(stage, code, more)
    }

    #[test]
    fn replies_have_their_classes() {
        for (stage, reply, expected) in [
            (Stage::Open, "421 4.3.2 shutting down", Transient),
            (Stage::Open, "554 no service here", Account),
            (Stage::Tls, "454 4.7.0 TLS not available", Transient),
            (Stage::Tls, "502 not implemented", Account),
            (Stage::Login, "535 5.7.8 bad credentials", Account),
            (Stage::Login, "534-5.7.14 log in first", Account),
            (Stage::Login, "550 5.7.30 not supported", Account),
            (Stage::Login, "454 4.7.0 no logins for now", Transient),
            (Stage::Open, "421 4.7.0 too many connections", Throttled),
            (Stage::Sender, "530 5.7.0 authenticate first", Account),
            (Stage::Sender, "550 5.7.60 may not send as this sender", Sender),
            (Stage::Sender, "553 5.1.8 no such domain", Sender),
            (Stage::Sender, "550 5.1.0 rejected", Sender),
            (Stage::Sender, "552 5.3.4 too big", Content),
            (Stage::Sender, "451 4.3.0 try again", Transient),
            (Stage::Recipient, "550 5.1.1 user unknown", Recipient),
            (Stage::Recipient, "550 user unknown", Recipient),
            (Stage::Recipient, "551 user not local", Recipient),
            (Stage::Recipient, "553 mailbox name", Recipient),
            (Stage::Recipient, "556 5.1.10 null MX", Recipient),
            (Stage::Recipient, "552 5.2.2 mailbox full", Recipient),
            (Stage::Recipient, "552 mailbox full", Recipient),
            (Stage::Recipient, "552 5.2.3 too long", Content),
            (Stage::Recipient, "550 5.7.1 relaying denied", Sender),
            (Stage::Recipient, "554 relay access denied", Sender),
            (Stage::Recipient, "550 5.1.7 bad sender", Sender),
            (Stage::Recipient, "503 bad sequence", Sender),
            (Stage::Recipient, "450 4.2.0 greylisted", Transient),
            (Stage::Recipient, "450 4.7.1 greylisted", Throttled),
            (Stage::Recipient, "452 4.5.3 too many", Throttled),
            (Stage::Recipient, "452 4.2.2 over quota", Transient),
            (Stage::Data, "554 5.5.1 no valid recipients", Sender),
            (Stage::Content, "554 5.7.1 spam", Content),
            (Stage::Content, "550 looks like spam", Content),
            (Stage::Content, "552 5.3.4 too big", Content),
            (Stage::Content, "554 5.6.0 cannot be read", Content),
            (Stage::Content, "550 5.1.1 user unknown", Recipient),
            (Stage::Content, "550 5.7.26 not authenticated", Sender),
            (Stage::Content, "451 4.7.1 slow down", Throttled),
            (Stage::Content, "421 closing", Transient),
        ] {
            assert_eq!(class(stage, reply), expected, "{stage:?} {reply}");
        }
        // Every refusal of every stage means something, and none is a success.
        for stage in ANY {
            for code in 400..=599 {
                assert_ne!(class_of(*stage, code, None), ErrorClass::Ok);
            }
        }
    }

    #[test]
    fn enhanced_codes_are_read_where_they_are() {
        assert_eq!(enhanced(550, "5.1.1 no such user"), Some((1, 1, "no such user")));
        assert_eq!(enhanced(421, "4.7.28"), Some((7, 28, "")));
        for (code, words) in [
            (550, ""),
            (550, "no such user"),
            (550, "5.1 x"),
            (550, "5.1.1.1 x"),
            (550, "4.1.1 x"),
            (550, "5.1.99999999 x"),
            (550, "5..1 x"),
            (550, ". x"),
        ] {
            assert_eq!(enhanced(code, words), None, "{words}");
        }
    }

    #[test]
    fn a_queue_id_is_found_where_servers_put_it() {
        for (reply, id) in [
            ("250 2.0.0 Ok: queued as 4F1C2A\r\n", Some("4F1C2A")),
            ("250 2.0.0 Ok: queued as 4F1C2A.\r\n", Some("4F1C2A")),
            ("250 OK id=1rXyz0-0001\r\n", Some("1rXyz0-0001")),
            ("250 2.0.0 OK  1700000000 a1-20 - gsmtp\r\n", Some("OK  1700000000 a1-20 - gsmtp")),
            ("250-first\r\n250 second\r\n", Some("first")),
            ("250 2.0.0\r\n", None),
            ("250 \r\n", None),
        ] {
            let reply: Response = reply.parse().unwrap();
            assert_eq!(queue_id(&reply).as_deref(), id, "{reply:?}");
        }
    }
}
