//! Delivery reports: after a message was accepted its sender is called at the address it gave, in
//! good manners and in bad ones.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::server::{Asked, Dialect};

/// Between two reports about one message, and before the first.
const PAUSE: Duration = Duration::from_millis(120);
const PATIENCE: Duration = Duration::from_secs(5);

/// How one message is reported; each comes in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Manner {
    /// Delivered, as it should be.
    Plain,
    Missing,
    /// Delivered, three times.
    Doubled,
    /// Delivered, and then sent.
    Reordered,
    /// Not delivered, twice.
    Undelivered,
    /// Delivered, at an address that was never given.
    Forged,
    /// Delivered, before the request is answered.
    Early,
}

impl Manner {
    /// All that is not as it should be.
    pub(crate) const BAD: [Self; 6] = [
        Self::Missing,
        Self::Doubled,
        Self::Reordered,
        Self::Undelivered,
        Self::Forged,
        Self::Early,
    ];

    fn words(self) -> &'static [Word] {
        match self {
            Self::Missing => &[],
            Self::Doubled => &[Word::Delivered, Word::Delivered, Word::Delivered],
            Self::Reordered => &[Word::Delivered, Word::Sent],
            Self::Undelivered => &[Word::Undelivered, Word::Undelivered],
            Self::Plain | Self::Forged | Self::Early => &[Word::Delivered],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Sent,
    Delivered,
    Undelivered,
}

/// One message that was reported.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) manner: Manner,
    /// The statuses the calls were answered with; 0 for no answer.
    pub(crate) answers: Vec<u16>,
}

/// None until it is told in which manners.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    manners: Mutex<&'static [Manner]>,
    turn: AtomicUsize,
    told: Mutex<Vec<Told>>,
    client: reqwest::Client,
}

impl Reports {
    /// Reports from now on, in these manners by turns.
    pub(crate) fn tell_in_turn(&self, manners: &'static [Manner]) {
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner) = manners;
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// In what manner this message is to be reported; none when it is not to be.
    pub(crate) fn manner(&self, asked: &Asked) -> Option<Manner> {
        let manners = *self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.report_to.is_none() || manners.is_empty() {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % manners.len();
        manners.get(turn).copied()
    }

    /// Makes all calls about one message, one after the other.
    pub(crate) async fn tell(&self, dialect: Dialect, token: &str, asked: &Asked, manner: Manner) {
        let Some(url) = asked.report_to.as_deref() else { return };
        let url = if manner == Manner::Forged { forged(url) } else { url.to_owned() };
        let mut answers = Vec::new();
        for word in manner.words() {
            if manner != Manner::Early {
                tokio::time::sleep(PAUSE).await;
            }
            let request = match dialect {
                Dialect::Twilio => self.twilio(&url, token, *word),
                Dialect::Vonage | Dialect::Plain => self.vonage(&url, *word),
            };
            let answer = request.timeout(PATIENCE).send().await;
            answers.push(answer.map_or(0, |answer| answer.status().as_u16()));
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(Told { manner, answers });
    }

    /// As the published rule for `X-Twilio-Signature` says.
    fn twilio(&self, url: &str, token: &str, word: Word) -> reqwest::RequestBuilder {
        let mut form = vec![("MessageSid", "SM0123")];
        form.push(match word {
            Word::Sent => ("MessageStatus", "sent"),
            Word::Delivered => ("MessageStatus", "delivered"),
            Word::Undelivered => ("MessageStatus", "undelivered"),
        });
        if word == Word::Undelivered {
            form.insert(0, ("ErrorCode", "30003"));
        }
        let signed: String = form.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let signature = sign(token, &format!("{url}{signed}"));
        self.client.post(url).header("X-Twilio-Signature", signature).form(&form)
    }

    fn vonage(&self, url: &str, word: Word) -> reqwest::RequestBuilder {
        let fields = match word {
            Word::Sent => "&status=buffered&err-code=0",
            Word::Delivered => "&status=delivered&err-code=0",
            Word::Undelivered => "&status=failed&err-code=8",
        };
        self.client.get(format!("{url}{fields}"))
    }
}

pub(super) fn sign(token: &str, text: &str) -> String {
    // A key of any length is a key.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

/// The same address with another proof.
fn forged(url: &str) -> String {
    let (kept, last) = url.split_at(url.len().saturating_sub(8));
    let other = |letter: char| if letter == 'A' { 'B' } else { 'A' };
    kept.chars().chain(last.chars().map(other)).collect()
}
