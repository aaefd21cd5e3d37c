//! Texts as octets and back: the default alphabet of GSM, one septet an octet, Latin-1 and UCS-2.
//!
//! Source: 3GPP TS 23.038, 4 and 6.2.1 for the alphabets and the groups of codings.

use std::{cmp::Ordering, sync::LazyLock};

use otpost_shared::segments::{BASIC, EXTENDED, GSM7_UNITS, UCS2_UNITS, beginnings};
use serde::Deserialize;

const ESCAPE: u8 = 0x1b;
/// The codes of [`EXTENDED`] behind the escape, in its order.
const EXTENDED_CODES: [u8; 10] = [0x0a, 0x14, 0x28, 0x29, 0x2f, 0x3c, 0x3d, 0x3e, 0x40, 0x65];
/// `data_coding` of UCS-2.
const UCS2: u8 = 8;

static BASIC_CHARS: LazyLock<Vec<char>> = LazyLock::new(|| BASIC.chars().collect());

/// What `data_coding` 0 means to an SMSC: it has a default of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    #[default]
    Gsm7,
    Latin1,
}

/// A text as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub data_coding: u8,
    /// One, or as many as it takes when each loses room to a header.
    pub parts: Vec<Vec<u8>>,
}

/// One character: its octets, and its units on the air.
struct Unit {
    octets: Vec<u8>,
    width: usize,
}

impl Alphabet {
    /// In this alphabet if it has all characters and GSM has them too, else in UCS-2.
    #[must_use]
    pub fn encode(self, text: &str) -> Encoded {
        let units: Option<Vec<Unit>> = text.chars().map(|c| self.unit(c)).collect();
        if let Some(units) = units {
            return Encoded { data_coding: 0, parts: cut(&units, GSM7_UNITS) };
        }
        let units: Vec<Unit> = text.chars().map(ucs2_unit).collect();
        Encoded { data_coding: UCS2, parts: cut(&units, UCS2_UNITS) }
    }

    /// What was written, or none if it is no text. Of a coding that is not known, the letters of ASCII
    /// are right.
    #[must_use]
    pub fn decode(self, data_coding: u8, octets: &[u8]) -> Option<String> {
        Some(match data_coding {
            2 | 4 => return None,
            UCS2 | 0xe0..=0xef => ucs2(octets),
            0 if self == Self::Gsm7 => gsm7(octets),
            0x00..=0x0f => latin1(octets),
            0x10..=0x7f => match (data_coding >> 2) & 3 {
                1 => return None,
                2 => ucs2(octets),
                _ => gsm7(octets),
            },
            0xf0..=0xff if data_coding & 4 != 0 => return None,
            _ => gsm7(octets),
        })
    }

    fn unit(self, character: char) -> Option<Unit> {
        let octets = gsm7_octets(character)?;
        let width = octets.len();
        let octets = match self {
            Self::Gsm7 => octets,
            Self::Latin1 => vec![u8::try_from(u32::from(character)).ok()?],
        };
        Some(Unit { octets, width })
    }
}

fn gsm7_octets(character: char) -> Option<Vec<u8>> {
    if let Some(place) = BASIC_CHARS.iter().position(|known| *known == character) {
        let code = u8::try_from(place).ok()?;
        // The escape has no character.
        return Some(vec![if code < ESCAPE { code } else { code + 1 }]);
    }
    let place = EXTENDED.chars().position(|known| known == character)?;
    Some(vec![ESCAPE, *EXTENDED_CODES.get(place)?])
}

fn ucs2_unit(character: char) -> Unit {
    let mut buffer = [0; 2];
    let words = character.encode_utf16(&mut buffer);
    let width = words.len();
    Unit { octets: words.iter().flat_map(|word| word.to_be_bytes()).collect(), width }
}

fn cut(units: &[Unit], limits: (usize, usize)) -> Vec<Vec<u8>> {
    let widths: Vec<usize> = units.iter().map(|unit| unit.width).collect();
    let mut parts = Vec::new();
    let mut rest = units;
    for beginning in beginnings(&widths, limits).into_iter().rev() {
        let (before, part) = rest.split_at(beginning);
        parts.push(part.iter().flat_map(|unit| unit.octets.iter().copied()).collect());
        rest = before;
    }
    parts.reverse();
    parts
}

/// An octet beyond septets shows that it is Latin-1 after all.
fn gsm7(octets: &[u8]) -> String {
    if octets.iter().any(|octet| *octet > 0x7f) {
        return latin1(octets);
    }
    let mut text = String::new();
    let mut octets = octets.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != ESCAPE {
            text.extend(basic(octet));
            continue;
        }
        let Some(code) = octets.next() else { break };
        let place = EXTENDED_CODES.iter().position(|known| *known == code);
        let extended = place.and_then(|place| EXTENDED.chars().nth(place));
        text.extend(extended.or_else(|| basic(code)));
    }
    text
}

