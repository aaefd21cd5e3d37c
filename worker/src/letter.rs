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
    policy::DEFAULT_PURPOSE,
    price::{Charge, PriceList},
    recipient::Recipient,
    secrets::Code,
    segments::Segments,
    speech::spelled,
    template::{APP, Template, Values},
    texts::{Need, with_ending},
    verification::{self, Status, Verification},
};

use self::{
    html::Words,
    redaction::{without_addresses, without_addresses_of, without_numbers, without_word},
};
use crate::{
    courier::CourierError,
    provider::{Mail, Outcome},
};

/// What a person is to read, and where.
pub(crate) struct Letter {
    pub(crate) channel: Channel,
    pub(crate) to: Recipient,
    pub(crate) text: String,
    /// Of an e-mail.
    pub(crate) mail: Option<Mail>,
    /// In which it is written or said, as far as the configuration tells: a caller's own text may be in
    /// another one.
    pub(crate) language: String,
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

    /// An e-mail that does not say its language is in that of the texts.
    fn of_body(to: Recipient, body: Body, language: &str) -> Self {
        let language = body.language.as_deref().unwrap_or(language);
        let Some(title) = body.title else {
            return Self::of_text(to.channel(), to, body.text, language);
        };
        let mut words = Words::default();
        words.push(&body.text);
        Self::by_mail(to, &title, words, language)
    }

    fn of_text(channel: Channel, to: Recipient, text: String, language: &str) -> Self {
        let language = language.to_owned();
        Self { channel, to, text, language, mail: None, purpose: None, code: None }
    }

    fn by_mail(to: Recipient, title: &str, words: Words, language: &str) -> Self {
        let title = one_line(title);
        let html = words.page(&title, language);
        let mail = Some(Mail { title, html });
        Self { mail, ..Self::of_text(Channel::Email, to, words.text, language) }
    }

    fn with_code(
        home: &Home,
        of: Verification,
        row: &Message,
    ) -> Result<Option<Self>, CourierError> {
        // Each address has its own.
        let Some(code) = of.code_to(&home.keys, &row.recipient_hash)? else { return Ok(None) };
        let (config, settings) = (&home.config.texts, home.settings.last());
        let policy = |purpose: &str| settings.policy(of.tenant_id, purpose);
        // A purpose may have been taken back since.
        let Some(policy) = policy(&of.purpose).or_else(|| policy(DEFAULT_PURPOSE)) else {
            return Ok(None);
        };
        let mut values = of.variables(&home.keys)?;
        let minutes = minutes_left(of.expires_at - home.clock.now());
        values.insert("code".into(), code.as_str().to_owned());
        values.entry(APP.into()).or_insert_with(|| config.app.clone());
        values.insert("minutes".into(), minutes.to_string());
        let to = row.recipient(&home.keys)?.map_or_else(|| of.recipient(&home.keys), Ok)?;
        let need = Need {
            tenant_id: of.tenant_id,
            purpose: &of.purpose,
            channel: row.channel(),
            locale: of.locale.as_deref(),
            country: to.region(),
            minutes: u32::try_from(minutes).unwrap_or(1),
        };
        let wording = settings.texts().find(config, &policy, &need);
        let channel = need.channel;
        let letter = match channel {
            Channel::Sms | Channel::Whatsapp => {
                let text = wording.text.render(&values);
                let text = with_ending(&text, &policy, channel, code.as_str());
                Self::of_text(channel, to, text, &wording.language)
            }
            Channel::Voice => {
                values.insert("code".into(), spelled(code.as_str()));
                let text = one_line(&wording.text.render(&values));
                Self::of_text(channel, to, text, &wording.language)
            }
            Channel::Email => {
                let title = wording.title.map(|title| title.render(&values)).unwrap_or_default();
                Self::by_mail(to, &title, filled(&wording.text, &values), &wording.language)
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

    /// A provider's id of the message, which may be digits or look like an e-mail address, without what
    /// the recipient is known by. More than one word are no id: a mail server that tells none has said them.
    pub(crate) fn redacted_id(&self, id: &str) -> String {
        let Some(name) = self.to.mailbox_name() else {
            return id.replace(self.to.digits(), "[number]");
        };
        let address = self.to.address();
        let mut without = without_word(id, address, "[address]");
        // As it stands in addresses for what comes back.
        without = without_word(&without, &address.replace('@', "="), "[address]");
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        without = without_addresses_of(name, domain, &without);
        if id.contains(char::is_whitespace) { without_addresses(&without) } else { without }
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
pub(crate) fn shortened(text: &str, most: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(most).collect()
}

#[cfg(test)]
mod tests;
