//! What may happen to verifications and messages, and how histories of it are made.

use otpost_shared::{channel::Channel, outcome::ErrorClass, queue::Lane, report::Word};
use proptest::{collection::vec, option, prelude::*};

use super::addresses::{PEOPLE, Ways};

/// Parts of the longest history: single operations, and runs of them that seldom come by chance.
pub const PARTS: usize = 30;

/// One thing that happens. Numbers that point at something count back from the newest, so that
/// every history means something and stays meaningful while it is shortened.
#[derive(Clone, Debug)]
pub enum Operation {
    Accept {
        person: u8,
        policy: Policy,
        ways: Ways,
        key: Option<Key>,
    },
    AcceptText {
        person: u8,
        key: Option<Key>,
    },
    Check {
        of: usize,
        guess: Guess,
        names: Named,
        by: Caller,
        key: Option<u8>,
    },
    Resend {
        of: usize,
        by_way: Option<Channel>,
        by: Caller,
        key: Option<Key>,
    },
    Cancel {
        of: usize,
        by: Caller,
    },
    Consume {
        of: usize,
        by: Caller,
    },
    Wait(Wait),
    Claim {
        of: Vec<usize>,
    },
    ClaimDue {
        lane: Lane,
        limit: i64,
    },
    /// Steps of claims that were given out at any time, in one transaction.
    Record {
        steps: Vec<(usize, Step)>,
    },
    Release {
        of: usize,
    },
    /// A provider's last word on an attempt of what was claimed.
    Report {
        of: usize,
        attempt: usize,
        word: (Word, Option<ErrorClass>),
    },
    RecoverLeases {
        limit: i64,
    },
    MarkOverdue {
        limit: i64,
    },
    MarkExpired {
        limit: i64,
    },
    PurgeVerifications {
        age_secs: i64,
        limit: i64,
    },
    PurgeMessages {
        age_secs: i64,
        limit: i64,
    },
    PurgeRecords,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Same digits at a resend, bound to a subject.
    Same,
    Rotating,
    /// A code that the caller brought, in a purpose that rotates.
    OwnCode,
}

/// An idempotency key, with its own request or with another.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: u8,
    pub other_request: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    Right,
    /// The code that the other address was sent, if there is one.
    RightOfOther,
    Wrong,
    /// The code of the first generation.
    Stale,
}

/// The address that is presented with a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Nothing,
    First,
    /// The other one, if there is one.
    Other,
}

/// Who asks, and what they present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Owner,
    OtherTenant,
    OtherSubject,
    /// With a made-up secret or signature.
    Forger,
    /// With another number, or for another purpose.
    Elsewhere,
}

#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Millis(i64),
    Secs(i64),
    Minutes(i64),
    Day,
    /// To one of the next moments at which something changes by itself, give or take 1 ms.
    Moment {
        which: usize,
        off_by: i64,
    },
}

/// What a worker does with its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Begin,
    Sent,
    /// This provider failed; the next one is tried at once.
    NextProvider,
    /// As above, but nobody knows whether it was a send.
    NextProviderInDoubt,
    Wait {
        ms: i64,
    },
    Fail,
    /// Nobody is left who could deliver what was not delivered.
    EndUndelivered,
    EndInDoubt,
    Cancel,
}

impl Step {
    /// True when it brings the next step of a workflow forward.
    pub fn reaches_nobody(self) -> bool {
        matches!(self, Self::Fail | Self::EndUndelivered)
    }
}

pub fn history() -> impl Strategy<Value = Vec<Operation>> {
    let part = prop_oneof![
        30 => operation().prop_map(|one| vec![one]),
        1 => texts(),
        1 => guesses(),
        1 => success(),
        2 => lost_worker(),
        2 => late_word(),
        2 => one_way_after_the_other(),
        1 => guesses_at_both(),
    ];
    vec(part, 1..=PARTS).prop_map(|parts| parts.concat())
}

/// More texts than are asked for.
fn texts() -> impl Strategy<Value = Vec<Operation>> {
    (2..4_usize, 1..3_i64).prop_map(|(count, limit)| {
        let mut all = vec![Operation::AcceptText { person: 0, key: None }; count];
        all.push(Operation::ClaimDue { lane: Lane::Bulk, limit });
        all
    })
}

