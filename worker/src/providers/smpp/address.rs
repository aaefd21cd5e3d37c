//! What kind of number a sender is.
//!
//! Source: SMPP 3.4, 5.2.5 (type of number) and 5.2.6 (numbering plan).

const UNKNOWN: u8 = 0;
const INTERNATIONAL: u8 = 1;
const NETWORK_SPECIFIC: u8 = 3;
const ALPHANUMERIC: u8 = 5;
/// Numbering plan of telephone numbers (E.164).
const ISDN: u8 = 1;

/// Shorter numbers belong to one network.
const LONGEST_SHORT_CODE: usize = 7;
const LONGEST_NUMBER: usize = 15;
/// What fits into the address of an SMS (3GPP TS 23.040, 9.1.2.5).
const LONGEST_NAME: usize = 11;

/// An address as an SMSC wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) ton: u8,
    pub(super) npi: u8,
    pub(super) text: String,
}

impl Address {
    /// A number with its country code, in digits.
    pub(super) fn international(digits: &str) -> Self {
        Self { ton: INTERNATIONAL, npi: ISDN, text: digits.to_owned() }
    }

    /// A sender by its looks; empty for the SMSC's own choice.
    pub(super) fn of_sender(from: &str) -> Result<Self, &'static str> {
        let digits = from.strip_prefix('+').unwrap_or(from);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (ton, npi, text) = if from.is_empty() {
            (UNKNOWN, UNKNOWN, from)
        } else if is_number && digits.len() <= LONGEST_SHORT_CODE && !from.starts_with('+') {
            (NETWORK_SPECIFIC, UNKNOWN, digits)
        } else if is_number && digits.len() <= LONGEST_NUMBER {
            (INTERNATIONAL, ISDN, digits)
        } else if is_name(from) {
            (ALPHANUMERIC, UNKNOWN, from)
        } else {
            return Err("must be a number with its country code, a short code, or a name of at \
                        most 11 ASCII characters");
        };
        Ok(Self { ton, npi, text: text.to_owned() })
    }
}

fn is_name(from: &str) -> bool {
    let is_printable = from.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    is_printable && from.len() <= LONGEST_NAME && !from.starts_with('+')
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn senders_by_their_looks() {
        for (from, ton, npi, text) in [
            ("", 0, 0, ""),
            ("+12025550100", 1, 1, "12025550100"),
            ("12025550100", 1, 1, "12025550100"),
            ("+4477009", 1, 1, "4477009"),
            ("12345", 3, 0, "12345"),
            ("1234567", 3, 0, "1234567"),
            ("12345678", 1, 1, "12345678"),
            ("Otpost", 5, 0, "Otpost"),
            ("Your Bank 1", 5, 0, "Your Bank 1"),
        ] {
            let text = text.to_owned();
            let address = Address::of_sender(from).unwrap();
            assert_eq!(address, Address { ton, npi, text }, "{from}");
        }
        for wrong in ["twelve chars", "Ötpost", "1234567890123456", "+", "a\tb"] {
            assert!(Address::of_sender(wrong).is_err(), "{wrong}");
        }
    }
}
