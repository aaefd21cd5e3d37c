//! Error sentences for words that are not in a list.

/// How alike two words must be, from 0 to 1, to be offered as a correction.
const ALIKE: f64 = 0.7;

/// Says that `found` is none of the `known` words, and which one may have been meant.
pub(super) fn unknown_word(what: &str, found: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|word| (strsim::jaro_winkler(found, word), word))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    let hint = nearest.map(|(_, word)| format!("; did you mean \"{word}\"?")).unwrap_or_default();
    format!("unknown {what} \"{found}\"{hint} (known: {})", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::unknown_word;

    #[test]
    fn offers_the_nearest_word_or_none() {
        assert_eq!(
            unknown_word("kind", "vonnage", &["twilio", "vonage"]),
            "unknown kind \"vonnage\"; did you mean \"vonage\"? (known: twilio, vonage)"
        );
        assert_eq!(
            unknown_word("kind", "xyz", &["twilio"]),
            "unknown kind \"xyz\" (known: twilio)"
        );
    }
}
