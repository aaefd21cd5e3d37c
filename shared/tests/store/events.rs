//! Events: told with what they are about or not at all, only for those who listen, and read in order.

use std::collections::HashSet;

use otpost_shared::{
    Home,
    db::Db,
    event::{self, Event, Filter},
    message::{self, End, Next, State},
    outcome::ErrorClass,
    tenant::{self, DEFAULT_TENANT, Tenant},
    verification::{self, CheckAnswer},
    webhook::{self, Description, NewWebhook, Target},
};
use otpost_testbed::on_both_homes;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{
    accept, check, code_of,
    leases::{begin, bulk, claim, only_message, record},
    number, other_than, request,
};

pub(super) const LOG: &str = "[events]\nlog = true";

/// Everything in the log, after what was told has got its place.
pub(super) async fn log(home: &Home, tenant_id: Uuid) -> Vec<Event> {
    while webhook::spread(&home.db, home.clock.now()).await.expect("an answer") > 0 {}
    let page = event::list(&home.db, tenant_id, 0, &Filter::default(), 1_000).await;
    page.expect("an answer").events
}

/// The types of what was told of a verification and its messages, in order.
async fn told_of(home: &Home, verification: Uuid) -> Vec<String> {
    let events = log(home, DEFAULT_TENANT).await.into_iter();
    let of = events.filter(|event| event.verification_id == Some(verification));
    of.map(|event| event.kind).collect()
}

async fn execute(db: &Db, sql: &'static str) {
    let sql = AssertSqlSafe(sql);
    let done = match db {
        Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await.map(drop),
        Db::Postgres(pool, _) => sqlx::query(sql).execute(pool).await.map(drop),
    };
    done.expect("done");
}

/// Events that have no place yet, as if so many messages had been sent.
pub(super) async fn tell_many(home: &Home, count: i64) {
    let now = home.clock.now();
    let done = match &home.db {
        Db::Sqlite { write, .. } => sqlx::query(
            "INSERT INTO events (id, tenant_id, kind, at)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
             SELECT randomblob(16), $2, 'message.sent', $3 FROM n",
        )
        .bind(count)
        .bind(DEFAULT_TENANT)
        .bind(now)
        .execute(write)
        .await
        .map(drop),
        Db::Postgres(pool, _) => sqlx::query(
            "INSERT INTO events (id, tenant_id, kind, at)
             SELECT gen_random_uuid(), $2, 'message.sent', $3 FROM generate_series(1::bigint, $1)",
        )
        .bind(count)
        .bind(DEFAULT_TENANT)
        .bind(now)
        .execute(pool)
        .await
        .map(drop),
    };
    done.expect("done");
}

fn failed() -> Next {
    let failure = "no such number (a)".to_owned();
    Next::End(End { state: State::Failed, class: ErrorClass::Recipient, failure })
}

pub(super) fn endpoint(home: &Home, types: &[&str]) -> NewWebhook {
    let rules = home.config.webhooks;
    NewWebhook {
        target: Target::parse("https://example.org/hook", rules).expect("public"),
        description: Description::default(),
        filter: Filter::parse(types.iter().copied()).expect("types"),
    }
}

/// From here on what this tenant does is told.
pub(super) async fn listen(home: &Home, tenant_id: Uuid, types: &[&str]) -> webhook::Webhook {
    let new = endpoint(home, types);
    let (row, _) = webhook::create(home, tenant_id, &new).await.expect("made");
    home.settings.now(&home.db, home.clock.now()).await.expect("an answer");
    row
}

pub(super) async fn second_tenant(home: &Home) -> Uuid {
    let id = Uuid::now_v7();
    let created_at = home.clock.now();
    let tenant = Tenant::new(id, id.to_string(), created_at);
    tenant::insert_if_missing(&home.db, &tenant).await.expect("stored");
    id
}

