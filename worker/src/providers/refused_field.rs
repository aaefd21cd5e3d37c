//! What it means when a gateway names the field of the request that it refuses.

use otpost_shared::outcome::ErrorClass;

use super::http_status::REFUSED;

/// A gateway's names for what comes with each message. All else comes from the configuration.
pub(super) struct MessageFields {
    pub(super) to: &'static [&'static str],
    pub(super) text: &'static [&'static str],
}

impl MessageFields {
    /// The class of a refusal. Only when nothing but the number is wrong is it the number's: that
    /// ends a message, while any other class lets another provider try.
    pub(super) fn class_of<'a>(&self, refused: impl IntoIterator<Item = &'a str>) -> ErrorClass {
        let mut classes = refused.into_iter().map(|field| {
            if self.to.contains(&field) {
                ErrorClass::Recipient
            } else if self.text.contains(&field) {
                ErrorClass::Content
            } else {
                REFUSED
            }
        });
        match classes.next() {
            Some(first) if classes.all(|class| class == first) => first,
            _ => REFUSED,
        }
    }
}

#[cfg(test)]
mod tests {
    use otpost_shared::outcome::ErrorClass;

    use super::MessageFields;

    #[test]
    fn all_fields_must_agree() {
        const FIELDS: MessageFields = MessageFields { to: &["to", "dst"], text: &["text"] };
        for (refused, class) in [
            (&[] as &[&str], ErrorClass::Sender),
            (&["to"], ErrorClass::Recipient),
            (&["to", "dst"], ErrorClass::Recipient),
            (&["text"], ErrorClass::Content),
            (&["from"], ErrorClass::Sender),
            (&["to", "from"], ErrorClass::Sender),
            (&["to", "text"], ErrorClass::Sender),
        ] {
            assert_eq!(FIELDS.class_of(refused.iter().copied()), class, "{refused:?}");
        }
    }
}
