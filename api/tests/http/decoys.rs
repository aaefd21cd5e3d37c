//! A decoy beside a real one: every call is answered alike, by the same work.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use otpost_testbed::{Bed, Kind, on_both_homes};
use serde_json::{Map, Value, json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

use crate::{
    answer::Answer,
    check::other_than,
    page::{self, Page},
    receipts::TEST_NUMBER,
    service::{CHECK, Call, Service, VERIFICATIONS, number},
};

/// What is said in words, and not only in a form.
const WORDS: [&str; 8] =
    ["status", "code", "type", "title", "field", "limit", "channel", "guesses_left"];

/// The form of a body: its members, of texts how long they are.
fn form(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let of = |(name, value): (&String, &Value)| {
                let is_word = WORDS.contains(&name.as_str());
                (name.clone(), if is_word { value.clone() } else { form(value) })
            };
            Value::Object(members.iter().map(of).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(form).collect(),
        Value::String(text) => json!(format!("{} characters", text.len())),
        other => other.clone(),
    }
}

/// All that somebody sees who does not know what was asked for.
fn seen(answer: &Answer) -> (u16, BTreeMap<String, String>, Value) {
    let header = |name: &str| match name {
        "date" | "retry-after" => String::new(),
        name => answer.header(name).to_owned(),
    };
    let names = answer.headers.keys().map(|name| name.as_str().to_owned());
    (answer.status, names.map(|name| (name.clone(), header(&name))).collect(), form(&answer.json))
}

/// A real one and a decoy, by what their creation answered.
struct Pair<'a> {
    service: &'a Service,
    created: [Answer; 2],
    /// A wrong code, and the one that would be right.
    codes: [String; 2],
}

/// Two answers of one form; gives the first.
#[track_caller]
fn alike(real: Answer, decoy: &Answer) -> Answer {
    assert_eq!(seen(&real), seen(decoy));
    real
}

impl<'a> Pair<'a> {
    /// Of the numbers `n` and `n + 1`.
    async fn create(service: &'a Service, n: u32, more: &Value) -> Self {
        let mut created = Vec::new();
        for (n, decoy) in [(n, false), (n + 1, true)] {
            let mut body = json!({ "to": number(n), "decoy": decoy });
            body.as_object_mut()
                .expect("members")
                .extend(more.as_object().expect("members").clone());
            created.push(service.post(VERIFICATIONS, &body).await.is(202));
        }
        assert_eq!(seen(&created[0]), seen(&created[1]));
        let mut codes = Vec::new();
        for answer in &created {
            codes.push(service.code_of(answer.str("id").parse().expect("an id")).await);
        }
        codes[0] = other_than(&codes[0]);
        let (created, codes) = (created.try_into().expect("two"), codes.try_into().expect("two"));
        Self { service, created, codes }
    }

    /// Makes the same call of both.
    async fn call(
        &self,
        path: &str,
        body: impl Fn(&Answer, &str) -> Value,
        by: fn(Call) -> Call,
    ) -> Answer {
        let mut answers = Vec::new();
        for (created, code) in self.created.iter().zip(&self.codes) {
            let path = path.replace("{id}", created.str("id"));
            answers.push(by(self.service.post(&path, &body(created, code))).await);
        }
        let decoys = answers.pop().expect("two");
        alike(answers.pop().expect("two"), &decoys)
    }

    async fn check(&self) -> Answer {
        let body = |created: &Answer, code: &str| json!({ "session_token": created.str("session_token"), "code": code });
        self.call(CHECK, body, |call| call).await
    }

    async fn resend(&self) -> Answer {
        self.call(&format!("{VERIFICATIONS}/{{id}}/resend"), |_, _| json!({}), |call| call).await
    }

    /// As a browser does it.
    async fn with_token(&self, verb: &str) -> Answer {
        let body =
            |created: &Answer, _: &str| json!({ "session_token": created.str("session_token") });
        self.call(&format!("{VERIFICATIONS}/{{id}}/{verb}"), body, Call::by_nobody).await
    }
}

