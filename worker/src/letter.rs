//! What a message says and to whom, put together when it is its turn; and what of a provider's
//! words about it may be kept.

mod html;
mod redaction;

use std::{borrow::Cow, time::Duration};

use otpost_shared::{
    Home,
    attempt::Ending,
    channel::Channel,
    clock::Millis,
    message::{Body, Message},
    outcome::ErrorClass,
    price::{Charge, PriceList},
    recipient::Recipient,
    secrets::Code,
    speech::{Speech, spelled},
    template::{Template, Values},
    verification::{self, Status, Verification},
};

use self::{
    html::Words,
    redaction::{without_addresses, without_numbers, without_word},
};
use crate::{
    courier::CourierError,
    provider::{Mail, Outcome},
    segments::Segments,
};

/// What a person is to read, and where.
pub(crate) struct Letter {
    pub(crate) channel: Channel,
    pub(crate) to: Recipient,
    pub(crate) text: String,
    /// Of an e-mail.
    pub(crate) mail: Option<Mail>,
    /// Of a call: in which it is said.
    pub(crate) language: Option<String>,
    /// Of the code, if it is one.
    pub(crate) purpose: Option<String>,
    /// The code in the text, which no provider's words may carry back to us.
    pub(crate) code: Option<Code>,
}

impl Letter {
    /// None when there is nothing to say any more.
    pub(crate) async fn compose(
        home: &Home,
        row: &Message,
        read_along: Option<Verification>,
    ) -> Result<Option<Self>, CourierError> {
        let Some(verification_id) = row.verification_id else {
            let (to, body) = (row.recipient(&home.keys)?, row.body(&home.keys)?);
            let language = &home.config.texts.language;
            return Ok(to.zip(body).map(|(to, body)| Self::of_body(to, body, language)));
        };
        let of = match read_along {
            Some(of) => Some(of),
            None => verification::find(&home.db, verification_id).await?,
        };
        let is_current = |of: &Verification| {
            of.status(home.clock.now()) == Status::Pending && of.generation == row.generation
        };
        match of.filter(is_current) {
            Some(of) => Self::with_code(home, of, row),
            None => Ok(None),
        }
    }

    fn of_body(to: Recipient, body: Body, language: &str) -> Self {
        let Some(title) = body.title else {
            return Self::of_text(to.channel(), to, body.text);
        };
        let mut words = Words::default();
        words.push(&body.text);
        Self::by_mail(to, &title, words, language)
    }

    fn of_text(channel: Channel, to: Recipient, text: String) -> Self {
        Self { channel, to, text, mail: None, language: None, purpose: None, code: None }
    }

    fn by_mail(to: Recipient, title: &str, words: Words, language: &str) -> Self {
        let title = one_line(title);
        let html = words.page(&title, language);
        let mail = Some(Mail { title, html });
        Self { mail, ..Self::of_text(Channel::Email, to, words.text) }
    }

