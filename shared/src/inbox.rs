//! The inbox of the `console` provider: the last messages of this process, in memory only.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// How many messages the inbox keeps; older ones fall out.
const KEPT: usize = 1_000;

/// One message as the person would have received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// A number in E.164, or an e-mail address.
    pub to: String,
    pub channel: &'static str,
    /// Of an e-mail.
    pub title: Option<String>,
    pub text: String,
    /// The code in it, if it is one.
    pub code: Option<String>,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A handle to the inbox; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Inbox(Arc<Mutex<VecDeque<Received>>>);

impl Inbox {
    pub fn put(&self, message: Received) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(message);
        kept.truncate(KEPT);
    }

    /// Newest first; with `to`, only the messages to that number or address.
    #[must_use]
    pub fn list(&self, to: Option<&str>) -> Vec<Received> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_to =
            |message: &&Received| to.is_none_or(|address| message.to.eq_ignore_ascii_case(address));
        kept.iter().filter(is_to).cloned().collect()
    }
}