on_both_homes! {
    async fn every_way_to_end_is_told_once(bed, LOG) {
        let home = &bed.home;
        // Verified before it was sent, and asked again.
        let verified = accept(home, 1).await;
        let code = code_of(home, verified.id).await;
        assert!(matches!(check(home, &verified, code.clone()).await, CheckAnswer::Verified { .. }));
        check(home, &verified, code).await;
        let canceled_too = ["verification.created", "verification.verified", "message.canceled"];
        assert_eq!(told_of(home, verified.id).await.into_iter().collect::<HashSet<_>>(),
            canceled_too.map(str::to_owned).into_iter().collect());
        assert_eq!(told_of(home, verified.id).await.len(), 3);

        let locked = accept(home, 2).await;
        let wrong = other_than(&code_of(home, locked.id).await);
        for _ in 0..6 {
            check(home, &locked, wrong.clone()).await;
        }
        let told = told_of(home, locked.id).await;
        assert_eq!(told.iter().filter(|kind| *kind == "verification.locked").count(), 1, "{told:?}");
        assert_eq!(told.len(), 3, "{told:?}");

        let canceled = accept(home, 3).await;
        for _ in 0..2 {
            verification::cancel(&home.db, DEFAULT_TENANT, canceled.id, home.clock.now()).await.expect("an answer");
        }
        let told = told_of(home, canceled.id).await;
        assert!(told.contains(&"verification.canceled".to_owned()) && told.len() == 3, "{told:?}");

        let sent = accept(home, 4).await;
        let row = claim(home, only_message(home, sent.id).await.id).await.expect("a claim");
        begin(home, &row, 1).await.expect("a lease");
        for _ in 0..2 {
            record(home, &row, 1, ErrorClass::Ok, Next::Sent).await;
        }
        assert_eq!(told_of(home, sent.id).await, ["verification.created", "message.sent"]);

        let refused = accept(home, 5).await;
        let row = claim(home, only_message(home, refused.id).await.id).await.expect("a claim");
        begin(home, &row, 1).await.expect("a lease");
        record(home, &row, 1, ErrorClass::Recipient, failed()).await;
        let told = told_of(home, refused.id).await;
        assert!(told.contains(&"message.failed".to_owned()), "{told:?}");
        assert!(told.contains(&"verification.failed".to_owned()) && told.len() == 3, "{told:?}");

        let expired = accept(home, 6).await;
        home.clock.advance(3_600_000);
        let now = home.clock.now();
        for _ in 0..2 {
            message::mark_overdue(&home.db, now, 100, None).await.expect("an answer");
            verification::mark_expired(&home.db, now, 100).await.expect("an answer");
        }
        assert_eq!(told_of(home, expired.id).await,
            ["verification.created", "message.expired", "verification.expired"]);
        let told = told_of(home, sent.id).await;
        assert_eq!(told, ["verification.created", "message.sent", "verification.expired"]);
    }

    async fn only_those_who_listen_are_told(bed, "") {
        let home = &bed.home;
        let other = second_tenant(home).await;
        accept(home, 1).await;
        assert!(log(home, DEFAULT_TENANT).await.is_empty(), "nobody listens");
        listen(home, other, &[]).await;
        let of_others = accept(home, 2).await;
        check(home, &of_others, code_of(home, of_others.id).await).await;
        bulk(home, 2).await;
        let mut new = request(number(3));
        new.tenant_id = other;
        let own = verification::accept(home, new).await.expect("accepted");
        assert!(log(home, DEFAULT_TENANT).await.is_empty());
        let told = log(home, other).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].kind.as_str(), told[0].verification_id), ("verification.created", Some(own.id)));
        let said = event::say(home, &told).await.expect("an answer");
        let masked = number(3).masked();
        assert_eq!((said[0].to.as_deref(), said[0].status.as_deref()), (Some(masked.as_str()), Some("pending")));
        assert!(!masked.contains("0003"), "{masked}");
    }

    async fn what_cannot_be_told_is_not_done(bed, LOG) {
        let home = &bed.home;
        let (kept, code) = {
            let kept = accept(home, 1).await;
            let code = code_of(home, kept.id).await;
            (kept, code)
        };
        execute(&home.db, "ALTER TABLE events RENAME TO away").await;
        verification::accept(home, request(number(2))).await.expect_err("there is nowhere to tell it");
        verification::check(home, super::check_request(&kept, code.clone())).await.expect_err("nor this");
        let cancel = verification::cancel(&home.db, DEFAULT_TENANT, kept.id, home.clock.now()).await;
        cancel.expect_err("nor this");
        execute(&home.db, "ALTER TABLE away RENAME TO events").await;
        let row = verification::find(&home.db, kept.id).await.expect("an answer").expect("a row");
        assert_eq!((row.status(home.clock.now()).as_str(), row.guesses), ("pending", 0));
        assert!(matches!(check(home, &kept, code).await, CheckAnswer::Verified { .. }));
        let told = told_of(home, kept.id).await;
        assert_eq!(told.iter().filter(|kind| *kind == "verification.verified").count(), 1, "{told:?}");
        assert_eq!(log(home, DEFAULT_TENANT).await.len(), told.len(), "of nothing else");
    }

    async fn the_log_is_read_page_by_page(bed, LOG) {
        let home = &bed.home;
        for n in 0..7 {
            let accepted = accept(home, n).await;
            if n % 2 == 0 {
                check(home, &accepted, code_of(home, accepted.id).await).await;
            }
        }
        let all: Vec<i64> = log(home, DEFAULT_TENANT).await.iter().filter_map(|event| event.seq).collect();
        assert_eq!(all.len(), 7 + 4 * 2);
        assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = event::list(&home.db, DEFAULT_TENANT, after, &Filter::default(), 4).await;
            let page = page.expect("an answer");
            after = page.next;
            seen.extend(page.events.iter().filter_map(|event| event.seq));
            if !page.has_more {
                break;
            }
        }
        assert_eq!(seen, all);
        let end = event::list(&home.db, DEFAULT_TENANT, after, &Filter::default(), 4).await;
        let end = end.expect("an answer");
        assert_eq!((end.events.len(), end.next, end.has_more), (0, after, false));
        let verified = Filter::parse(["verification.verified"]).expect("a type");
        let page = event::list(&home.db, DEFAULT_TENANT, 0, &verified, 3).await.expect("an answer");
        assert_eq!((page.events.len(), page.has_more), (3, true));
        let rest = event::list(&home.db, DEFAULT_TENANT, page.next, &verified, 3).await.expect("an answer");
        assert_eq!((rest.events.len(), rest.has_more), (1, false));
        assert!(event::list(&home.db, Uuid::now_v7(), 0, &Filter::default(), 9).await.expect("an answer").events.is_empty());
    }

    async fn many_at_once_get_places_of_their_own(bed, LOG) {
        let home = &bed.home;
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let home = home.clone();
                tokio::spawn(async move {
                    for k in 0..10 {
                        accept(&home, n * 10 + k).await;
                        // One of several may have to wait too long for its turn, and looks again.
                        let _ = webhook::spread(&home.db, home.clock.now()).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let places: Vec<i64> = log(home, DEFAULT_TENANT).await.iter().filter_map(|event| event.seq).collect();
        assert_eq!(places, (1..=80).collect::<Vec<i64>>());
    }
}
