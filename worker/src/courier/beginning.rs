//! Everything before the first byte: the text, the decision, the attempt's row.

use std::sync::Arc;

use otpost_shared::{
    attempt::{self, Attempt},
    clock::Millis,
    db::DbError,
    message::{Claimed, End, Message, Next, Recording},
    queue::Lane,
    verification::Verification,
};

use super::{Begun, Courier, CourierError, Plan, Stopped};
use crate::{backend, health::Barred, letter::Letter};

impl Courier {
    /// None when there is nothing to send, or not now; that is written down already.
    pub(super) async fn begin(
        &self,
        claimed: Claimed,
    ) -> Result<Option<(Begun<'_>, Vec<Attempt>)>, Stopped> {
        let row = Arc::clone(&claimed.message);
        let number = claimed.begun.as_ref().map(|_| 1);
        let stopped = |error: CourierError| Stopped { error, number };
        let composed = self.compose(&row, claimed.verification, number).await;
        let Some((letter, attempts)) = composed.map_err(stopped)? else { return Ok(None) };
        let way = self.way(&row, &letter).await.map_err(|error| stopped(error.into()))?;
        // Before anything is decided: meanwhile a provider may have turned out not to answer.
        let Some(place) = self.place(&row).await else {
            backend::release(&self.home, &row).await;
            return Ok(None);
        };
        let health = self.chain.health();
        let planned = match claimed.begun.map(|name| health.enter(&name, way.to, self.now())) {
            Some(Ok(pass)) => Some((Plan::new(1, pass), row.lease_until.unwrap_or_default())),
            // It is no longer trusted as it was at the claim: somebody takes another look.
            Some(Err(Barred::LeftAlone)) => {
                backend::release(&self.home, &row).await;
                None
            }
            // Whoever is asked now takes over the attempt's row.
            Some(Err(Barred::Refusing)) | None => {
                let patience = self.patience_to_begin(&row);
                match self.next(&row, &letter, way, &attempts, patience).await {
                    (next, Some(plan)) => self.write_attempt(&row, number, next, plan).await?,
                    (next, None) => self.leave(&row, number, next).await.map(|()| None)?,
                }
            }
        };
        let place = Some(place);
        let begun = planned.map(|(plan, lease_until)| {
            let begun = Begun { letter, way, plan, lease_until, place };
            (begun, attempts)
        });
        Ok(begun)
    }

    /// What goes out, and what was tried so far. None when it goes to nobody any more.
    async fn compose(
        &self,
        row: &Arc<Message>,
        verification: Option<Verification>,
        number: Option<i32>,
    ) -> Result<Option<(Letter, Vec<Attempt>)>, CourierError> {
        let Some(letter) = Letter::compose(&self.home, row, verification).await? else {
            let words = "there was nothing to send any more";
            self.call_off(row, number, words, Next::Cancel).await?;
            return Ok(None);
        };
        let mut attempts = Vec::new();
        if row.epoch > 1 {
            attempts = attempt::list_by_message(&self.home.db, row.id).await?;
        }
        // Texts are looked for in the statement that begins an attempt, and so are codes that go on.
        if row.lane() == Lane::Otp && self.is_suppressed(row, &letter).await? {
            let words = "the recipient is not to be sent to";
            let next = Next::End(End::suppressed_after(&attempts));
            self.call_off(row, number, words, next).await?;
            return Ok(None);
        }
        Ok(Some((letter, attempts)))
    }

    /// No attempt is made now. One that was written down with the claim is for whoever claims it next.
    async fn leave(
        &self,
        row: &Arc<Message>,
        number: Option<i32>,
        next: Next,
    ) -> Result<(), Stopped> {
        if number.is_some() {
            backend::release(&self.home, row).await;
            return Ok(());
        }
        let stopped = |error: DbError| Stopped { error: error.into(), number };
        self.settle(row, None, next).await.map(drop).map_err(stopped)
    }

    /// Writes down that the planned attempt begins, which renews the lease; says until when it then holds.
    /// None when the message has ended meanwhile.
    async fn write_attempt(
        &self,
        row: &Arc<Message>,
        number: Option<i32>,
        next: Next,
        plan: Plan,
    ) -> Result<Option<(Plan, Millis)>, Stopped> {
        let step = Recording { message: Arc::clone(row), ended: None, next, now: self.now() };
        let written = self.home.record(step).await;
        let lease = written.map_err(|e| Stopped { error: e.into(), number: Some(plan.number) })?;
        if lease.is_none() && number.is_some() {
            // That is written down too, but not what its claim began.
            let words = "it was called off before anything was sent";
            let called_off = self.call_off(row, number, words, Next::Cancel).await;
            called_off.map_err(|error| Stopped { error: error.into(), number })?;
        }
        Ok(lease.map(|lease_until| (plan, lease_until)))
    }
}
