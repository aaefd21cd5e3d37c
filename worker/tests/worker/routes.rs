//! Messages with different routes, side by side: who is asked for which, in whose name, and that no
//! route keeps another waiting.

use otpost_shared::{
    Home, attempt,
    channel::Channel,
    message::{self, Effect, Message, NewMessage, take_report},
    price::Cost,
    provider_state,
    recipient::Recipient,
    report::{Report, Word},
    tenant::{self, DEFAULT_TENANT, Tenant},
    verification::{self, NewVerification},
};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use crate::{
    Worker, accept,
    delivery::BOTH,
    ended,
    gateway::{ACCEPTED, Answer, Gateway},
    reports::{TAKEN, asked_for},
    request, timeline, until,
};

const BROKEN: Answer = Answer::Http("500 Internal Server Error", r#"{"code":"E7"}"#);
const HERE: &str = "+12025550143";
const ABROAD: &str = "+4915112345678";

/// A home with these gateways, named `a`, `b`, …, each with more lines of its section; with a chain
/// that is the first of them, and with these routes.
async fn bed(kind: Kind, gateways: &[(&Gateway, &str)], routes: &str) -> Bed {
    let section = |(name, (gateway, more)): (&str, &(&Gateway, &str))| {
        format!(
            "[providers.{name}]\nkind = \"http\"\nurl = {:?}\nfrom = \"Otpost\"\n\
             body = '{{\"to\":\"{{to}}\",\"from\":\"{{from}}\",\"text\":\"{{text}}\"}}'\n\
             senders = {{ DE = \"Otpost DE\" }}\nid_json_pointer = \"/id\"\n{more}\n",
            gateway.url
        )
    };
    let sections: String = ["a", "b", "c"].into_iter().zip(gateways).map(section).collect();
    let extra = format!(
        "[recipients]\ncountries = [\"*\"]\n[limits]\nrecipient = [\"1000/1s\"]\n\
         [chains]\nsms = [\"a\"]\n{sections}{routes}"
    );
    Bed::make(kind, &extra).await
}

fn number(text: &str) -> Recipient {
    Recipient::parse(text, None).expect("a valid number")
}

/// A code's verification.
async fn code(home: &Home, tenant_id: Uuid, to: &str) -> Uuid {
    let new = NewVerification { tenant_id, ..request(Channel::Sms, number(to)) };
    verification::accept(home, new).await.expect("accepted").id
}

async fn bulk(home: &Home, to: &str) -> Uuid {
    let (to, text) = (number(to), "hello".to_owned());
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to,
        title: None,
        text,
        language: None,
        client: None,
        idempotency_key: None,
    };
    message::accept(home, new).await.expect("accepted").id
}

async fn row(home: &Home, id: Uuid) -> Message {
    message::find(&home.db, id).await.expect("an answer").expect("a row")
}

/// Who was asked for a code that was sent.
async fn way_of(home: &Home, verification: Uuid) -> Vec<String> {
    let row = ended(home, verification).await;
    assert_eq!(row.state, "sent");
    timeline(home, row.id).await
}

