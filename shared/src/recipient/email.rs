//! E-mail addresses: a plain name and a domain of the DNS, and nothing of what else may stand in one.
//!
//! Source: RFC 5321, 4.1.2 and 4.5.3.1, without quoted names, address literals and comments. Names
//! outside ASCII (RFC 6531) are refused: few servers take them, and one name can be written in several
//! ways that look the same.

use std::net::Ipv4Addr;

use email_address::EmailAddress;
use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};

use super::RecipientError;

/// Octets of an address, which a path of 256 has room for (RFC 3696, erratum 1690).
pub(super) const LONGEST_ADDRESS: usize = 254;

/// An address that can be sent to as it stands: ASCII, its domain in lower case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Email {
    address: String,
    /// Where the @ stands.
    at: usize,
}

impl Email {
    /// # Errors
    /// Says which part of it is wrong.
    pub(super) fn parse(input: &str) -> Result<Self, RecipientError> {
        let input = input.trim();
        if input.is_empty() {
            return Err(RecipientError::EmptyEmail);
        }
        if input.chars().count() > LONGEST_ADDRESS {
            return Err(RecipientError::EmailTooLong);
        }
        let is_one_word = |c: char| !c.is_control() && !c.is_whitespace();
        if !input.chars().all(is_one_word) || input.contains(['<', '>', '(', ')', ',', ';']) {
            return Err(RecipientError::NotAnEmail);
        }
        let (name, domain) = input.rsplit_once('@').ok_or(RecipientError::NotAnEmail)?;
        if !is_plain_name(name) {
            return Err(RecipientError::MailboxName);
        }
        let domain = ascii_domain(domain).ok_or(RecipientError::Domain)?;
        let address = format!("{name}@{domain}");
        if address.len() > LONGEST_ADDRESS {
            return Err(RecipientError::EmailTooLong);
        }
        Ok(Self { address, at: name.len() })
    }

