//! How many messages a text costs: GSM-7 or UCS-2, and the number of parts.
//!
//! Source: 3GPP TS 23.038 (alphabets) and TS 23.040 (a part of several loses 6 octets to the
//! header that joins them).

/// The default alphabet without its escape, each one septet.
pub const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table: escape and character, two septets.
pub const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// Units (septets or UTF-16 words) of a message that is alone, and of one of several.
pub const GSM7_UNITS: (usize, usize) = (160, 153);
pub const UCS2_UNITS: (usize, usize) = (70, 67);

/// The alphabet a text needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gsm7,
    Ucs2,
}

impl Encoding {
    /// As people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }
}

/// What a text becomes on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    pub encoding: Encoding,
    /// Number of parts, at least 1.
    pub count: usize,
}

impl Segments {
    /// Counts the parts of `text`; one character outside GSM-7 turns the whole text to UCS-2.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text.chars().map(septets).collect::<Option<Vec<_>>>() {
            Some(widths) => Self { encoding: Encoding::Gsm7, count: parts(&widths, GSM7_UNITS) },
            None => Self {
                encoding: Encoding::Ucs2,
                count: parts(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), UCS2_UNITS),
            },
        }
    }
}

/// Septets of a character, `None` outside GSM-7.
fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENDED.contains(character) {
        Some(2)
    } else {
        None
    }
}

fn parts(widths: &[usize], units: (usize, usize)) -> usize {
    beginnings(widths, units).len()
}

/// At which character each part begins. Parts are filled in order; a character of two units never
/// stands across two parts.
#[must_use]
pub fn beginnings(widths: &[usize], (alone, joined): (usize, usize)) -> Vec<usize> {
    let mut beginnings = vec![0];
    if widths.iter().sum::<usize>() <= alone {
        return beginnings;
    }
    let mut used = 0;
    for (place, width) in widths.iter().enumerate() {
        if used + width > joined {
            beginnings.push(place);
            used = 0;
        }
        used += width;
    }
    beginnings
}

#[cfg(test)]
mod tests {
    use super::{BASIC, EXTENDED, Encoding, Segments};

    fn check(text: &str, encoding: Encoding, count: usize) {
        let found = Segments::of(text);
        assert_eq!(found, Segments { encoding, count }, "{text:.20}");
    }

    #[test]
    fn the_alphabet_is_complete() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENDED.chars().count(), 10);
    }

    #[test]
    fn gsm7() {
        check("", Encoding::Gsm7, 1);
        check("Your code is 123456", Encoding::Gsm7, 1);
        check(&"a".repeat(160), Encoding::Gsm7, 1);
        check(&"a".repeat(161), Encoding::Gsm7, 2);
        check(&"a".repeat(306), Encoding::Gsm7, 2);
        check(&"a".repeat(307), Encoding::Gsm7, 3);
        check(&"€".repeat(80), Encoding::Gsm7, 1);
        check(&"€".repeat(81), Encoding::Gsm7, 2);
    }

    #[test]
    fn ucs2() {
        check(&"я".repeat(70), Encoding::Ucs2, 1);
        check(&"я".repeat(71), Encoding::Ucs2, 2);
        check(&"👍".repeat(35), Encoding::Ucs2, 1);
        check(&"👍".repeat(36), Encoding::Ucs2, 2);
        check("Your “code” is 123456", Encoding::Ucs2, 1);
        check("façade", Encoding::Ucs2, 1);
    }

    #[test]
    fn no_character_is_split() {
        // Two parts hold 306 septets, but only 152 of each can be euro signs.
        check(&"€".repeat(152), Encoding::Gsm7, 2);
        check(&"€".repeat(153), Encoding::Gsm7, 3);
        check(&"👍".repeat(66), Encoding::Ucs2, 2);
        check(&"👍".repeat(67), Encoding::Ucs2, 3);
    }
}
