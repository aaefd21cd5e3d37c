//! Delivery receipts: what an SMSC says became of a message it had accepted.
//!
//! Sources: SMPP 3.4, 5.2.28 (`message_state`), 5.3.2.31 (`network_error_code`) and appendix B (the
//! text); 3GPP TS 29.002, 17.6.6 for the errors of a GSM network.

use std::{collections::BTreeMap, fmt};

use otpost_shared::{
    outcome::{
        ErrorClass::{self, Recipient, Transient},
        ErrorTable, class_of_code,
    },
    report::Word,
};

/// The network of a `network_error_code` that is GSM.
const GSM: u8 = 3;

/// Errors of a GSM network.
const NETWORK_ERRORS: &ErrorTable = &[
    (1, 1, Recipient),   // unknown subscriber
    (3, 3, Transient),   // unknown MSC
    (5, 5, Recipient),   // unidentified subscriber
    (6, 7, Transient),   // absent, equipment unknown
    (9, 9, Recipient),   // illegal subscriber
    (10, 13, Recipient), // service not provisioned, illegal equipment, barred
    (21, 21, Recipient), // cannot receive SMS
    (27, 27, Transient), // absent
    (31, 36, Transient), // busy, no memory, list full, system failure, data
    (44, 44, Recipient), // number changed
];

/// What one receipt says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The message, as its answer named it, or in the other numeral.
    pub id: String,
    /// Whose number stands where the recipient's belongs, and where the sender's does.
    pub to: String,
    pub from: String,
    /// None for states that say nothing.
    pub word: Option<Word>,
    /// The SMSC's own code for why it was not delivered, or its word if it gives none.
    pub code: Option<String>,
    /// The network's error, if it is one of GSM.
    pub(super) network_error: Option<u16>,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({}, {:?}, {:?})", self.id, self.word, self.code)
    }
}

impl Receipt {
    /// Why it was not delivered: by the operator's own list, by what the network says, or, since every
    /// SMSC has codes of its own, something that may pass.
    #[must_use]
    pub fn class(&self, listed: &BTreeMap<String, ErrorClass>) -> ErrorClass {
        let by_code = self.code.as_ref().and_then(|code| listed.get(code)).copied();
        let by_network = || class_of_code(NETWORK_ERRORS, self.network_error?.into());
        by_code.or_else(by_network).unwrap_or(Transient)
    }
}

/// The `message_state` of a receipt; none for states that say nothing.
pub(super) fn word_of_state(state: u8) -> Option<Word> {
    match state {
        1 | 6 => Some(Word::Sent),
        2 => Some(Word::Delivered),
        3..=5 | 8 => Some(Word::Undelivered),
        _ => None,
    }
}

/// The text of a receipt, field by field: `id:… sub:… dlvrd:… submit date:… done date:… stat:… err:…
/// text:…`, where any may be missing, in any order and in capitals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) stat: Option<&'a str>,
    pub(super) err: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let mut fields = Self::default();
        let mut words = text.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let Some((name, value)) = word.split_once(':') else { continue };
            let field = match name.to_ascii_lowercase().as_str() {
                "id" => &mut fields.id,
                "stat" => &mut fields.stat,
                "err" => &mut fields.err,
                // What follows is the message, which may say anything.
                "text" => break,
                _ => continue,
            };
            let value = match value {
                "" => words.next_if(|word| !word.contains(':')).unwrap_or_default(),
                value => value,
            };
            if field.is_none() && !value.is_empty() {
                *field = Some(value);
            }
        }
        fields
    }

    pub(super) fn word(&self) -> Option<Word> {
        let stat = self.stat?.to_ascii_uppercase();
        let starts = |words: &[&str]| words.iter().any(|word| stat.starts_with(word));
        if starts(&["DELIV"]) {
            Some(Word::Delivered)
        } else if starts(&["UNDELIV", "EXPIRED", "DELETED", "REJECT", "FAILED"]) {
            Some(Word::Undelivered)
        } else if starts(&["ACCEPT", "ENROUTE"]) {
            Some(Word::Sent)
        } else {
            None
        }
    }

    /// `err:000` is no error.
    pub(super) fn error(&self) -> Option<&'a str> {
        self.err.filter(|err| err.bytes().any(|byte| byte != b'0'))
    }
}

/// The network's error, if it is one of GSM.
pub(super) fn network_error(octets: &[u8]) -> Option<u16> {
    match octets {
        [GSM, high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use otpost_shared::outcome::ErrorClass;

    use super::{Fields, NETWORK_ERRORS, Receipt, Word, network_error, word_of_state};
    use crate::providers::error_table::assert_sorted;

    fn read(text: &str) -> (Option<&str>, Option<Word>, Option<&str>) {
        let fields = Fields::read(text);
        (fields.id, fields.word(), fields.error())
    }

    #[test]
    fn texts_of_the_field() {
        for (text, said) in [
            (
                "id:0123456789 sub:001 dlvrd:001 submit date:2011280900 done date:2011280901 \
                 stat:DELIVRD err:000 text:Your code is stat:UNDELIV",
                (Some("0123456789"), Some(Word::Delivered), None),
            ),
            (
                "ID:a1-b2 SUB:001 DLVRD:000 STAT:UNDELIV ERR:001 Text:",
                (Some("a1-b2"), Some(Word::Undelivered), Some("001")),
            ),
            ("stat:EXPIRED id: 77 err: 4F", (Some("77"), Some(Word::Undelivered), Some("4F"))),
            ("id:7 stat:ACCEPTD", (Some("7"), Some(Word::Sent), None)),
            ("id:7 stat:UNKNOWN err:0", (Some("7"), None, None)),
            ("id:7 stat:REJECTD err:00B", (Some("7"), Some(Word::Undelivered), Some("00B"))),
            ("id: stat:DELIVRD", (None, Some(Word::Delivered), None)),
            ("id:7 id:8 stat:DELETED", (Some("7"), Some(Word::Undelivered), None)),
            ("xid:7 text:id:8", (None, None, None)),
            ("", (None, None, None)),
        ] {
            assert_eq!(read(text), said, "{text}");
        }
    }

    #[test]
    fn states_of_the_field() {
        let words = [1, 2, 3, 4, 5, 6, 8].map(word_of_state);
        let (sent, lost) = (Some(Word::Sent), Some(Word::Undelivered));
        assert_eq!(words, [sent, Some(Word::Delivered), lost, lost, lost, sent, lost]);
        assert_eq!([0, 7, 9, 255].map(word_of_state), [None; 4]);
    }

    #[test]
    fn the_operators_list_comes_first() {
        assert_sorted(NETWORK_ERRORS);
        let listed = [("001".to_owned(), ErrorClass::Content)].into();
        let receipt = |code: &str, network_error| {
            let code = Some(code.to_owned());
            Receipt { code, network_error, ..Receipt::default() }.class(&listed)
        };
        assert_eq!(receipt("001", Some(27)), ErrorClass::Content);
        assert_eq!(receipt("002", Some(1)), ErrorClass::Recipient);
        assert_eq!(receipt("002", Some(27)), ErrorClass::Transient);
        assert_eq!(receipt("002", Some(999)), ErrorClass::Transient);
        assert_eq!(receipt("002", None), ErrorClass::Transient);
        assert_eq!(network_error(&[3, 0, 1]), Some(1));
        assert_eq!([&[1, 0, 1][..], &[3, 1], &[]].map(network_error), [None; 3]);
    }
}
