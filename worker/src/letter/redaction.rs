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

/// Octets of the name in an address (RFC 5321, 4.5.3.1.1).
const LONGEST_NAME: usize = 64;

/// Takes out whatever looks like an e-mail address, since a server may know a person by several.
pub(super) fn without_addresses(text: &str) -> String {
    without_addresses_that(text, '@', |_, after| Some((0, end_of_domain(after))))
}

/// Takes out the addresses that the one who has `name@domain` may have as well: those of their name,
/// wherever they are of, and those of their domain, whoever they are of. Many an id looks like an address, and
/// is nobody's.
pub(super) fn without_addresses_of(name: &str, domain: &str, text: &str) -> String {
    let name = bare(name);
    let at_home = |found: &str, after: &str| {
        let end = end_of_this(domain, after)?;
        Some((begin_of_this(&name, found).unwrap_or(0), end))
    };
    // As an address stands in those for what comes back.
    let text = without_addresses_that(text, '=', at_home);
    without_addresses_that(&text, '@', |found, after| {
        let elsewhere = || (bare(found) == name).then(|| (0, end_of_domain(after)));
        at_home(found, after).or_else(elsewhere)
    })
}

/// The same for all that many servers take for one name: `Ann.Lee+shop` as `annlee`.
fn bare(name: &str) -> String {
    name.split('+').next().unwrap_or_default().replace('.', "").to_ascii_lowercase()
}

/// `theirs` is given each name, and what stands behind the sign; it says where in the name the address begins,
/// and where behind the sign it ends.
fn without_addresses_that(
    text: &str,
    sign: char,
    theirs: impl Fn(&str, &str) -> Option<(usize, usize)>,
) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(sign) {
        let (before, after) = (&rest[..at], &rest[at + sign.len_utf8()..]);
        let name = begin_of_name(before, sign);
        let found = if name < at { theirs(&before[name..], after) } else { None };
        if let Some((begin, end)) = found.filter(|(_, end)| *end > 0) {
            kept.push_str(&before[..name + begin]);
            kept.push_str("[address]");
            rest = &after[end..];
        } else {
            kept.push_str(before);
            kept.push(sign);
            rest = after;
        }
    }
    kept.push_str(rest);
    kept
}

/// Where this bare name begins, if it ends here: a word, before which others may stand.
fn begin_of_this(name: &str, found: &str) -> Option<usize> {
    let is_in_reach = |at: &usize| found.len() - *at <= LONGEST_NAME;
    let begins = |at: &usize| !found[..*at].ends_with(char::is_alphanumeric);
    let starts = found.char_indices().map(|(at, _)| at).filter(is_in_reach);
    starts.filter(begins).find(|at| bare(&found[*at..]) == name)
}

/// Where this domain ends, if it begins here and is no part of a longer one.
fn end_of_this(domain: &str, text: &str) -> Option<usize> {
    let found = text.get(..domain.len()).filter(|found| found.eq_ignore_ascii_case(domain))?;
    let rest = &text[found.len()..];
    let goes_on = rest.strip_prefix('.').unwrap_or(rest).starts_with(char::is_alphanumeric);
    (!goes_on).then_some(found.len())
}

/// Where the name begins that ends here: a word of what RFC 5321 and 6531 allow, or one in quotes.
fn begin_of_name(text: &str, sign: char) -> usize {
    if let Some(quoted) = text.strip_suffix('"') {
        return quoted.rfind('"').unwrap_or(text.len());
    }
    let is_of_name =
        |c: char| c != sign && (c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
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
            ("x-ann@example.net,ann.lee@example.net", "x-ann@example.net,ann.lee@example.net"),
            ("7@mg.example.com,ann@example.org", "7@mg.example.com,[address]"),
            // Dots and tags tell nobody apart.
            ("a.n.n@example.net,A.nn+x@example.com", "[address],[address]"),
            // All of their domain.
            ("<lee@EXAMPLE.org>, x-ann@example.org", "<[address]>, x-[address]"),
            ("7-ann+x@example.org-8", "7-[address]-8"),
            ("7@mg.example.org,8@example.org.uk", "7@mg.example.org,8@example.org.uk"),
            ("bounce-ann=example.org@mg.example.com", "bounce-[address]@mg.example.com"),
            ("b-a.nn+x=Example.org@mg.example.com", "b-[address]@mg.example.com"),
            ("lee=example.org@mg.example.com", "[address]@mg.example.com"),
            ("a=b, x=1@mg.example.com, =example.org", "a=b, x=1@mg.example.com, =example.org"),
        ] {
            assert_eq!(without_addresses_of("Ann+shop", "example.org", text), kept, "{text}");
        }
        let dotted = "ann.lee@mail.example,annlee@mail.example,lee@mail.example";
        let without = without_addresses_of("ann.l.ee", "example.org", dotted);
        assert_eq!(without, "[address],[address],lee@mail.example");
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
