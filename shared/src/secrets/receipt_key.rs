//! The key pair that receipts are signed with: one for each of the server's keys, made of it alone, so that
//! every process signs alike and whoever knows the public half can verify.

use std::collections::HashSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{
        AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm, OctetKeyPairParameters,
        OctetKeyPairType, PublicKeyUse,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use super::SecretError;

/// What the header says that it is: no other token is taken for a receipt, and no receipt for another token.
const TYP: &str = "otpost-receipt+jwt";

/// Signs compact JWS with Ed25519 (RFC 8037), which is deterministic: the same claims give the same text.
pub(super) struct ReceiptKey {
    header: Header,
    signs: EncodingKey,
    verifies: DecodingKey,
    /// As a JWK has it.
    public: String,
}

impl ReceiptKey {
    /// # Errors
    /// The library takes no key of this seed; none is known that it wouldn't.
    pub(super) fn new(kid: &str, seed: &[u8; 32]) -> Result<Self, SecretError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SecretError::BadEntry)?;
        let document = pair.to_pkcs8v1().map_err(|_| SecretError::BadEntry)?;
        let public = pair.public_key().as_ref();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYP.to_owned());
        header.kid = Some(kid.to_owned());
        Ok(Self {
            header,
            signs: EncodingKey::from_ed_der(document.as_ref()),
            verifies: DecodingKey::from_ed_der(public),
            public: BASE64.encode(public),
        })
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, SecretError> {
        jsonwebtoken::encode(&self.header, claims, &self.signs).map_err(|_| SecretError::NotSigned)
    }

    /// The claims, if this key has signed them. What they say, times included, is left to the caller.
    pub(super) fn claims<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        let validation = Validation {
            required_spec_claims: HashSet::new(),
            // That would be by the system's clock.
            validate_exp: false,
            validate_aud: false,
            ..Validation::new(Algorithm::EdDSA)
        };
        let signed = jsonwebtoken::decode::<T>(token, &self.verifies, &validation).ok()?;
        (signed.header.typ.as_deref() == Some(TYP)).then_some(signed.claims)
    }

    pub(super) fn jwk(&self) -> Jwk {
        Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(KeyAlgorithm::EdDSA),
                key_id: self.header.kid.clone(),
                ..CommonParameters::default()
            },
            algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: self.public.clone(),
            }),
        }
    }
}

/// The id of the key that a token says it was signed with; nothing has been verified.
pub(super) fn named_kid(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}
