//! What stands under an SMS for the programs that read it: the lines by which a browser or an app finds
//! the code.
//!
//! A browser looks at the last line alone: `@`, the host of the page, a space, `#` and the code
//! (wicg.github.io/sms-one-time-codes). Android looks for the eleven characters that name the app
//! (developers.google.com/identity/sms-retriever/verify), which so have a line of their own above it.

use crate::{channel::Channel, config::Purpose};

/// Bytes that Android's SMS Retriever takes.
pub const LONGEST_FOR_APP: usize = 140;
/// Characters by which an app is named.
const APP_HASH: usize = 11;
const LONGEST_HOST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// The lines under a text that carries this code, with the break before them; empty where there are none.
#[must_use]
pub fn ending(policy: &Purpose, channel: Channel, code: &str) -> String {
    let mut lines = String::new();
    if channel != Channel::Sms {
        return lines;
    }
    if !policy.sms_app_hash.is_empty() {
        lines.extend(["\n", &policy.sms_app_hash]);
    }
    if !policy.sms_web_host.is_empty() {
        lines.extend(["\n@", &policy.sms_web_host, " #", code]);
    }
    lines
}

/// A text with what stands under it. Nothing of the text reaches into those lines.
#[must_use]
pub fn with_ending(text: &str, policy: &Purpose, channel: Channel, code: &str) -> String {
    let lines = ending(policy, channel, code);
    if lines.is_empty() { text.to_owned() } else { format!("{}{lines}", text.trim_end()) }
}

/// The host of a page: small letters, with punycode for others, no scheme and no port.
pub(crate) fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= LONGEST_HOST && text.contains('.') && text.split('.').all(is_label)
}

/// What names an Android app: the beginning of a hash in Base64.
#[must_use]
pub fn is_app_hash(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    text.len() == APP_HASH && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_with;

    #[test]
    fn the_last_lines_are_ours_whatever_the_text_is() {
        let config = load_with(None, std::iter::empty()).expect("the defaults");
        let mut policy = config.purposes["default"].clone();
        let text = "12 is your code.\n@evil.example #12\n\n";
        assert_eq!(with_ending(text, &policy, Channel::Sms, "12"), text, "none is asked for");
        policy.sms_web_host = "login.example.org".into();
        policy.sms_app_hash = "FA+9qCX9VSu".into();
        let whole = with_ending(text, &policy, Channel::Sms, "12");
        let lines = ["@evil.example #12", "FA+9qCX9VSu", "@login.example.org #12"];
        assert_eq!(whole.lines().skip(1).collect::<Vec<_>>(), lines);
        for channel in [Channel::Email, Channel::Voice, Channel::Whatsapp] {
            assert_eq!(with_ending(text, &policy, channel, "12"), text, "{channel:?}");
        }
    }

    #[test]
    fn hosts_and_hashes() {
        for (text, is) in [
            ("example.org", true),
            ("login.example.co.uk", true),
            ("xn--bcher-kva.example", true),
            ("", false),
            ("localhost", false),
            ("https://example.org", false),
            ("example.org/login", false),
            ("example.org:443", false),
            ("Example.org", false),
            ("b\u{fc}cher.example", false),
            ("a..b", false),
            (".example.org", false),
            ("-a.example", false),
            ("example.org #1", false),
            ("a.b\n@evil.example", false),
        ] {
            assert_eq!(is_host(text), is, "{text:?}");
        }
        for (text, is) in [
            ("FA+9qCX9VSu", true),
            ("aBcDeFgHi/1", true),
            ("FA+9qCX9VS", false),
            ("FA+9qCX9VSuu", false),
            ("FA-9qCX9VSu", false),
            ("FA+9qCX9VS\n", false),
            ("FA+9qCX9V\u{fc}", false),
        ] {
            assert_eq!(is_app_hash(text), is, "{text:?}");
        }
    }
}
