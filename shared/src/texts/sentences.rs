//! A file of sentences in one language, which is part of the program.

use std::sync::OnceLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};

use super::Locale;

/// The Fluent messages of one language. They are read when the first is asked for: few processes speak more
/// than some of their languages.
pub struct Sentences {
    tag: &'static str,
    file: &'static str,
    /// Whether marks stand around what is filled in, for text whose direction differs.
    isolates: bool,
    bundle: OnceLock<Option<FluentBundle<FluentResource>>>,
}

impl Sentences {
    /// `tag` is BCP 47, `file` in the syntax of Fluent.
    #[must_use]
    pub const fn new(tag: &'static str, file: &'static str) -> Self {
        Self { tag, file, isolates: true, bundle: OnceLock::new() }
    }

    /// Without marks around what is filled in: they would make an SMS of GSM-7 one of UCS-2.
    pub(super) const fn without_marks(mut self) -> Self {
        self.isolates = false;
        self
    }

    #[must_use]
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The message `id` with its variables filled in.
    #[must_use]
    pub fn say(&self, id: &str, values: &FluentArgs<'_>) -> Option<String> {
        let bundle = self.bundle()?;
        let pattern = bundle.get_message(id)?.value()?;
        Some(bundle.format_pattern(pattern, Some(values), &mut Vec::new()).into_owned())
    }

    /// What the message `id` says of itself under `name`.
    pub(super) fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let bundle = self.bundle()?;
        let pattern = bundle.get_message(id)?.get_attribute(name)?.value();
        Some(bundle.format_pattern(pattern, None, &mut Vec::new()).into_owned())
    }

    fn bundle(&self) -> Option<&FluentBundle<FluentResource>> {
        let read = || {
            let language = Locale::parse(self.tag)?.as_ref().clone();
            // Tests read all of them whole.
            let resource = FluentResource::try_new(self.file.to_owned());
            let resource = resource.unwrap_or_else(|(readable, _)| readable);
            let mut bundle = FluentBundle::new_concurrent(vec![language]);
            bundle.set_use_isolating(self.isolates);
            bundle.add_resource_overriding(resource);
            Some(bundle)
        };
        self.bundle.get_or_init(read).as_ref()
    }
}