/// One guess after the other.
fn guesses() -> impl Strategy<Value = Vec<Operation>> {
    vec((guess(), named()), 3..7)
        .prop_map(|guesses| guesses.into_iter().map(|(guess, names)| check(guess, names)).collect())
}

fn check(guess: Guess, names: Named) -> Operation {
    Operation::Check { of: 0, guess, names, by: Caller::Owner, key: None }
}

/// A success, asked about again, and its receipt, used more than once.
fn success() -> impl Strategy<Value = Vec<Operation>> {
    (policy(), option::of(0..2_u8), wait()).prop_map(|(policy, key, wait)| {
        let by = Caller::Owner;
        let (guess, names) = (Guess::Right, Named::First);
        let check = Operation::Check { of: 0, guess, names, by, key };
        let consume = Operation::Consume { of: 0, by };
        let accept = Operation::Accept { person: 2, policy, ways: text_alone(), key: None };
        vec![accept, check.clone(), check, Operation::Wait(wait), consume.clone(), consume]
    })
}

/// A worker loses its claim to another, and then says what became of it.
fn lost_worker() -> impl Strategy<Value = Vec<Operation>> {
    (step(), step()).prop_map(|(before, after)| {
        let claim = Operation::Claim { of: vec![0] };
        vec![
            claim.clone(),
            Operation::Record { steps: vec![(0, before)] },
            Operation::Wait(Wait::Secs(7)),
            Operation::RecoverLeases { limit: 100 },
            claim,
            Operation::Record { steps: vec![(1, after)] },
        ]
    })
}

/// A worker says what became of a message when its verification may be over.
fn late_word() -> impl Strategy<Value = Vec<Operation>> {
    (policy(), 1..12_i64, step()).prop_map(|(policy, minutes, step)| {
        vec![
            Operation::Accept { person: 1, policy, ways: text_alone(), key: None },
            Operation::Claim { of: vec![0] },
            Operation::Wait(Wait::Minutes(minutes)),
            Operation::Record { steps: vec![(0, step)] },
        ]
    })
}

/// A workflow whose messages come due one by one, each with what becomes of it.
fn one_way_after_the_other() -> impl Strategy<Value = Vec<Operation>> {
    let turn = (step(), option::of(word()), 0..3_usize);
    (0..PEOPLE, workflow(), vec(turn, 2..4)).prop_map(|(person, ways, turns)| {
        let mut all = vec![Operation::Accept { person, policy: Policy::Same, ways, key: None }];
        for (step, word, which) in turns {
            all.push(Operation::ClaimDue { lane: Lane::Otp, limit: 1 });
            all.push(Operation::Record { steps: vec![(0, Step::Begin)] });
            all.push(Operation::Record { steps: vec![(0, step)] });
            let report = |word| Operation::Report { of: 0, attempt: 0, word };
            all.extend(word.map(report));
            all.push(Operation::Wait(Wait::Moment { which, off_by: 0 }));
        }
        all
    })
}

