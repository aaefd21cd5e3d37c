//! `otpost serve`: the first start on an empty machine, and what follows it.

use std::{net::SocketAddr, time::Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::program::{Place, Running, free_address};

/// A caller of one served address.
pub struct Caller {
    pub address: SocketAddr,
    pub key: String,
    client: Client,
}

impl Caller {
    pub fn new(address: SocketAddr, key: &str) -> Self {
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { address, key: key.to_owned(), client }
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.client.request(method, url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(&body)).await
    }

    /// Asks until `enough`, for at most ten seconds.
    pub async fn get_until(&self, path: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let (status, answer) = self.get(path).await;
            if status == 200 && enough(&answer) {
                return answer;
            }
            assert!(started.elapsed().as_secs() < 10, "still {status}: {answer}");
            tokio::task::yield_now().await;
        }
    }
}

/// Serves in `place`, which must say where; with the key that is printed at the first start.
pub fn serve(place: &Place, address: SocketAddr) -> (Running, Caller) {
    let running = place.start(&["serve"]);
    let line = running.stdout.line_with("export OTPOST_KEY=");
    let key = line.trim().trim_start_matches("export OTPOST_KEY=");
    let caller = Caller::new(address, key);
    (running, caller)
}

pub fn place_at(address: SocketAddr) -> Place {
    Place::empty().set("OTPOST__SERVER__LISTEN", &address)
}

#[tokio::test]
async fn a_number_is_proven_on_an_empty_machine() {
    let address = free_address();
    let place = place_at(address);
    let (running, caller) = serve(&place, address);
    running.stdout.line_with(&format!("Otpost listens on http://{address}"));
    running.stdout.line_with(&format!("http://{address}/inbox"));
    running.stdout.line_with(&format!("curl http://{address}/v1/verifications"));

    let (status, created) = caller.post("/v1/verifications", json!({ "to": "+12025550143" })).await;
    assert_eq!(status, 202, "{created}");
    let sms = running.stdout.line_with("SMS to +12025550143 : ");
    let code: String = sms.rsplit(" : ").next().expect("a text").chars().take(6).collect();
    let inbox = caller
        .get_until("/inbox.json?to=%2B12025550143", |list| {
            list.as_array().is_some_and(|l| !l.is_empty())
        })
        .await;
    assert!(inbox[0]["text"].as_str().is_some_and(|text| text.starts_with(&code)), "{inbox}");

    let body = json!({ "session_token": created["session_token"], "code": code });
    let (status, checked) = caller.post("/v1/verifications/check", body.clone()).await;
    assert_eq!((status, checked["status"].as_str()), (200, Some("verified")));
    let (status, again) = caller.post("/v1/verifications/check", body).await;
    assert_eq!((status, again["code"].as_str()), (409, Some("already_verified")));
    let id = created["id"].as_str().expect("an id");
    let (_, shown) = caller.get(&format!("/v1/verifications/{id}")).await;
    let message = &shown["messages"][0];
    assert_eq!(
        (&message["state"], &message["attempts"][0]["outcome"]),
        (&json!("sent"), &json!("ok"))
    );

    let ended = running.terminate().exits(0);
    assert!(ended.stderr.contains("stopping"), "{ended:?}");
    assert!(place.path().join("otpost-data/otpost.db").exists());

    // The second start goes on with what there is.
    let running = place.start(&["serve"]);
    running.stdout.line_with("otpost key create");
    let caller = Caller::new(address, &caller.key);
    let (status, _) = caller.get(&format!("/v1/verifications/{id}")).await;
    assert_eq!(status, 200);
    let ended = running.terminate().exits(0);
    assert!(!ended.stdout.contains("OTPOST_KEY") && !ended.stdout.contains("otp_"), "{ended:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let address = free_address();
    let place = place_at(address);
    let (running, _) = serve(&place, address);
    let keys = std::fs::metadata(place.path().join("otpost-data/keys")).expect("keys");
    assert_eq!(keys.permissions().mode() & 0o077, 0);
    running.terminate().exits(0);
}

#[tokio::test]
async fn one_text_is_sent_from_the_terminal() {
    let address = free_address();
    let place = place_at(address);
    let text = "Your parcel is here.";
    let args = ["send", "--to", "+12025550143", "--text", text, "--json", "--idempotency-key", "k"];
    let (running, caller) = serve(&place, address);
    let sent = place.run(&args).exits(0);
    assert!(!sent.stderr.contains("until a worker runs"), "{sent:?}");
    let sent = sent.json();
    assert_eq!((&sent["state"], &sent["to"]), (&json!("sent"), &json!("+1********43")));
    running.stdout.line_with("SMS to +12025550143 : Your parcel is here.");
    let again = place.run(&args).exits(0).json();
    assert_eq!(sent["id"], again["id"]);
    let (status, shown) =
        caller.get(&format!("/v1/messages/{}", sent["id"].as_str().expect("an id"))).await;
    assert_eq!((status, &shown["state"]), (200, &json!("sent")));
    for (to, text, said) in [
        ("ann@example.org", "x", "--to: this is an e-mail"),
        ("+12025550143", "", "--text must have"),
    ] {
        let misused = place.run(&["send", "--to", to, "--text", text]).exits(2);
        assert!(misused.stderr.contains(said), "{misused:?}");
    }
    let reused = ["send", "--to", "+12025550143", "--text", "x", "--idempotency-key", "k"];
    place.run(&reused).fails_with(&["was used for another message"]);

    let status = place.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["processes"], json!([{ "role": "serve", "live": 1 }]));
    let bulk = json!({
        "lane": "bulk", "waiting": 0, "ended_in_the_last_minute": 1,
        "sent_in_the_last_minute": 1, "failed_in_the_last_minute": 0,
    });
    assert_eq!(status["lanes"][1], bulk);
    running.terminate().exits(0);
}