fn basic(code: u8) -> Option<char> {
    let place = match code.cmp(&ESCAPE) {
        Ordering::Less => code,
        Ordering::Equal => return None,
        Ordering::Greater => code - 1,
    };
    BASIC_CHARS.get(usize::from(place)).copied()
}

fn latin1(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

fn ucs2(octets: &[u8]) -> String {
    let (pairs, _) = octets.as_chunks::<2>();
    let words: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    String::from_utf16_lossy(&words)
}

#[cfg(test)]
mod tests {
    use super::{Alphabet, BASIC_CHARS, Encoded};
    use otpost_shared::segments::{BASIC, EXTENDED, Segments};

    fn one(data_coding: u8, octets: &[u8]) -> Encoded {
        Encoded { data_coding, parts: vec![octets.to_vec()] }
    }

    #[test]
    fn the_codes_of_the_default_alphabet() {
        let codes = [('@', 0), ('Δ', 0x10), ('Ξ', 0x1a), ('Æ', 0x1c), ('É', 0x1f), (' ', 0x20)];
        let more = [('¤', 0x24), ('¡', 0x40), ('Ä', 0x5b), ('§', 0x5f), ('¿', 0x60), ('à', 0x7f)];
        for (character, code) in codes.into_iter().chain(more) {
            let encoded = Alphabet::Gsm7.encode(&character.to_string());
            assert_eq!(encoded, one(0, &[code]), "{character}");
        }
        for byte in b'A'..=b'Z' {
            assert_eq!(Alphabet::Gsm7.encode(&char::from(byte).to_string()), one(0, &[byte]));
        }
        assert_eq!(Alphabet::Gsm7.encode("€^["), one(0, &[0x1b, 0x65, 0x1b, 0x14, 0x1b, 0x3c]));
        assert_eq!(BASIC_CHARS.len(), 127);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let all = format!("{BASIC}{EXTENDED}");
        for text in [all.as_str(), "", "Код 1234 👍", "naïve", "a€b"] {
            for alphabet in [Alphabet::Gsm7, Alphabet::Latin1] {
                let Encoded { data_coding, parts } = alphabet.encode(text);
                let decoded = alphabet.decode(data_coding, &parts.concat());
                assert_eq!(decoded.as_deref(), Some(text), "{alphabet:?}");
            }
        }
    }

    #[test]
    fn latin1_takes_what_both_have() {
        assert_eq!(Alphabet::Latin1.encode("é@$"), one(0, &[0xe9, 0x40, 0x24]));
        for text in ["€", "Δ", "ç"] {
            assert_eq!(Alphabet::Latin1.encode(text).data_coding, 8, "{text}");
        }
    }

    #[test]
    fn parts_are_those_that_are_counted() {
        let texts = ["a".repeat(160), "a".repeat(161), "€".repeat(81), "[".repeat(153)];
        let wide = ["я".repeat(70), "я".repeat(71), "👍".repeat(67)];
        for text in texts.iter().chain(&wide) {
            let Encoded { data_coding, parts } = Alphabet::Gsm7.encode(text);
            assert_eq!(parts.len(), Segments::of(text).count, "{text:.20}");
            let most = match (data_coding, parts.len()) {
                (0, 1) => 160,
                (0, _) => 153,
                (_, 1) => 140,
                _ => 134,
            };
            assert!(parts.iter().all(|part| part.len() <= most), "{text:.20}");
        }
        assert_eq!(Alphabet::Latin1.encode(&"[".repeat(81)).parts.len(), 2, "two septets each");
    }

    #[test]
    fn codings_of_what_comes() {
        let decode = |coding, octets: &[u8]| Alphabet::Gsm7.decode(coding, octets);
        for (coding, octets, text) in [
            (0, &b"STOP"[..], "STOP"),
            (0, b"\x00\x1b\x65\x1b\x1b", "@€"),
            (0, b"caf\xe9", "café"),
            (0, b"a\x1b\x41", "aA"),
            (1, b"STOP", "STOP"),
            (3, b"\x00caf\xe9", "\0café"),
            (8, b"\0S\0T\0O\0P", "STOP"),
            (8, b"\0S\0", "S"),
            (8, b"\xd8\x3d", "\u{fffd}"),
            (0x10, b"\x02", "$"),
            (0x18, b"\0S", "S"),
            (0xf0, b"\x02", "$"),
            (0xe0, b"\0S", "S"),
            (0xc8, b"\x02", "$"),
        ] {
            assert_eq!(decode(coding, octets).as_deref(), Some(text), "{coding:#x}");
        }
        for binary in [2, 4, 0x14, 0xf4] {
            assert_eq!(decode(binary, b"STOP"), None, "{binary:#x}");
        }
        assert_eq!(Alphabet::Latin1.decode(0, b"\x40\xe9").as_deref(), Some("@é"));
    }
}
