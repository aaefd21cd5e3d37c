//! What callers ask, answered by the home and by the model.

use std::fmt::Debug;

use otpost_shared::{
    admission::Refused,
    idempotency::IdempotencyKey,
    message::{self, NewMessage},
    queue::Lane,
    secrets::{Code, Handle},
    tenant::DEFAULT_TENANT,
    verification::{
        self, CancelAnswer, CheckAnswer, CheckRequest, ReceiptAnswer, ResendAnswer, ResendRequest,
    },
};
use proptest::{prop_assert, prop_assert_eq};
use uuid::Uuid;

use super::{
    super::{code_of, key, number, other_than, request},
    expected::{Canceled, Checked, Consumed, Entry, Kept, Message, Verification},
    operation::{Caller, Guess, Key, Policy},
    trial::{Held, Trial, Verdict, nth},
};

const SUBJECT: &str = "anna";
const OWN_CODE: &str = "482915";

/// An idempotency key's name, with the request it stands for.
struct Asked {
    key: Option<(u8, String)>,
}

impl Asked {
    fn new(request: &str, key: Option<Key>) -> Self {
        let key = key.map(|key| {
            let other = if key.other_request { "other " } else { "" };
            (key.name, format!("{other}{request}"))
        });
        Self { key }
    }

    fn for_model(&self) -> Option<(u8, &str)> {
        self.key.as_ref().map(|(name, request)| (*name, request.as_str()))
    }

    fn name(&self) -> Option<u8> {
        self.key.as_ref().map(|(name, _)| *name)
    }

    fn for_home(&self, trial: &Trial<'_>) -> Option<IdempotencyKey> {
        self.for_model().map(|(name, request)| key(trial.home, &name.to_string(), request))
    }

    fn request(&self) -> String {
        self.for_model().map_or("", |(_, request)| request).to_owned()
    }
}

fn tenant(by: Caller) -> Uuid {
    if by == Caller::OtherTenant { Uuid::max() } else { DEFAULT_TENANT }
}

fn subject(policy: Policy, by: Caller) -> Option<String> {
    let wrong = (by == Caller::OtherSubject).then(|| "bob".to_owned());
    wrong.or((policy == Policy::Same).then(|| SUBJECT.to_owned()))
}

/// A request that does not send anything has the refusal that the model expects.
fn refused<T: Debug>(entry: &Entry, answer: &Result<T, Refused>) -> Verdict {
    let agree = matches!(
        (entry, answer),
        (Entry::KeyReused, Err(Refused::KeyReused))
            | (Entry::CapReached, Err(Refused::DailyCap { .. }))
    );
    prop_assert!(agree, "expected {entry:?}, not {answer:?}");
    Ok(())
}

