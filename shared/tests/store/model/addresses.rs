//! Whom a code goes to, by which way, and what follows by itself.

use std::sync::LazyLock;

use otpost_shared::{Home, channel::Channel, recipient::Recipient, tenant::DEFAULT_TENANT};

use super::super::number;

/// How many have a number.
pub const PEOPLE: u8 = 3;

static NUMBERS: LazyLock<Vec<Recipient>> =
    LazyLock::new(|| (0..PEOPLE).map(|person| number(person.into())).collect());
static MAILBOX: LazyLock<Recipient> =
    LazyLock::new(|| Recipient::parse_email("ann@example.org").expect("an address"));

/// A few people have a number each, and share one mailbox: whoever guesses at it guesses at it through
/// many first addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Number(u8),
    Mailbox,
}

impl Address {
    pub fn of(person: u8, channel: Channel) -> Self {
        if channel.is_by_phone() { Self::Number(person) } else { Self::Mailbox }
    }

    pub fn is_reached_by(self, channel: Channel) -> bool {
        (self == Self::Mailbox) != channel.is_by_phone()
    }

    pub fn recipient(self) -> Recipient {
        match self {
            Self::Number(person) => NUMBERS[usize::from(person)].clone(),
            Self::Mailbox => MAILBOX.clone(),
        }
    }

    pub fn masked(self) -> String {
        self.recipient().masked()
    }

    /// What codes and budgets know it by.
    pub fn hash(self, home: &Home) -> Vec<u8> {
        home.keys.recipient_hash(DEFAULT_TENANT, &self.recipient().identity())
    }
}

/// The way a code goes first, and what follows by itself, each so many seconds later.
#[derive(Clone, Debug)]
pub struct Ways {
    pub first: Channel,
    pub then: Vec<(Channel, u32)>,
}

impl Ways {
    /// The first address, and the other one if a step goes there.
    pub fn addresses(&self, person: u8) -> Vec<Address> {
        let first = Address::of(person, self.first);
        let mut of_steps = self.then.iter().map(|(channel, _)| Address::of(person, *channel));
        [Some(first), of_steps.find(|to| *to != first)].into_iter().flatten().collect()
    }

    /// The first step that does not go to the first address.
    pub fn to_another(&self) -> Option<usize> {
        self.then.iter().position(|(way, _)| way.is_by_phone() != self.first.is_by_phone())
    }

    /// How many messages it may become.
    pub fn count(&self) -> usize {
        1 + self.then.len()
    }
}
