//! Who is not to be sent to is found and shown whatever the keys are.

use std::sync::Arc;

use otpost_shared::{
    message::Next,
    outcome::ErrorClass,
    queue::Lane,
    secrets::Keyring,
    suppression::{self, NewSuppression, Reason, Scope},
    tenant::DEFAULT_TENANT,
    verification,
};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

use super::{
    accept,
    leases::{begin, claim, only_message, record},
    number,
};

on_both_homes! {
    async fn a_code_that_stops_between_two_providers_says_why(bed, "") {
        let home = &bed.home;
        for (n, is_suppressed) in [(1, true), (2, false)] {
            let accepted = accept(home, n).await;
            let id = only_message(home, accepted.id).await.id;
            let row = claim(home, id).await.expect("a claim");
            begin(home, &row, 1).await.expect("a lease");
            if is_suppressed {
                let new = NewSuppression {
                    tenant_id: None,
                    to: number(n),
                    scope: Scope::All,
                    reason: Reason::Manual,
                    provider: None,
                };
                suppression::add(home, new).await.expect("added");
            } else {
                let now = home.clock.now();
                let canceled = verification::cancel(&home.db, DEFAULT_TENANT, accepted.id, now);
                canceled.await.expect("an answer");
            }
            let suppression_hash = suppression::hash(&home.keys, &number(n));
            let next = Next::Try { number: 2, provider: "b".into(), suppression_hash };
            record(home, &row, 1, ErrorClass::Transient, next).await;
            let row = only_message(home, accepted.id).await;
            let why = "the recipient is not to be sent to; no further provider was asked";
            let said = (row.state.as_str(), row.failure_class.as_deref(), row.failure.as_deref());
            let words = if is_suppressed { (Some("opted_out"), Some(why)) } else { (None, None) };
            assert_eq!(said, ("canceled", words.0, words.1));
        }
    }

    async fn they_outlive_every_key(bed, "") {
        let mut home = bed.home.clone();
        let entry = Keyring::generate_entry;
        let (k1, k2, h1, h2) = (entry("k1"), entry("k2"), entry("h1"), entry("h2"));
        let ring = |keys: &[&String], hash_keys: &[&String]| {
            let owned = |list: &[&String]| list.iter().map(|text| (*text).clone()).collect::<Vec<_>>();
            Arc::new(Keyring::parse(&owned(keys), &owned(hash_keys)).expect("keys"))
        };
        home.keys = ring(&[&k1], &[&h1]);
        let numbers = ["+12025550101", "+12025550102"];
        let to = numbers.map(|text| home.parse_recipient(text, None).expect("a number"));
        let new = |to, tenant_id| NewSuppression {
            tenant_id,
            to,
            scope: Scope::Bulk,
            reason: Reason::Stop,
            provider: None,
        };
        for to in to.clone() {
            suppression::add(&home, new(to, None)).await.expect("added");
        }
        let kept_back = async |home: &otpost_shared::Home| {
            let mut all = Vec::new();
            for to in &to {
                let kept = suppression::keeps_back(home, DEFAULT_TENANT, to, Lane::Bulk).await;
                all.push(kept.expect("an answer"));
            }
            all
        };
        // Beside the old ones the new keys change nothing that is looked for.
        home.keys = ring(&[&k2, &k1], &[&h2, &h1]);
        assert_eq!(kept_back(&home).await, [true, true]);
        home.keys = ring(&[&k2, &k1], &[&h2]);
        // One of them says it again before the rows are rewritten.
        suppression::add(&home, new(to[0].clone(), None)).await.expect("added");
        assert_eq!(suppression::rewrite(&home).await, Ok(2));
        assert_eq!(kept_back(&home).await, [true, true]);
        assert_eq!(suppression::rewrite(&home).await, Ok(0));
        home.keys = ring(&[&k2], &[&h2]);
        let page = suppression::list(&home.db, DEFAULT_TENANT, None, Uuid::nil(), 9).await;
        let rows = page.expect("an answer").rows;
        let shown: Vec<_> =
            rows.iter().map(|row| row.recipient(&home.keys).expect("a key")).collect();
        assert_eq!(shown.len(), 2);
        assert!(to.iter().all(|to| shown.contains(to)));
    }
}