impl Trial<'_> {
    pub async fn accept(&mut self, person: u8, policy: Policy, key: Option<Key>) -> Verdict {
        self.start();
        let asked = Asked::new("accept", key);
        let entry = self.model.entry(asked.for_model(), self.now);
        let mut new = request(number(person.into()));
        new.subject = subject(policy, Caller::Owner);
        if policy != Policy::Same {
            new.purpose = "rotating".into();
        }
        new.code = (policy == Policy::OwnCode).then(|| Code::new(OWN_CODE.into()));
        new.idempotency_key = asked.for_home(self);
        let answer = verification::accept(self.home, new).await;
        let during = self.done();
        let accepted = match (&entry, answer) {
            (Entry::Open, Ok(accepted)) => accepted,
            (Entry::Repeat(kept), Ok(again)) => {
                let again = (again.id, again.session_token, again.expires_at, again.resend_at);
                prop_assert_eq!(again, (kept.id, kept.token.clone(), kept.until, kept.resend_at));
                return Ok(());
            }
            (_, answer) => return refused(&entry, &answer),
        };
        let (id, until, resend_at) = (accepted.id, accepted.expires_at, accepted.resend_at);
        let at = until - policy.lifetime_ms();
        prop_assert!(during.contains(&at), "{at} is not in {during:?}");
        prop_assert_eq!(resend_at, at + policy.resend_after_ms());
        let token = accepted.session_token;
        let handle = Handle::parse(&token).expect("a token");
        self.model.let_in(
            asked.name(),
            Kept { request: asked.request(), id, until, resend_at, token },
            at,
        );
        let code = code_of(self.home, id).await.as_str().to_owned();
        prop_assert!(policy != Policy::OwnCode || code == OWN_CODE);
        let verification = Verification::pending(person, policy, code, at);
        self.model.verifications.insert(id, verification);
        self.held.push(Held { id, token: handle, policy, receipt: None });
        self.model.awaited = Some(Message::queued(Some(id), Lane::Otp, at, until));
        Ok(())
    }

    pub async fn accept_text(&mut self, person: u8, key: Option<Key>) -> Verdict {
        self.start();
        let asked = Asked::new("text", key);
        let entry = self.model.entry(asked.for_model(), self.now);
        let new = NewMessage {
            tenant_id: DEFAULT_TENANT,
            to: number(person.into()),
            title: None,
            text: "hello".into(),
            language: None,
            client: None,
            idempotency_key: asked.for_home(self),
        };
        let answer = message::accept(self.home, new).await;
        let during = self.done();
        let accepted = match (&entry, answer) {
            (Entry::Open, Ok(accepted)) => accepted,
            (Entry::Repeat(kept), Ok(again)) => {
                prop_assert_eq!((again.id, again.deadline), (kept.id, kept.until));
                return Ok(());
            }
            (_, answer) => return refused(&entry, &answer),
        };
        let (id, until) = (accepted.id, accepted.deadline);
        let at = until - 86_400_000;
        prop_assert!(during.contains(&at), "{at} is not in {during:?}");
        let kept = Kept { request: asked.request(), id, until, resend_at: 0, token: String::new() };
        self.model.let_in(asked.name(), kept, at);
        self.model.awaited = Some(Message::queued(None, Lane::Bulk, at, until));
        Ok(())
    }

    pub async fn resend(&mut self, of: usize, by: Caller, key: Option<Key>) -> Verdict {
        let Some(of) = nth(&self.held, of) else { return Ok(()) };
        self.start();
        let (id, policy) = (self.held[of].id, self.held[of].policy);
        let asked = Asked::new(&format!("resend {id}"), key);
        let entry = match by {
            Caller::OtherTenant => Entry::NotFound,
            _ => self.model.resend_entry(id, asked.for_model(), self.now),
        };
        let request = ResendRequest {
            tenant_id: tenant(by),
            id,
            channel: None,
            client: None,
            idempotency_key: asked.for_home(self),
        };
        let answer = verification::resend(self.home, request).await;
        let during = self.done();
        let resent = match (&entry, answer) {
            (Entry::Open, Ok(ResendAnswer::Resent(resent))) => resent,
            (Entry::Repeat(kept), Ok(ResendAnswer::Resent(again))) => {
                let again = (again.id, again.expires_at, again.resend_at);
                prop_assert_eq!(again, (kept.id, kept.until, kept.resend_at));
                return Ok(());
            }
            (Entry::NotFound, Ok(ResendAnswer::NotFound)) => return Ok(()),
            (Entry::Over(status), Ok(ResendAnswer::Over(over))) if *status == over => return Ok(()),
            (Entry::TooEarly(at), Ok(ResendAnswer::TooEarly { resend_at })) if *at == resend_at => {
                return Ok(());
            }
            (_, answer) => return refused(&entry, &answer),
        };
        let at = resent.resend_at - policy.resend_after_ms();
        prop_assert!(during.contains(&at), "{at} is not in {during:?}");
        let (until, resend_at) = (resent.expires_at, resent.resend_at);
        let kept = Kept { request: asked.request(), id, until, resend_at, token: String::new() };
        self.model.let_in(asked.name(), kept, at);
        self.model.resend(id, code_of(self.home, id).await.as_str(), at);
        Ok(())
    }

    /// The code that is typed in.
    fn guessed(&self, id: Uuid, guess: Guess) -> Code {
        let codes = self.model.verifications.get(&id).map(|v| v.codes.clone()).unwrap_or_default();
        let right = Code::new(codes.last().cloned().unwrap_or_else(|| "123456".into()));
        match (guess, codes.first()) {
            (Guess::Wrong, _) => other_than(&right),
            (Guess::Stale, Some(first)) => Code::new(first.clone()),
            _ => right,
        }
    }

    pub async fn check(&mut self, of: usize, guess: Guess, by: Caller, key: Option<u8>) -> Verdict {
        let Some(of) = nth(&self.held, of) else { return Ok(()) };
        self.start();
        let Held { id, policy, token, .. } = &self.held[of];
        let (id, policy, mut token) = (*id, *policy, token.clone());
        let code = self.guessed(id, guess);
        let presented = code.as_str().to_owned();
        let to = match by {
            Caller::Elsewhere => Some(number(9_999)),
            _ => self.model.verifications.get(&id).map(|v| number(v.person.into())),
        };
        if by == Caller::Forger {
            token = Handle::generate(id);
        }
        let request = CheckRequest {
            tenant_id: tenant(by),
            token,
            code,
            to,
            subject: subject(policy, by),
            idempotency_key: key.map(|name| name.to_string()),
        };
        let answer = verification::check(self.home, request).await;
        let during = self.done();
        let expected = match by {
            Caller::Owner => self.model.check(id, &presented, key, &during),
            _ => Checked::NotFound,
        };
        let agree = match (expected, &answer) {
            (Checked::Verified, Ok(CheckAnswer::Verified { at, .. })) => during.contains(at),
            (Checked::Again, Ok(CheckAnswer::Verified { receipt, at, .. })) => {
                let proven = self.model.verifications.get(&id).and_then(|v| v.finished.clone());
                self.held[of].receipt.as_ref() == Some(receipt) && proven == Some(*at..=*at)
            }
            (Checked::Incorrect(left), Ok(CheckAnswer::Incorrect { guesses_left })) => {
                left == *guesses_left
            }
            (Checked::Over(status), Ok(CheckAnswer::Over(over))) => status == *over,
            (Checked::BudgetSpent, Ok(CheckAnswer::BudgetSpent { .. }))
            | (Checked::NotFound, Ok(CheckAnswer::NotFound)) => true,
            _ => false,
        };
        prop_assert!(agree, "expected {expected:?}, not {answer:?}");
        if let Ok(CheckAnswer::Verified { receipt, .. }) = answer {
            self.held[of].receipt = Some(receipt);
        }
        Ok(())
    }

    pub async fn cancel(&mut self, of: usize, by: Caller) -> Verdict {
        let Some(of) = nth(&self.held, of) else { return Ok(()) };
        let id = self.held[of].id;
        let expected = match by {
            Caller::OtherTenant => Canceled::NotFound,
            _ => self.model.cancel(id, self.now),
        };
        let answer = verification::cancel(&self.home.db, tenant(by), id, self.now).await;
        let agree = match (expected, &answer) {
            (Canceled::NotFound, Ok(CancelAnswer::NotFound))
            | (Canceled::Yes, Ok(CancelAnswer::Canceled)) => true,
            (Canceled::Over(status), Ok(CancelAnswer::Over(over))) => status == *over,
            _ => false,
        };
        prop_assert!(agree, "expected {expected:?}, not {answer:?}");
        Ok(())
    }

    pub async fn consume(&mut self, of: usize, by: Caller) -> Verdict {
        let Some(of) = nth(&self.held, of) else { return Ok(()) };
        self.start();
        let Held { id, policy, receipt, .. } = &self.held[of];
        let (id, policy) = (*id, *policy);
        // Without a receipt of its own, one is made up with the right shape.
        let made_up = verification_id_and_zeros(id);
        let genuine = receipt.clone().filter(|_| by != Caller::Forger);
        let honest = genuine.is_some();
        let purpose = match (policy, by) {
            (_, Caller::Elsewhere) => "elsewhere",
            (Policy::Same, _) => "default",
            _ => "rotating",
        };
        let subject = subject(policy, by);
        let answer = verification::consume_receipt(
            self.home,
            tenant(by),
            &genuine.unwrap_or(made_up),
            purpose,
            subject.as_deref(),
            false,
        )
        .await;
        let during = self.done();
        let expected = match by {
            Caller::Owner if honest => self.model.consume(id, &during),
            _ => Consumed::NotValid,
        };
        let agree = matches!(
            (expected, &answer),
            (Consumed::Yes, Ok(ReceiptAnswer::Consumed { .. }))
                | (Consumed::Before, Ok(ReceiptAnswer::AlreadyConsumed))
                | (Consumed::Expired, Ok(ReceiptAnswer::Expired))
                | (Consumed::NotValid, Ok(ReceiptAnswer::NotValid))
        );
        prop_assert!(agree, "expected {expected:?}, not {answer:?}");
        Ok(())
    }
}

/// A receipt's form: the id, then 32 bytes in place of a signature.
fn verification_id_and_zeros(id: Uuid) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), &[0; 32]].concat())
}
