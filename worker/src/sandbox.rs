//! Delivering the messages of sandboxes: into their inboxes, without chain and provider.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use otpost_shared::{
    Home,
    attempt::{self, Ending},
    clock::Millis,
    message::{self, Claimed, End, Message, Next, Recording, State},
    outcome::ErrorClass,
    queue::Lane,
    report::Word,
    sandbox::{
        Conduct, PROVIDER,
        conduct::SLOW_MS,
        inbox::{self, Content},
    },
    secrets::Code,
    suppression, tenant,
    verification::Verification,
};
use tokio_util::sync::CancellationToken;

use crate::{courier::CourierError, letter::Letter};

/// A test waits for each message.
const TICK: Duration = Duration::from_millis(100);
/// In ticks: where there is no sandbox yet.
const LOOK_EVERY: u64 = 10;
/// Messages claimed in one statement, and delivered at the same time.
const MOST: i64 = 64;
const AT_ONCE: usize = 8;

/// Stands in attempts and messages that fail as a test wants it.
const SIMULATED: &str = "simulated for this recipient";

/// Runs until `stop` is cancelled.
pub async fn run(home: Home, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_needed = false;
    for tick in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // A sandbox stays one: once there is one, nobody asks again.
        if !is_needed && tick.is_multiple_of(LOOK_EVERY) {
            let found = tenant::list_sandboxes(&home.db, 1).await;
            is_needed = found.is_ok_and(|found| !found.is_empty());
        }
        if is_needed {
            deliver_due(&home, &stop).await;
        }
    }
}

async fn deliver_due(home: &Home, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let claimed = message::claim_of_sandboxes(&home.db, MOST, home.clock.now()).await;
        let claimed = claimed.unwrap_or_else(|error| {
            tracing::warn!(%error, "due messages of sandboxes were not read");
            Vec::new()
        });
        let is_all = claimed.len() < usize::try_from(MOST).unwrap_or(usize::MAX);
        let each = |claimed| deliver(home, claimed);
        stream::iter(claimed).for_each_concurrent(AT_ONCE, each).await;
        if is_all {
            return;
        }
    }
}

/// What is not delivered now is taken up again when its lease has run out.
async fn deliver(home: &Home, claimed: Claimed) {
    let delivery = Delivery { home, row: Arc::clone(&claimed.message) };
    if let Err(error) = delivery.run(claimed.verification).await {
        tracing::warn!(message.id = %claimed.message.id, %error, "a sandbox's message is put off");
    }
}

struct Delivery<'a> {
    home: &'a Home,
    row: Arc<Message>,
}

impl Delivery<'_> {
    async fn run(&self, verification: Option<Verification>) -> Result<(), CourierError> {
        let (home, row) = (self.home, &self.row);
        let Some(letter) = Letter::compose(home, row, verification).await? else {
            return self.record(None, Next::Cancel).await.map(drop);
        };
        let conduct = Conduct::at(&letter.to);
        if conduct == Some(Conduct::Slow) && row.epoch == 1 {
            let not_before = home.clock.now() + SLOW_MS;
            return self.record(None, Next::Wait { not_before, why: None }).await.map(drop);
        }
        // Of texts the statement that begins an attempt knows.
        if row.lane() == Lane::Otp
            && suppression::keeps_back(home, row.tenant_id, &letter.to, row.lane()).await?
        {
            return self.record(None, Next::End(End::suppressed())).await.map(drop);
        }
        let number = self.next_number().await?;
        let suppression_hash = suppression::hash(&home.keys, &letter.to);
        let begin = Next::Try { number, provider: PROVIDER.to_owned(), suppression_hash };
        if self.record(None, begin).await?.is_none() {
            return Ok(());
        }
        match conduct.and_then(Conduct::refused) {
            Some(class) => self.refuse(number, class).await,
            None => self.send(number, conduct, &letter).await,
        }
    }

    async fn next_number(&self) -> Result<i32, CourierError> {
        if self.row.epoch == 1 {
            return Ok(1);
        }
        let attempts = attempt::list_by_message(&self.home.db, self.row.id).await?;
        Ok(attempts.last().map_or(1, |last| last.number + 1))
    }

    async fn refuse(&self, number: i32, class: ErrorClass) -> Result<(), CourierError> {
        let words = match class {
            ErrorClass::OptedOut => "the recipient opted out",
            _ => "the recipient cannot receive it",
        };
        let failure = format!("{words} ({PROVIDER}: {SIMULATED})");
        let ending = Ending { detail: Some(SIMULATED.to_owned()), ..Ending::of(class) };
        let end = End { state: State::Failed, class, failure };
        self.record(Some((number, ending)), Next::End(end)).await.map(drop)
    }

    async fn send(
        &self,
        number: i32,
        conduct: Option<Conduct>,
        letter: &Letter,
    ) -> Result<(), CourierError> {
        let (home, row) = (self.home, &self.row);
        if conduct != Some(Conduct::Undelivered) {
            inbox::put(home, row, &content(letter), home.clock.now()).await?;
        }
        let provider_message_id = Some(format!("{PROVIDER}-{}", row.id));
        let ending = Ending { provider_message_id, ..Ending::of(ErrorClass::Ok) };
        self.record(Some((number, ending)), Next::Sent).await?;
        let word = match conduct {
            Some(Conduct::Unreported) => return Ok(()),
            Some(Conduct::Undelivered) => Word::Undelivered,
            _ => Word::Delivered,
        };
        Ok(message::report_in_sandbox(home, row, number, word).await?)
    }

    async fn record(
        &self,
        ended: Option<(i32, Ending)>,
        next: Next,
    ) -> Result<Option<Millis>, CourierError> {
        let (message, now) = (Arc::clone(&self.row), self.home.clock.now());
        Ok(self.home.record(Recording { message, ended, next, now }).await?)
    }
}

fn content(letter: &Letter) -> Content {
    Content {
        to: letter.to.address().to_owned(),
        title: letter.mail.as_ref().map(|mail| mail.title.clone()),
        text: letter.text.clone(),
        code: letter.code.as_ref().map(Code::as_str).map(str::to_owned),
    }
}
