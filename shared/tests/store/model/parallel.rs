//! Everything at once on one verification: what was answered must add up with what is written.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use otpost_shared::{
    Home,
    admission::Refused,
    attempt::{self, Ending},
    channel::Channel,
    db::DbError,
    message::{self, End, Message, Next, Recording, State},
    outcome::ErrorClass,
    recipient::Recipient,
    secrets::{Code, Handle},
    tenant::DEFAULT_TENANT,
    verification::{
        self, CancelAnswer, CheckAnswer, CheckRequest, NewStep, ReceiptAnswer, ResendAnswer,
        ResendRequest, Status, Verification,
    },
};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseError};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::{
    super::{number, other_than, request},
    addresses::Address,
    tables::{AS_WRITTEN, Tables},
    trial::Verdict,
};

/// What is let loose on one verification.
#[derive(Clone, Debug)]
pub struct Bout {
    rotating: bool,
    /// A call to the same number follows by itself, and an e-mail.
    goes_on: bool,
    actions: Vec<Action>,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Right,
    /// The code of the e-mail, if there is one.
    RightOfOther,
    Wrong,
    Resend,
    Cancel,
    /// A worker takes the first message, and sends it, or is refused by every provider.
    Deliver {
        fails: bool,
    },
}

/// What came of one action.
#[derive(Debug)]
enum Done {
    Verified(String),
    Incorrect,
    Resent,
    Canceled,
    /// Claimed, and perhaps allowed to send.
    Claimed {
        begun: bool,
    },
    Nothing,
}

pub fn bout() -> impl Strategy<Value = Bout> {
    let action = prop_oneof![
        4 => Just(Action::Right),
        2 => Just(Action::RightOfOther),
        4 => Just(Action::Wrong),
        3 => Just(Action::Resend),
        1 => Just(Action::Cancel),
        3 => any::<bool>().prop_map(|fails| Action::Deliver { fails }),
    ];
    (any::<bool>(), any::<bool>(), vec(action, 2..24))
        .prop_map(|(rotating, goes_on, actions)| Bout { rotating, goes_on, actions })
}

/// Runs a bout and adds up.
pub async fn run(home: &Home, bout: &Bout) -> Verdict {
    // Each bout has a person of its own.
    static PERSON: AtomicU32 = AtomicU32::new(0);
    let to = number(PERSON.fetch_add(1, Ordering::Relaxed) % 10_000);
    let mut new = request(to.clone());
    if bout.rotating {
        new.purpose = "rotating".into();
    }
    if bout.goes_on {
        let mail = Address::Mailbox.recipient();
        new.then = Some(vec![
            NewStep { channel: Channel::Voice, to: to.clone(), after_secs: 60 },
            NewStep { channel: Channel::Email, to: mail, after_secs: 60 },
        ]);
    }
    let accepted = verification::accept(home, new).await.expect("accepted");
    let token = Handle::parse(&accepted.session_token).expect("a token");
    let first = message::list_by_verification(&home.db, accepted.id).await.expect("an answer");
    let proofs = proofs(home, accepted.id, &first, &to).await;
    home.clock.advance(30_000);
    let barrier = Arc::new(Barrier::new(bout.actions.len()));
    let tasks: Vec<_> = bout
        .actions
        .iter()
        .map(|action| {
            let (home, barrier, action) = (home.clone(), Arc::clone(&barrier), *action);
            let (token, proofs, first) = (token.clone(), proofs.clone(), first[0].id);
            tokio::spawn(async move {
                barrier.wait().await;
                act(&home, action, token, proofs, first).await
            })
        })
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("no panic")?);
    }
    let row = verification::find(&home.db, accepted.id).await.expect("an answer").expect("a row");
    add_up(home, bout, &done, &row).await?;
    for what in &done {
        if let Done::Verified(receipt) = what {
            consume_at_once(home, &row.purpose, receipt).await?;
        }
    }
    Tables::read(&home.db).await.hold_together(home)
}

/// A code, and the address that it proves.
#[derive(Clone, Debug)]
struct Proof {
    code: Code,
    of: String,
}

/// Of the first address and of the last one, which are the same without an e-mail.
async fn proofs(home: &Home, id: Uuid, messages: &[Message], to: &Recipient) -> [Proof; 2] {
    let row = verification::find(&home.db, id).await.expect("an answer").expect("a row");
    [&messages[0], &messages[messages.len() - 1]].map(|message| {
        let code = row.code_to(&home.keys, &message.recipient_hash).expect("a key");
        let own = message.recipient(&home.keys).expect("a key");
        Proof { code: code.expect("a seed"), of: own.as_ref().unwrap_or(to).masked() }
    })
}

