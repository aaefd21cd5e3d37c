//! Numbers that are never sent to, until their day is over.

use super::Home;
use crate::{
    clock::Millis,
    config::TestNumber,
    recipient::{Recipient, RecipientError},
    secrets::Code,
};

impl Home {
    /// The fixed code of a number that is a test number at `now`.
    #[must_use]
    pub fn test_code(&self, to: &Recipient, now: Millis) -> Option<&Code> {
        let mut all = self.config.recipients.test_numbers.iter();
        all.find(|t| t.recipient == *to && now < t.until).map(|t| &t.code)
    }

    /// Those that are none any more at `now`.
    pub fn ended_test_numbers(&self, now: Millis) -> impl Iterator<Item = &TestNumber> {
        self.config.recipients.test_numbers.iter().filter(move |t| t.until <= now)
    }

    /// Reads a valid number or one of the test numbers, a national one in `region`.
    ///
    /// # Errors
    /// Says why the text is no recipient.
    pub fn parse_recipient(
        &self,
        text: &str,
        region: Option<&str>,
    ) -> Result<Recipient, RecipientError> {
        if self.config.recipients.test_numbers.is_empty() {
            return Recipient::parse(text, region);
        }
        let now = self.clock.now();
        let number = Recipient::parse_unchecked(text, region).ok();
        if let Some(number) = &number
            && self.test_code(number, now).is_some()
        {
            return Ok(number.clone());
        }
        Recipient::parse(text, region).map_err(|error| {
            let mut ended = self.ended_test_numbers(now);
            let ended = ended.find(|t| number.as_ref() == Some(&t.recipient));
            ended.map_or(error, |t| RecipientError::TestNumberEnded { day: t.end_day() })
        })
    }
}
