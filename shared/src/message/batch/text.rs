//! The text of a batch, checked before the first recipient is looked at.

use std::fmt;

use crate::{
    message::LONGEST_TEXT,
    template::{RESERVED, Template, Values},
};

/// A text whose every brace is part of a placeholder that can be filled.
#[derive(Clone, Debug)]
pub struct BatchText {
    raw: String,
    template: Template,
    names_app: bool,
}

/// Why a text is none for a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextError {
    Length,
    /// What stands between the braces, or after the one that is alone.
    Brace(String),
    /// A placeholder that only a code has.
    OfCodes(String),
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "text must have 1 to {LONGEST_TEXT} characters"),
            Self::Brace(found) => write!(
                f,
                "{found:?} is no placeholder: write {{name}}, small letters, digits and _ between \
                 the braces; a brace that is meant as one can come from a variable"
            ),
            Self::OfCodes(name) => {
                write!(f, "{{{name}}} belongs to verifications; a batch has no {name}")
            }
        }
    }
}

impl std::error::Error for TextError {}

impl BatchText {
    /// # Errors
    /// The text is too long, or one of its braces is not part of a placeholder that can be filled.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.is_empty() || text.chars().count() > LONGEST_TEXT {
            return Err(TextError::Length);
        }
        let template = Template::parse(text);
        if let Some((_, found)) = template.stray_brace() {
            return Err(TextError::Brace(found.to_owned()));
        }
        // `{app}` is the same in every text; the others are only known of a code.
        if let Some(name) = template.names().find(|n| RESERVED.contains(n) && *n != "app") {
            return Err(TextError::OfCodes(name.to_owned()));
        }
        let names_app = template.names().any(|name| name == "app");
        Ok(Self { raw: text.to_owned(), template, names_app })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// Every placeholder, the service's own too.
    pub fn template_names(&self) -> impl Iterator<Item = &str> {
        self.template.names()
    }

    /// The variables that each recipient must have.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.template.names().filter(|name| !RESERVED.contains(name))
    }

    /// The text for one recipient; `values` has every variable, and `{app}` is `app`.
    #[must_use]
    pub fn render(&self, mut values: Values, app: &str) -> String {
        if self.names_app {
            values.insert("app".into(), app.to_owned());
        }
        self.template.render(&values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_brace_is_part_of_a_placeholder() {
        let names = |text: &str| -> Vec<String> {
            BatchText::parse(text).expect("a text").variables().map(str::to_owned).collect()
        };
        assert_eq!(names("Hi {name}, {app} here: {first_name}"), ["name", "first_name"]);
        let wrong = |text: &str| BatchText::parse(text).expect_err("refused");
        for (text, found) in [
            ("Hi {name", "{name"),
            ("Hi name}", "}"),
            ("Hi {Name}", "{Name}"),
            ("Hi {{name}}", "{"),
            ("Hi {a.b} and {c}", "{a.b}"),
            ("Hi {}", "{}"),
        ] {
            assert_eq!(wrong(text), TextError::Brace(found.into()), "{text}");
        }
        assert_eq!(wrong("{code}"), TextError::OfCodes("code".into()));
        assert_eq!(wrong(""), TextError::Length);
        assert_eq!(wrong(&"x".repeat(1_601)), TextError::Length);
    }
}
