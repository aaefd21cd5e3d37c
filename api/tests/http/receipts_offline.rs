//! Receipts as others verify them, with the keys of `GET /.well-known/jwks.json`, and as nobody can make them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::JwkSet};
use otpost_shared::{
    secrets::{Keyring, digest, hex},
    tenant::DEFAULT_TENANT,
};
use otpost_testbed::on_both_homes;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    receipts::{TEST_NUMBER, verify},
    service::{CONSUME, Service, number},
};

const OF_US: &str = "[server]\npublic_url = 'https://otp.example'\n";

async fn jwks(service: &Service) -> Answer {
    service.get("/.well-known/jwks.json").by_nobody().any().await.is(200)
}

/// The claims, as an application verifies them that knows the service by its address.
fn verified(keys: &Answer, receipt: &str) -> Value {
    let keys: JwkSet = serde_json::from_str(&keys.text).expect("a key set");
    let header = jsonwebtoken::decode_header(receipt).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("otpost-receipt+jwt"));
    let key = keys.find(header.kid.as_deref().expect("a kid")).expect("a key");
    let key = DecodingKey::from_jwk(key).expect("a public key");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["https://otp.example"]);
    validation.set_audience(&[DEFAULT_TENANT]);
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    jsonwebtoken::decode(receipt, &key, &validation).expect("a good signature").claims
}

/// A body of three parts, the last of them made with nobody's key.
fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.", part(header), part(claims))
}

