//! Providers that refuse a country: who is asked for it, who is not, and when they are asked again.

use otpost_shared::{Home, provider_region};
use otpost_testbed::{Bed, Kind};
use uuid::Uuid;

use crate::{
    Worker, accept_for,
    delivery::BOTH,
    ended,
    gateway::{ACCEPTED, Answer, Gateway},
    timeline, until,
};

/// A country that is not served, and a sender that is not registered there.
const NOT_THERE: Answer = Answer::Http("400 Bad Request", r#"{"code":"country"}"#);
const NOT_REGISTERED: Answer = Answer::Http("400 Bad Request", r#"{"code":"sender"}"#);
const BROKEN: Answer = Answer::Http("500 Internal Server Error", r#"{"code":"E7"}"#);
const PAUSE_MS: i64 = 60_000;
/// So many answers make a new provider a trusted one, whose first attempt is written down with the claim.
const TRUSTED_AFTER: u32 = 20;

/// A home whose chain is these gateways, named `a`, `b`, …
async fn bed(kind: Kind, gateways: &[&Gateway]) -> Bed {
    let names = &["a", "b", "c"][..gateways.len()];
    let section = |(name, gateway): (&&str, &&Gateway)| {
        format!(
            "[providers.{name}]\nkind = \"http\"\nurl = {:?}\n\
             body = '{{\"to\":\"{{to}}\",\"text\":\"{{text}}\"}}'\nid_json_pointer = \"/id\"\n\
             error_code_json_pointer = \"/code\"\n\
             errors = {{ country = \"region\", sender = \"sender\" }}\n",
            gateway.url
        )
    };
    let sections: String = names.iter().zip(gateways).map(section).collect();
    let extra = format!(
        "[recipients]\ncountries = [\"*\"]\n[limits]\nrecipient = [\"1000/1s\"]\n\
         [chains]\nsms = {names:?}\n{sections}"
    );
    Bed::make(kind, &extra).await
}

fn german(n: u32) -> String {
    format!("+49176040690{n:02}")
}

fn american(n: u32) -> String {
    format!("+1202555{n:04}")
}

/// Sends a code and says who was asked.
async fn way(home: &Home, to: &str) -> Vec<String> {
    let verification = accept_for(home, to).await.id;
    timeline(home, ended(home, verification).await.id).await
}

/// What operators are told.
async fn told(home: &Home) -> Vec<String> {
    let list = provider_region::list(&home.db, home.clock.now()).await.expect("an answer");
    list.iter().map(|r| format!("{} {}: {}", r.provider, r.in_words(), r.reason)).collect()
}

/// Codes to Germany until `a` has refused it five times in a row.
async fn refuse_five(home: &Home) {
    for n in 0..5 {
        let refused = way(home, &german(n)).await;
        assert!(refused.len() == 2 && refused[1] == "b ok", "{refused:?}");
        assert!(refused[0] == "a region" || refused[0] == "a sender", "{refused:?}");
    }
    until("operators are told", async || !told(home).await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_refusals_it_is_passed_over_for_this_country_alone() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&a, &b]).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        // Until codes begin with their claim, before anybody knows where they go.
        for n in 0..TRUSTED_AFTER {
            assert_eq!(way(home, &american(n)).await, ["a ok"]);
        }
        a.answers(&[NOT_THERE, NOT_REGISTERED]);
        refuse_five(home).await;
        let told_of = told(home).await;
        assert_eq!(told_of.len(), 1);
        assert!(told_of[0].starts_with("a refuses codes to DE: "), "{told_of:?}");
        for n in 5..15 {
            assert_eq!(way(home, &german(n)).await, ["b ok"]);
        }
        a.answers(&[ACCEPTED]);
        for n in 0..5 {
            assert_eq!(way(home, &american(n)).await, ["a ok"], "another country");
        }
        assert_eq!(way(home, &german(15)).await, ["b ok"]);
        assert_eq!(a.bodies().iter().filter(|body| body.contains("+49176")).count(), 5);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_one_message_tries_it() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&a, &b]).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        for n in 0..TRUSTED_AFTER {
            assert_eq!(way(home, &american(n)).await, ["a ok"]);
        }
        a.answers(&[NOT_THERE]);
        refuse_five(home).await;
        let before = a.bodies().len();
        home.clock.advance(PAUSE_MS);
        assert_eq!(told(home).await, [""; 0]);
        // Many at once: one of them asks, and the others go where it worked.
        let codes: Vec<Uuid> = {
            let mut ids = Vec::new();
            for n in 10..20 {
                ids.push(accept_for(home, &german(n)).await.id);
            }
            ids
        };
        for id in &codes {
            assert_eq!(ended(home, *id).await.state, "sent");
        }
        assert_eq!(a.bodies().len(), before + 1, "one asks");
        until("operators are told again", async || !told(home).await.is_empty()).await;
        // What it is asked the next time is taken: it is back, for all.
        a.answers(&[ACCEPTED]);
        assert_eq!(way(home, &german(20)).await, ["b ok"]);
        home.clock.advance(PAUSE_MS);
        for n in 21..25 {
            assert_eq!(way(home, &german(n)).await, ["a ok"]);
        }
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_nobody_else_is_sent_to_all_the_same() {
    for kind in BOTH {
        let (a, b) = (Gateway::start(NOT_THERE).await, Gateway::start(ACCEPTED).await);
        let bed = bed(kind, &[&a, &b]).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        refuse_five(home).await;
        // The other one fails, and so does what it is asked after that, at once and not a round later.
        b.answers(&[NOT_REGISTERED]);
        assert_eq!(way(home, &german(10)).await, ["b sender", "a region"]);
        b.answers(&[BROKEN]);
        a.answers(&[ACCEPTED]);
        assert_eq!(way(home, &german(11)).await, ["b transient", "a ok"]);
        // One message that it takes is enough.
        b.answers(&[ACCEPTED]);
        assert_eq!(way(home, &german(12)).await, ["a ok"]);
        until("operators are told", async || told(home).await.is_empty()).await;
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_only_provider_is_asked_each_time() {
    for kind in BOTH {
        let only = Gateway::start(NOT_THERE).await;
        let bed = bed(kind, &[&only]).await;
        let home = &bed.home;
        let worker = Worker::start(home);
        for n in 0..8 {
            assert_eq!(way(home, &german(n)).await, ["a region"]);
        }
        until("operators are told", async || !told(home).await.is_empty()).await;
        only.answers(&[ACCEPTED]);
        assert_eq!(way(home, &german(8)).await, ["a ok"]);
        until("operators are told", async || told(home).await.is_empty()).await;
        worker.stop().await;
    }
}
