//! A bulk lane that is never empty: texts that are not codes, fed as fast as they leave.

use std::time::{Duration, Instant};

use tokio::{sync::watch, task::JoinSet};

use super::people::pause;
use crate::{
    error::Result,
    http::Client,
    numbers::Numbers,
    product::{self, Ledger},
};

const PATIENCE: Duration = Duration::from_secs(6);
/// How long one text is offered again and again.
const PERSISTENCE: Duration = Duration::from_mins(1);
/// Far from the numbers of the people.
const FIRST: u64 = 250_000_000;

/// One text, as the caller saw it.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    pub(crate) to: String,
    /// None when it was never answered with `202`.
    pub(crate) id: Option<String>,
}

/// Keeps `level` texts waiting until told to stop.
#[derive(Clone, Debug)]
pub(crate) struct Feeder {
    pub(crate) clients: Vec<Client>,
    pub(crate) ledger: Ledger,
    pub(crate) level: usize,
    pub(crate) seed: u64,
}

impl Feeder {
    pub(crate) async fn feed(self, mut stop: watch::Receiver<bool>) -> Result<Vec<Offer>> {
        let numbers = Numbers::new(self.seed);
        let mut next = FIRST;
        let (mut running, mut offers) = (JoinSet::new(), Vec::new());
        while !*stop.borrow_and_update() {
            let wanted = self.missing().await.saturating_sub(running.len()).min(32);
            for _ in 0..wanted {
                let which = usize::try_from(next).unwrap_or(0) % self.clients.len();
                let key = format!("bulk-{}-{next}", self.seed);
                running.spawn(offer(self.clients[which].clone(), numbers.american(next), key));
                next += 1;
            }
            while let Some(ended) = running.try_join_next() {
                offers.push(ended?);
            }
            let _ = tokio::time::timeout(Duration::from_millis(200), stop.changed()).await;
        }
        while let Some(ended) = running.join_next().await {
            offers.push(ended?);
        }
        Ok(offers)
    }

    /// How many are missing from the level; none while the database does not say.
    async fn missing(&self) -> usize {
        let counted = self.ledger.count_pending("bulk");
        match tokio::time::timeout(Duration::from_secs(1), counted).await {
            Ok(Ok(pending)) => self.level.saturating_sub(usize::try_from(pending).unwrap_or(0)),
            _ => 0,
        }
    }
}

/// Offers one text until it is taken, always with the same idempotency key.
async fn offer(client: Client, to: String, key: String) -> Offer {
    let request = client.post(product::MESSAGES, Some(&key), &product::message_body(&to));
    let began = Instant::now();
    while began.elapsed() < PERSISTENCE {
        let answer = client.call(&request, PATIENCE).await.ok();
        let taken = answer.as_ref().filter(|answer| answer.status == 202);
        if let Some(id) = taken.and_then(|it| it.json()["id"].as_str().map(str::to_owned)) {
            return Offer { to, id: Some(id) };
        }
        tokio::time::sleep(pause(answer.as_ref())).await;
    }
    Offer { to, id: None }
}