on_both_homes! {
    async fn whoever_has_the_keys_can_verify(bed, OF_US) {
        let service = Service::start(&bed).await;
        let (id, receipt) = verify(&service, &number(1)).await;
        let keys = jwks(&service).await;
        assert_eq!(keys.header("content-type"), "application/jwk-set+json");
        assert_eq!(keys.header("cache-control"), "public, max-age=300");
        let key = &keys.json["keys"][0];
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"], &key["use"], &key["kid"]),
            (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"), &json!("sig"), &json!("k1"))
        );
        let claims = verified(&keys, &receipt);
        let iat = claims["iat"].as_i64().expect("seconds");
        let knows_the_number = hex(&digest(format!("{id}:{}", number(1)).as_bytes()));
        assert_eq!(claims, json!({
            "iss": "https://otp.example", "aud": DEFAULT_TENANT, "jti": id, "iat": iat,
            "exp": iat + 600, "purpose": "default", "sub": "user-1", "to": "+1********01",
            "to_hash": knows_the_number, "channel": "sms",
        }));
        assert!((service.home.clock.now() / 1_000 - iat).abs() < 60);
    }

    async fn what_is_not_there_is_not_claimed(bed, TEST_NUMBER) {
        let service = Service::start(&bed).await;
        let (_, receipt) = verify(&service, "+15550001111").await;
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(&receipt).expect("claims");
        assert_eq!(claims["test"], true);
        let created = service.create(1).await;
        let checked = service.check(&created.token, &created.code).await.is(200);
        let receipt = checked.str("receipt");
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Value>(receipt).expect("claims");
        assert!(claims.get("sub").is_none() && claims.get("test").is_none(), "{claims}");
    }

    async fn nobody_else_can_make_one(bed, "") {
        let service = Service::start(&bed).await;
        let (_, receipt) = verify(&service, &number(1)).await;
        let (_, other) = verify(&service, &number(2)).await;
        let public = jwks(&service).await.json["keys"][0]["x"].as_str().expect("a key").to_owned();
        let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&receipt).expect("claims");
        let body = json!({ "purpose": "default", "subject": "user-1" });
        let signed = |alg, key: &EncodingKey| {
            let mut header = Header::new(alg);
            (header.typ, header.kid) = (Some("otpost-receipt+jwt".into()), Some("k1".into()));
            jsonwebtoken::encode(&header, &claims, key).expect("a token")
        };
        let own = somebodys_key();
        let header = |alg: &str| json!({ "typ": "otpost-receipt+jwt", "alg": alg, "kid": "k1" });
        let parts = |of: &str| of.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (mine, others) = (parts(&receipt), parts(&other));
        let forged = [
            signed(Algorithm::HS256, &EncodingKey::from_secret(public.as_bytes())),
            signed(Algorithm::HS256, &EncodingKey::from_secret(&BASE64.decode(&public).expect("bytes"))),
            signed(Algorithm::EdDSA, &EncodingKey::from_ed_der(&own)),
            unsigned(&header("none"), &claims),
            unsigned(&header("EdDSA"), &claims),
            unsigned(&header("nOnE"), &claims) + &mine[2],
            format!("{}.{}.{}", mine[0], others[1], mine[2]),
            format!("{}.{}.{}", mine[0], mine[1], others[2]),
            format!("{}.{}", mine[0], mine[1]),
            format!(".{receipt}"), format!("{receipt}."), format!("{receipt}="), format!(" {receipt}"),
            format!("{receipt}\n"), format!("{receipt}.{}", mine[2]), "..".into(), ".".into(),
        ];
        for receipt in forged {
            let mut body = body.clone();
            body["receipt"] = json!(receipt);
            service.post(CONSUME, &body).await.refused(422, "receipt_not_valid");
        }
        let mut body = body;
        body["receipt"] = json!(receipt);
        service.post(CONSUME, &body).await.is(200);
    }

    async fn keys_of_before_are_still_good(bed, "") {
        let before = Service::start(&bed).await;
        let (_, receipt) = verify(&before, &number(1)).await;
        let old = jwks(&before).await.json["keys"][0].clone();
        let kept = kept_keys(&bed.home.config);
        let rotated = async |keys: Vec<String>| {
            let mut home = bed.home.clone();
            home.keys = Arc::new(Keyring::parse(&keys, &kept.1).expect("a keyring"));
            Service::serve(&home, before.key.clone()).await
        };
        let new = Keyring::generate_entry("k2");
        let service = rotated([vec![new.clone()], kept.0.clone()].concat()).await;
        let keys = jwks(&service).await.json["keys"].clone();
        assert_eq!((&keys[0]["kid"], &keys[1]), (&json!("k2"), &old));
        let (_, newer) = verify(&service, &number(2)).await;
        let header = jsonwebtoken::decode_header(&newer).expect("a header");
        assert_eq!(header.kid.as_deref(), Some("k2"));
        // The process of before does not know the key yet, and one that has forgotten the old one doesn't either.
        let body = |receipt: &str| json!({ "receipt": receipt, "purpose": "default", "subject": "user-1" });
        before.post(CONSUME, &body(&newer)).await.refused(422, "receipt_not_valid");
        let forgetful = rotated(vec![new]).await;
        forgetful.post(CONSUME, &body(&receipt)).await.refused(422, "receipt_not_valid");
        for receipt in [receipt, newer] {
            service.post(CONSUME, &body(&receipt)).await.is(200);
        }
    }
}

/// Somebody's key pair.
fn somebodys_key() -> Vec<u8> {
    use aws_lc_rs::signature::Ed25519KeyPair;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a pair");
    pair.to_pkcs8v1().expect("a document").as_ref().to_vec()
}

/// The entries that the home was opened with: keys and hash keys.
fn kept_keys(config: &otpost_shared::config::Config) -> (Vec<String>, Vec<String>) {
    let texts = |list: &[otpost_shared::config::SecretText]| -> Vec<String> {
        list.iter().map(|text| text.expose().to_owned()).collect()
    };
    if !config.secrets.keys.is_empty() {
        return (texts(&config.secrets.keys), texts(&config.secrets.hash_keys));
    }
    let file = std::fs::read_to_string(config.data.dir.join("keys")).expect("the generated keys");
    let lines =
        |prefix: char| file.lines().filter(|l| l.starts_with(prefix)).map(str::to_owned).collect();
    (lines('k'), lines('h'))
}
