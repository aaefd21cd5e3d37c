//! Texts with placeholders: `{name}` and nothing else; no logic, no attribute access.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, Serializer};

/// What placeholders are filled with, by name.
pub type Values = BTreeMap<String, String>;

/// Names the service fills in itself; callers cannot set them.
pub const RESERVED: [&str; 3] = ["code", APP, "minutes"];
/// Where one is kept with a verification, it stands before the configured one.
pub const APP: &str = "app";

/// A text cut into literals and placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Name(String),
}

/// What a brace begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark<'a> {
    /// A placeholder.
    Name(&'a str),
    /// Nothing: it and what follows up to its end, a space or a line break.
    Stray(&'a str),
}

impl Template {
    /// Reads a text. Braces that hold no plain name (`{{`, `{a.b}`, a lone `{`) stay as they are.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from_brace) = rest.split_at(open);
            literal.push_str(before);
            let name = from_brace
                .get(1..)
                .and_then(|after| after.split_once('}'))
                .map(|(name, _)| name)
                .filter(|name| is_name(name));
            if let Some(name) = name {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Name(name.to_owned()));
                rest = from_brace.get(name.len() + 2..).unwrap_or_default();
            } else {
                literal.push('{');
                rest = from_brace.get(1..).unwrap_or_default();
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self { parts }
    }

    /// The placeholders, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// How many characters it has when each placeholder is filled in with so many.
    #[must_use]
    pub fn length(&self, length_of: impl Fn(&str) -> usize) -> usize {
        let parts = self.parts.iter().map(|part| match part {
            Part::Name(name) => length_of(name),
            Part::Literal(text) => text.chars().count(),
        });
        parts.sum()
    }

    /// Its placeholders, and of each piece between them the first brace that is none, each with its place: in
    /// characters, from 1.
    pub fn marks(&self) -> impl Iterator<Item = (usize, Mark<'_>)> {
        let mut passed = 0;
        self.parts.iter().filter_map(move |part| {
            let before = passed;
            match part {
                Part::Name(name) => {
                    // A name is ASCII, and stands between two braces.
                    passed += name.len() + 2;
                    Some((before + 1, Mark::Name(name)))
                }
                Part::Literal(text) => {
                    passed += text.chars().count();
                    let (words, from_brace) = text.split_at(text.find(['{', '}'])?);
                    let at = before + words.chars().count() + 1;
                    Some((at, Mark::Stray(up_to_its_end(from_brace))))
                }
            }
        })
    }

    /// The first brace that is not part of a placeholder, with what it holds and its place.
    #[must_use]
    pub fn stray_brace(&self) -> Option<(usize, &str)> {
        self.marks().find_map(|(at, mark)| match mark {
            Mark::Name(_) => None,
            Mark::Stray(found) => Some((at, found)),
        })
    }

    /// The words around the placeholders.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(_) => None,
            Part::Literal(text) => Some(text.as_str()),
        })
    }

    /// Its pieces, in order: of a placeholder its name, and what it is filled in with.
    pub fn fill<'a>(
        &'a self,
        values: &'a Values,
    ) -> impl Iterator<Item = (Option<&'a str>, &'a str)> {
        self.parts.iter().map(move |part| match part {
            Part::Literal(text) => (None, text.as_str()),
            Part::Name(name) => (Some(name.as_str()), values.get(name).map_or("", String::as_str)),
        })
    }

    /// Fills the placeholders in; one without a value becomes nothing.
    #[must_use]
    pub fn render(&self, values: &Values) -> String {
        self.fill(values).map(|(_, text)| text).collect()
    }
}

/// As it was read.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(text),
            Part::Name(name) => write!(f, "{{{name}}}"),
        })
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<String> for Template {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Err("a template cannot be empty") } else { Ok(Self::parse(&text)) }
    }
}

fn up_to_its_end(from_brace: &str) -> &str {
    let end = from_brace.char_indices().skip(1).find(|(_, c)| "{} \n".contains(*c));
    let length = end.map_or(from_brace.len(), |(at, c)| at + usize::from(c == '}'));
    from_brace.get(..length).unwrap_or(from_brace)
}

/// True for what may stand between braces: a letter, then letters, digits and underscores.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_filled_in() {
        let values = BTreeMap::from([
            ("code".to_owned(), "123456".to_owned()),
            ("app".to_owned(), "{code}".to_owned()),
        ]);
        let render = |text: &str| Template::parse(text).render(&values);
        assert_eq!(render("{code} is for {app}."), "123456 is for {code}.");
        assert_eq!(render("{{7*7}} {app.__class__} %s {"), "{{7*7}} {app.__class__} %s {");
        assert_eq!(render("{{code}}"), "{123456}");
        assert_eq!(render("Hello {name}!"), "Hello !");
        for text in ["{{7*7}} {app.__class__} %s {", "{code} is for {app}.", "{{code}}", "}{"] {
            assert_eq!(Template::parse(text).to_string(), text);
        }
    }

    #[test]
    fn braces_have_their_places() {
        use Mark::{Name, Stray};
        for (text, marks) in [
            ("f\u{fc}r {app}: {code}", vec![(5, Name("app")), (12, Name("code"))]),
            ("\u{fc} {0} } {code}{", vec![(3, Stray("{0}")), (9, Name("code")), (15, Stray("{"))]),
            ("{{code}}", vec![(1, Stray("{")), (2, Name("code")), (8, Stray("}"))]),
            ("none", vec![]),
        ] {
            assert_eq!(Template::parse(text).marks().collect::<Vec<_>>(), marks, "{text}");
        }
    }
}
