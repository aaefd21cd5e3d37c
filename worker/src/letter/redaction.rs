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
    fn numbers_are_taken_out_of_what_providers_say() {
        assert_eq!(
            without_numbers("The 'To' number +15005550001 is not valid."),
            "The 'To' number +[number] is not valid."
        );
        assert_eq!(without_numbers("to 49 (151) 123-456 78 failed"), "to [number] failed");
        assert_eq!(without_numbers("error 21211, see 30003"), "error 21211, see 30003");
    }
}