    /// None when it was not made by [`Email::parse`].
    pub(super) fn from_stored(text: &str) -> Option<Self> {
        let at = text.rfind('@').filter(|at| (1..text.len() - 1).contains(at))?;
        Some(Self { address: text.to_owned(), at })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn name(&self) -> &str {
        &self.address[..self.at]
    }

    /// The name's first character, unless it is the only one, and the domain.
    pub(super) fn masked(&self) -> String {
        let (name, domain) = self.address.split_at(self.at);
        match name.split_at_checked(1) {
            Some((first, rest)) if !rest.is_empty() => {
                format!("{first}{}{domain}", "*".repeat(rest.len()))
            }
            _ => format!("*{domain}"),
        }
    }
}

/// Words of ASCII with dots between them. By `%` and `!` old servers send on to another address (RFC 5321,
/// appendix C and 4.4; RFC 1123, 5.2.16), which would be one person's second.
fn is_plain_name(name: &str) -> bool {
    let is_plain = name.is_ascii() && !name.starts_with('"') && !name.contains(['%', '!']);
    is_plain && EmailAddress::is_valid_local_part(name)
}

/// A name of the DNS below a top-level domain, as it stands there; none if there can be no such name.
fn ascii_domain(domain: &str) -> Option<String> {
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify).ok()?;
    let (_, top) = ascii.rsplit_once('.')?;
    let is_number = top.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number && ascii.parse::<Ipv4Addr>().is_err()).then(|| ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn parsed(input: &str) -> Result<String, RecipientError> {
        Email::parse(input).map(|email| email.address)
    }

    #[test]
    fn what_can_be_sent_to() {
        for (input, address) in [
            ("ann@example.org", "ann@example.org"),
            (" \tAnn.Lee@Example.ORG\r\n", "Ann.Lee@example.org"),
            ("ann+otpost@example.org", "ann+otpost@example.org"),
            ("a@b.example", "a@b.example"),
            ("o'hara=x/y@mail.example.co", "o'hara=x/y@mail.example.co"),
            ("ann@xn--mnchen-3ya.example", "ann@xn--mnchen-3ya.example"),
            ("ann@M\u{fc}nchen.example", "ann@xn--mnchen-3ya.example"),
            ("ann@mu\u{308}nchen\u{3002}example", "ann@xn--mnchen-3ya.example"),
            ("ann@1and1.example", "ann@1and1.example"),
        ] {
            assert_eq!(parsed(input).as_deref(), Ok(address), "{input:?}");
        }
    }

    #[test]
    fn a_refusal_says_which_part_is_wrong() {
        use RecipientError as E;
        let long = format!("{}@example.org", "a".repeat(65));
        let longer = format!("ann@{}example.org", "label.".repeat(45));
        for (input, error) in [
            ("", E::EmptyEmail),
            ("  ", E::EmptyEmail),
            ("+12025550123", E::NotAnEmail),
            ("example.org", E::NotAnEmail),
            ("Ann <ann@example.org>", E::NotAnEmail),
            ("<ann@example.org>", E::NotAnEmail),
            ("ann(home)@example.org", E::NotAnEmail),
            ("ann@example.org,bob@example.org", E::NotAnEmail),
            ("ann@example.org bob@example.org", E::NotAnEmail),
            ("ann@example.org\r\nBcc: bob@example.org", E::NotAnEmail),
            ("ann\u{0}@example.org", E::NotAnEmail),
            ("ann\u{85}@example.org", E::NotAnEmail),
            ("@example.org", E::MailboxName),
            (".ann@example.org", E::MailboxName),
            ("ann.@example.org", E::MailboxName),
            ("ann..lee@example.org", E::MailboxName),
            ("\"ann\"@example.org", E::MailboxName),
            ("ann@lee@example.org", E::MailboxName),
            ("ann%example.com@example.org", E::MailboxName),
            ("example.com!ann@example.org", E::MailboxName),
            ("j\u{f6}rg@example.org", E::MailboxName),
            (&long, E::MailboxName),
            ("ann@", E::Domain),
            ("ann@localhost", E::Domain),
            ("ann@example.org.", E::Domain),
            ("ann@.org", E::Domain),
            ("ann@-example.org", E::Domain),
            ("ann@exa_mple.org", E::Domain),
            ("ann@[192.0.2.1]", E::Domain),
            ("ann@192.0.2.1", E::Domain),
            ("ann@example.123", E::Domain),
            ("ann@xn--\u{fc}.example", E::Domain),
            (&longer, E::EmailTooLong),
        ] {
            assert_eq!(parsed(input), Err(error.clone()), "{input:?}");
            let said = error.to_string();
            assert!(input.trim().len() < 4 || !said.contains(input.trim()), "{said}");
        }
    }

    #[test]
    fn what_is_an_address_reads_the_same_again() {
        let letters: Vec<char> = "aB7.+-_'@\u{fc}\u{df}\"<>,;: \r\n\t\u{0}xn--".chars().collect();
        let mut dice = StdRng::seed_from_u64(1);
        let mut good = 0;
        for _ in 0..50_000 {
            let mut word = |most: usize| -> String {
                let length = dice.random_range(1..=most);
                (0..length).map(|_| letters[dice.random_range(0..letters.len())]).collect()
            };
            let input = format!("{}@{}.example", word(4), word(3));
            let Ok(email) = Email::parse(&input) else { continue };
            good += 1;
            let address = email.address();
            assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "{input:?}: {address}");
            assert_eq!(address.matches('@').count(), 1, "{input:?}: {address}");
            assert_eq!(parsed(address).as_deref(), Ok(address));
            assert!(Email::from_stored(address).is_some_and(|stored| stored == email), "{address}");
        }
        assert!(good > 500, "{good}");
    }

    #[test]
    fn a_first_letter_and_the_domain_show() {
        for (address, masked) in [
            ("ann@example.org", "a**@example.org"),
            ("ab@example.org", "a*@example.org"),
            ("a@example.org", "*@example.org"),
            ("ann+tag@example.org", "a******@example.org"),
        ] {
            assert_eq!(Email::parse(address).map(|email| email.masked()).as_deref(), Ok(masked));
        }
    }
}