fn bodies_with(gateway: &Gateway, part: &str) -> usize {
    gateway.bodies().iter().filter(|body| body.contains(part)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_goes_its_own_way_and_falls_back_within_it() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(BROKEN).await);
        let c = Gateway::start(ACCEPTED).await;
        let routes = "[[routes]]\ncountries = [\"DE\"]\nlanes = [\"otp\"]\nchain = [\"b\", \"c\"]\n\
                      [[routes]]\ntenants = [\"acme\"]\nchain = [\"c\"]\n";
        let bed = bed(kind, &[(&a, ""), (&b, ""), (&c, "")], routes).await;
        let home = &bed.home;
        let acme = Uuid::now_v7();
        let (name, created_at) = ("acme".to_owned(), home.clock.now());
        let tenant = Tenant::new(acme, name, created_at);
        tenant::insert_if_missing(&home.db, &tenant).await.expect("stored");
        let worker = Worker::start(home);
        let here = code(home, DEFAULT_TENANT, HERE).await;
        let abroad = code(home, DEFAULT_TENANT, ABROAD).await;
        let theirs = code(home, acme, HERE).await;
        let text = bulk(home, ABROAD).await;
        assert_eq!(way_of(home, here).await, ["a ok"]);
        assert_eq!(way_of(home, abroad).await, ["b transient", "c ok"]);
        assert_eq!(way_of(home, theirs).await, ["c ok"]);
        until("the text is sent", async || row(home, text).await.state == "sent").await;
        assert_eq!(timeline(home, text).await, ["a ok"], "the route is for codes");
        // The country's sender is that of whoever sends, and nobody else has one.
        for (gateway, from_de, from_own) in [(&a, 1, 1), (&b, 1, 0), (&c, 1, 1)] {
            assert_eq!(bodies_with(gateway, "\"from\":\"Otpost DE\""), from_de);
            assert_eq!(bodies_with(gateway, "\"from\":\"Otpost\""), from_own);
            assert_eq!(bodies_with(gateway, ABROAD), from_de);
        }
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_down_waits_and_keeps_nobody_waiting() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let routes = "[[routes]]\ncountries = [\"DE\"]\nchain = [\"b\"]\n";
        let bed = bed(kind, &[(&a, ""), (&b, "")], routes).await;
        let home = &bed.home;
        // Half a minute from now, so that no slow machine reaches the first probe.
        let at = home.clock.now() + 30_000;
        assert_eq!(provider_state::mark_open(&home.db, "b", at, "it failed").await, Ok(true));
        let abroad = code(home, DEFAULT_TENANT, ABROAD).await;
        let messages = message::list_by_verification(&home.db, abroad).await.expect("an answer");
        let blocked = [messages[0].id, bulk(home, ABROAD).await];
        let worker = Worker::start(home);
        for n in 0..20 {
            let here = accept(home, n).await;
            assert_eq!(way_of(home, here.id).await, ["a ok"]);
        }
        let text = bulk(home, HERE).await;
        until("the text is sent", async || row(home, text).await.state == "sent").await;
        for id in blocked {
            until("it waits", async || row(home, id).await.failure.is_some()).await;
            let waiting = row(home, id).await;
            assert_eq!(waiting.state, "queued");
            assert!(waiting.not_before >= at + 5_000, "not before the probe");
            let why = "held up, no provider that may take it being in use: b";
            assert_eq!(waiting.failure.as_deref(), Some(why));
            assert_eq!(waiting.epoch, 1, "claimed once, and then left where it is");
        }
        assert!(b.bodies().is_empty());
        // One of them is the probe; the next one, two seconds later, the other.
        home.clock.advance(50_000);
        let [code, text] = blocked;
        let states = async || [row(home, code).await.state, row(home, text).await.state];
        until("one is sent", async || states().await.iter().any(|state| state == "sent")).await;
        until("none is on its way", async || states().await.iter().all(|s| s != "sending")).await;
        home.clock.advance(7_000);
        until("both are sent", async || states().await.iter().all(|s| s == "sent")).await;
        for id in blocked {
            assert_eq!(timeline(home, id).await, ["b ok"]);
        }
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_up_only_those_whose_route_it_is() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let routes = "[[routes]]\ncountries = [\"DE\"]\nchain = [\"b\"]\n";
        let bed = bed(kind, &[(&a, ""), (&b, "rate = \"1/m\"")], routes).await;
        let home = &bed.home;
        let mut abroad = Vec::new();
        for _ in 0..10 {
            abroad.push(bulk(home, ABROAD).await);
        }
        // They stand behind the others in the lane.
        for _ in 0..10 {
            bulk(home, HERE).await;
        }
        let worker = Worker::start(home);
        until("what goes another way is sent", async || a.bodies().len() == 10).await;
        until("one has the token there is", async || b.bodies().len() == 1).await;
        for id in abroad {
            until("it is sent or waits", async || {
                let row = row(home, id).await;
                row.state == "sent" || (row.state == "queued" && row.failure.is_some())
            })
            .await;
            let waiting = row(home, id).await;
            if waiting.state == "queued" {
                let why = "held up by the rate of b, 1/m";
                assert_eq!(waiting.failure.as_deref(), Some(why));
                assert_eq!(waiting.epoch, 1, "claimed once, and then left where it is");
            }
        }
        worker.stop().await;
        assert_eq!(b.bodies().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_route_has_its_tokens_however_many_of_another_stand_before() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let routes = "[[routes]]\ncountries = [\"DE\"]\nchain = [\"b\"]\n";
        // For what goes by `a` alone three would be claimed at a time, one of each lot in vain.
        let rate = |rate| format!("rate = {rate:?}\nburst = 1");
        let bed = bed(kind, &[(&a, &rate("1/s")), (&b, &rate("1/m"))], routes).await;
        let home = &bed.home;
        let mut abroad = Vec::new();
        for _ in 0..600 {
            abroad.push(bulk(home, ABROAD).await);
        }
        let here = bulk(home, HERE).await;
        let worker = Worker::start(home);
        until("what goes another way is sent", async || row(home, here).await.state == "sent")
            .await;
        assert_eq!(a.bodies().len(), 1);
        worker.stop().await;
        let mut sent = 0;
        for id in abroad {
            let row = row(home, id).await;
            sent += usize::from(row.state == "sent");
            // Not again and again: each was looked at once, and lost no attempt by it.
            assert!(row.epoch <= 1 && row.crashes == 0, "{row:?}");
        }
        assert_eq!((sent, b.bodies().len()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_leaves_a_code_where_it_is_when_its_route_has_nobody_else() {
    for kind in BOTH {
        let (only, other) = (Gateway::start(TAKEN).await, Gateway::start(ACCEPTED).await);
        let extra = format!(
            "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
             [chains]\nsms = [\"b\"]\n[[routes]]\ncountries = [\"US\"]\nchain = [\"a\"]\n\
             [providers.a]\nkind = \"vonage\"\napi_key = \"k\"\napi_secret = \"s\"\n\
             from = \"Otpost\"\nbase_url = {:?}\n{}",
            only.url,
            other.section("b")
        );
        let bed = Bed::make(kind, &extra).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        let mut last = Uuid::nil();
        for n in 0..6 {
            let accepted = accept(home, n).await;
            last = ended(home, accepted.id).await.id;
            if n < 5 {
                let of = asked_for(&only);
                let (word, cost) = (Word::Delivered, Cost::default());
                let report = Report { of, word, class: None, code: None, cost };
                assert_eq!(take_report(home, "a", report).await, Ok(Effect::Delivered));
            }
        }
        home.clock.advance(6_000);
        let now = home.clock.now();
        assert_eq!(message::send_on(home, "a", 5_000, now).await, Ok(1));
        until("it was looked at again", async || {
            let row = row(home, last).await;
            row.epoch > 1 && row.finished_at.is_some()
        })
        .await;
        assert_eq!(row(home, last).await.state, "sent");
        let attempts = attempt::list_by_message(&home.db, last).await.expect("an answer");
        let told: Vec<_> = attempts.iter().map(|a| a.report.as_deref()).collect();
        assert_eq!(told, [Some("silent")]);
        assert!(other.bodies().is_empty());
        worker.stop().await;
    }
}
