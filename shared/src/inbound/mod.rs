//! What people write to a sender: providers call us with it. Kept of it is only what it wishes, and
//! only if it is one of the words that a sender must understand.
//!
//! | module | what lives there |
//! |---|---|
//! | [`keywords`] | which word means what, in which countries |

mod keywords;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

pub use keywords::Wish;
use serde_json::Value;

use crate::{
    clock::Millis,
    config::ProviderSection,
    db::DbError,
    home::Home,
    recipient::Recipient,
    report::{self, Call, NotHeard, fields::Fields, vonage},
    secrets::same_bytes,
    suppression::{self, Reason},
};

/// The part of the address that shows that the provider was given it.
pub(crate) const KEY: &str = "key";

/// What one person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub from: Recipient,
    pub wish: Wish,
}

impl Home {
    /// Where the provider of this name is to bring what people write to its senders; none when it
    /// cannot reach us, could not be believed, or nothing of its kind is understood.
    #[must_use]
    pub fn inbound_url(&self, provider: &str) -> Option<String> {
        let section = self.config.providers.get(provider)?;
        // Sinch brings them whether or not it reports.
        let can_check = section.kind == "sinch" || report::can_hear(section);
        let is_known = can_check && reader(&section.kind).is_some();
        (is_known && self.config.is_reachable()).then(|| {
            let base = self.config.public_url();
            let key = self.inbound_keys(provider).into_iter().next().unwrap_or_default();
            format!("{base}/v1/inbound/{provider}/messages?{KEY}={key}")
        })
    }

    /// The newest first; the others count as long as their hash keys are there.
    fn inbound_keys(&self, provider: &str) -> Vec<String> {
        let hashes = self.keys.hashes_under_all(&[b"inbound/v1", provider.as_bytes()]);
        hashes.iter().map(|hash| BASE64.encode(&hash[..16])).collect()
    }
}

/// Reads what a provider brings, and checks that the call is its own: nothing, when there is nothing
/// in it that a person wrote.
///
/// # Errors
/// The call is not the provider's, or not of its form.
pub fn hear(
    home: &Home,
    provider: &str,
    section: &ProviderSection,
    call: &Call<'_>,
    now: Millis,
) -> Result<Vec<Written>, NotHeard> {
    if reader(&section.kind).is_none() {
        return Err(NotHeard::Unexpected);
    }
    let query = Fields::of_form(call.query().as_bytes());
    let given = query.first(KEY).unwrap_or_default();
    let keys = home.inbound_keys(provider);
    if !keys.iter().any(|key| same_bytes(given.as_bytes(), key.as_bytes())) {
        return Err(NotHeard::NotGenuine("the address lacks its key; `otpost doctor` shows it"));
    }
    read(section, call, now)
}

/// [`hear`], whatever the address.
///
/// # Errors
/// The call lacks the provider's signature, or is not of its form.
pub fn read(
    section: &ProviderSection,
    call: &Call<'_>,
    now: Millis,
) -> Result<Vec<Written>, NotHeard> {
    let read = reader(&section.kind).ok_or(NotHeard::Unexpected)?;
    report::check(section, call, now)?;
    // A sender that is no person, such as a short code or a name, has nothing to stop.
    let persons = read(call)?.into_iter().filter_map(|letter| {
        let from = read_number(&letter.from)?;
        let wish = Wish::of(&letter.text, from.region());
        Some(Written { from, wish })
    });
    Ok(persons.collect())
}

/// Does as the person wishes, from the commit on for every tenant that has this sender.
///
/// # Errors
/// The database does not answer.
pub async fn take(home: &Home, provider: &str, written: Written) -> Result<(), DbError> {
    match written.wish {
        Wish::Stop => suppression::add_told(home, written.from, Reason::Stop, provider).await,
        Wish::Start => suppression::lift(home, &written.from).await.map(drop),
        Wish::Help | Wish::Other => Ok(()),
    }
}

/// As it was brought.
struct Letter {
    from: String,
    text: String,
}

type Reader = fn(&Call<'_>) -> Result<Vec<Letter>, NotHeard>;

fn reader(kind: &str) -> Option<Reader> {
    Some(match kind {
        "infobip" => |call| {
            let told = call.json()?;
            let results = told.pointer("/results").and_then(Value::as_array);
            let results = results.ok_or(NotHeard::Malformed("there are no results"))?;
            results.iter().map(|one| letter_in(one, "/from", "/text")).collect()
        },
        "plivo" => |call| Ok(vec![letter(&Fields::of_form(call.body), "From", "Text")?]),
        "sinch" => |call| {
            let told = call.json()?;
            only_if(text(&told, "/type") == Some("mo_text"), || letter_in(&told, "/from", "/body"))
        },
        "telnyx" => |call| {
            let told = call.json()?;
            let is_text = text(&told, "/data/event_type") == Some("message.received");
            let (from, body) = ("/data/payload/from/phone_number", "/data/payload/text");
            only_if(is_text, || letter_in(&told, from, body))
        },
        "twilio" => |call| Ok(vec![letter(&Fields::of_form(call.body), "From", "Body")?]),
        "vonage" => |call| Ok(vec![letter(&vonage::fields(call)?, "msisdn", "text")?]),
        "vonage_messages" => |call| {
            let told = call.json()?;
            let is_text = text(&told, "/channel") == Some("sms");
            only_if(is_text, || letter_in(&told, "/from", "/text"))
        },
        _ => return None,
    })
}

/// Calls about other things come to the same address.
fn only_if(
    is_text: bool,
    letter: impl FnOnce() -> Result<Letter, NotHeard>,
) -> Result<Vec<Letter>, NotHeard> {
    is_text.then(letter).transpose().map(Vec::from_iter)
}

fn letter(fields: &Fields, from: &str, text: &str) -> Result<Letter, NotHeard> {
    written(fields.first(from), fields.first(text))
}

fn letter_in(told: &Value, from: &str, body: &str) -> Result<Letter, NotHeard> {
    written(text(told, from), text(told, body))
}

/// A picture alone has no text.
fn written(from: Option<&str>, text: Option<&str>) -> Result<Letter, NotHeard> {
    let from = from.ok_or(NotHeard::Malformed("it does not say whom it is from"))?;
    Ok(Letter { from: from.to_owned(), text: text.unwrap_or_default().to_owned() })
}

fn text<'a>(told: &'a Value, pointer: &str) -> Option<&'a str> {
    told.pointer(pointer)?.as_str()
}

/// Some write the plus, some don't; all write the country code.
fn read_number(text: &str) -> Option<Recipient> {
    let digits = text.trim().trim_start_matches('+');
    Recipient::parse(&format!("+{digits}"), None).ok()
}
