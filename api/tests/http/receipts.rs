//! `POST /v1/receipts/consume`.

use otpost_testbed::on_both_homes;
use serde_json::json;

use crate::service::{CHECK, CONSUME, Created, Service, number};

pub const TEST_NUMBER: &str = r#"
[recipients]
test_numbers = [{ number = "+15550001111", code = "424242", until = "2999-01-01" }]
"#;

/// Verifies a number for a subject; the id and the receipt.
pub async fn verify(service: &Service, to: &str) -> (String, String) {
    let body = json!({ "to": to, "subject": "user-1" });
    let Created { id, token, code } = service.create_with(&body).await;
    let body = json!({ "session_token": token, "code": code, "subject": "user-1" });
    let answer = service.post(CHECK, &body).await.is(200);
    (id.to_string(), answer.str("receipt").to_owned())
}

on_both_homes! {
    async fn a_receipt_counts_once(bed, "") {
        let service = Service::start(&bed).await;
        let (id, receipt) = verify(&service, &number(1)).await;
        let body = json!({ "receipt": receipt, "purpose": "default", "subject": "user-1" });
        let answer = service.post(CONSUME, &body).await.is(200);
        assert_eq!((answer.str("id"), answer.str("to")), (&*id, "+1********01"));
        assert!(answer.str("verified_at").ends_with('Z'));
        service.post(CONSUME, &body).await.refused(409, "receipt_already_consumed");
    }

    async fn it_counts_only_for_what_it_was_made_for(bed, "[purposes.login]") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let (_, receipt) = verify(&service, &number(1)).await;
        let pending = service.create(2).await.token;
        let body = json!({ "receipt": receipt, "purpose": "default", "subject": "user-1" });
        let made_up = json!({ "receipt": "A".repeat(64), "purpose": "default" });
        let made_up = service.post(CONSUME, &made_up).await.refused(422, "receipt_not_valid");
        let answer = service.post(CONSUME, &body).by(&foreign).await;
        assert_eq!((answer.status, &answer.text), (422, &made_up.text));
        let last = if receipt.ends_with('A') { 'B' } else { 'A' };
        let forged = format!("{}{last}", &receipt[..receipt.len() - 1]);
        for (name, value) in [
            ("purpose", json!("login")), ("purpose", json!("")), ("subject", json!("user-2")),
            ("subject", json!(null)), ("receipt", json!(pending)), ("receipt", json!("")),
            ("receipt", json!("\u{1f4de}")), ("receipt", json!(forged)),
            ("receipt", json!(receipt[..22])), ("receipt", json!("x".repeat(60_000))),
        ] {
            let mut body = body.clone();
            body[name] = value;
            service.post(CONSUME, &body).await.refused(422, "receipt_not_valid");
        }
        for (name, value) in [
            ("receipt", json!(1)), ("purpose", json!(null)), ("subject", json!(-1)),
            ("allow_test", json!("yes")), ("extra", json!(true)),
        ] {
            let mut body = body.clone();
            body[name] = value;
            service.post(CONSUME, &body).await.refused(422, "invalid_field").names(name);
        }
        service.post(CONSUME, &body).await.is(200);
    }

    async fn it_counts_for_ten_minutes(bed, "") {
        let service = Service::start(&bed).await;
        let (_, receipt) = verify(&service, &number(1)).await;
        let body = json!({ "receipt": receipt, "purpose": "default", "subject": "user-1" });
        service.home.clock.advance(600_002);
        service.post(CONSUME, &body).await.refused(410, "receipt_expired");
    }

    async fn one_of_a_test_number_must_be_asked_for(bed, TEST_NUMBER) {
        let service = Service::start(&bed).await;
        let (_, receipt) = verify(&service, "+15550001111").await;
        let mut body = json!({ "receipt": receipt, "purpose": "default", "subject": "user-1" });
        service.post(CONSUME, &body).await.refused(422, "receipt_of_test_number");
        body["allow_test"] = json!(true);
        service.post(CONSUME, &body).await.is(200);
    }
}
