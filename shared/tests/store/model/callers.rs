//! What callers ask, answered by the home and by the model.

use std::fmt::Debug;

use otpost_shared::{
    admission::Refused,
    channel::Channel,
    idempotency::IdempotencyKey,
    message::{self, NewMessage},
    queue::Lane,
    secrets::{Code, Handle},
    tenant::DEFAULT_TENANT,
    verification::{self, CancelAnswer, NewStep, NewVerification, ResendAnswer, ResendRequest},
};
use proptest::{prop_assert, prop_assert_eq};
use uuid::Uuid;

use super::{
    super::{key, number, request},
    addresses::{Address, Ways},
    answers::{Canceled, Entry, Kept},
    expected::{Codes, Message, Verification},
    operation::{Caller, Key, Policy},
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

pub fn tenant(by: Caller) -> Uuid {
    if by == Caller::OtherTenant { Uuid::max() } else { DEFAULT_TENANT }
}

pub fn subject(policy: Policy, by: Caller) -> Option<String> {
    let wrong = (by == Caller::OtherSubject).then(|| "bob".to_owned());
    wrong.or((policy == Policy::Same).then(|| SUBJECT.to_owned()))
}

/// A request that does not send anything has the refusal that the model expects.
fn refused<T: Debug>(entry: &Entry, answer: &Result<T, Refused>) -> Verdict {
    let agree = match (entry, answer) {
        (Entry::KeyReused, Err(Refused::KeyReused))
        | (Entry::CapReached, Err(Refused::DailyCap { .. })) => true,
        (Entry::StepRefused(place), Err(Refused::Step(at))) => {
            (at.place, at.field) == (*place, "to")
        }
        (Entry::ChannelRefused(channel), Err(Refused::Channel(refused))) => channel == refused,
        _ => false,
    };
    prop_assert!(agree, "expected {entry:?}, not {answer:?}");
    Ok(())
}

fn new_verification(person: u8, policy: Policy, ways: &Ways) -> NewVerification {
    let recipient = |channel| Address::of(person, channel).recipient();
    let mut new = request(recipient(ways.first));
    new.channel = ways.first;
    new.subject = subject(policy, Caller::Owner);
    if policy != Policy::Same {
        new.purpose = "rotating".into();
    }
    new.code = (policy == Policy::OwnCode).then(|| Code::new(OWN_CODE.into()));
    let step = |(channel, after_secs): &(Channel, u32)| NewStep {
        channel: *channel,
        to: recipient(*channel),
        after_secs: *after_secs,
    };
    new.then = Some(ways.then.iter().map(step).collect());
    new
}

impl Trial<'_> {
    /// The codes of a verification's addresses, as a worker would derive them.
    async fn codes_of(&self, id: Uuid, addresses: &[Address]) -> Codes {
        let row = verification::find(&self.home.db, id).await.expect("an answer").expect("a row");
        let code = |to: Address| row.code_to(&self.home.keys, &to.hash(self.home));
        let code = |to: Address| code(to).expect("a key").expect("a seed").as_str().to_owned();
        addresses.iter().map(|to| (*to, code(*to))).collect()
    }

    pub async fn accept(
        &mut self,
        person: u8,
        policy: Policy,
        ways: &Ways,
        key: Option<Key>,
    ) -> Verdict {
        self.start();
        let asked = Asked::new("accept", key);
        // Nobody could tell two addresses apart by one code; a repeat gets its first answer all the same.
        let entry = match ways.to_another().filter(|_| policy == Policy::OwnCode) {
            Some(place) => {
                let repeated = self.model.kept(asked.for_model(), self.now);
                repeated.unwrap_or(Entry::StepRefused(place))
            }
            None => self.model.entry(asked.for_model(), ways.count(), self.now),
        };
        let mut new = new_verification(person, policy, ways);
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
        let to = Address::of(person, ways.first).masked();
        prop_assert_eq!((accepted.channel, accepted.to), (ways.first, to));
        let token = accepted.session_token;
        let handle = Handle::parse(&token).expect("a token");
        let kept = Kept { request: asked.request(), id, until, resend_at, token };
        self.model.let_in(asked.name(), kept, ways.count(), at);
        let codes = self.codes_of(id, &ways.addresses(person)).await;
        prop_assert!(policy != Policy::OwnCode || codes[0].1 == OWN_CODE);
        prop_assert!(codes.len() == 1 || codes[0].1 != codes[1].1, "one code for two: {codes:?}");
        let verification = Verification::pending(policy, ways.first, codes, at);
        self.model.verifications.insert(id, verification);
        self.held.push(Held { id, token: handle, policy, receipt: None });
        self.model.await_all(id, person, ways, at, until);
        Ok(())
    }

    pub async fn accept_text(&mut self, person: u8, key: Option<Key>) -> Verdict {
        self.start();
        let asked = Asked::new("text", key);
        let entry = self.model.entry(asked.for_model(), 1, self.now);
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
        self.model.let_in(asked.name(), kept, 1, at);
        let way = (Channel::Sms, Address::Number(person));
        self.model.awaited.push_back(Message::queued(None, Lane::Bulk, way, at, until));
        Ok(())
    }

    pub async fn resend(
        &mut self,
        of: usize,
        by_way: Option<Channel>,
        by: Caller,
        key: Option<Key>,
    ) -> Verdict {
        let Some(of) = nth(&self.held, of) else { return Ok(()) };
        self.start();
        let (id, policy) = (self.held[of].id, self.held[of].policy);
        let asked = Asked::new(&format!("resend {id} {by_way:?}"), key);
        let entry = match by {
            Caller::OtherTenant => Entry::NotFound,
            _ => self.model.resend_entry(id, by_way, asked.for_model(), self.now),
        };
        let request = ResendRequest {
            tenant_id: tenant(by),
            id,
            channel: by_way,
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
        self.model.let_in(asked.name(), kept, 1, at);
        let of = self.model.verifications.get(&id);
        let addresses = of.map(Verification::addresses).unwrap_or_default();
        let way = of.map(|of| of.way(by_way));
        let told = way.map(|(channel, to)| (channel, to.map(Address::masked)));
        prop_assert_eq!(told, Some((resent.channel, Some(resent.to))));
        let codes = self.codes_of(id, &addresses).await;
        self.model.resend(id, by_way, codes, at);
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
}
