//! Traps: what a proxy does with the packets that match a pattern.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::watch;

use super::wire::Packet;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toward {
    Server,
    Client,
}

/// Which packets are meant.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// These bytes are in one piece of what passes.
    Bytes(Vec<u8>),
    /// Postgres is asked to run a statement whose text holds `text`, with the bytes `with`
    /// among its values unless they are empty. Binary values are as Postgres writes them.
    Statement { text: &'static str, with: Vec<u8> },
}

impl Pattern {
    pub(crate) fn statement(text: &'static str) -> Self {
        Self::Statement { text, with: Vec::new() }
    }

    fn fits(&self, packet: &Packet) -> bool {
        match self {
            Self::Bytes(wanted) => holds(&packet.bytes, wanted),
            Self::Statement { text, with } => {
                let runs = packet.statement.as_ref().is_some_and(|it| it.contains(text));
                runs && holds(&packet.bytes, with)
            }
        }
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// What happens to a packet in a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It waits, and everything behind it, until the trap is released.
    Hold,
    /// It is taken out; the connection goes on.
    Swallow,
    /// It passes; the end of its answer (of its transaction, with Postgres) is taken out and the
    /// connection reset.
    LoseAnswer,
}

/// What becomes of a packet that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Waits,
    Goes,
    /// Its connection is reset and it never arrives.
    Dies,
}

/// The inside of a trap, which connections look at.
#[derive(Debug)]
pub(super) struct Lair {
    toward: Toward,
    pattern: Pattern,
    pub(super) act: Act,
    every: u64,
    once: bool,
    /// The last packet in it.
    caught: Mutex<Vec<u8>>,
    /// Packets that fitted, whether or not it was their turn.
    met: Mutex<u64>,
    sprung: watch::Sender<u64>,
    pub(super) fate: watch::Sender<Fate>,
}

impl Lair {
    pub(super) fn new(toward: Toward, pattern: Pattern, act: Act) -> Self {
        Self {
            toward,
            pattern,
            act,
            every: 1,
            once: false,
            caught: Mutex::default(),
            met: Mutex::new(0),
            sprung: watch::Sender::new(0),
            fate: watch::Sender::new(Fate::Waits),
        }
    }

    pub(super) fn every(mut self, every: u64) -> Self {
        self.every = every.max(1);
        self
    }

    pub(super) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    fn takes(&self, toward: Toward, packet: &Packet) -> bool {
        if toward != self.toward || *self.fate.borrow() != Fate::Waits || !self.pattern.fits(packet)
        {
            return false;
        }
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        *met += 1;
        let taken = met.is_multiple_of(self.every) && (!self.once || *met == self.every);
        if taken {
            let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
            caught.clone_from(&packet.bytes);
            self.sprung.send_modify(|sprung| *sprung += 1);
        }
        taken
    }
}

/// All traps of one proxy.
#[derive(Debug, Default)]
pub(super) struct Traps(RwLock<Vec<Arc<Lair>>>);

impl Traps {
    pub(super) fn add(&self, lair: Arc<Lair>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.retain(|lair| *lair.fate.borrow() == Fate::Waits);
        held.push(lair);
    }

    /// The trap this packet falls into.
    pub(super) fn catch(&self, toward: Toward, packet: &Packet) -> Option<Arc<Lair>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|lair| lair.takes(toward, packet)).cloned()
    }
}

/// The handle of a trap. Dropped, the trap is gone, and what it holds never arrives.
#[derive(Debug)]
pub(crate) struct Trap {
    pub(super) lair: Arc<Lair>,
}

impl Trap {
    /// True as soon as a packet is in it; false when none came within this time.
    pub(crate) async fn sprung(&self, within: Duration) -> bool {
        let mut sprung = self.lair.sprung.subscribe();
        let caught = sprung.wait_for(|count| *count > 0);
        matches!(tokio::time::timeout(within, caught).await, Ok(Ok(_)))
    }

    /// How many packets fell into it.
    pub(crate) fn count(&self) -> u64 {
        *self.lair.sprung.borrow()
    }

    /// The last packet that fell into it.
    pub(crate) fn caught(&self) -> Vec<u8> {
        self.lair.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets what is held go on its way, and everything after it pass.
    #[cfg_attr(not(test), expect(dead_code, reason = "faults only ever kill what is held"))]
    pub(crate) fn release(&self) {
        self.lair.fate.send_replace(Fate::Goes);
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.lair.fate.send_if_modified(|fate| {
            let waits = *fate == Fate::Waits;
            if waits {
                *fate = Fate::Dies;
            }
            waits
        });
    }
}
