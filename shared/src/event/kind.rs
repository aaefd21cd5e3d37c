//! The types of events, and which of them somebody wants.

use std::fmt;

/// Tries an endpoint.
pub const WEBHOOK_TEST: &str = "webhook.test";
/// An endpoint that only failed for days gets nothing any more.
pub const WEBHOOK_DISABLED: &str = "webhook.disabled";

/// All types there are. Their names are a contract: they never change.
pub const KINDS: [&str; 15] = [
    "verification.created",
    "verification.verified",
    "verification.locked",
    "verification.expired",
    "verification.canceled",
    "verification.failed",
    "message.sent",
    "message.delivered",
    "message.undelivered",
    "message.failed",
    "message.expired",
    "message.unknown",
    "message.canceled",
    WEBHOOK_DISABLED,
    WEBHOOK_TEST,
];

/// What stands before the dot.
pub const GROUPS: [&str; 3] = ["verification", "message", "webhook"];

/// The types that somebody wants: all when it names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<String>);

/// A word that is no type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchKind(pub String);

impl fmt::Display for NoSuchKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(word) = self;
        write!(f, "there are no events of type {word:?}; there are {}", KINDS.join(", "))?;
        write!(f, ", and whole groups of them: {}", GROUPS.join(", "))
    }
}

impl Filter {
    /// Reads types and groups.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, NoSuchKind> {
        let mut kept: Vec<String> = Vec::new();
        for word in words {
            if !KINDS.contains(&word) && !GROUPS.contains(&word) {
                return Err(NoSuchKind(word.chars().take(64).collect()));
            }
            if !kept.iter().any(|other| other == word) {
                kept.push(word.to_owned());
            }
        }
        Ok(Self(kept))
    }

    /// As [`Filter::to_stored`] wrote it.
    #[must_use]
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    #[must_use]
    pub(crate) fn to_stored(&self) -> String {
        self.0.join(" ")
    }

    /// The types and groups it names.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }

    #[must_use]
    pub fn takes(&self, kind: &str) -> bool {
        let group = kind.split('.').next().unwrap_or(kind);
        self.0.is_empty() || self.0.iter().any(|word| word == kind || word == group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_take_types_and_groups() {
        let all = Filter::parse([]).expect("none");
        let some = Filter::parse(["message", "verification.verified"]).expect("good");
        for (kind, by_some) in [
            ("verification.created", false),
            ("verification.verified", true),
            ("message.sent", true),
            ("webhook.disabled", false),
        ] {
            assert_eq!((all.takes(kind), some.takes(kind)), (true, by_some), "{kind}");
        }
        assert_eq!(Filter::from_stored(&some.to_stored()), some);
        assert_eq!(Filter::parse(["message.read"]), Err(NoSuchKind("message.read".into())));
    }
}
