//! What an SMSC delivers to us: receipts, and what people wrote. Read leniently: what one of them
//! breaks of the specification must not cost the session, because it would bring the same again.
//!
//! Source: SMPP 3.4, 4.6.1 (`deliver_sm`) and 5.2.12 (`esm_class`).

use std::fmt;

use otpost_shared::report::Word;

use super::{
    alphabet::Alphabet,
    receipt::{Fields, Receipt, network_error, word_of_state},
    udh,
};

/// Longer than any field of the specification that ends with a zero.
const LONGEST_FIELD: usize = 256;

/// `esm_class`: the kind of message, and whether a header stands before the text.
const KIND: u8 = 0b0011_1100;
const RECEIPT: u8 = 0b0000_0100;
const INTERMEDIATE: u8 = 0b0010_0000;
const HAS_HEADER: u8 = 0b0100_0000;

/// Type of number: a name.
const ALPHANUMERIC: u8 = 5;

/// Optional parameters.
const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
const SAR_TOTAL_SEGMENTS: u16 = 0x020e;
const NETWORK_ERROR_CODE: u16 = 0x0423;
const MESSAGE_PAYLOAD: u16 = 0x0424;
const MESSAGE_STATE: u16 = 0x0427;

/// What one `deliver_sm` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    Receipt(Receipt),
    Text(Text),
    /// Neither: an acknowledgement of a handset, or octets that are no text.
    Other,
}

/// What somebody wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// As the SMSC writes it; none for a name.
    pub from: Option<String>,
    pub text: String,
    /// False for a part of several.
    pub is_whole: bool,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text(whole: {})", self.is_whole)
    }
}

/// The body is too short for what it announces, or a receipt names no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads the body of a `deliver_sm`. A receipt is what the SMSC calls one, or gives the id of a message:
/// a person could write the text of a receipt, but neither of these.
///
/// # Errors
/// It is none.
pub fn read(body: &[u8], alphabet: Alphabet) -> Result<Delivered, Malformed> {
    let message = Message::read(body)?;
    let kind = message.esm_class & KIND;
    if kind & (RECEIPT | INTERMEDIATE) != 0 || message.receipted_id.is_some() {
        return message.receipt(kind & INTERMEDIATE != 0, alphabet).map(Delivered::Receipt);
    }
    Ok(if kind == 0 { message.text(alphabet) } else { Delivered::Other })
}

/// The fields that matter.
#[derive(Default)]
struct Message<'a> {
    source_kind: u8,
    source: String,
    destination: String,
    esm_class: u8,
    data_coding: u8,
    octets: &'a [u8],
    receipted_id: Option<String>,
    state: Option<u8>,
    network_error: Option<u16>,
    segments: Option<u8>,
}

impl<'a> Message<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = Rest(body);
        let mut message = Self::default();
        rest.text()?; // service_type
        message.source_kind = rest.octet()?;
        rest.octet()?; // its numbering plan
        message.source = rest.text()?;
        rest.take(2)?; // kind and numbering plan of the destination
        message.destination = rest.text()?;
        message.esm_class = rest.octet()?;
        rest.take(2)?; // protocol, priority
        rest.text()?; // scheduled for
        rest.text()?; // valid for
        rest.take(2)?; // registered, replacing
        message.data_coding = rest.octet()?;
        rest.octet()?; // a text of the SMSC's own
        let length = rest.octet()?;
        message.octets = rest.take(length.into())?;
        while let Some((tag, value)) = rest.parameter() {
            message.note(tag, value);
        }
        Ok(message)
    }

    /// Of what may be missing, the first counts.
    fn note(&mut self, tag: u16, value: &'a [u8]) {
        match (tag, value) {
            (RECEIPTED_MESSAGE_ID, id) if self.receipted_id.is_none() => {
                let end = id.iter().position(|octet| *octet == 0).unwrap_or(id.len());
                let id = printable(&id[..end]);
                self.receipted_id = Some(id).filter(|id| !id.is_empty());
            }
            (MESSAGE_STATE, [state]) => self.state = self.state.or(Some(*state)),
            (NETWORK_ERROR_CODE, code) if self.network_error.is_none() => {
                self.network_error = network_error(code);
            }
            (SAR_TOTAL_SEGMENTS, [total]) => self.segments = self.segments.or(Some(*total)),
            (MESSAGE_PAYLOAD, octets) if self.octets.is_empty() => self.octets = octets,
            _ => {}
        }
    }

    fn receipt(self, is_intermediate: bool, alphabet: Alphabet) -> Result<Receipt, Malformed> {
        let (octets, _) = self.split();
        let text = alphabet.decode(self.data_coding, octets).unwrap_or_default();
        let fields = Fields::read(&text);
        let id = self.receipted_id.or_else(|| fields.id.map(str::to_owned)).ok_or(Malformed)?;
        let word = self.state.and_then(word_of_state).or_else(|| fields.word());
        let word = if is_intermediate { word.map(|_| Word::Sent) } else { word };
        let code = fields.error().or(fields.stat).map(str::to_owned);
        Ok(Receipt {
            id,
            to: self.source,
            from: self.destination,
            word,
            code: code.filter(|_| word == Some(Word::Undelivered)),
            network_error: self.network_error,
        })
    }

    fn text(self, alphabet: Alphabet) -> Delivered {
        let (octets, total) = self.split();
        let Some(text) = alphabet.decode(self.data_coding, octets) else { return Delivered::Other };
        let is_whole = total == 1 && self.segments.is_none_or(|segments| segments < 2);
        let from = Some(self.source).filter(|_| self.source_kind != ALPHANUMERIC);
        Delivered::Text(Text { from, text, is_whole })
    }

    /// The octets of the text, and of how many parts they are one.
    fn split(&self) -> (&'a [u8], u8) {
        let header = (self.esm_class & HAS_HEADER != 0).then(|| udh::split(self.octets)).flatten();
        header.map_or((self.octets, 1), |header| (header.text, header.total))
    }
}

/// What is left of a body.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, Malformed> {
        let (octet, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*octet)
    }

    /// A field that ends with a zero.
    fn text(&mut self) -> Result<String, Malformed> {
        let end = self.0.iter().take(LONGEST_FIELD).position(|octet| *octet == 0);
        let field = self.take(end.ok_or(Malformed)?)?;
        self.octet()?;
        Ok(printable(field))
    }

    fn parameter(&mut self) -> Option<(u16, &'a [u8])> {
        let [tag, tag_low, length, length_low, rest @ ..] = self.0 else { return None };
        let length = u16::from_be_bytes([*length, *length_low]);
        let (value, rest) = rest.split_at_checked(length.into())?;
        self.0 = rest;
        Some((u16::from_be_bytes([*tag, *tag_low]), value))
    }
}

fn printable(octets: &[u8]) -> String {
    octets.iter().filter(|octet| octet.is_ascii_graphic()).map(|octet| char::from(*octet)).collect()
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
