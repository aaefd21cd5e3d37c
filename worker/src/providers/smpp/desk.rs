//! What an SMSC brings is taken in, and answered when it is written down: what is not, it brings again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use otpost_shared::{
    Home,
    db::DbError,
    inbound::{self, Wish, Written},
    outcome::ErrorClass,
    report::{
        Word,
        by_id::{self, Told},
    },
};
use rusmpp::{CommandStatus, pdus::DeliverSmResp};
use rusmppc::Client;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    alphabet::Alphabet,
    deliver::{self, Delivered, Malformed, Text},
    receipt::Receipt,
};

/// An SMSC does not wait for ever.
const PATIENCE: Duration = Duration::from_secs(3);
/// Receipts that are being written down at the same time; the SMSC is asked to bring others later.
const MOST_RECEIPTS: usize = 64;

const TAKEN: CommandStatus = CommandStatus::EsmeRok;
/// To be brought again.
const LATER: CommandStatus = CommandStatus::EsmeRxTAppn;
/// Never to be brought again.
const REFUSED: CommandStatus = CommandStatus::EsmeRxPAppn;

/// Where all sessions of a section bring what they get.
pub(super) struct Desk {
    name: String,
    home: Option<Home>,
    alphabet: Alphabet,
    report_errors: BTreeMap<String, ErrorClass>,
    receipts: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(
        name: &str,
        home: Option<Home>,
        alphabet: Alphabet,
        report_errors: BTreeMap<String, ErrorClass>,
    ) -> Self {
        let receipts = Arc::new(Semaphore::new(MOST_RECEIPTS));
        Self { name: name.to_owned(), home, alphabet, report_errors, receipts }
    }

    /// Takes the body of one `deliver_sm`. Receipts are written down side by side; what people write in
    /// the order in which it comes, so that the last word counts.
    pub(super) async fn take(self: &Arc<Self>, client: &Client, sequence: u32, body: &[u8]) {
        let status = match deliver::read(body, self.alphabet) {
            Ok(Delivered::Receipt(receipt)) => {
                let Ok(place) = Arc::clone(&self.receipts).try_acquire_owned() else {
                    return answer(client, sequence, LATER).await;
                };
                let (desk, client) = (Arc::clone(self), client.clone());
                tokio::spawn(async move {
                    let status = desk.take_receipt(receipt).await;
                    answer(&client, sequence, status).await;
                    drop(place);
                });
                return;
            }
            Ok(Delivered::Text(text)) => self.take_text(text).await,
            Ok(Delivered::Other) => TAKEN,
            Err(Malformed) => {
                self.count_refused();
                REFUSED
            }
        };
        answer(client, sequence, status).await;
    }

    async fn take_receipt(&self, receipt: Receipt) -> CommandStatus {
        let (Some(home), Some(word)) = (&self.home, receipt.word) else { return TAKEN };
        let class = (word == Word::Undelivered).then(|| receipt.class(&self.report_errors));
        let Receipt { id, to, from, code, .. } = receipt;
        let told = Told { id, to, from, word, class, code };
        let status = self.written(by_id::take(home, &self.name, told)).await;
        if status == TAKEN {
            let (provider, word) = (self.name.clone(), word.as_str());
            metrics::counter!("otpost_reports_total", "provider" => provider, "word" => word)
                .increment(1);
        }
        status
    }

    async fn take_text(&self, text: Text) -> CommandStatus {
        let Some(home) = &self.home else { return TAKEN };
        let region = home.config.recipients.default_region.as_str();
        let region = (!region.is_empty()).then_some(region);
        let from = text.from.as_deref().and_then(|from| inbound::read_number(from, region));
        let Some(from) = from else {
            inbound::note_unreadable(&self.name, 1);
            return TAKEN;
        };
        let wish = if text.is_whole { Wish::of(&text.text, from.region()) } else { Wish::Other };
        let written = Written { from, wish, at: None, id: None };
        let status = self.written(inbound::take(home, &self.name, written)).await;
        if status == TAKEN {
            let (provider, wish) = (self.name.clone(), wish.as_str());
            metrics::counter!("otpost_inbound_total", "provider" => provider, "wish" => wish)
                .increment(1);
        }
        status
    }

    async fn written<T>(&self, writing: impl Future<Output = Result<T, DbError>>) -> CommandStatus {
        match timeout(PATIENCE, writing).await {
            Ok(Ok(_)) => TAKEN,
            // Another time would be like this one.
            Ok(Err(error @ DbError::Broken(_))) => {
                tracing::warn!(provider = self.name, %error, "what the SMSC brought is lost");
                self.count_refused();
                REFUSED
            }
            Ok(Err(error)) => {
                tracing::debug!(provider = self.name, %error, "the SMSC is to bring it again");
                LATER
            }
            Err(_) => LATER,
        }
    }

    fn count_refused(&self) {
        metrics::counter!("otpost_reports_refused_total", "provider" => self.name.clone())
            .increment(1);
    }
}

/// Without an answer it comes again, over the next session.
async fn answer(client: &Client, sequence: u32, status: CommandStatus) {
    let _ = client.status(status).deliver_sm_resp(sequence, DeliverSmResp::default()).await;
}
