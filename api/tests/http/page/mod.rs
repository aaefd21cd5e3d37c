//! The hosted page, as its script calls it.

mod flow;
mod guards;
mod link;
mod looks;

use otpost_shared::{
    page_link::PageLink,
    secrets::{Handle, digest},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    answer::Answer,
    service::{Service, number},
};

pub const PAGES: &str = "/v1/pages";
pub const ON: &str = "[page]\nenabled = true\nwork_bits = 6\n\
    return_urls = [\"https://app.example.org\"]\nembed_origins = [\"https://shop.example.org\"]\n";

/// A link's part of the address, as somebody holds it who was sent there.
pub struct Page<'a> {
    pub service: &'a Service,
    pub link: String,
}

/// Lays one object over another.
pub fn with(mut body: Value, more: &Value) -> Value {
    let of = body.as_object_mut().expect("an object");
    of.extend(more.as_object().expect("an object").clone());
    body
}

impl<'a> Page<'a> {
    pub async fn make(service: &'a Service) -> Self {
        Self::make_with(service, &json!({})).await
    }

    pub async fn make_with(service: &'a Service, more: &Value) -> Self {
        let body = with(json!({ "return_url": "https://app.example.org/done" }), more);
        Self::of(service, &service.post(PAGES, &body).await.is(201))
    }

    pub fn of(service: &'a Service, made: &Answer) -> Self {
        let (_, link) = made.str("url").rsplit_once("/page/").expect("an address of the page");
        Self { service, link: link.to_owned() }
    }

    pub async fn shown(&self) -> Answer {
        self.service.get(&format!("/page/{}", self.link)).by_nobody().any().await
    }

    pub async fn call(&self, what: &str, body: &Value) -> Answer {
        self.service.post(&format!("/page/{}/{what}", self.link), body).by_nobody().await
    }

    /// A challenge and what it asks for.
    pub async fn work(&self) -> Value {
        let given = self.call("challenge", &json!({})).await.is(200);
        let bits = given.json["bits"].as_u64().expect("a number");
        let nonce = solve(given.str("challenge"), bits, true);
        json!({ "challenge": given.str("challenge"), "nonce": nonce })
    }

    pub async fn create(&self, body: &Value) -> Answer {
        self.call("create", &with(self.work().await, body)).await
    }

    /// Begins a verification of [`number`] `n`.
    pub async fn begin(&self, n: u32) -> Begun {
        let begun = self.create(&json!({ "to": number(n) })).await.is(200);
        self.begun(&begun).await
    }

    pub async fn begun(&self, answer: &Answer) -> Begun {
        let keys = &self.service.home.keys;
        let link = PageLink::parse(keys, &self.link).expect("a link");
        let handle = answer.str("handle").to_owned();
        let token = link.take(keys, "page.handle", &handle).expect("a handle of this link");
        let token = String::from_utf8(token).expect("text");
        let id = Handle::parse(&token).expect("a token").id;
        Begun { id, handle, code: self.service.code_of(id).await }
    }

    pub async fn check(&self, handle: &str, code: &str) -> Answer {
        self.call("check", &json!({ "handle": handle, "code": code })).await
    }
}

/// What the page's script holds, with the code that its person holds.
pub struct Begun {
    pub id: Uuid,
    pub handle: String,
    pub code: String,
}

/// The first number with which the hash has so many zero bits, or has not.
pub fn solve(challenge: &str, bits: u64, enough: bool) -> String {
    let has = |nonce: &u64| {
        let hash = digest(format!("{challenge}:{nonce}").as_bytes());
        let first = u32::from_be_bytes(hash[..4].try_into().expect("four bytes"));
        (u64::from(first.leading_zeros()) >= bits) == enough
    };
    (0_u64..1 << 32).find(has).expect("there is one").to_string()
}

/// Where nothing is when there is no page.
pub const ADDRESSES: [(Method, &str); 7] = [
    (Method::GET, "/page/x"),
    (Method::POST, "/page/x/challenge"),
    (Method::POST, "/page/x/create"),
    (Method::POST, "/page/x/check"),
    (Method::POST, "/page/x/resend"),
    (Method::GET, "/page/widget.js"),
    (Method::GET, "/page/assets/page.js"),
];
