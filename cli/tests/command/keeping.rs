//! `otpost purge` and `otpost status`: what is kept, what waits, what is removed.

use otpost_shared::{Home, recipient::Recipient, tenant::DEFAULT_TENANT, verification};
use otpost_testbed::on_both_homes;
use serde_json::json;

use crate::program::Place;

/// What is over may be removed at once.
const NOTHING_IS_KEPT: &str = "[retention]\nverifications_days = 0\nmessages_days = 0\n";

/// A verification that is over, with its message.
async fn canceled(home: &Home) {
    let to = Recipient::parse("+12025550143", None).expect("a number");
    let new = verification::NewVerification {
        tenant_id: DEFAULT_TENANT,
        to,
        purpose: "default".into(),
        subject: None,
        variables: verification::Variables::new(),
        metadata: None,
        client: None,
        code: None,
        idempotency_key: None,
    };
    let accepted = verification::accept(home, new).await.expect("accepted");
    let before = home.clock.now() - 1_000;
    verification::cancel(&home.db, DEFAULT_TENANT, accepted.id, before).await.expect("canceled");
}

on_both_homes! {
    async fn what_is_over_is_counted_then_removed(bed, NOTHING_IS_KEPT) {
        canceled(&bed.home).await;
        let place = Place::in_folder(bed.dir);
        let counts = |n: u32| {
            json!({ "verifications": n, "messages": n, "idempotency_keys": 0, "guess_budgets": 0 })
        };
        for _ in 0..2 {
            let counted = place.run(&["purge", "--dry-run", "--json"]).exits(0).json();
            assert_eq!(counted, json!({ "dry_run": true, "removed": counts(1) }));
        }
        let said = place.run(&["purge", "--dry-run"]).exits(0).stdout;
        assert!(said.contains("1 verifications would be removed"), "{said}");
        let removed = place.run(&["purge", "--json"]).exits(0).json();
        assert_eq!(removed, json!({ "dry_run": false, "removed": counts(1) }));
        let again = place.run(&["purge", "--json"]).exits(0).json();
        assert_eq!(again["removed"], counts(0));
    }

    async fn what_waits_is_counted(bed, "") {
        canceled(&bed.home).await;
        let place = Place::in_folder(bed.dir);
        let to = ["send", "--to", "+12025550143", "--text", "x", "--no-wait", "--json"];
        let queued = place.run(&to).exits(0).json();
        assert_eq!(queued["state"], "queued");
        let status = place.run(&["status", "--json"]).exits(0).json();
        assert_eq!((&status["database"], &status["processes"]), (&json!("ok"), &json!([])));
        let redis = if bed.home.redis.is_some() { "ok" } else { "not used" };
        assert_eq!(status["redis"], redis);
        assert_eq!(status["lanes"], json!([
            { "lane": "otp", "waiting": 0, "ended_in_the_last_minute": 1 },
            { "lane": "bulk", "waiting": 1, "ended_in_the_last_minute": 0 },
        ]));
        let said = place.run(&["status"]).exits(0).stdout;
        assert!(said.contains("none lives") && said.contains("1 waiting"), "{said}");
    }
}
