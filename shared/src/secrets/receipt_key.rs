//! The key pair that receipts are signed with: one for each of the server's keys, made of it alone, so that
//! every process signs alike and whoever knows the public half can verify.

use std::collections::HashSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation,
    jwk::{
        AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm,
        OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use super::SecretError;

/// What the header says that it is: no other token is taken for a receipt, and no receipt for another token.
const TYP: &str = "otpost-receipt+jwt";

/// Signs compact JWS with Ed25519 (RFC 8037), which is deterministic: the same claims give the same text.
pub(super) struct ReceiptKey {
    kid: String,
    /// Of every receipt, as it stands in front.
    header: String,
    signs: Ed25519KeyPair,
    verifies: DecodingKey,
    /// As a JWK has it.
    public: String,
}

impl ReceiptKey {
    /// # Errors
    /// The library takes no key of this seed; none is known that it wouldn't.
    pub(super) fn new(kid: &str, seed: &[u8; 32]) -> Result<Self, SecretError> {
        let signs = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SecretError::BadEntry)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYP.to_owned());
        header.kid = Some(kid.to_owned());
        let header = serde_json::to_vec(&header).map_err(|_| SecretError::BadEntry)?;
        let public = signs.public_key().as_ref();
        Ok(Self {
            kid: kid.to_owned(),
            header: BASE64.encode(header),
            verifies: DecodingKey::from_ed_der(public),
            public: BASE64.encode(public),
            signs,
        })
    }

    /// The three parts of RFC 7515 by hand: the library would make the key pair anew for each receipt, which
    /// takes as long as signing.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, SecretError> {
        let claims = serde_json::to_vec(claims).map_err(|_| SecretError::NotSigned)?;
        let mut token = format!("{}.{}", self.header, BASE64.encode(claims));
        let signature =
            self.signs.try_sign(token.as_bytes()).map_err(|_| SecretError::NotSigned)?;
        token.push('.');
        BASE64.encode_string(signature, &mut token);
        Ok(token)
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
                key_id: Some(self.kid.clone()),
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