async fn act(
    home: &Home,
    action: Action,
    token: Handle,
    [first_proof, other_proof]: [Proof; 2],
    first: Uuid,
) -> Result<Done, TestCaseError> {
    let (db, now, id) = (&home.db, home.clock.now(), token.id);
    let tenant_id = DEFAULT_TENANT;
    match action {
        Action::Right | Action::RightOfOther | Action::Wrong => {
            let proof = match action {
                Action::Right => first_proof,
                Action::RightOfOther => other_proof,
                _ => Proof { code: wrong(&first_proof, &other_proof), ..first_proof },
            };
            let request = CheckRequest {
                tenant_id,
                token,
                code: proof.code,
                to: None,
                subject: None,
                idempotency_key: None,
            };
            match verification::check(home, request).await {
                Ok(CheckAnswer::Verified { receipt, to, .. }) => {
                    prop_assert_eq!(to, proof.of, "it proves the address that it was sent to");
                    Ok(Done::Verified(receipt))
                }
                Ok(CheckAnswer::Incorrect { .. }) => Ok(Done::Incorrect),
                // A row that keeps changing refuses, which reveals nothing.
                Ok(CheckAnswer::Over(_)) | Err(DbError::Unavailable(_)) => Ok(Done::Nothing),
                other => Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
        Action::Resend => {
            let request =
                ResendRequest { tenant_id, id, channel: None, client: None, idempotency_key: None };
            match verification::resend(home, request).await {
                Ok(ResendAnswer::Resent(_)) => Ok(Done::Resent),
                Ok(ResendAnswer::TooEarly { .. } | ResendAnswer::Over(_))
                | Err(Refused::Unavailable(DbError::Unavailable(_))) => Ok(Done::Nothing),
                other => Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
        Action::Cancel => match verification::cancel(db, tenant_id, id, now).await {
            Ok(CancelAnswer::Canceled) => Ok(Done::Canceled),
            Ok(CancelAnswer::Over(_)) => Ok(Done::Nothing),
            other => Err(TestCaseError::fail(format!("{other:?}"))),
        },
        Action::Deliver { fails } => Ok(deliver(home, first, fails).await),
    }
}

/// A code that is neither of the two.
fn wrong(first: &Proof, other: &Proof) -> Code {
    let wrong = other_than(&first.code);
    if wrong.matches(&other.code) { other_than(&wrong) } else { wrong }
}

async fn deliver(home: &Home, id: Uuid, fails: bool) -> Done {
    let (db, now) = (&home.db, home.clock.now());
    let claimed = message::claim(db, &[id], None, now).await.expect("an answer").pop();
    let Some(row) = claimed else { return Done::Nothing };
    let record = async |ended, next| {
        let step = Recording { message: Arc::clone(&row.message), ended, next, now };
        message::record(db, &[step]).await.expect("an answer")[0]
    };
    let begun =
        record(None, Next::Try { number: 1, provider: "a".into(), suppression_hash: Vec::new() })
            .await;
    if begun.is_some() {
        let class = if fails { ErrorClass::Recipient } else { ErrorClass::Ok };
        let end = End { state: State::Failed, class, failure: "landline".into() };
        record(Some((1, Ending::of(class))), if fails { Next::End(end) } else { Next::Sent }).await;
    }
    Done::Claimed { begun: begun.is_some() }
}

/// The answers against the rows.
async fn add_up(home: &Home, bout: &Bout, done: &[Done], row: &Verification) -> Verdict {
    let count = |wanted: fn(&Done) -> bool| -> i32 {
        done.iter().map(|what| i32::from(wanted(what))).sum()
    };
    let verified = count(|what| matches!(what, Done::Verified(_)));
    let incorrect = count(|what| matches!(what, Done::Incorrect));
    let resent = count(|what| matches!(what, Done::Resent));
    let canceled = count(|what| matches!(what, Done::Canceled));
    let claims = count(|what| matches!(what, Done::Claimed { .. }));
    let begun = count(|what| matches!(what, Done::Claimed { begun: true }));
    let status = row.status(AS_WRITTEN);
    prop_assert_eq!(verified, i32::from(status == Status::Verified), "{:?}", done);
    prop_assert_eq!(canceled, i32::from(status == Status::Canceled), "{:?}", done);
    prop_assert_eq!(verified + incorrect, row.guesses, "every guess is charged: {:?}", done);
    prop_assert_eq!(resent, row.resends, "{:?}", done);
    prop_assert!(resent <= 1, "the next one is too early: {done:?}");
    // Everybody guesses the first code, which a rotation makes void; and nothing is resent after
    // a success.
    prop_assert!(!bout.rotating || verified + resent <= 1, "a void code counted: {done:?}");
    let generation = if bout.rotating { 1 + resent } else { 1 };
    prop_assert_eq!(row.generation, generation);
    let messages = message::list_by_verification(&home.db, row.id).await.expect("an answer");
    let steps = if bout.goes_on { 2 } else { 0 };
    let all = usize::try_from(1 + steps + resent).expect("few");
    prop_assert_eq!(messages.len(), all, "{:?}", messages);
    prop_assert!(claims <= 1 && messages[0].epoch == claims, "{done:?} but {messages:?}");
    let attempts = attempt::list_by_message(&home.db, messages[0].id).await.expect("an answer");
    prop_assert_eq!(attempts.len(), usize::try_from(begun).expect("few"));
    for message in &messages {
        let state = message.state.as_str();
        prop_assert!(state != "sending", "{message:?}");
        prop_assert!(
            state != "queued" || status == Status::Pending && message.generation == row.generation,
            "it would still be sent: {message:?} of {row:?}"
        );
        let arrived = matches!(state, "queued" | "sent" | "unknown");
        prop_assert!(!arrived || status != Status::Failed, "it has not failed: {message:?}");
    }
    Ok(())
}

async fn consume_at_once(home: &Home, purpose: &str, receipt: &str) -> Verdict {
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (home, purpose, receipt) = (home.clone(), purpose.to_owned(), receipt.to_owned());
            tokio::spawn(async move {
                verification::consume_receipt(
                    &home,
                    DEFAULT_TENANT,
                    &receipt,
                    &purpose,
                    None,
                    false,
                )
                .await
            })
        })
        .collect();
    let mut consumed = 0;
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(ReceiptAnswer::Consumed { .. }) => consumed += 1,
            Ok(ReceiptAnswer::AlreadyConsumed) => {}
            other => prop_assert!(false, "{other:?}"),
        }
    }
    prop_assert_eq!(consumed, 1, "a receipt counts once");
    Ok(())
}
