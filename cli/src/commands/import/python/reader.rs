//! Going through a Python file character by character: texts, brackets and comments are told apart.

/// Where it stands in a text.
pub(super) struct Reader {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
}

impl Reader {
    pub(super) fn new(source: &str) -> Self {
        Self { text: source.chars().collect(), at: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn starts(&self, with: &str) -> bool {
        with.chars().enumerate().all(|(n, c)| self.text.get(self.at + n) == Some(&c))
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.starts(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// How many characters were passed.
    pub(super) fn skip_while(&mut self, pass: impl Fn(char) -> bool) -> usize {
        let start = self.at;
        while self.peek().is_some_and(&pass) {
            self.at += 1;
        }
        self.at - start
    }

    pub(super) fn line(&self) -> usize {
        1 + self.text.iter().take(self.at).filter(|c| **c == '\n').count()
    }

    /// A name that does not go on.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let end = self.at + word.chars().count();
        let goes_on = self.text.get(end).is_some_and(|c| c.is_alphanumeric() || *c == '_');
        !goes_on && self.take(word)
    }

    /// `: dict[str, object]` after a name.
    pub(super) fn skip_annotation(&mut self) {
        self.skip_while(|c| c == ' ');
        if self.take(":") {
            self.skip_while(|c| c.is_alphanumeric() || " _.,[]|\"'".contains(c));
        }
    }

    pub(super) fn take_assignment(&mut self) -> bool {
        self.skip_while(|c| c == ' ');
        !self.starts("==") && self.take("=")
    }

    /// `NAME["KEY"] =`, `NAME.update(`, `NAME |=`.
    pub(super) fn changes_a_part(&self) -> bool {
        ["[", ".", "|="].into_iter().any(|sign| self.starts(sign))
    }

    /// To the next line that is not inside a text or brackets.
    pub(super) fn skip_line(&mut self) {
        self.skip_code(&['\n']);
        self.at += 1;
    }

    /// To one of these outside of texts and brackets.
    pub(super) fn skip_code(&mut self, ends: &[char]) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                c if depth == 0 && ends.contains(&c) => return,
                '"' | '\'' => {
                    let _ = self.text();
                    continue;
                }
                '#' => {
                    self.skip_while(|c| c != '\n');
                    continue;
                }
                '\\' => self.at += 1,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Blanks, comments, ends of lines that count for nothing.
    pub(super) fn skip_blank(&mut self, within: bool) {
        loop {
            let passed = self.skip_while(|c| " \t\r".contains(c) || (within && c == '\n'));
            if within && self.peek() == Some('#') {
                self.skip_while(|c| c != '\n');
            } else if !self.take("\\\n") && passed == 0 {
                return;
            }
        }
    }

    /// From its quote; none when it does not end, or escapes what is not known here.
    pub(super) fn text(&mut self) -> Option<String> {
        let quote = self.peek()?;
        let long: String = std::iter::repeat_n(quote, 3).collect();
        let is_long = self.starts(&long);
        let end = if is_long { long } else { quote.to_string() };
        self.at += end.len();
        let (mut text, mut known) = (String::new(), true);
        loop {
            if self.take(&end) {
                return known.then_some(text);
            }
            match self.peek()? {
                '\n' if !is_long => return None,
                '\\' => {
                    self.at += 1;
                    match self.escaped() {
                        Some(escaped) => text.push_str(&escaped),
                        None => known = false,
                    }
                }
                c => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    /// What stands behind a backslash means; the end of a line means nothing.
    fn escaped(&mut self) -> Option<String> {
        let c = self.peek()?;
        self.at += 1;
        let digits = match c {
            '\n' => return Some(String::new()),
            'n' => return Some("\n".to_owned()),
            't' => return Some("\t".to_owned()),
            'r' => return Some("\r".to_owned()),
            '\\' | '\'' | '"' => return Some(c.to_string()),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return None,
        };
        let hex: String = self.text.get(self.at..self.at + digits)?.iter().collect();
        self.at += digits;
        let point = u32::from_str_radix(&hex, 16).ok()?;
        char::from_u32(point).map(String::from)
    }
}
