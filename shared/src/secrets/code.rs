//! A code as people type it and as it is compared.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The digits a person types. Erased from memory when dropped; its `Debug` hides them.
#[derive(Clone)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// Takes digits as they are; see [`Code::normalised`] for what a person typed.
    #[must_use]
    pub fn new(digits: String) -> Self {
        Self(Zeroizing::new(digits))
    }

    /// Reads what a person typed: spaces and hyphens are dropped, digits of other scripts become
    /// ASCII. None when something else is left, or nothing, or more than 12 digits.
    #[must_use]
    pub fn normalised(input: &str) -> Option<Self> {
        let mut digits = Zeroizing::new(String::with_capacity(12));
        for c in input.chars().take(64).filter(|c| !c.is_whitespace() && *c != '-') {
            digits.push(ascii_digit(c)?);
        }
        ((1..=12).contains(&digits.len()) && input.chars().count() <= 64).then_some(Self(digits))
    }

    /// The digits of the number after it, which are as many.
    #[must_use]
    pub(crate) fn next(&self) -> Self {
        let mut digits = Zeroizing::new(String::with_capacity(self.0.len()));
        let mut carries = true;
        for digit in self.0.chars().rev() {
            digits.insert(
                0,
                match (carries, digit) {
                    (false, digit) => digit,
                    (true, '9') => '0',
                    (true, digit) => {
                        carries = false;
                        char::from_u32(u32::from(digit) + 1).unwrap_or('0')
                    }
                },
            );
        }
        Self(digits)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in constant time; a different length is a plain no.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(hidden)")
    }
}

/// The decimal digit a character stands for in the scripts keyboards offer.
fn ascii_digit(c: char) -> Option<char> {
    const ZEROS: [u32; 12] =
        [0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xe50, 0x1040, 0xff10];
    let point = u32::from(c);
    ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&point))
        .and_then(|zero| char::from_digit(point - zero, 10))
}
