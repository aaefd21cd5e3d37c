//! The endpoints that answer as Twilio Verify does: what its libraries are told, and who tries to get around
//! them. The libraries themselves are run by `scripts/compat`.

mod attacks;
mod lifecycle;
mod rate_limits;
mod settings;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use otpost_shared::{
    api_key::{ApiKey, Scope},
    tenant::DEFAULT_TENANT,
    verify_service::Sid,
};
use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    answer::Answer,
    service::{Service, make_key, number},
};

const SERVICES: &str = "/twilio/v2/Services";
const FORM: &str = "application/x-www-form-urlencoded";

/// With every channel.
const ON: &str = "[compat.twilio]\nenabled = true\n[chains]\nvoice = [\"console\"]\n\
    email = [\"console\"]\nwhatsapp = [\"console\"]\n";

/// With a text that says what is paid.
/// A call follows what nobody answers for a minute.
const FOLLOWED: &str = "[compat.twilio]\nenabled = true\n[chains]\nvoice = [\"console\"]\n\
    email = [\"console\"]\n[purposes.default]\n\
    then = [{ channel = \"voice\", after_secs = 60 }]\n";

/// A caller, and a Service of its own.
struct Caller<'a> {
    api: &'a Service,
    user: String,
    password: String,
    sid: String,
}

/// The key of `text`, as the libraries name it.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl<'a> Caller<'a> {
    /// Of the default tenant, with the settings that a Service has when nobody says more.
    async fn new(api: &'a Service) -> Self {
        Self::with(api, &[]).await
    }

    async fn with(api: &'a Service, settings: &[(&str, &str)]) -> Self {
        let user = Sid::Account.write(DEFAULT_TENANT);
        let sid = String::new();
        let mut caller = Self { api, user, password: api.key.clone(), sid };
        let mut pairs = vec![("FriendlyName", "Shop")];
        pairs.extend(settings);
        let made = caller.post(SERVICES, &pairs).await.is(201);
        made.str("sid").clone_into(&mut caller.sid);
        caller
    }

    async fn call(&self, method: Method, path: &str) -> Answer {
        let call = self.api.call(method, path).by_nobody();
        seen(call.header("authorization", basic(&self.user, &self.password)).any().await)
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let call = self.api.call(Method::POST, path).by_nobody().raw(FORM, form(pairs));
        seen(call.header("authorization", basic(&self.user, &self.password)).any().await)
    }

    /// Below the Service.
    fn at(&self, rest: &str) -> String {
        format!("{SERVICES}/{}{rest}", self.sid)
    }

    async fn start(&self, to: &str, more: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("To", to), ("Channel", "sms")];
        pairs.extend(more);
        self.post(&self.at("/Verifications"), &pairs).await
    }

    async fn check(&self, pairs: &[(&str, &str)]) -> Answer {
        self.post(&self.at("/VerificationCheck"), pairs).await
    }

    async fn fetch(&self, key: &str) -> Answer {
        self.get(&self.at(&format!("/Verifications/{key}"))).await
    }

    async fn update(&self, key: &str, status: &str) -> Answer {
        self.post(&self.at(&format!("/Verifications/{key}")), &[("Status", status)]).await
    }

    /// The code that the person holds.
    async fn code(&self, sid: &str) -> String {
        self.api.code_of(Sid::Verification.read(sid).expect("a sid")).await
    }
}

/// Every error has its four members and nothing else, so that no library takes it for another kind.
fn seen(answer: Answer) -> Answer {
    if answer.status < 400 {
        return answer;
    }
    let members: Vec<&String> = answer.json.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["code", "message", "more_info", "status"], "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json["status"], answer.status);
    let code = &answer.json["code"];
    assert_eq!(answer.str("more_info"), format!("https://www.twilio.com/docs/errors/{code}"));
    assert_eq!(answer.status == 401, answer.header("www-authenticate").starts_with("Basic "));
    if answer.status == 503 {
        assert!(answer.retry_after() >= 1);
    }
    answer
}

#[track_caller]
fn assert_fault(answer: &Answer, status: u16, code: u32) {
    assert_eq!((answer.status, &answer.json["code"]), (status, &Value::from(code)), "{answer:?}");
}
