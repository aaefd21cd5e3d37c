//! The store on both of its databases, and what is decided on top of it.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod accept;
mod batches;
mod check;
mod compat;
mod configuration;
mod costs;
mod events;
mod hearing;
mod last_words;
mod late_answers;
mod leases;
mod limits;
mod model;
mod page;
mod plans;
mod plans_of_events;
mod policed;
mod policies;
mod privacy;
mod provider_ids;
mod rates;
mod receipts;
mod replies;
mod reports;
mod resend;
mod routes;
mod suppressions;
mod templates;
mod verify_service;
mod webhooks;
mod workflow;

use otpost_shared::{
    Home,
    admission::Refused,
    idempotency::IdempotencyKey,
    message,
    queue::Lane,
    recipient::Recipient,
    secrets::{Code, Handle},
    suppression,
    tenant::DEFAULT_TENANT,
    texts::Asked,
    verification::{self, Accepted, CheckAnswer, CheckRequest, NewVerification},
};
use uuid::Uuid;

/// A valid US number that differs for every `n` below ten thousand.
fn number(n: u32) -> Recipient {
    Recipient::parse(&format!("+1202555{n:04}"), None).expect("a valid number")
}

fn request(to: Recipient) -> NewVerification {
    NewVerification {
        tenant_id: DEFAULT_TENANT,
        channel: to.channel(),
        to,
        purpose: "default".into(),
        subject: None,
        variables: verification::Variables::new(),
        metadata: None,
        locale: Asked::default(),
        client: None,
        code: None,
        then: None,
        decoy: false,
        idempotency_key: None,
    }
}

fn key(home: &Home, name: &str, body: &str) -> IdempotencyKey {
    IdempotencyKey::new(&home.keys, name, &[body.as_bytes()])
}

async fn accept(home: &Home, n: u32) -> Accepted {
    verification::accept(home, request(number(n))).await.expect("accepted")
}

/// The code as the worker would derive it.
async fn code_of(home: &Home, id: Uuid) -> Code {
    let row = verification::find(&home.db, id).await.expect("an answer").expect("a row");
    row.code(&home.keys).expect("a key").expect("a seed")
}

/// A well-formed code that is not the right one.
fn other_than(code: &Code) -> Code {
    let number: u32 = code.as_str().parse().expect("digits");
    Code::new(format!("{:06}", (number + 1) % 1_000_000))
}

fn check_request(accepted: &Accepted, code: Code) -> CheckRequest {
    CheckRequest {
        tenant_id: DEFAULT_TENANT,
        token: Handle::parse(&accepted.session_token).expect("a token"),
        code,
        to: None,
        subject: None,
        idempotency_key: None,
    }
}

async fn check(home: &Home, accepted: &Accepted, code: Code) -> CheckAnswer {
    verification::check(home, check_request(accepted, code)).await.expect("an answer")
}

async fn messages(home: &Home, id: Uuid) -> Vec<message::Message> {
    message::list_by_verification(&home.db, id).await.expect("an answer")
}

/// How many messages wait in the lane of texts.
async fn waiting(home: &Home) -> i64 {
    message::count_waiting(&home.db, Lane::Bulk, 1_000).await.expect("an answer")
}

/// True when no texts are sent to this number.
async fn is_kept_back(home: &Home, n: u32) -> bool {
    suppression::keeps_back(home, DEFAULT_TENANT, &number(n), Lane::Bulk).await.expect("an answer")
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> Refused {
    result.expect_err("refused")
}