/// Guesses at two addresses, of which each has a code and a budget.
fn guesses_at_both() -> impl Strategy<Value = Vec<Operation>> {
    (0..PEOPLE, workflow(), guesses()).prop_map(|(person, ways, guesses)| {
        let accept = Operation::Accept { person, policy: Policy::Same, ways, key: None };
        [vec![accept], guesses].concat()
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    prop_oneof![
        8 => (0..PEOPLE, policy(), ways(), option::weighted(0.3, key()))
            .prop_map(|(person, policy, ways, key)| O::Accept { person, policy, ways, key }),
        7 => (0..PEOPLE, option::weighted(0.2, key()))
            .prop_map(|(person, key)| O::AcceptText { person, key }),
        14 => (place(), guess(), named(), caller(), option::weighted(0.3, 0..2_u8))
            .prop_map(|(of, guess, names, by, key)| O::Check { of, guess, names, by, key }),
        7 => (place(), option::weighted(0.4, channel()), caller(), option::weighted(0.3, key()))
            .prop_map(|(of, by_way, by, key)| O::Resend { of, by_way, by, key }),
        2 => (place(), caller()).prop_map(|(of, by)| O::Cancel { of, by }),
        8 => (place(), caller()).prop_map(|(of, by)| O::Consume { of, by }),
        12 => wait().prop_map(O::Wait),
        8 => vec(place(), 1..3).prop_map(|of| O::Claim { of }),
        8 => (prop_oneof![Just(Lane::Otp), Just(Lane::Bulk)], prop_oneof![Just(1_i64), 2..4_i64])
            .prop_map(|(lane, limit)| O::ClaimDue { lane, limit }),
        18 => vec((place(), step()), 1..3).prop_map(|steps| O::Record { steps }),
        2 => place().prop_map(|of| O::Release { of }),
        5 => (place(), 0..2_usize, word())
            .prop_map(|(of, attempt, word)| O::Report { of, attempt, word }),
        4 => limit().prop_map(|limit| O::RecoverLeases { limit }),
        2 => limit().prop_map(|limit| O::MarkOverdue { limit }),
        3 => limit().prop_map(|limit| O::MarkExpired { limit }),
        1 => (age(), limit()).prop_map(|(age_secs, limit)| O::PurgeVerifications { age_secs, limit }),
        1 => (age(), limit()).prop_map(|(age_secs, limit)| O::PurgeMessages { age_secs, limit }),
        1 => Just(O::PurgeRecords),
    ]
}

/// Mostly the newest.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 2 => 1..4_usize, 1 => 0..40_usize]
}

fn limit() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(100_i64), 1 => 1..3_i64]
}

fn age() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-1_i64), Just(300), Just(100_000)]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Same), Just(Policy::Rotating), Just(Policy::OwnCode)]
}

fn text_alone() -> Ways {
    Ways { first: Channel::Sms, then: Vec::new() }
}

/// Mostly a text alone, to which everything else shrinks.
fn ways() -> impl Strategy<Value = Ways> {
    prop_oneof![2 => Just(text_alone()), 1 => workflow()]
}

/// Up to three steps, all of which come while the shortest code lives.
fn workflow() -> impl Strategy<Value = Ways> {
    (channel(), vec((channel(), 10..=30_u32), 0..4)).prop_map(|(first, then)| Ways { first, then })
}

fn channel() -> impl Strategy<Value = Channel> {
    prop_oneof![2 => Just(Channel::Sms), 1 => Just(Channel::Voice), 2 => Just(Channel::Email)]
}

/// Mostly that it was not delivered: another provider might, or none.
fn word() -> impl Strategy<Value = (Word, Option<ErrorClass>)> {
    prop_oneof![
        1 => Just((Word::Delivered, None::<ErrorClass>)),
        2 => Just((Word::Undelivered, Some(ErrorClass::Transient))),
        2 => Just((Word::Undelivered, Some(ErrorClass::Recipient))),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    (0..2_u8, prop::bool::weighted(0.2))
        .prop_map(|(name, other_request)| Key { name, other_request })
}

fn guess() -> impl Strategy<Value = Guess> {
    prop_oneof![
        2 => Just(Guess::Right),
        1 => Just(Guess::RightOfOther),
        4 => Just(Guess::Wrong),
        1 => Just(Guess::Stale),
    ]
}

fn named() -> impl Strategy<Value = Named> {
    prop_oneof![3 => Just(Named::First), 2 => Just(Named::Nothing), 1 => Just(Named::Other)]
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        12 => Just(Caller::Owner),
        1 => Just(Caller::OtherTenant),
        1 => Just(Caller::OtherSubject),
        1 => Just(Caller::Forger),
        1 => Just(Caller::Elsewhere),
    ]
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        2 => (1..2_000_i64).prop_map(Wait::Millis),
        3 => (5..40_i64).prop_map(Wait::Secs),
        1 => (1..12_i64).prop_map(Wait::Minutes),
        1 => Just(Wait::Day),
        6 => (0..4_usize, -1..=1_i64).prop_map(|(which, off_by)| Wait::Moment { which, off_by }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Begin),
        3 => Just(Step::Sent),
        2 => Just(Step::NextProvider),
        1 => Just(Step::NextProviderInDoubt),
        2 => (0..5_000_i64).prop_map(|ms| Step::Wait { ms }),
        3 => Just(Step::Fail),
        1 => Just(Step::EndUndelivered),
        1 => Just(Step::EndInDoubt),
        1 => Just(Step::Cancel),
    ]
}
