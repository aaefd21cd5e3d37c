//! The numbers and addresses at which messages of a sandbox do not simply arrive.

use crate::{clock::Millis, outcome::ErrorClass, recipient::Recipient};

/// How much later a slow message arrives.
pub const SLOW_MS: Millis = 10_000;

/// What becomes of a message, if not what usually does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// A provider takes it, and reports that it did not arrive.
    Undelivered,
    /// A provider refuses it: there is no such recipient.
    Invalid,
    /// A provider refuses it: the recipient has opted out.
    OptedOut,
    /// It arrives ten seconds late.
    Slow,
    /// It arrives, and nobody reports that it did.
    Unreported,
}

/// By which numbers and addresses: the digits all but the last, and what an address begins with.
const TABLE: [(Conduct, &str, &str); 5] = [
    (Conduct::Undelivered, "1202555015", "undelivered"),
    (Conduct::Invalid, "1202555016", "invalid"),
    (Conduct::OptedOut, "1202555017", "opted-out"),
    (Conduct::Slow, "1202555018", "slow"),
    (Conduct::Unreported, "1202555019", "unreported"),
];

const DOMAIN: &str = "@example.com";

impl Conduct {
    /// None for a recipient whom messages simply reach.
    #[must_use]
    pub fn at(to: &Recipient) -> Option<Self> {
        let address = to.identity();
        let name = address.strip_suffix(DOMAIN).and_then(|name| name.split('+').next());
        let is_meant = |(_, digits, mailbox): &&(Self, &str, &str)| {
            let last = to.digits().strip_prefix(digits);
            last.is_some_and(|last| last.len() == 1) || name == Some(*mailbox)
        };
        TABLE.iter().find(is_meant).map(|(conduct, _, _)| *conduct)
    }

    /// What a provider answers that refuses it.
    #[must_use]
    pub fn refused(self) -> Option<ErrorClass> {
        match self {
            Self::Invalid => Some(ErrorClass::Recipient),
            Self::OptedOut => Some(ErrorClass::OptedOut),
            Self::Undelivered | Self::Slow | Self::Unreported => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_met_at_its_numbers_and_addresses() {
        for (conduct, digits, mailbox) in TABLE {
            for last in ["0", "9"] {
                let number = format!("+{digits}{last}");
                let number = Recipient::parse(&number, None).expect("a number that may exist");
                assert_eq!(Conduct::at(&number), Some(conduct));
            }
            for name in [mailbox.to_owned(), format!("{mailbox}+17"), mailbox.to_uppercase()] {
                let address = format!("{name}@example.com");
                let address = Recipient::parse_email(&address).expect("an address");
                assert_eq!(Conduct::at(&address), Some(conduct), "{name}");
            }
        }
        for other in ["+12025550143", "+12025550200", "+4915112345678"] {
            let number = Recipient::parse(other, None).expect("a number");
            assert_eq!(Conduct::at(&number), None, "{other}");
        }
        for other in ["slow@example.org", "slowly@example.com", "a+slow@example.com"] {
            let address = Recipient::parse_email(other).expect("an address");
            assert_eq!(Conduct::at(&address), None, "{other}");
        }
    }
}
