//! Reading a literal: what is not surely one is code.

use super::{Value, reader::Reader};

/// Deeper than this nobody writes settings.
const DEEPEST: usize = 32;

/// Calls that give back the text they are given, for translation.
const TRANSLATED: [&str; 5] = ["_", "gettext", "gettext_lazy", "gettext_noop", "ugettext_lazy"];

impl Reader {
    /// The value that one of `ends` follows.
    pub(super) fn value(&mut self, depth: usize, ends: &[char]) -> Value {
        let start = self.at;
        let within = !ends.contains(&'\n');
        let value = if depth > DEEPEST { Value::Code } else { self.sum(depth, within) };
        self.skip_blank(within);
        let ended = self.peek().is_none_or(|c| ends.contains(&c));
        if ended && value != Value::Code {
            return value;
        }
        self.at = start;
        self.skip_code(ends);
        Value::Code
    }

    /// Operands with `*` or `+` between them, as far as that is sure.
    fn sum(&mut self, depth: usize, within: bool) -> Value {
        let mut sum = self.product(depth, within);
        loop {
            self.skip_blank(within);
            if !self.take("+") {
                return sum;
            }
            let next = self.product(depth, within);
            sum = match (sum, next) {
                (Value::Number(a), Value::Number(b)) => number(a.checked_add(b)),
                (Value::Text(a), Value::Text(b)) => Value::Text(a + &b),
                _ => Value::Code,
            };
        }
    }

    fn product(&mut self, depth: usize, within: bool) -> Value {
        let mut product = self.operand(depth, within);
        loop {
            self.skip_blank(within);
            if self.starts("**") || !self.take("*") {
                return product;
            }
            product = match (product, self.operand(depth, within)) {
                (Value::Number(a), Value::Number(b)) => number(a.checked_mul(b)),
                _ => Value::Code,
            };
        }
    }

    fn operand(&mut self, depth: usize, within: bool) -> Value {
        self.skip_blank(within);
        match self.peek() {
            Some('"' | '\'') => self.texts(within),
            Some('{') => self.dict(depth),
            Some('[') => Value::List(self.list(depth, ']').0),
            Some('(') => match self.list(depth, ')') {
                (mut list, false) if list.len() == 1 => list.remove(0),
                (list, _) => Value::List(list),
            },
            Some('0'..='9' | '-') => self.digits(),
            _ => self.name(depth, within),
        }
    }

    fn digits(&mut self) -> Value {
        let start = self.at;
        self.take("-");
        self.skip_while(|c| c.is_ascii_digit() || c == '_');
        let digits: String = self.text[start..self.at].iter().filter(|c| **c != '_').collect();
        let ends = self.peek().is_none_or(|c| !c.is_alphanumeric() && c != '.');
        number(digits.parse().ok().filter(|_| ends))
    }

    /// A constant, a text with a letter in front, or a text that is given to be translated.
    fn name(&mut self, depth: usize, within: bool) -> Value {
        for (word, value) in
            [("True", Value::Truth(true)), ("False", Value::Truth(false)), ("None", Value::Nothing)]
        {
            if self.take_word(word) {
                return value;
            }
        }
        let is_raw = self.starts("r\"") || self.starts("r'");
        if is_raw || self.starts("u\"") || self.starts("u'") {
            self.at += 1;
            // A raw text without a backslash is like any other.
            let start = self.at;
            let text = self.texts(within);
            let escapes = self.text[start..self.at].contains(&'\\');
            return if is_raw && escapes { Value::Code } else { text };
        }
        if TRANSLATED.into_iter().any(|word| self.take_word(word)) && self.peek() == Some('(') {
            let (mut given, _) = self.list(depth, ')');
            return if given.len() == 1 { given.remove(0) } else { Value::Code };
        }
        Value::Code
    }

    /// Texts one after the other are one.
    fn texts(&mut self, within: bool) -> Value {
        let mut whole = String::new();
        while matches!(self.peek(), Some('"' | '\'')) {
            let Some(text) = self.text() else { return Value::Code };
            whole.push_str(&text);
            self.skip_blank(within);
        }
        Value::Text(whole)
    }

    /// What is between brackets, and whether a comma ends it.
    fn list(&mut self, depth: usize, end: char) -> (Vec<Value>, bool) {
        self.at += 1;
        let (mut list, mut comma) = (Vec::new(), false);
        loop {
            self.skip_blank(true);
            match self.peek() {
                None => return (list, comma),
                Some(c) if c == end => {
                    self.at += 1;
                    return (list, comma);
                }
                Some(',') => {
                    self.at += 1;
                    comma = true;
                }
                Some(_) => {
                    let start = self.at;
                    list.push(self.value(depth + 1, &[',', end]));
                    comma = false;
                    // A bracket of another kind is in the way.
                    if self.at == start {
                        self.at += 1;
                    }
                }
            }
        }
    }

    fn dict(&mut self, depth: usize) -> Value {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.skip_blank(true);
            match self.peek() {
                None => return Value::Code,
                Some('}') => {
                    self.at += 1;
                    return Value::Dict(members);
                }
                Some(',') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            let start = self.at;
            let key = self.value(depth + 1, &[':', ',', '}']);
            if self.take(":") {
                let value = self.value(depth + 1, &[',', '}']);
                if let Value::Text(key) = key {
                    members.push((key, value));
                }
            } else if self.at == start {
                self.at += 1;
            }
        }
    }
}

fn number(number: Option<i64>) -> Value {
    number.map_or(Value::Code, Value::Number)
}
