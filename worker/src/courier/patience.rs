//! How long a message may be kept waiting before it begins, and before it goes on.

use otpost_shared::{clock::Millis, message::Message, queue::Lane};
use tokio::sync::SemaphorePermit;

use super::{Courier, LEAST_LEASE_MS, PATIENCE, span};
use crate::choice::Patience;

/// What waits for a token is begun with no less lease than this.
const LEAST_LEASE_TO_BEGIN_MS: i64 = 2_000;
/// An outcome is written down with no less lease than this.
const LEAST_LEASE_TO_RECORD_MS: i64 = 500;

impl Courier {
    /// None when no place has become free while its lease was still good for an attempt: somebody
    /// else may have one.
    pub(super) async fn place(&self, row: &Message) -> Option<SemaphorePermit<'_>> {
        let left = row.lease_until.unwrap_or_default() - LEAST_LEASE_MS - self.now();
        self.places.take(row.lane(), span(left)).await
    }

    /// How long a message that was claimed may wait: its attempt's row renews the lease, for which there must
    /// be time.
    pub(super) fn patience_to_begin(&self, row: &Message) -> Patience<'_> {
        let left = row.lease_until.unwrap_or_default() - LEAST_LEASE_TO_BEGIN_MS - self.now();
        Patience { place: PATIENCE, token: span(left), stop: &self.stop }
    }

    /// How long an outcome may be kept waiting for a provider that is being tried out. When the first
    /// of a chain goes silent, everybody comes to the second at once, and half a second later it is
    /// known. A worker that dies meanwhile leaves `unknown` behind, which is the end of a text, but not
    /// of a code.
    pub(super) fn patience_after(&self, row: &Message, lease_until: Millis) -> Patience<'_> {
        let left = match row.lane() {
            Lane::Otp => lease_until - LEAST_LEASE_TO_RECORD_MS - self.now(),
            Lane::Bulk => 0,
        };
        let patience = PATIENCE.min(span(left));
        Patience { place: patience, token: patience, stop: &self.stop }
    }
}
