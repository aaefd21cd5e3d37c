//! What a message says and to whom, put together when it is its turn; and what of a provider's
//! words about it may be kept.

use std::time::Duration;

use otpost_shared::{
    Home,
    attempt::Ending,
    clock::Millis,
    message::Message,
    outcome::ErrorClass,
    recipient::Recipient,
    secrets::Code,
    verification::{self, Status, Verification},
};

use crate::{courier::CourierError, provider::Outcome};

/// What a person is to read, and where.
pub(crate) struct Letter {
    pub(crate) to: Recipient,
    pub(crate) text: String,
    /// Of the code, if it is one.
    pub(crate) purpose: Option<String>,
    /// The code in the text, which no provider's words may carry back to us.
    code: Option<Code>,
}

impl Letter {
    /// None when there is nothing to say any more.
    pub(crate) async fn compose(
        home: &Home,
        row: &Message,
        read_along: Option<Verification>,
    ) -> Result<Option<Self>, CourierError> {
        let Some(verification_id) = row.verification_id else {
            let (to, text) = (row.recipient(&home.keys)?, row.body(&home.keys)?);
            let letter = |(to, text)| Self { to, text, purpose: None, code: None };
            return Ok(to.zip(text).map(letter));
        };
        let of = match read_along {
            Some(of) => Some(of),
            None => verification::find(&home.db, verification_id).await?,
        };
        let is_current = |of: &Verification| {
            of.status(home.clock.now()) == Status::Pending && of.generation == row.generation
        };
        match of.filter(is_current) {
            Some(of) => Self::with_code(home, of),
            None => Ok(None),
        }
    }

    fn with_code(home: &Home, of: Verification) -> Result<Option<Self>, CourierError> {
        let Some(code) = of.code(&home.keys)? else { return Ok(None) };
        let purposes = &home.config.purposes;
        let Some(policy) = purposes.get(&of.purpose).or_else(|| purposes.get("default")) else {
            return Ok(None);
        };
        let mut values = of.variables(&home.keys)?;
        let minutes = minutes_left(of.expires_at - home.clock.now());
        values.insert("code".into(), code.as_str().to_owned());
        values.insert("app".into(), home.config.texts.app.clone());
        values.insert("minutes".into(), minutes.to_string());
        let text = policy.template.render(&values);
        let to = of.recipient(&home.keys)?;
        Ok(Some(Self { to, text, purpose: Some(of.purpose), code: Some(code) }))
    }

    /// How an attempt ended, with what of the provider's words may be kept.
    pub(crate) fn ending(&self, outcome: Outcome, at: Millis) -> Ending {
        let redacted = |text: String, most| shortened(&self.redacted(&text), most);
        let wait = |wait: Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2);
        Ending {
            outcome: outcome.class,
            provider_message_id: outcome
                .provider_message_id
                .map(|id| shortened(&self.redacted_id(&id), 255)),
            error_code: outcome.code.map(|code| redacted(code, 32)),
            detail: outcome.detail.map(|detail| redacted(detail, 300)),
            retry_at: outcome.retry_after.map(|after| at + wait(after)),
        }
    }

    /// A provider's words without the text, the code and numbers.
    pub(crate) fn redacted(&self, words: &str) -> String {
        let words = words.replace(&self.text, "[text]");
        match &self.code {
            Some(code) => without_numbers(&words.replace(code.as_str(), "[code]")),
            None => without_numbers(&words),
        }
    }

    /// A provider's id of the message, which may be digits, without those of the recipient.
    pub(crate) fn redacted_id(&self, id: &str) -> String {
        id.replace(self.to.digits(), "[number]")
    }
}

/// The ending of an attempt whose row was written and whose first byte never left.
pub(crate) fn not_sent(words: &str) -> Ending {
    Ending {
        outcome: ErrorClass::Transient,
        provider_message_id: None,
        error_code: None,
        detail: Some(words.to_owned()),
        retry_at: None,
    }
}

/// What a person is told that the code is still good for: whole minutes, a begun one counting from its
/// half on, and at least one.
fn minutes_left(ms: Millis) -> Millis {
    ((ms + 30_000) / 60_000).max(1)
}

/// Fit for the database: Postgres refuses texts with a zero character, and what cannot be written
/// down is sent again.
fn shortened(text: &str, most: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(most).collect()
}

/// Takes out runs of seven or more digits, with what people write between them: providers like
/// to repeat the number.
fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() || (!run.is_empty() && matches!(c, ' ' | '-' | '(' | ')' | '.')) {
            run.push(c);
            continue;
        }
        if run.chars().filter(char::is_ascii_digit).count() >= 7 {
            kept.push_str("[number]");
            kept.extend(run.chars().rev().take_while(|c| !c.is_ascii_digit()));
        } else {
            kept.push_str(&run);
        }
        run.clear();
        if c != '\0' {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use otpost_shared::{recipient::Recipient, secrets::Code};

    use super::{Letter, minutes_left, without_numbers};

    #[test]
    fn words_lose_the_text_the_code_and_the_number() {
        let letter = Letter {
            to: Recipient::parse_unchecked("+15005550001", None).expect("a number"),
            text: "Your code is 0123.".into(),
            purpose: Some("default".into()),
            code: Some(Code::new("0123".into())),
        };
        let said = "cannot send 'Your code is 0123.' (0123) to +15005550001";
        assert_eq!(letter.redacted(said), "cannot send '[text]' ([code]) to +[number]");
        assert_eq!(letter.redacted_id("15005550001-7"), "[number]-7");
        assert_eq!(letter.redacted_id("20261128000001"), "20261128000001");
    }

    #[test]
    fn minutes_are_those_that_are_left() {
        for (ms, minutes) in [(600_000, 10), (599_000, 10), (89_000, 1), (90_000, 2), (5, 1)] {
            assert_eq!(minutes_left(ms), minutes, "{ms}");
        }
    }

    #[test]
    fn numbers_are_taken_out_of_what_providers_say() {
        assert_eq!(
            without_numbers("The 'To' number +15005550001 is not valid."),
            "The 'To' number +[number] is not valid."
        );
        assert_eq!(without_numbers("to 49 (151) 123-456 78 failed"), "to [number] failed");
        assert_eq!(without_numbers("error 21211, see 30003"), "error 21211, see 30003");
    }
}
