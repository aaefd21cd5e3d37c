//! Replies: one text to whoever wrote STOP, START or HELP, by the provider over which it came. It is
//! written down together with what the keyword changes. No more than one a day answers the same keyword of
//! the same number: two machines that answer each other would never end.

use uuid::Uuid;

use super::{Body, Message, field, insert};
use crate::{
    channel::Channel,
    clock::Millis,
    db::{DbError, Tx, on_tx},
    event::{self, Changed},
    home::Home,
    inbound::Wish,
    queue::Lane,
    recipient::Recipient,
    secrets::SecretError,
    send_budget, suppression,
    tenant::DEFAULT_TENANT,
};

/// Within a day of its answer the same keyword is not answered again. A provider that brings a message once
/// more does so earlier.
const ANSWERED_FOR_MS: Millis = 86_400_000;

/// Due before all others of its lane: a person waits for it, and of a bulk send there may be millions.
const BEFORE_ALL: Millis = 0;

/// One that is to be written down.
#[derive(Debug)]
pub(crate) struct Reply {
    row: Message,
    wish: Wish,
    /// By which the number is known among those who were answered.
    hash: Vec<u8>,
    suppression_hash: Vec<u8>,
    cap: Option<(Uuid, i64)>,
}

impl Message {
    /// True for what answers a keyword.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.keyword.is_some()
    }

    /// True for the answer to STOP: the one text that is sent whoever says that its recipient is not to be
    /// sent to.
    #[must_use]
    pub fn confirms_stop(&self) -> bool {
        self.keyword.as_deref() == Some(Wish::Stop.as_str())
    }
}

impl Reply {
    /// None when nothing is to be answered: the provider does not reply, the number is a test number, or its
    /// country is not sent to.
    pub(crate) fn new(
        home: &Home,
        provider: &str,
        to: &Recipient,
        wish: Wish,
    ) -> Result<Option<Self>, SecretError> {
        let (config, now) = (&home.config, home.clock.now());
        let replies = config.providers.get(provider).is_some_and(|section| section.replies);
        let is_test = home.test_code(to, now).is_some();
        if !replies || is_test || !config.allows_region(to.region()) {
            return Ok(None);
        }
        let Some(text) = config.replies.text(wish, &config.texts) else { return Ok(None) };
        let row = build(home, provider, to, wish, &text, now)?;
        Ok(Some(Self {
            row,
            wish,
            hash: home.keys.lasting_hash(&[b"reply/v1", to.identity().as_bytes()]),
            suppression_hash: suppression::hash(&home.keys, to),
            cap: home.send_cap(DEFAULT_TENANT, is_test),
        }))
    }

    /// Writes it down, after what its keyword changes; false when it is not to be sent.
    pub(crate) async fn write(&self, tx: &mut Tx) -> Result<bool, DbError> {
        self.call_off_opposite(tx).await?;
        if self.is_kept_back(tx).await? || !self.take_turn(tx).await? {
            return Ok(false);
        }
        if let Some(cap) = self.cap
            && !send_budget::charge(tx, cap, 1, self.row.created_at).await?
        {
            self.give_turn_back(tx, self.wish).await?;
            return Ok(false);
        }
        self.insert(tx).await?;
        Ok(true)
    }

    /// Whether it is not to be sent to somebody who is not to be sent texts.
    ///
    /// STOP is confirmed whoever said so. HELP is answered when it was the person: carriers in North America
    /// want that whether somebody takes texts or not, and they ask for it themselves. It is not when a tenant
    /// said so, which may have reasons that the person does not share, or a provider, which keeps such a list
    /// of its own: it would refuse the answer, and many give one. What a provider says after STOP only repeats
    /// it, and changes nothing. START is answered when nothing is left that keeps texts back: before that the
    /// answer would not be true.
    ///
    /// The statement that begins an attempt asks the same once more, of HELP and START.
    async fn is_kept_back(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let hash = self.suppression_hash.as_slice();
        match self.wish {
            Wish::Stop => Ok(false),
            Wish::Help => suppression::is_kept_back_by_others(tx, DEFAULT_TENANT, hash).await,
            Wish::Start | Wish::Other => {
                Ok(!suppression::among(tx, DEFAULT_TENANT, &[hash]).await?.is_empty())
            }
        }
    }

