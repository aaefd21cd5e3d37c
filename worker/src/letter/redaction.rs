//! What is taken out of a provider's words before they are kept.

/// Takes a word out, in whatever case it stands there, but not a part of a longer one.
pub(super) fn without_word(text: &str, word: &str, instead: &str) -> String {
    let (low, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let (mut kept, mut from) = (String::with_capacity(text.len()), 0);
    for (at, found) in low.match_indices(&word) {
        let end = at + found.len();
        let is_joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if !is_joined(low[..at].chars().next_back()) && !is_joined(low[end..].chars().next()) {
            kept.push_str(&text[from..at]);
            kept.push_str(instead);
            from = end;
        }
    }
    kept.push_str(&text[from..]);
    kept
}

/// Takes out whatever looks like an e-mail address, since a server may know a person by several.
pub(super) fn without_addresses(text: &str) -> String {
    without_addresses_that(text, |_| true)
}

/// Takes out the addresses of this name, with or without a tag, wherever they are of: many an id looks like
/// an address, and is nobody's.
pub(super) fn without_addresses_of(name: &str, text: &str) -> String {
    let untagged = |name: &str| name.split('+').next().unwrap_or_default().to_ascii_lowercase();
    let theirs = untagged(name);
    without_addresses_that(text, |found| untagged(found) == theirs)
}

/// `are_theirs` is asked for each with its name.
fn without_addresses_that(text: &str, are_theirs: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let (name, domain) = (begin_of_name(before), end_of_domain(after));
        if name < before.len() && domain > 0 && are_theirs(&before[name..]) {
            kept.push_str(&before[..name]);
            kept.push_str("[address]");
            rest = &after[domain..];
        } else {
            kept.push_str(&rest[..=at]);
            rest = after;
        }
    }
    kept.push_str(rest);
    kept
}

/// Where the name begins that ends here: a word of what RFC 5321 and 6531 allow, or one in quotes.
fn begin_of_name(text: &str) -> usize {
    if let Some(quoted) = text.strip_suffix('"') {
        return quoted.rfind('"').unwrap_or(text.len());
    }
    let is_of_name = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    text.trim_end_matches(is_of_name).len()
}

/// Where the domain ends that begins here: a name, or an address in brackets.
fn end_of_domain(text: &str) -> usize {
    if text.starts_with('[') {
        return text.find(']').map_or(0, |end| end + 1);
    }
    let is_of_domain = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let run = text.find(|c| !is_of_domain(c)).unwrap_or(text.len());
    // The end of a sentence is none of it.
    text[..run].trim_end_matches(['.', '-', '_']).len()
}

/// Takes out runs of seven or more digits, with what people write between them: providers like
/// to repeat the number.
pub(super) fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() || (!run.is_empty() && matches!(c, ' ' | '-' | '(' | ')' | '.')) {
            run.push(c);
            continue;
        }
        if run.chars().filter(char::is_ascii_digit).count() >= 7 {
            kept.push_str("[number]");
            kept.extend(run.chars().rev().take_while(|c| !c.is_ascii_digit()));
        } else {
            kept.push_str(&run);
        }
        run.clear();
        if c != '\0' {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_out_whole() {
        assert_eq!(without_word("ann, ann.lee, \u{fc}ann", "ann", "x"), "x, x.lee, \u{fc}ann");
        assert_eq!(without_word("<ANN@example.org>", "ann@Example.org", "x"), "<x>");
    }

    #[test]
    fn addresses_are_taken_out_whoever_they_are_of() {
        for (text, kept) in [
            ("<ann@example.org>: user unknown", "<[address]>: user unknown"),
            ("try <bob.lee+x@mail.example>.", "try <[address]>."),
            ("sent to ann@example.org.", "sent to [address]."),
            ("ann@example.org,bob@example.net;c@d", "[address],[address];[address]"),
            ("@ann@example.org", "@[address]"),
            ("a@b@c", "[address]@c"),
            ("\"ann lee\"@example.org, \"x\"", "[address], \"x\""),
            ("ann@[192.0.2.1] j\u{f6}rg@b\u{fc}cher.example", "[address] [address]"),
            ("ann@example.org", "[address]"),
            ("at 12:00 @ noon, a@, @b, \"@c", "at 12:00 @ noon, a@, @b, \"@c"),
            ("a@[b, 5.1.1 no", "a@[b, 5.1.1 no"),
            ("", ""),
        ] {
            assert_eq!(without_addresses(text), kept, "{text}");
        }
    }

    #[test]
    fn addresses_of_a_name_are_told_from_others() {
        for (text, kept) in [
            ("<20261128.1@mg.example.com>", "<20261128.1@mg.example.com>"),
            ("ann@example.org ANN+x@example.net", "[address] [address]"),
            ("x-ann@example.org,ann.lee@example.org", "x-ann@example.org,ann.lee@example.org"),
            ("7@mg.example.com,ann@example.org", "7@mg.example.com,[address]"),
        ] {
            assert_eq!(without_addresses_of("Ann+shop", text), kept, "{text}");
        }
    }

    #[test]
    fn numbers_are_taken_out_of_what_providers_say() {
        assert_eq!(
            without_numbers("The 'To' number +15005550001 is not valid."),
            "The 'To' number +[number] is not valid."
        );
        assert_eq!(without_numbers("to 49 (151) 123-456 78 failed"), "to [number] failed");
        assert_eq!(without_numbers("error 21211, see 30003"), "error 21211, see 30003");
    }
}
