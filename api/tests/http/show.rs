//! `GET /v1/verifications/{id}`.

use otpost_testbed::on_both_homes;
use serde_json::json;
use uuid::Uuid;

use crate::service::{Service, VERIFICATIONS, number};

on_both_homes! {
    async fn the_row_is_shown_masked_and_without_secrets(bed, "") {
        let service = Service::start(&bed).await;
        let body = json!({ "to": number(1), "metadata": { "form": "signup" } });
        let created = service.create_with(&body).await;
        let shown = service.show(created.id).await.is(200);
        assert_eq!(shown.str("id"), created.id.to_string());
        assert_eq!((shown.str("status"), shown.str("to")), ("pending", "+1********01"));
        assert_eq!(shown.json["guesses_left"], 5);
        assert_eq!((&shown.json["resends"], &shown.json["test"]), (&json!(0), &json!(false)));
        assert_eq!(shown.json["metadata"], json!({ "form": "signup" }));
        for absent in ["subject", "verified_at", "failure", "session_token", "code"] {
            assert!(shown.json.get(absent).is_none(), "{absent}");
        }
        let message = &shown.json["messages"][0];
        assert_eq!((&message["state"], &message["lane"]), (&json!("queued"), &json!("otp")));
        assert_eq!(message["attempts"], json!([]));
        // Looking changes nothing.
        assert_eq!(service.show(created.id).await.text, shown.text);
    }

    async fn a_foreign_one_is_as_unknown_as_none(bed, "") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        let created = service.create(1).await;
        let path = |id: &str| format!("{VERIFICATIONS}/{id}");
        let none = service.get(&path(&Uuid::now_v7().to_string())).await;
        let none = none.refused(404, "verification_not_found");
        let answer = service.get(&path(&created.id.to_string())).by(&foreign).await;
        assert_eq!((answer.status, &answer.text), (404, &none.text));
        let almost = "00000000-0000-0000-0000-00000000000g";
        for id in ["1", "check", "%20", "%00", "%FF", "..%2f", almost] {
            let answer = service.get(&path(id)).await;
            assert!([404, 405].contains(&answer.status), "{id}: {}", answer.text);
        }
        let nil = service.get(&path(&Uuid::nil().to_string())).await;
        assert_eq!(nil.text, none.text);
    }
}
