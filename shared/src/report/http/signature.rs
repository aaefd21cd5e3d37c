//! How a gateway signs what it calls us with: an HMAC of the body, in a header.

use hmac::Hmac;
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::{
    config::SecretText,
    report::{
        Call, NotHeard,
        mac::{is_base64_of, mac},
    },
    secrets::{hex, same_bytes},
};

/// Keys that stood beside the others, and what they are called among those of [`Signature`].
pub(super) const MOVED: [(&str, &str); 4] = [
    ("signature_header", "header"),
    ("secret", "secret"),
    ("signature_algorithm", "algorithm"),
    ("signature_encoding", "encoding"),
];

/// What a section says of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    /// The header that holds it, and the secret it is made with.
    header: String,
    secret: SecretText,
    #[serde(default)]
    algorithm: Algorithm,
    #[serde(default)]
    encoding: Encoding,
}

/// What the HMAC is made with.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Algorithm {
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    pub(super) fn sign(self, secret: &str, body: &[u8]) -> Vec<u8> {
        let secret = secret.as_bytes();
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(secret, &[body]),
            Self::Sha256 => mac::<Hmac<Sha256>>(secret, &[body]),
            Self::Sha512 => mac::<Hmac<Sha512>>(secret, &[body]),
        }
    }
}

/// How the signature is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    #[default]
    Hex,
    Base64,
}

impl Signature {
    /// Which key makes no sense, and why.
    pub(super) fn mistake(&self) -> Option<(&'static str, String)> {
        let header = &self.header;
        if header.is_empty() {
            return Some(("signature.header", "must not be empty".to_owned()));
        }
        if !is_header_name(header) {
            return Some(("signature.header", format!("{header:?} is no name of a header")));
        }
        let said = "must not be empty; if nothing is signed, leave signature out";
        self.secret.expose().is_empty().then(|| ("signature.secret", said.to_owned()))
    }

    /// The HMAC of the body as it came, perhaps behind the algorithm's name, as `sha256=…`.
    pub(super) fn check(&self, call: &Call<'_>) -> Result<(), NotHeard> {
        let given = call
            .header(&self.header.to_ascii_lowercase())
            .ok_or(NotHeard::NotGenuine("it is not signed"))?;
        let named = given.strip_prefix(self.algorithm.name());
        let given = named.and_then(|rest| rest.strip_prefix('=')).unwrap_or(given);
        let made = self.algorithm.sign(self.secret.expose(), call.body);
        let is_same = match self.encoding {
            Encoding::Hex => {
                same_bytes(hex(&made).as_bytes(), &given.as_bytes().to_ascii_lowercase())
            }
            Encoding::Base64 => is_base64_of(given, &made),
        };
        if is_same {
            Ok(())
        } else {
            Err(NotHeard::NotGenuine("the signature is not the gateway's"))
        }
    }
}

/// A token of RFC 9110, 5.6.2; a header of another name never comes.
fn is_header_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    name.bytes().all(fits)
}
