//! The same call many times at once: it takes effect as often as it may, and no more.

use std::{collections::BTreeMap, sync::Arc};

use otpost_testbed::on_both_homes;
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    check::other_than,
    service::{CHECK, CONSUME, Created, Service, VERIFICATIONS},
};

/// Sends all bodies at the same moment; how many answers had which code, `ok` for a success.
async fn at_once(
    service: &Arc<Service>,
    path: &str,
    bodies: Vec<Value>,
) -> BTreeMap<String, usize> {
    let barrier = Arc::new(Barrier::new(bodies.len()));
    let mut calls = JoinSet::new();
    for body in bodies {
        let (service, barrier) = (Arc::clone(service), Arc::clone(&barrier));
        let path = path.to_owned();
        calls.spawn(async move {
            barrier.wait().await;
            let answer = service.post(&path, &body).await;
            if answer.status < 300 { "ok".to_owned() } else { answer.str("code").to_owned() }
        });
    }
    let mut counts = BTreeMap::new();
    for code in calls.join_all().await {
        *counts.entry(code).or_default() += 1;
    }
    counts
}

on_both_homes! {
    async fn guesses_never_take_effect_more_than_five_times(bed, "") {
        let service = Arc::new(Service::start(&bed).await);
        for round in 0..3 {
            let Created { id, token, code } = service.create(round).await;
            let guess = |n| if n == 20 { code.clone() } else { other_than(&code) };
            let body = |n| json!({ "session_token": token, "code": guess(n) });
            let counts = at_once(&service, CHECK, (0..40).map(body).collect()).await;
            let count = |code: &str| counts.get(code).copied().unwrap_or(0);
            let effects = count("ok") + count("code_incorrect");
            assert!(effects <= 5 && count("ok") <= 1, "{counts:?}");
            let over = ["verification_locked", "already_verified", "unavailable"].map(count);
            assert_eq!(effects + over.iter().sum::<usize>(), 40, "{counts:?}");
            let shown = service.show(id).await.is(200);
            assert!(["verified", "locked"].contains(&shown.str("status")), "{}", shown.text);
        }
    }

    async fn the_right_code_counts_once_at_once(bed, "") {
        let service = Arc::new(Service::start(&bed).await);
        let Created { token, code, .. } = service.create(1).await;
        let body = json!({ "session_token": token, "code": code });
        let counts = at_once(&service, CHECK, vec![body; 20]).await;
        assert_eq!((counts["ok"], counts["already_verified"]), (1, 19), "{counts:?}");
    }

    async fn a_resend_goes_out_once(bed, "") {
        let service = Arc::new(Service::start(&bed).await);
        let created = service.create(1).await;
        service.home.clock.advance(30_001);
        let path = format!("{VERIFICATIONS}/{}/resend", created.id);
        let counts = at_once(&service, &path, vec![json!({}); 20]).await;
        assert_eq!(counts["ok"], 1, "{counts:?}");
        let shown = service.show(created.id).await;
        assert_eq!(shown.json["messages"].as_array().expect("a list").len(), 2);
    }

    async fn a_receipt_counts_once_at_once(bed, "") {
        let service = Arc::new(Service::start(&bed).await);
        let Created { token, code, .. } = service.create(1).await;
        let receipt = service.check(&token, &code).await.is(200).str("receipt").to_owned();
        let body = json!({ "receipt": receipt, "purpose": "default" });
        let counts = at_once(&service, CONSUME, vec![body; 40]).await;
        assert_eq!((counts["ok"], counts["receipt_already_consumed"]), (1, 39), "{counts:?}");
    }
}
