//! What a message says and to whom, put together when it is its turn; and what of a provider's
//! words about it may be kept.

mod html;

use std::{borrow::Cow, time::Duration};

use otpost_shared::{
    Home,
    attempt::Ending,
    channel::Channel,
    clock::Millis,
    message::{Body, Message},
    outcome::ErrorClass,
    recipient::Recipient,
    secrets::Code,
    template::{Template, Values},
    verification::{self, Status, Verification},
};

use self::html::Words;
use crate::{
    courier::CourierError,
    provider::{Mail, Outcome},
};

/// What a person is to read, and where.
pub(crate) struct Letter {
    pub(crate) to: Recipient,
    pub(crate) text: String,
    /// Of an e-mail.
    pub(crate) mail: Option<Mail>,
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
            Some(of) => Self::with_code(home, &of),
            None => Ok(None),
        }
    }

    fn of_body(to: Recipient, body: Body, language: &str) -> Self {
        let Some(title) = body.title else {
            return Self { to, text: body.text, mail: None, code: None };
        };
        let mut words = Words::default();
        words.push(&body.text);
        Self::by_mail(to, &title, words, language)
    }

    fn by_mail(to: Recipient, title: &str, words: Words, language: &str) -> Self {
        let title = one_line(title);
        let html = words.page(&title, language);
        Self { to, text: words.text, mail: Some(Mail { title, html }), code: None }
    }

    fn with_code(home: &Home, of: &Verification) -> Result<Option<Self>, CourierError> {
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
        let to = of.recipient(&home.keys)?;
        let letter = match to.channel() {
            Channel::Sms => {
                Self { to, text: policy.template.render(&values), mail: None, code: None }
            }
            Channel::Email => {
                let title = policy.email_subject.render(&values);
                let words = filled(&policy.email_template, &values);
                Self::by_mail(to, &title, words, &home.config.texts.language)
            }
        };
        Ok(Some(Self { code: Some(code), ..letter }))
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

    /// A provider's words without the text, the code, numbers and the address.
    pub(crate) fn redacted(&self, words: &str) -> String {
        let mut words = Cow::Borrowed(words);
        let title = self.mail.as_ref().map_or("", |mail| mail.title.as_str());
        let code = self.code.as_ref().map_or("", Code::as_str);
        for (said, instead) in [(&*self.text, "[text]"), (title, "[title]"), (code, "[code]")] {
            if !said.is_empty() && words.contains(said) {
                words = Cow::Owned(words.replace(said, instead));
            }
        }
        if let Some(name) = self.to.mailbox_name() {
            let without = without_word(&words, self.to.address(), "[address]");
            words = Cow::Owned(without_word(&without, name, "[name]"));
        }
        without_numbers(&words)
    }

    /// A provider's id of the message, which may be digits, without what the recipient is known by.
    pub(crate) fn redacted_id(&self, id: &str) -> String {
        match self.to.channel() {
            Channel::Sms => id.replace(self.to.digits(), "[number]"),
            Channel::Email => without_word(id, self.to.address(), "[address]"),
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

/// Takes a word out, in whatever case it stands there, but not a part of a longer one.
fn without_word(text: &str, word: &str, instead: &str) -> String {
    let (low, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let (mut kept, mut from) = (String::with_capacity(text.len()), 0);
    for (at, found) in low.match_indices(&word) {
        let end = at + found.len();
        let is_joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if !is_joined(low[..at].chars().next_back()) && !is_joined(low[end..].chars().next()) {
            kept.push_str(&text[from..at]);
            kept.push_str(instead);
            from = end;
        }
    }
    kept.push_str(&text[from..]);
    kept
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
        message::Body,
        recipient::Recipient,
        secrets::Code,
        template::{Template, Values},
    };

    use super::{Letter, filled, minutes_left, one_line, without_numbers, without_word};

    #[test]
    fn words_lose_the_text_the_code_and_the_number() {
        let letter = Letter {
            to: Recipient::parse_unchecked("+15005550001", None).expect("a number"),
            text: "Your code is 0123.".into(),
            mail: None,
            code: Some(Code::new("0123".into())),
        };
        let said = "cannot send 'Your code is 0123.' (0123) to +15005550001";
        assert_eq!(letter.redacted(said), "cannot send '[text]' ([code]) to +[number]");
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
        assert_eq!(without_word("ann, ann.lee, \u{fc}ann", "ann", "x"), "x, x.lee, \u{fc}ann");
    }

    #[test]
    fn an_email_says_the_same_twice() {
        let template = Template::parse("Hi {name},\n\n{code}\n\nThe team");
        let values: Values =
            [("name", "<b>Ann</b>\r\n\r\nLee"), ("code", "0123")]
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