    /// To be called once it is committed.
    pub(crate) fn note_written(&self) {
        let provider = self.row.only_provider.clone().unwrap_or_default();
        let keyword = self.wish.as_str();
        tracing::info!(message.id = %self.row.id, provider, keyword, "a keyword is answered");
        metrics::counter!("otpost_replies_total", "provider" => provider, "keyword" => keyword)
            .increment(1);
    }

    /// False when this keyword of this number was answered within a day; of several processes one is first.
    async fn take_turn(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let rows = on_tx!(tx, c => {
            sqlx::query::<D>(
                "INSERT INTO replies (recipient_hash, keyword, message_id, expires_at)
                 VALUES ($1, $2, $3, $4)
                 ON CONFLICT (recipient_hash, keyword) DO UPDATE
                 SET message_id = excluded.message_id, expires_at = excluded.expires_at
                 WHERE replies.expires_at <= $5",
            )
            .bind(&self.hash)
            .bind(self.wish.as_str())
            .bind(self.row.id)
            .bind(self.row.created_at + ANSWERED_FOR_MS)
            .bind(self.row.created_at)
            .execute(c)
            .await?
            .rows_affected()
        });
        Ok(rows == 1)
    }

    /// An answer that still waits must not tell the opposite after this one.
    async fn call_off_opposite(&self, tx: &mut Tx) -> Result<(), DbError> {
        let opposite = match self.wish {
            Wish::Stop => Wish::Start,
            Wish::Start => Wish::Stop,
            Wish::Help | Wish::Other => return Ok(()),
        };
        let canceled = on_tx!(&mut *tx, c => {
            sqlx::query_as::<D, Changed>(
                "UPDATE messages
                 SET state = 'canceled', finished_at = $3,
                     failure = 'the person wrote the opposite before it was sent'
                 WHERE state || '' = 'queued' AND id = (
                     SELECT message_id FROM replies WHERE recipient_hash = $1 AND keyword = $2)
                 RETURNING id, tenant_id",
            )
            .bind(&self.hash)
            .bind(opposite.as_str())
            .bind(self.row.created_at)
            .fetch_all(c)
            .await?
        });
        event::tell_messages(tx, &canceled, self.row.created_at).await?;
        if canceled.is_empty() { Ok(()) } else { self.give_turn_back(tx, opposite).await }
    }

    /// What was not sent is no answer.
    async fn give_turn_back(&self, tx: &mut Tx, keyword: Wish) -> Result<(), DbError> {
        on_tx!(tx, c => {
            sqlx::query::<D>("DELETE FROM replies WHERE recipient_hash = $1 AND keyword = $2")
                .bind(&self.hash)
                .bind(keyword.as_str())
                .execute(c)
                .await?;
        });
        Ok(())
    }

    /// What makes it a reply comes second: the statements that carry the load bind no columns for that.
    async fn insert(&self, tx: &mut Tx) -> Result<(), DbError> {
        insert(tx, &[&self.row]).await?;
        on_tx!(tx, c => {
            sqlx::query::<D>("UPDATE messages SET only_provider = $2, keyword = $3 WHERE id = $1")
                .bind(self.row.id)
                .bind(&self.row.only_provider)
                .bind(&self.row.keyword)
                .execute(c)
                .await?;
        });
        Ok(())
    }
}

/// Of the default tenant, because all tenants share the sender; and no code, so that it is never sent twice.
fn build(
    home: &Home,
    provider: &str,
    to: &Recipient,
    wish: Wish,
    text: &str,
    now: Millis,
) -> Result<Message, SecretError> {
    let id = Uuid::now_v7();
    let seal = |name: &str, plain: &str| home.keys.seal(name, id, plain.as_bytes());
    Ok(Message {
        channel: Channel::Sms.as_str().into(),
        key_id: home.keys.active_kid().to_owned(),
        recipient_hash: home.keys.recipient_hash(DEFAULT_TENANT, &to.identity()),
        recipient_sealed: Some(seal(field::RECIPIENT, &to.to_stored())?),
        body_sealed: Some(seal(field::BODY, &Body::to_stored(Channel::Sms, None, text, None))?),
        not_before: BEFORE_ALL,
        deadline: now + i64::from(home.config.replies.lifetime_secs) * 1_000,
        only_provider: Some(provider.to_owned()),
        keyword: Some(wish.as_str().to_owned()),
        ..Message::queued(id, DEFAULT_TENANT, Lane::Bulk, now)
    })
}
