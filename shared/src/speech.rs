//! How a code is said in a call, so that each digit is heard.

/// Characters of what is said. It is said twice, and however much of it has to be escaped it then fits
/// into the 4,000 that a provider takes.
pub const LONGEST_SPEECH: usize = 300;

/// Digit by digit, with a short rest after each.
#[must_use]
pub fn spelled(code: &str) -> String {
    let digits: Vec<String> = code.chars().map(String::from).collect();
    digits.join(", ")
}

/// How many characters [`spelled`] makes of so many digits.
#[must_use]
pub fn spelled_length(digits: usize) -> usize {
    (digits * 3).saturating_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_spelled() {
        for (code, text) in [("", ""), ("7", "7"), ("0123456789", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9")] {
            assert_eq!(spelled(code), text);
            assert_eq!(spelled_length(code.len()), text.len());
        }
    }
}
