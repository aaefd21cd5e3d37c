//! `otpost purge` and `otpost status`: what is kept, what waits, what is removed.

use std::time::Duration;

use otpost_shared::{
    Home, recipient::Recipient, tenant::DEFAULT_TENANT, texts::Asked, verification,
};
use otpost_testbed::on_both_homes;
use serde_json::json;

use crate::program::Place;

const KEPT_A_DAY: &str = "[retention]\nverifications_days = 1\nmessages_days = 1\n";

/// A verification that was over so long ago, with its message.
async fn canceled(home: &Home, ago: Duration) {
    let to = Recipient::parse(&format!("+1202555{:04}", ago.as_secs() % 10_000), None);
    let to = to.expect("a number");
    let new = verification::NewVerification {
        tenant_id: DEFAULT_TENANT,
        channel: to.channel(),
        to,
        purpose: "default".into(),
        subject: None,
        variables: verification::Variables::new(),
        metadata: None,
        locale: Asked::default(),
        client: None,
        code: None,
        then: None,
        decoy: false,
        idempotency_key: None,
    };
    let accepted = verification::accept(home, new).await.expect("accepted");
    let before = home.clock.now() - i64::try_from(ago.as_millis()).expect("milliseconds");
    verification::cancel(&home.db, DEFAULT_TENANT, accepted.id, before).await.expect("canceled");
}

on_both_homes! {
    async fn what_is_over_is_counted_then_removed(bed, KEPT_A_DAY) {
        canceled(&bed.home, Duration::from_hours(25)).await;
        canceled(&bed.home, Duration::from_secs(1)).await;
        let place = Place::in_folder(bed.dir);
        let counts = |n: u32| {
            json!({
                "verifications": n, "messages": n, "batches": 0, "idempotency_keys": 0,
                "guess_budgets": 0, "provider_ids": 0, "replies": 0, "last_words": 0,
                "heard_starts": 0, "starts": 0, "inboxes": 0, "events": 0, "deliveries": 0,
            })
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
        canceled(&bed.home, Duration::from_secs(1)).await;
        let place = Place::in_folder(bed.dir);
        let to = ["send", "--to", "+12025550143", "--text", "x", "--no-wait", "--json"];
        let queued = place.run(&to).exits(0);
        assert_eq!(queued.json()["state"], "queued");
        assert!(queued.stderr.contains("until a worker runs"), "{queued:?}");
        let status = place.run(&["status", "--json"]).exits(0).json();
        assert_eq!((&status["database"], &status["processes"]), (&json!("ok"), &json!([])));
        let redis = if bed.home.redis.is_some() { "ok" } else { "not used" };
        assert_eq!(status["redis"], redis);
        assert_eq!(status["lanes"], json!([
            { "lane": "otp", "waiting": 0, "ended_in_the_last_minute": 1,
              "sent_in_the_last_minute": 0, "failed_in_the_last_minute": 0 },
            { "lane": "bulk", "waiting": 1, "ended_in_the_last_minute": 0,
              "sent_in_the_last_minute": 0, "failed_in_the_last_minute": 0 },
        ]));
        let said = place.run(&["status"]).exits(0).stdout;
        assert!(said.contains("none lives") && said.contains("1 waiting"), "{said}");
    }
}
