//! What is wrong with a text that is no JSON, in the words and at the place that Python's reader gives:
//! a Django app's answer repeats them.

/// Deeper than this serde does not read either.
const DEEPEST: usize = 128;

/// Where the reader stopped, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    /// At this character.
    At(&'static str, usize),
    /// A number that JSON does not have.
    Constant(&'static str),
    /// Too deep to be looked into.
    Deep,
}

/// The sentence about a text that `error` is about.
pub(super) fn said(text: &str, error: &serde_json::Error) -> String {
    match read(text) {
        Err(Mistake::At(what, at)) => placed(text, what, at),
        Err(Mistake::Constant(name)) => {
            format!("Out of range float values are not JSON compliant: '{name}'")
        }
        // Python would have read it; what serde stopped at is as good a place as any.
        Ok(()) | Err(Mistake::Deep) => {
            let (line, column) = (error.line(), error.column());
            format!("Expecting value: line {line} column {column}")
        }
    }
}

/// With line, column and character, counted as Python does.
fn placed(text: &str, what: &str, at: usize) -> String {
    let before: Vec<char> = text.chars().take(at).collect();
    let line = 1 + before.iter().filter(|c| **c == '\n').count();
    let column = before.iter().rev().take_while(|c| **c != '\n').count() + 1;
    format!("{what}: line {line} column {column} (char {at})")
}

/// Follows Python's reader to the first mistake.
fn read(text: &str) -> Result<(), Mistake> {
    let reader = Reader { text: text.chars().collect() };
    if text.starts_with('\u{feff}') {
        return Err(Mistake::At("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
    }
    let at = reader.value(reader.blank(0), 0)?;
    match reader.blank(at) {
        end if end == reader.text.len() => Ok(()),
        extra => Err(Mistake::At("Extra data", extra)),
    }
}

struct Reader {
    text: Vec<char>,
}

/// Each reads from a place and gives the place behind what it read.
impl Reader {
    fn at(&self, at: usize) -> Option<char> {
        self.text.get(at).copied()
    }

    fn is(&self, at: usize, c: char) -> bool {
        self.at(at) == Some(c)
    }

    fn blank(&self, mut at: usize) -> usize {
        while self.at(at).is_some_and(|c| " \t\n\r".contains(c)) {
            at += 1;
        }
        at
    }

    fn value(&self, at: usize, depth: usize) -> Result<usize, Mistake> {
        if depth > DEEPEST {
            return Err(Mistake::Deep);
        }
        match self.at(at) {
            Some('"') => self.string(at),
            Some('{') => self.object(at + 1, depth),
            Some('[') => self.array(at + 1, depth),
            _ => self.word(at).unwrap_or_else(|| self.number(at)),
        }
    }

    /// A name that stands for a value.
    fn word(&self, at: usize) -> Option<Result<usize, Mistake>> {
        let begins = |word: &str| word.chars().enumerate().all(|(n, c)| self.is(at + n, c));
        let known = ["null", "true", "false"].into_iter().find(|word| begins(word));
        if let Some(word) = known {
            return Some(Ok(at + word.len()));
        }
        let constant = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| begins(word));
        constant.map(|name| Err(Mistake::Constant(name)))
    }

    fn digits(&self, mut at: usize) -> usize {
        while self.at(at).is_some_and(|c| c.is_ascii_digit()) {
            at += 1;
        }
        at
    }

    fn number(&self, start: usize) -> Result<usize, Mistake> {
        let first = start + usize::from(self.is(start, '-'));
        let mut at = match self.at(first) {
            Some('0') => first + 1,
            Some('1'..='9') => self.digits(first),
            _ => return Err(Mistake::At("Expecting value", start)),
        };
        if self.is(at, '.') && self.digits(at + 1) > at + 1 {
            at = self.digits(at + 1);
        }
        if self.at(at).is_some_and(|c| "eE".contains(c)) {
            let sign = at + 1 + usize::from(self.at(at + 1).is_some_and(|c| "+-".contains(c)));
            at = if self.digits(sign) > sign { self.digits(sign) } else { at };
        }
        Ok(at)
    }

    fn object(&self, at: usize, depth: usize) -> Result<usize, Mistake> {
        let mut at = self.blank(at);
        if self.is(at, '}') {
            return Ok(at + 1);
        }
        loop {
            if !self.is(at, '"') {
                let what = "Expecting property name enclosed in double quotes";
                return Err(Mistake::At(what, at));
            }
            at = self.blank(self.string(at)?);
            if !self.is(at, ':') {
                return Err(Mistake::At("Expecting ':' delimiter", at));
            }
            at = self.blank(self.value(self.blank(at + 1), depth + 1)?);
            match self.at(at) {
                Some('}') => return Ok(at + 1),
                Some(',') => at = self.blank(at + 1),
                _ => return Err(Mistake::At("Expecting ',' delimiter", at)),
            }
        }
    }

    fn array(&self, at: usize, depth: usize) -> Result<usize, Mistake> {
        let mut at = self.blank(at);
        if self.is(at, ']') {
            return Ok(at + 1);
        }
        loop {
            at = self.blank(self.value(at, depth + 1)?);
            match self.at(at) {
                Some(']') => return Ok(at + 1),
                Some(',') => at = self.blank(at + 1),
                _ => return Err(Mistake::At("Expecting ',' delimiter", at)),
            }
        }
    }

    /// From its opening quote.
    fn string(&self, quote: usize) -> Result<usize, Mistake> {
        let mut at = quote + 1;
        loop {
            match self.at(at) {
                None => return Err(Mistake::At("Unterminated string starting at", quote)),
                Some('"') => return Ok(at + 1),
                Some('\\') => at = self.escape(quote, at + 1)?,
                Some(c) if c <= '\u{1f}' => {
                    return Err(Mistake::At("Invalid control character at", at));
                }
                Some(_) => at += 1,
            }
        }
    }

    /// From the character after the backslash.
    fn escape(&self, quote: usize, at: usize) -> Result<usize, Mistake> {
        match self.at(at) {
            None => Err(Mistake::At("Unterminated string starting at", quote)),
            Some('u') => {
                let is_hex = |n| self.at(at + n).is_some_and(|c| c.is_ascii_hexdigit());
                // What is escaped may not be the text's end.
                if (1..=4).all(is_hex) && self.at(at + 5).is_some() {
                    Ok(at + 5)
                } else {
                    Err(Mistake::At("Invalid \\uXXXX escape", at))
                }
            }
            Some(c) if "\"\\/bfnrt".contains(c) => Ok(at + 1),
            Some(_) => Err(Mistake::At("Invalid \\escape", at - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts, and what Python 3.12 says of them.
    const KNOWN: [(&str, &str); 28] = [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{a: 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (
            "{\"a\":1,}",
            "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
        ),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        (" ", "Expecting value: line 1 column 2 (char 1)"),
        ("x", "Expecting value: line 1 column 1 (char 0)"),
        ("nul", "Expecting value: line 1 column 1 (char 0)"),
        ("-", "Expecting value: line 1 column 1 (char 0)"),
        ("[", "Expecting value: line 1 column 2 (char 1)"),
        ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
        ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
        ("[1", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
        ("{\"a\"}", "Expecting ':' delimiter: line 1 column 5 (char 4)"),
        ("{\"a\":}", "Expecting value: line 1 column 6 (char 5)"),
        ("{\"a\": 1", "Expecting ',' delimiter: line 1 column 8 (char 7)"),
        ("{\n \"a\": 1\n \"b\": 2}", "Expecting ',' delimiter: line 3 column 2 (char 11)"),
        ("{} x", "Extra data: line 1 column 4 (char 3)"),
        ("01", "Extra data: line 1 column 2 (char 1)"),
        ("1.", "Extra data: line 1 column 2 (char 1)"),
        ("1e+", "Extra data: line 1 column 2 (char 1)"),
        ("\"a", "Unterminated string starting at: line 1 column 1 (char 0)"),
        ("\"a\\", "Unterminated string starting at: line 1 column 1 (char 0)"),
        ("\"\u{e9}\t\"", "Invalid control character at: line 1 column 3 (char 2)"),
        ("\"a\\x\"", "Invalid \\escape: line 1 column 3 (char 2)"),
        ("\"\\u00g0\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        ("[NaN]", "Out of range float values are not JSON compliant: 'NaN'"),
        ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
    ];

    fn said_of(text: &str) -> String {
        let error = serde_json::from_str::<serde_json::Value>(text).expect_err("no JSON");
        said(text, &error)
    }

    #[test]
    fn a_mistake_is_told_in_the_known_words() {
        for (text, known) in KNOWN {
            assert_eq!(said_of(text), known, "{text:?}");
        }
    }

    #[test]
    fn what_is_json_has_no_mistake() {
        for text in ["{}", " [1, -0.5e+3, \"\\u00e9\\n\", {\"a\": [null, true]}] ", "0", "\"\""] {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
            assert_eq!(read(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_only_serde_refuses_is_told_all_the_same() {
        for text in ["[".repeat(30_000).as_str(), "\"\\ud800\"", "1e999"] {
            assert!(said_of(text).starts_with("Expecting value: line 1 column "), "{text:.9}");
        }
    }
}
