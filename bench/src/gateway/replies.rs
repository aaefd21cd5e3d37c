//! What people write back: brought to the address that the product names for it, as Twilio brings it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::reports::sign;
use crate::error::Result;

const PATIENCE: Duration = Duration::from_secs(5);

/// The phones of all who write to the sender.
#[derive(Debug)]
pub(crate) struct Phones {
    pub(crate) address: String,
    pub(crate) token: String,
    client: reqwest::Client,
    /// Messages so far: each has an id of its own.
    written: AtomicU64,
}

impl Phones {
    pub(crate) fn new(address: String, token: &str) -> Self {
        Self {
            address,
            token: token.to_owned(),
            client: reqwest::Client::new(),
            written: AtomicU64::new(0),
        }
    }

    /// One message; the status the call was answered with.
    pub(crate) async fn write(&self, from: &str, text: &str) -> Result<u16> {
        self.bring(from, text, &self.token).await
    }

    /// The same by somebody who does not know the account's token.
    pub(crate) async fn forge(&self, from: &str, text: &str) -> Result<u16> {
        self.bring(from, text, "somebody else's token").await
    }

    /// Signed as the published rule for `X-Twilio-Signature` says: the address, then each name of the
    /// form with its value, sorted by name.
    async fn bring(&self, from: &str, text: &str, token: &str) -> Result<u16> {
        let id = format!("SM{:032x}", self.written.fetch_add(1, Ordering::Relaxed));
        let form = BTreeMap::from([
            ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
            ("ApiVersion", "2010-04-01"),
            ("Body", text),
            ("From", from),
            ("MessageSid", &id),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
            ("SmsStatus", "received"),
            ("To", "+15005550006"),
        ]);
        let fields: String = form.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let signature = sign(token, &format!("{}{fields}", self.address));
        let request = self.client.post(&self.address).header("X-Twilio-Signature", signature);
        let answer = request.form(&form).timeout(PATIENCE).send().await?;
        Ok(answer.status().as_u16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Address, form and token are those of the vendor's page on security.
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let signed = "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDE\
            Caller+14158675310Digits1234From+14158675310To+18005551212";
        assert_eq!(sign("12345", signed), "GvWf1cFY/Q7PnoempGyD5oXAezc=");
    }
}
