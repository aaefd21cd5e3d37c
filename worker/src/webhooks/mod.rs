//! Posting events to endpoints. Each endpoint has a task of its own while something is due for it, so that one
//! that is slow or away delays no message, and another endpoint only when there are very many like it.
//!
//! | module | what lives there |
//! |---|---|
//! | `post` | one delivery: the request, and what its answer means |
//! | `turn` | which endpoints are posted to now, and which are next |
//! | `resolver` | names, without the addresses that nobody outside may reach |

mod post;
mod resolver;
mod turn;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use otpost_shared::{
    Home,
    db::DbError,
    webhook::{self, Answer, Due, Noted, Webhook},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::{post::Poster, turn::Turns};

const TICK: Duration = Duration::from_millis(250);
/// Deliveries of one endpoint that are under way at the same time.
const AT_ONCE: usize = 16;
/// In ticks.
const RECOVER_EVERY: u64 = 20;

/// Runs until `stop` is cancelled, and lets what is under way come to its end.
pub async fn run(home: Home, stop: CancellationToken) {
    let poster = Arc::new(Poster::new(home.config.webhooks));
    let turns = Turns::new(home.clock.clone());
    let round = Round { home, poster, turns, stop: stop.clone() };
    let mut tasks = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        while tasks.try_join_next().is_some() {}
        if let Err(error) = round.go(&mut tasks, tick).await {
            tracing::warn!(%error, "webhooks are put off");
        }
    }
    while tasks.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Round {
    home: Home,
    poster: Arc<Poster>,
    turns: Turns,
    stop: CancellationToken,
}

impl Round {
    async fn go(&self, tasks: &mut JoinSet<()>, tick: u64) -> Result<(), DbError> {
        let (db, now) = (&self.home.db, self.home.clock.now());
        let settings = self.home.settings.now(db, now).await?;
        if !settings.somebody_listens() {
            return Ok(());
        }
        // What is due already is posted all the same.
        let spread = match webhook::spread(db, now).await {
            Err(DbError::Locked) => {
                tracing::debug!("another process hands events out");
                Ok(())
            }
            spread => spread.map(drop),
        };
        if tick.is_multiple_of(RECOVER_EVERY) {
            webhook::recover(db, now).await?;
        }
        let mut waiting = webhook::list_due(db, now).await?;
        waiting.sort_by_cached_key(|of| self.turns.waits_since(of.webhook.id, of.since));
        for of in waiting {
            let is_failing = of.webhook.failing_since.is_some();
            let Some(turn) = self.turns.take(of.webhook.id, is_failing) else { continue };
            let round = self.clone();
            tasks.spawn(async move {
                round.serve(of.webhook).await;
                drop(turn);
            });
        }
        spread
    }

    /// Posts what is due, as long as all of it is taken and nobody waits. One that has failed before is asked
    /// with one delivery.
    async fn serve(&self, endpoint: Webhook) {
        let most = if endpoint.failing_since.is_some() { 1 } else { AT_ONCE };
        while !self.stop.is_cancelled() {
            let now = self.home.clock.now();
            let due = match webhook::claim(&self.home.db, &endpoint, most, now).await {
                Ok(due) => due,
                Err(error) => return tracing::warn!(%error, "a webhook is put off"),
            };
            let posted = join_all(due.iter().map(|due| self.deliver(due))).await;
            let all_taken = posted.iter().all(|noted| *noted == Some(Noted::Delivered));
            if posted.is_empty() || !all_taken || self.turns.are_all_taken() {
                return;
            }
            // One that has just come back is looked at again, and then gets more at once.
            if endpoint.failing_since.is_some() {
                return;
            }
        }
    }

    /// None when what came of it could not be written down: its lease runs out, and it is posted again.
    async fn deliver(&self, due: &Due) -> Option<Noted> {
        let answer = self.poster.post(&self.home, due).await;
        let (status, error) = (answer.status(), answer.error().map(str::to_owned));
        let is_own_fault = matches!(answer, Answer::NotPosted { .. });
        let now = self.home.clock.now();
        let noted = webhook::record(&self.home.db, due, answer, now).await;
        let noted = noted
            .inspect_err(|error| tracing::warn!(%error, "what a webhook answered was not noted"))
            .ok()?;
        let outcome = match noted {
            Noted::Delivered => "delivered",
            Noted::TriedAgain => "tried_again",
            Noted::GivenUp => "given_up",
            Noted::Disabled => "disabled",
            Noted::NotOurs => "not_ours",
        };
        metrics::counter!("otpost_webhook_posts_total", "outcome" => outcome).increment(1);
        let (id, error) = (due.webhook.id, error.unwrap_or_default());
        match noted {
            Noted::Disabled => tracing::warn!(
                webhook.id = %id,
                "a webhook is disabled, because nothing is taken there any more: {error}"
            ),
            Noted::TriedAgain | Noted::GivenUp if is_own_fault => tracing::warn!(
                webhook.id = %id, "an event could not be posted to a webhook: {error}"
            ),
            Noted::TriedAgain | Noted::GivenUp => tracing::info!(
                webhook.id = %id, http.status = status, "a webhook did not take an event: {error}"
            ),
            Noted::Delivered | Noted::NotOurs => {}
        }
        Some(noted)
    }
}
