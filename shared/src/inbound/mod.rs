//! What people write to a sender: providers call us with it. Kept of it is only what it wishes, and
//! only if it is one of the words that a sender must understand.
//!
//! | module | what lives there |
//! |---|---|
//! | [`keywords`] | which word means what, in which countries |
//! | [`received`], [`moment`] | how each kind of provider brings it, and says when it was written |
//! | [`take`] | doing as it wishes, and answering it |
//! | [`said`] | what a number said last: what is older changes nothing |

mod keywords;
pub(crate) mod moment;
pub(crate) mod received;
mod said;
mod take;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

pub use keywords::Wish;
pub use take::take;

use self::received::Received;
use crate::{
    clock::Millis,
    home::Home,
    recipient::Recipient,
    report::{Brought, Call, Hearer, NotHeard, fields::Fields},
    secrets::same_bytes,
};

/// The part of the address that shows that the provider was given it.
pub(crate) const KEY: &str = "key";

/// What one person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub from: Recipient,
    pub wish: Wish,
    /// When it was written, where the provider tells it.
    pub at: Option<Millis>,
    /// The provider's name for it, where it tells no time.
    pub id: Option<String>,
}

impl Home {
    /// Where the provider of this name is to bring what people write to its senders; none when it
    /// cannot reach us, could not be believed, or nothing of its kind is understood.
    #[must_use]
    pub fn inbound_url(&self, provider: &str) -> Option<String> {
        let hearer = self.hearer(provider).filter(|_| self.config.is_reachable())?;
        if !hearer.can_hear_people() {
            return None;
        }
        let base = self.config.public_url();
        if !hearer.hears_people_apart() {
            return Some(format!("{base}/v1/inbound/{provider}/reports"));
        }
        let key = self.inbound_keys(provider).into_iter().next().unwrap_or_default();
        Some(format!("{base}/v1/inbound/{provider}/messages?{KEY}={key}"))
    }

    /// The newest first; the others count as long as their hash keys are there.
    fn inbound_keys(&self, provider: &str) -> Vec<String> {
        let hashes = self.keys.hashes_under_all(&[b"inbound/v1", provider.as_bytes()]);
        hashes.iter().map(|hash| BASE64.encode(&hash[..16])).collect()
    }
}

/// Who reads what comes to this address, which holds the key that the provider was given.
///
/// # Errors
/// The address lacks its key, or nothing that people write comes to it.
pub fn hearer_at<'a>(home: &'a Home, provider: &str, url: &str) -> Result<&'a Hearer, NotHeard> {
    let hearer = home.hearer(provider).filter(|of| of.hears_people_apart());
    let hearer = hearer.ok_or(NotHeard::Unexpected)?;
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = Fields::of_form(query.as_bytes());
    let given = query.first(KEY).unwrap_or_default();
    let keys = home.inbound_keys(provider);
    if !keys.iter().any(|key| same_bytes(given.as_bytes(), key.as_bytes())) {
        return Err(NotHeard::NotGenuine(
            "the address lacks its key; `otpost doctor --show-addresses` prints it",
        ));
    }
    Ok(hearer)
}

/// Reads what a provider brings to the address for that, and checks that the call is its own: nothing, when
/// there is nothing in it that a person wrote.
///
/// # Errors
/// The call lacks the provider's signature, or is not of its form.
pub fn read(hearer: &Hearer, call: &Call<'_>, now: Millis) -> Result<Brought, NotHeard> {
    Ok(persons(hearer.received(call, now)?))
}

/// A sender that is no person, such as a short code or a name, has nothing to stop; it is counted, since
/// it may be a person whose number is written in a way that nobody here knows.
pub(crate) fn persons(received: Vec<Received>) -> Brought {
    let mut brought = Brought::default();
    for one in received {
        match read_number(&one.from, None) {
            Some(from) => {
                let wish = Wish::of(&one.text, from.region());
                brought.written.push(Written { from, wish, at: one.at, id: one.id });
            }
            None => brought.unreadable += 1,
        }
    }
    brought
}

/// Notes that this provider brought what so many wrote whose numbers cannot be read.
pub fn note_unreadable(provider: &str, unreadable: u32) {
    if unreadable > 0 {
        tracing::debug!(provider, unreadable, "somebody wrote whose number cannot be read");
        let provider = provider.to_owned();
        metrics::counter!("otpost_inbound_total", "provider" => provider, "wish" => "unreadable")
            .increment(unreadable.into());
    }
}

/// Most write the country code, with a plus, two zeros or nothing before it; some write it as at home, in
/// this region.
#[must_use]
pub fn read_number(text: &str, region: Option<&str>) -> Option<Recipient> {
    let text = text.trim();
    let digits = text.trim_start_matches('+');
    // No country's code begins with a zero.
    let digits = digits.strip_prefix("00").unwrap_or(digits);
    let international = Recipient::parse(&format!("+{digits}"), None);
    international
        .or_else(|error| region.map_or(Err(error), |_| Recipient::parse(text, region)))
        .ok()
}
