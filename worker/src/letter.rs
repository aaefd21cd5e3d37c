//! What a message says and to whom, put together when it is its turn; and what of a provider's
//! words about it may be kept.

use otpost_shared::{
    Home,
    message::Message,
    recipient::Recipient,
    secrets::Code,
    verification::{self, Status, Verification},
};

use crate::courier::CourierError;

/// What a person is to read, and where.
pub(crate) struct Letter {
    pub(crate) to: Recipient,
    pub(crate) text: String,
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
            return Ok(to.zip(text).map(|(to, text)| Self { to, text, code: None }));
        };
        let of = match read_along {
            Some(of) => Some(of),
            None => verification::find(&home.db, verification_id).await?,
        };
        let is_current = |of: &Verification| {
            of.status(home.clock.now()) == Status::Pending && of.generation == row.generation
        };
        match of.filter(is_current) {
            Some(of) => Self::with_code(home, &of),
            None => Ok(None),
        }
    }

    fn with_code(home: &Home, of: &Verification) -> Result<Option<Self>, CourierError> {
        let Some(code) = of.code(&home.keys)? else { return Ok(None) };
        let purposes = &home.config.purposes;
        let Some(policy) = purposes.get(&of.purpose).or_else(|| purposes.get("default")) else {
            return Ok(None);
        };
        let mut values = of.variables(&home.keys)?;
        let minutes = (of.expires_at - of.created_at) / 60_000;
        values.insert("code".into(), code.as_str().to_owned());
        values.insert("app".into(), home.config.texts.app.clone());
        values.insert("minutes".into(), minutes.max(1).to_string());
        let text = policy.template.render(&values);
        Ok(Some(Self { to: of.recipient(&home.keys)?, text, code: Some(code) }))
    }

    /// A provider's words without the code and without numbers.
    pub(crate) fn redacted(&self, words: &str) -> String {
        match &self.code {
            Some(code) => without_numbers(&words.replace(code.as_str(), "[code]")),
            None => without_numbers(words),
        }
    }
}

/// Fit for the database: Postgres refuses texts with a zero character, and what cannot be written
/// down is sent again.
pub(crate) fn shortened(text: &str, most: usize) -> String {
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
    use super::without_numbers;

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