    fn with_code(
        home: &Home,
        of: Verification,
        row: &Message,
    ) -> Result<Option<Self>, CourierError> {
        // Each address has its own.
        let Some(code) = of.code_to(&home.keys, &row.recipient_hash)? else { return Ok(None) };
        let (texts, purposes) = (&home.config.texts, &home.config.purposes);
        let Some(policy) = purposes.get(&of.purpose).or_else(|| purposes.get("default")) else {
            return Ok(None);
        };
        let mut values = of.variables(&home.keys)?;
        let minutes = minutes_left(of.expires_at - home.clock.now());
        values.insert("code".into(), code.as_str().to_owned());
        values.insert("app".into(), texts.app.clone());
        values.insert("minutes".into(), minutes.to_string());
        let to = row.recipient(&home.keys)?.map_or_else(|| of.recipient(&home.keys), Ok)?;
        let channel = row.channel();
        let letter = match channel {
            Channel::Sms | Channel::Whatsapp => {
                Self::of_text(channel, to, policy.template.render(&values))
            }
            Channel::Voice => {
                let Some(speech) = Speech::of(texts, policy, to.region()) else { return Ok(None) };
                values.insert("code".into(), spelled(code.as_str()));
                let (text, language) =
                    (one_line(&speech.template.render(&values)), speech.language);
                let language = Some(language.to_owned());
                Self { language, ..Self::of_text(channel, to, text) }
            }
            Channel::Email => {
                let title = policy.email_subject.render(&values);
                let words = filled(&policy.email_template, &values);
                Self::by_mail(to, &title, words, &texts.language)
            }
        };
        Ok(Some(Self { purpose: Some(of.purpose), code: Some(code), ..letter }))
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

    /// What was refused costs only what its provider says; what may have been sent counts. The configured
    /// prices are those of one SMS, call or WhatsApp message: of an e-mail nothing is estimated.
    fn cost(&self, outcome: &Outcome, prices: Option<&PriceList>) -> (Option<u16>, Option<Charge>) {
        let told = outcome.cost;
        if let Some(price) = told.total() {
            return (told.segments, Some(Charge { price, is_estimated: false }));
        }
        let may_be_sent = matches!(outcome.class, ErrorClass::Ok | ErrorClass::Unknown);
        let prices = prices.filter(|_| self.channel.is_by_phone() && may_be_sent);
        let Some(each) = prices.and_then(|prices| prices.segment(self.to.region())) else {
            return (told.segments, None);
        };
        if self.channel != Channel::Sms {
            return (told.segments, Some(Charge { price: each, is_estimated: true }));
        }
        let segments = told
            .segments
            .unwrap_or_else(|| u16::try_from(Segments::of(&self.text).count).unwrap_or(u16::MAX));
        let price = each.times(segments);
        (Some(segments), Some(Charge { price, is_estimated: true }))
    }

    /// A provider's words without the text, the code, numbers and the address.
    pub(crate) fn redacted(&self, words: &str) -> String {
        let mut words = Cow::Borrowed(words);
        let title = self.mail.as_ref().map_or("", |mail| mail.title.as_str());
        let code = self.code.as_ref().map_or("", Code::as_str);
        let spelled = spelled(code);
        for (said, instead) in
            [(&*self.text, "[text]"), (title, "[title]"), (&*spelled, "[code]"), (code, "[code]")]
        {
            if !said.is_empty() && words.contains(said) {
                words = Cow::Owned(words.replace(said, instead));
            }
        }
        if let Some(name) = self.to.mailbox_name() {
            let without = without_word(&words, self.to.address(), "[address]");
            let without = without_addresses(&without);
            words = Cow::Owned(without_word(&without, name, "[name]"));
        }
        without_numbers(&words)
    }

    /// A provider's id of the message, which may be digits, without what the recipient is known by.
    pub(crate) fn redacted_id(&self, id: &str) -> String {
        if self.channel.is_by_phone() {
            id.replace(self.to.digits(), "[number]")
        } else {
            without_addresses(&without_word(id, self.to.address(), "[address]"))
        }
    }
}

/// A template with its placeholders filled in, which knows where the code stands.
fn filled(template: &Template, values: &Values) -> Words {
    let mut words = Words::default();
    for (name, piece) in template.fill(values) {
        match name {
            Some("code") => words.push_code(piece),
            _ => words.push(piece),
        }
    }
    words
}

/// Fit for a header: what a caller or a person put into it cannot end it.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
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

#[cfg(test)]
mod tests {
    use otpost_shared::{
        channel::Channel,
        message::Body,
        outcome::ErrorClass,
        price::{Charge, Cost, Currency, Price, PriceList},
        recipient::Recipient,
        secrets::Code,
        template::{Template, Values},
    };

    use super::{Letter, filled, minutes_left, one_line};
    use crate::provider::Outcome;

    fn letter(to: &str, text: &str) -> Letter {
        let to = Recipient::parse_unchecked(to, None).expect("a number");
        let (purpose, code) = (Some("default".to_owned()), Some(Code::new("0123".into())));
        Letter { purpose, code, ..Letter::of_text(Channel::Sms, to, text.to_owned()) }
    }

    fn eur(micros: i64) -> Price {
        Price { micros, currency: Currency::EUR }
    }

    #[test]
    fn what_a_provider_does_not_tell_is_estimated() {
        let prices: PriceList =
            toml::from_str("currency = 'EUR'\nDE = '0.04'\nUS = '0.0075'").expect("prices");
        let long = "a".repeat(161);
        let estimated = |micros| Some(Charge { price: eur(micros), is_estimated: true });
        for (to, text, class, segments, charge) in [
            ("+4915112345678", "code 0123", ErrorClass::Ok, Some(1), estimated(40_000)),
            ("+4915112345678", &long, ErrorClass::Ok, Some(2), estimated(80_000)),
            ("+12025550123", &long, ErrorClass::Unknown, Some(2), estimated(15_000)),
            ("+12025550123", "code 0123", ErrorClass::Recipient, None, None),
            ("+447700900001", "code 0123", ErrorClass::Ok, None, None),
        ] {
            let outcome = Outcome::refused(class, None, "words");
            let ending = letter(to, text).ending(outcome.clone(), Some(&prices), 7);
            assert_eq!((ending.segments, ending.charge), (segments, charge), "{to} {class:?}");
            let unpriced = letter(to, text).ending(outcome, None, 7);
            assert_eq!((unpriced.segments, unpriced.charge), (None, None), "{to} {class:?}");
        }
    }

