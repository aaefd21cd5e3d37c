//! What a message says and to whom, put together when it is its turn; and what of a provider's
//! words about it may be kept.

use std::time::Duration;

use otpost_shared::{
    Home,
    attempt::Ending,
    clock::Millis,
    message::Message,
    outcome::ErrorClass,
    price::{Charge, PriceList},
    recipient::Recipient,
    secrets::Code,
    verification::{self, Status, Verification},
};

use crate::{courier::CourierError, provider::Outcome, segments::Segments};

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

    /// How an attempt ended, with what of the provider's words may be kept. Of what it costs the prices
    /// say what the provider does not.
    pub(crate) fn ending(
        &self,
        outcome: Outcome,
        prices: Option<&PriceList>,
        at: Millis,
    ) -> Ending {
        let (segments, charge) = self.cost(&outcome, prices);
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
            segments,
            charge,
        }
    }

    /// What was refused costs only what its provider says; what may have been sent counts.
    fn cost(&self, outcome: &Outcome, prices: Option<&PriceList>) -> (Option<u16>, Option<Charge>) {
        let told = outcome.cost;
        if let Some(price) = told.total() {
            return (told.segments, Some(Charge { price, is_estimated: false }));
        }
        let may_be_sent = matches!(outcome.class, ErrorClass::Ok | ErrorClass::Unknown);
        let prices = prices.filter(|_| may_be_sent);
        let Some(each) = prices.and_then(|prices| prices.segment(self.to.region())) else {
            return (told.segments, None);
        };
        let segments = told.segments.unwrap_or_else(|| {
            u16::try_from(Segments::of(&self.text).count).unwrap_or(u16::MAX)
        });
        let price = each.times(segments);
        (Some(segments), Some(Charge { price, is_estimated: true }))
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
    Ending { detail: Some(words.to_owned()), ..Ending::of(ErrorClass::Transient) }
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
    use otpost_shared::{
        outcome::ErrorClass,
        price::{Charge, Cost, Currency, Price, PriceList},
        recipient::Recipient,
        secrets::Code,
    };

    use super::{Letter, minutes_left, without_numbers};
    use crate::provider::Outcome;

    fn letter(to: &str, text: &str) -> Letter {
        let to = Recipient::parse_unchecked(to, None).expect("a number");
        let (text, purpose) = (text.to_owned(), Some("default".to_owned()));
        Letter { to, text, purpose, code: Some(Code::new("0123".into())) }
    }

    fn eur(micros: i64) -> Price {
        Price { micros, currency: Currency::EUR }
    }

    #[test]
    fn what_a_provider_does_not_tell_is_estimated() {
        let prices: PriceList =
            toml::from_str("currency = 'EUR'\nGB = '0.04'\nUS = '0.0075'").expect("prices");
        let long = "a".repeat(161);
        let estimated = |micros| Some(Charge { price: eur(micros), is_estimated: true });
        for (to, text, class, segments, charge) in [
            ("+447700900001", "code 0123", ErrorClass::Ok, Some(1), estimated(40_000)),
            ("+447700900001", &long, ErrorClass::Ok, Some(2), estimated(80_000)),
            ("+12025550123", &long, ErrorClass::Unknown, Some(2), estimated(15_000)),
            ("+12025550123", "code 0123", ErrorClass::Recipient, None, None),
            ("+4915112345678", "code 0123", ErrorClass::Ok, None, None),
        ] {
            let outcome = Outcome::refused(class, None, "words");
            let ending = letter(to, text).ending(outcome.clone(), Some(&prices), 7);
            assert_eq!((ending.segments, ending.charge), (segments, charge), "{to} {class:?}");
            let unpriced = letter(to, text).ending(outcome, None, 7);
            assert_eq!((unpriced.segments, unpriced.charge), (None, None), "{to} {class:?}");
        }
    }

    #[test]
    fn what_a_provider_tells_counts() {
        let prices: PriceList = toml::from_str("currency = 'EUR'\n'*' = '0.04'").expect("prices");
        let ending = |class, cost: Cost| {
            let outcome = Outcome::refused(class, None, "words").costing(cost);
            let ending = letter("+447700900001", "hi").ending(outcome, Some(&prices), 7);
            (ending.segments, ending.charge)
        };
        let told = Some(Charge { price: eur(33_300), is_estimated: false });
        let cost = Cost { price: Some(eur(33_300)), ..Cost::default() };
        for class in [ErrorClass::Ok, ErrorClass::Unknown, ErrorClass::Recipient] {
            assert_eq!(ending(class, cost), (None, told), "{class:?}");
        }
        let each = Cost { segments: Some(3), is_per_segment: true, price: Some(eur(11_100)) };
        assert_eq!(ending(ErrorClass::Ok, each), (Some(3), told));
        // Its number of segments goes before ours.
        let estimated = Some(Charge { price: eur(120_000), is_estimated: true });
        assert_eq!(ending(ErrorClass::Ok, Cost::of_segments(Some(3))), (Some(3), estimated));
        assert_eq!(ending(ErrorClass::Content, Cost::of_segments(Some(3))), (Some(3), None));
    }

    #[test]
    fn words_lose_the_text_the_code_and_the_number() {
        let letter = letter("+15005550001", "Your code is 0123.");
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