on_both_homes! {
    async fn every_call_is_answered_alike(bed, "") {
        let service = Service::start(&bed).await;
        let create = async |n: u32, decoy: bool, key: Option<&str>| {
            let call = service.post(VERIFICATIONS, &json!({ "to": number(n), "decoy": decoy }));
            match key {
                Some(key) => call.once(key).await,
                None => call.await,
            }
        };
        let (real, decoy) = (create(1, false, Some("a")).await, create(2, true, Some("b")).await);
        for (first, again) in
            [(&real, create(1, false, Some("a")).await), (&decoy, create(2, true, Some("b")).await)]
        {
            assert_eq!((first.status, &first.text), (again.status, &again.text));
        }
        // Both ways: the same key for a real one is another request.
        create(2, false, Some("b")).await.refused(422, "idempotency_key_reused");
        alike(real, &decoy).is(202);
        alike(create(1, false, None).await, &create(2, true, None).await).refused(429, "rate_limited");
        // What it is does not matter to the limit.
        alike(create(1, true, None).await, &create(2, false, None).await).refused(429, "rate_limited");

        let pair = Pair::create(&service, 3, &json!({})).await;
        pair.resend().await.refused(429, "resend_too_early");
        pair.with_token("resend").await.refused(429, "resend_too_early");
        service.home.clock.advance(30_001);
        pair.with_token("resend").await.is(202);
        service.home.clock.advance(30_001);
        pair.resend().await.is(202);
        for left in (0..5).rev() {
            let answer = pair.check().await.refused(422, "code_incorrect");
            assert_eq!(answer.json["guesses_left"], left);
        }
        pair.check().await.refused(423, "verification_locked");
        pair.resend().await.refused(423, "verification_locked");
        pair.with_token("cancel").await.refused(423, "verification_locked");

        let canceled = Pair::create(&service, 5, &json!({ "subject": "user-1" })).await;
        canceled.check().await.refused(404, "verification_not_found");
        canceled.with_token("cancel").await.is(200);
        canceled.with_token("cancel").await.is(200);
        canceled.resend().await.refused(410, "verification_canceled");

        let expired = Pair::create(&service, 7, &json!({ "purpose": "password_reset" })).await;
        service.home.clock.advance(300_001);
        expired.check().await.refused(410, "verification_expired");
        expired.with_token("resend").await.refused(410, "verification_expired");
        expired.with_token("cancel").await.refused(410, "verification_expired");
    }

    async fn no_code_is_right(bed, TEST_NUMBER) {
        let service = Service::start(&bed).await;
        let own = service
            .post(VERIFICATIONS, &json!({ "to": number(1), "code": "135790", "decoy": true }))
            .await;
        let test = service.post(VERIFICATIONS, &json!({ "to": "+15550001111", "decoy": true })).await;
        for (created, code) in [(own, "135790"), (test, "424242")] {
            let answer = service.check(created.str("session_token"), code).await;
            answer.refused(422, "code_incorrect");
        }
        let many = json!({
            "to": number(2), "decoy": true,
            "then": [{ "channel": "sms", "after_secs": 30 }],
        });
        let created = service.create_with(&many).await;
        service.check(&created.token, &created.code).await.refused(422, "code_incorrect");
        let shown = service.show(created.id).await.is(200);
        assert_eq!((&shown.json["decoy"], shown.str("status")), (&json!(true), "pending"));
        for message in shown.json["messages"].as_array().expect("a list") {
            assert_eq!((&message["state"], &message["attempts"]), (&json!("canceled"), &json!([])));
        }
        assert_eq!(service.stored().await.codes, 0, "nothing waits");
        let real = service.create(3).await;
        assert_eq!(service.show(real.id).await.json["decoy"], false);
    }

    async fn it_is_limited_as_a_real_one(
        bed, "[limits]\nguesses_per_recipient_and_day = 2\nsends_per_tenant_and_day = 5\n"
    ) {
        let service = Service::start(&bed).await;
        let pair = Pair::create(&service, 1, &json!({})).await;
        for _ in 0..2 {
            pair.check().await.refused(422, "code_incorrect");
        }
        pair.check().await.refused(429, "guess_budget_spent");
        for n in [3, 4] {
            let body = json!({ "to": number(n), "scope": "all" });
            service.post("/v1/suppressions", &body).await.is(201);
        }
        service.home.clock.advance(1_000);
        let create = async |n: u32, decoy: bool| {
            service.post(VERIFICATIONS, &json!({ "to": number(n), "decoy": decoy })).await
        };
        alike(create(3, false).await, &create(4, true).await).refused(403, "recipient_suppressed");
        Pair::create(&service, 5, &json!({})).await;
        create(7, true).await.is(202);
        alike(create(8, false).await, &create(9, true).await).refused(429, "daily_cap_reached");
    }
}