    #[test]
    fn a_call_costs_the_same_however_much_is_said() {
        let prices: PriceList = toml::from_str("currency = 'EUR'\nDE = '0.09'").expect("prices");
        for channel in [Channel::Voice, Channel::Whatsapp] {
            let letter = Letter { channel, ..letter("+4915112345678", &"a".repeat(300)) };
            let ending = letter.ending(Outcome::accepted(None), Some(&prices), 7);
            let charge = Charge { price: eur(90_000), is_estimated: true };
            assert_eq!((ending.segments, ending.charge), (None, Some(charge)));
            let refused = Outcome::refused(ErrorClass::Region, None, "no");
            assert_eq!(letter.ending(refused, Some(&prices), 7).charge, None);
        }
    }

    #[test]
    fn an_email_costs_what_its_provider_tells() {
        let prices: PriceList = toml::from_str("currency = 'EUR'\n'*' = '0.04'").expect("prices");
        let body = Body { title: Some("A parcel".into()), text: "It is here.".into() };
        let letter = Letter::of_body(ann(), body, "en");
        let ending = letter.ending(Outcome::accepted(None), Some(&prices), 7);
        assert_eq!((ending.segments, ending.charge), (None, None));
        let cost = Cost { price: Some(eur(1_000)), ..Cost::default() };
        let ending = letter.ending(Outcome::accepted(None).costing(cost), Some(&prices), 7);
        let told = Charge { price: eur(1_000), is_estimated: false };
        assert_eq!((ending.segments, ending.charge), (None, Some(told)));
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
        assert_eq!(letter.redacted("<Say>It is 0, 1, 2, 3.</Say>"), "<Say>It is [code].</Say>");
        assert_eq!(letter.redacted_id("15005550001-7"), "[number]-7");
        assert_eq!(letter.redacted_id("20261128000001"), "20261128000001");
    }

    fn ann() -> Recipient {
        Recipient::parse_email("Ann@example.org").expect("an address")
    }

    #[test]
    fn words_about_an_email_lose_its_address_and_title() {
        let body = Body { title: Some("A parcel".into()), text: "It is here.".into() };
        let letter = Letter::of_body(ann(), body, "en");
        let said = "550 5.1.1 <ann@EXAMPLE.org>: no mailbox ann here, \"A parcel\": It is here.";
        assert_eq!(
            letter.redacted(said),
            "550 5.1.1 <[address]>: no mailbox [name] here, \"[title]\": [text]"
        );
        assert_eq!(letter.redacted("Planning annex, +1 202 555 0123"), "Planning annex, +[number]");
        assert_eq!(letter.redacted_id("4F1C-ann@example.org-ann"), "4F1C-[address]-ann");
        // A server that rewrites addresses names another one of theirs.
        let tagged = Recipient::parse_email("ann+shop@example.org").expect("an address");
        let body = Body { title: Some("A parcel".into()), text: "It is here.".into() };
        let letter = Letter::of_body(tagged, body, "en");
        for (said, kept) in [
            ("550 5.1.1 <ann@example.org>: user unknown", "550 5.1.1 <[address]>: user unknown"),
            ("551 user not local; try <lee@example.net>", "551 user not local; try <[address]>"),
            ("ann+shop@example.org is ann@example.org", "[address] is [address]"),
        ] {
            assert_eq!(letter.redacted(said), kept);
        }
        assert_eq!(letter.redacted_id("4F1C <ann@example.org>"), "4F1C <[address]>");
        assert_eq!(letter.redacted_id("4F1C2A"), "4F1C2A");
    }

    #[test]
    fn an_email_says_the_same_twice() {
        let template = Template::parse("Hi {name},\n\n{code}\n\nThe team");
        let values: Values = [("name", "<b>Ann</b>\r\n\r\nLee"), ("code", "0123")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let words = filled(&template, &values);
        let letter = Letter::by_mail(ann(), "0123\r\nBcc: bob@example.org", words, "en");
        assert_eq!(letter.text, "Hi <b>Ann</b>\n\nLee,\n\n0123\n\nThe team");
        let mail = letter.mail.expect("an e-mail");
        assert_eq!(mail.title, "0123 Bcc: bob@example.org");
        assert!(mail.html.contains("Hi &lt;b&gt;Ann&lt;/b&gt;</p>"), "{}", mail.html);
        assert!(mail.html.contains(">0123</p>"), "{}", mail.html);
    }

    #[test]
    fn a_title_is_one_line_whatever_is_put_into_it() {
        for (text, line) in [
            ("12 is your code", "12 is your code"),
            (" a\r\n\tb\u{85}c\u{0} ", "a b c"),
            ("a\u{2028}b  c", "a\u{2028}b c"),
            ("\r\n", ""),
        ] {
            assert_eq!(one_line(text), line, "{text:?}");
        }
    }

    #[test]
    fn minutes_are_those_that_are_left() {
        for (ms, minutes) in [(600_000, 10), (599_000, 10), (89_000, 1), (90_000, 2), (5, 1)] {
            assert_eq!(minutes_left(ms), minutes, "{ms}");
        }
    }
}
