//! What the gateway received, in memory and in order.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::product;

/// One well-formed send request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// 1 for the first request of this gateway.
    pub(crate) number: u64,
    /// Microseconds of the Unix clock at which the request had arrived.
    pub(crate) at_us: u64,
    /// `twilio`, `vonage` or `plain`.
    pub(crate) provider: Cow<'static, str>,
    /// E.164, with the plus whatever the dialect wrote.
    pub(crate) to: String,
    pub(crate) text: String,
    /// Whether a real gateway would have sent the SMS, even if its answer got lost.
    pub(crate) accepted: bool,
}

/// How much was received.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) accepted: u64,
    /// Of the accepted ones, those that carry a code.
    pub(crate) codes: u64,
    /// Of the accepted ones, 0 if there are none.
    pub(crate) first_us: u64,
    pub(crate) last_us: u64,
}

impl Counts {
    /// Texts without a code.
    pub(crate) fn bulk(&self) -> u64 {
        self.accepted.saturating_sub(self.codes)
    }
}

#[derive(Debug, Default)]
struct Kept {
    all: Vec<Seen>,
    by_recipient: HashMap<String, Vec<usize>>,
    counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Kept>);

impl Log {
    pub(crate) fn put(&self, provider: &'static str, to: String, text: String, accepted: bool) {
        let at_us = now_us();
        let mut kept = self.lock();
        kept.counts.requests += 1;
        let number = kept.counts.requests;
        if accepted {
            kept.counts.accepted += 1;
            kept.counts.codes += u64::from(product::code_in(&text).is_some());
            kept.counts.last_us = at_us;
            if kept.counts.first_us == 0 {
                kept.counts.first_us = at_us;
            }
        }
        let place = kept.all.len();
        kept.by_recipient.entry(to.clone()).or_default().push(place);
        kept.all.push(Seen {
            number,
            at_us,
            provider: Cow::Borrowed(provider),
            to,
            text,
            accepted,
        });
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Everything after request number `after`, at most `limit` of it.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Vec<Seen> {
        let kept = self.lock();
        let from = kept.all.partition_point(|seen| seen.number <= after);
        kept.all[from..].iter().take(limit).cloned().collect()
    }

    pub(crate) fn of(&self, to: &str) -> Vec<Seen> {
        let kept = self.lock();
        let places = kept.by_recipient.get(to).map_or(&[][..], Vec::as_slice);
        places.iter().map(|&place| kept.all[place].clone()).collect()
    }

    /// Forgets everything and starts counting at one again.
    pub(crate) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one clock on which senders and gateway of one machine agree.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// The same clock in the database's unit.
pub(crate) fn now_ms() -> i64 {
    in_ms(now_us())
}

pub(crate) fn in_ms(micros: u64) -> i64 {
    i64::try_from(micros / 1_000).unwrap_or(i64::MAX)
}
