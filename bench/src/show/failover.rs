//! Show: one API and two workers over Postgres and Redis, Twilio first, Vonage behind it. What
//! a refusal of the first provider means decides whether the second is asked.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Checks;
use crate::{
    error::Result,
    gateway::{Answer, Gateway, Rule, Seen},
    harness::{Home, Otpost, Plan, Store},
    http::Client,
    numbers::Numbers,
    product::{self, Accepted, Chain},
};

/// A code must be on the fallback within this.
const FALLBACK: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(10);

/// True if every check passed.
pub(crate) async fn run(otpost: &Otpost) -> Result<bool> {
    let gateway = Gateway::on_free_port().await?;
    let plan = Plan {
        store: Store::Postgres,
        apis: 1,
        workers: 2,
        chain: Chain::TwilioVonage(gateway.address),
        otp_concurrency: None,
    };
    let home = Home::build(otpost, plan).await?;
    let stage = Stage { client: home.client(0), gateway };
    let (broken, invalid, stopped) = {
        let numbers = Numbers::new(2);
        let number = |index| numbers.american(index);
        (number(0), number(1), number(2))
    };
    stage.gateway.state.rules.set(vec![
        only(&broken, http(500)),
        only(&invalid, error(21211)),
        only(&stopped, error(21610)),
    ]);
    let mut all = true;
    all &= stage.broken_provider(&broken).await?;
    all &= stage.refused(&invalid, "recipient", "invalid number (21211)", "21211").await?;
    all &= stage.refused(&stopped, "opted_out", "opted out (21610)", "21610").await?;
    Ok(all)
}

struct Stage {
    client: Client,
    gateway: Gateway,
}

impl Stage {
    async fn broken_provider(&self, to: &str) -> Result<bool> {
        let mut checks = Checks::default();
        let began = Instant::now();
        let accepted = self.start(to).await?;
        let answered = began.elapsed();
        let in_time = answered < Duration::from_secs(1);
        checks.add("the call is answered at once", in_time, format!("{answered:.0?}"));

        let arrived = self.until(FALLBACK, || self.sent_by(to, "vonage") > 0).await;
        let waited = began.elapsed();
        let seen = format!("{waited:.0?}");
        checks.add("the fallback has it within 6 s", arrived && waited < FALLBACK, seen);
        let log = self.gateway.state.log.of(to);
        let mut codes: Vec<&str> = log.iter().filter_map(|it| product::code_in(&it.text)).collect();
        let asked = log.iter().filter(|it| it.provider == "twilio").count();
        checks.add(
            "the primary was asked first",
            first_is(&log, "twilio"),
            format!("{asked} times"),
        );
        codes.sort_unstable();
        codes.dedup();
        let seen = format!("{} different", codes.len());
        checks.add("both were given the same digits", codes.len() == 1, seen);

        let shown = self.timeline(&accepted, |attempts| has(attempts, "vonage", "ok")).await?;
        let attempts = attempts_of(&shown);
        let both = has(&attempts, "twilio", "transient") && has(&attempts, "vonage", "ok");
        checks.add("the timeline shows both attempts", both, in_words(&attempts));
        let code = codes.first().copied().unwrap_or_default();
        let body = product::check_body(&accepted.session_token, code);
        let request = self.client.post(product::CHECK, None, &body);
        let checked = self.client.call(&request, PATIENCE).await?;
        let seen = format!("{} {}", checked.status, product::refusal(&checked));
        checks.add("its code verifies", checked.status == 200, seen);
        Ok(checks.print("the primary answers 500"))
    }

    async fn refused(&self, to: &str, class: &str, title: &str, code: &str) -> Result<bool> {
        let mut checks = Checks::default();
        let accepted = self.start(to).await?;
        let shown = self.timeline(&accepted, |attempts| has(attempts, "twilio", class)).await?;
        let attempts = attempts_of(&shown);
        let right = has(&attempts, "twilio", class);
        checks.add(format!("the attempt is {class}"), right, in_words(&attempts));
        let reason = attempts.iter().any(|attempt| attempt["error_code"] == code);
        let seen = attempts.first().map_or(Value::Null, |it| it["error_code"].clone());
        checks.add("the provider's reason is shown", reason, seen.to_string());
        let state = &shown["messages"][0]["state"];
        checks.add("the message is failed", state == "failed", state.to_string());
        // Longer than a fallback may take: what has not come by now does not come.
        tokio::time::sleep(FALLBACK + Duration::from_secs(2)).await;
        let others = self.sent_by(to, "vonage");
        checks.add("no other provider was asked", others == 0, format!("{others} times"));
        let tries = self.sent_by(to, "twilio");
        checks.add("the primary was asked once", tries == 1, format!("{tries} times"));
        if class == "opted_out" {
            let again = self.client.post(product::START, Some("again"), &product::create_body(to));
            let again = self.client.call(&again, PATIENCE).await?;
            tokio::time::sleep(FALLBACK).await;
            let others = self.sent_by(to, "vonage");
            let seen = format!("answered {}, others asked {others} times", again.status);
            checks.add("nor for a second verification", others == 0, seen);
        }
        Ok(checks.print(&format!("the primary answers: {title}")))
    }

    async fn start(&self, to: &str) -> Result<Accepted> {
        let body = product::create_body(to);
        let request = self.client.post(product::START, Some(to), &body);
        Accepted::read(&self.client.call(&request, PATIENCE).await?)
    }

    /// The verification as the API shows it, once `ready` or after a while.
    async fn timeline(&self, of: &Accepted, ready: impl Fn(&[Value]) -> bool) -> Result<Value> {
        let request = self.client.get(&product::path_of(&of.id));
        let began = Instant::now();
        loop {
            let shown = self.client.call(&request, PATIENCE).await?.json();
            let done = shown["messages"][0]["state"] != "sending" && ready(&attempts_of(&shown));
            if done || began.elapsed() > FALLBACK {
                return Ok(shown);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn sent_by(&self, to: &str, provider: &str) -> usize {
        let log = self.gateway.state.log.of(to);
        log.iter().filter(|it| it.provider == provider).count()
    }

    async fn until(&self, within: Duration, done: impl Fn() -> bool) -> bool {
        let began = Instant::now();
        while !done() && began.elapsed() < within {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        done()
    }
}

fn attempts_of(shown: &Value) -> Vec<Value> {
    let messages = shown["messages"].as_array();
    let attempts = messages.into_iter().flatten().filter_map(|it| it["attempts"].as_array());
    attempts.flatten().cloned().collect()
}

fn has(attempts: &[Value], provider: &str, outcome: &str) -> bool {
    let fits = |it: &Value| it["provider"] == provider && it["outcome"] == outcome;
    attempts.iter().any(fits)
}

fn in_words(attempts: &[Value]) -> String {
    let words = attempts.iter().map(|it| {
        let word = |name: &str| it[name].as_str().unwrap_or("-").to_owned();
        format!("{} {}", word("provider"), word("outcome"))
    });
    words.collect::<Vec<_>>().join(", ")
}

fn first_is(log: &[Seen], provider: &str) -> bool {
    log.first().is_some_and(|first| first.provider == provider)
}

fn only(to: &str, answer: Answer) -> Rule {
    Rule::new("/2010-04-01/", answer).only(to)
}

fn http(status: u16) -> Answer {
    let retry_after = None;
    Answer::Http { status, retry_after }
}

fn error(code: u32) -> Answer {
    Answer::Error { code, status: None }
}