/// The statements of whoever subscribes, as the database's driver tells them.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut said = Said::default();
            event.record(&mut said);
            self.0.lock().expect("no panic").push(said.0);
        }
    }
}

impl Statements {
    /// Those since the last time, without what processes ask for now and then.
    fn take(&self) -> Vec<String> {
        let mut all = std::mem::take(&mut *self.0.lock().expect("no panic"));
        let of_time = [
            "settings_revision",
            "suppressions WHERE scope",
            "api_keys",
            "policies",
            "templates",
            "disabled_at",
        ];
        all.retain(|said| !of_time.iter().any(|table| said.contains(table)));
        all
    }
}

/// The text of a statement.
#[derive(Default)]
struct Said(String);

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "summary" | "db.statement") {
            self.0.push_str(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

// On one thread, so that all of it and nothing else is heard.
#[tokio::test]
async fn it_costs_the_same_statements() {
    let statements = Statements::default();
    let subscriber = tracing_subscriber::registry().with(statements.clone());
    let _heard = tracing::subscriber::set_default(subscriber);
    let bed = Bed::make(Kind::Production, "").await;
    let service = Service::start(&bed).await;
    let warm = service.create(1).await;
    service.check(&warm.token, &other_than(&warm.code)).await.refused(422, "code_incorrect");
    let mut costs = Vec::new();
    for (n, decoy) in [(2, false), (3, true)] {
        statements.take();
        let mut cost = Vec::new();
        let body = json!({ "to": number(n), "decoy": decoy });
        let created = service.post(VERIFICATIONS, &body).once(&n.to_string()).await.is(202);
        cost.push(statements.take());
        service.post(VERIFICATIONS, &body).once(&n.to_string()).await.is(202);
        cost.push(statements.take());
        service.home.clock.advance(30_001);
        let path = format!("{VERIFICATIONS}/{}", created.str("id"));
        service.post(&format!("{path}/resend"), &json!({})).await.is(202);
        cost.push(statements.take());
        let code = service.code_of(created.str("id").parse().expect("an id")).await;
        let code = if decoy { code } else { other_than(&code) };
        statements.take();
        for _ in 0..6 {
            service.check(created.str("session_token"), &code).await;
            cost.push(statements.take());
        }
        service
            .post(&format!("{path}/cancel"), &json!({}))
            .await
            .refused(423, "verification_locked");
        cost.push(statements.take());
        assert!(cost.iter().all(|said| !said.is_empty()), "{cost:?}");
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn to_opt_out_costs_strangers_no_statement_more_or_less() {
    let statements = Statements::default();
    let subscriber = tracing_subscriber::registry().with(statements.clone());
    let _heard = tracing::subscriber::set_default(subscriber);
    let bed = Bed::make(Kind::Production, page::ON).await;
    let service = Service::start(&bed).await;
    let body = json!({ "to": number(2), "scope": "all" });
    service.post("/v1/suppressions", &body).await.is(201);
    let page = Page::make(&service).await;
    page.begin(1).await;
    let mut costs = Vec::new();
    for n in [2, 3] {
        let body = page::with(page.work().await, &json!({ "to": number(n) }));
        statements.take();
        let begun = page.call("create", &body).await.is(200);
        let mut cost = vec![statements.take()];
        service.home.clock.advance(30_001);
        statements.take();
        page.call("resend", &json!({ "handle": begun.str("handle") })).await.is(200);
        cost.push(statements.take());
        let begun = page.begun(&begun).await;
        statements.take();
        page.check(&begun.handle, &other_than(&begun.code)).await.refused(422, "code_incorrect");
        cost.push(statements.take());
        costs.push(cost);
    }
    let asked = |cost: &[Vec<String>]| {
        cost.iter()
            .map(|said| said.iter().filter(|said| said.contains("suppressions")).count())
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(&costs[0]), [1, 1, 0]);
    assert_eq!(costs[0], costs[1]);
}
