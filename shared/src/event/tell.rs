//! Telling: whatever changes a state writes the event down in its own transaction, so that neither is there
//! without the other.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::kind::WEBHOOK_TEST;
use crate::{
    clock::Millis,
    db::{DbError, Tx, chunks, on_tx},
};

/// A row whose state has just changed: its id, and its tenant's.
pub(crate) type Changed = (Uuid, Uuid);

/// Inserts an event for each of these rows, from what the row says now.
macro_rules! tell {
    ($tx:expr, $heard:expr, $now:expr, $select:literal, $from:literal) => {
        for rows in chunks($heard) {
            on_tx!(&mut *$tx, c => {
                let mut query = QueryBuilder::<D>::new("WITH told (id, subject) AS (");
                query.push_values(rows, |mut tuple, (id, subject)| {
                    tuple.push_bind(*id).push_bind(*subject);
                });
                query.push($select).push_bind($now).push($from);
                query.build().execute(c).await?;
            });
        }
    };
}

/// Tells what has become of these verifications, but for decoys. The rows of one call have changed once since
/// the last.
pub(crate) async fn tell_verifications(
    tx: &mut Tx,
    changed: &[Changed],
    now: Millis,
) -> Result<(), DbError> {
    let heard = heard(tx, changed);
    tell!(
        tx,
        &heard,
        now,
        ") INSERT INTO events (id, tenant_id, kind, verification_id, channel, purpose, at)
         SELECT t.id, v.tenant_id,
             'verification.' || CASE v.status WHEN 'pending' THEN 'created' ELSE v.status END,
             v.id, v.channel, v.purpose, ",
        " FROM told t JOIN verifications v ON v.id = t.subject WHERE v.decoy = 0"
    );
    Ok(())
}

/// Tells what has become of these messages; nothing of one that is on its way again, or of a decoy.
pub(crate) async fn tell_messages(
    tx: &mut Tx,
    changed: &[Changed],
    now: Millis,
) -> Result<(), DbError> {
    let heard = heard(tx, changed);
    tell!(
        tx,
        &heard,
        now,
        ") INSERT INTO events (id, tenant_id, kind, verification_id, message_id, channel, reason, at)
         SELECT t.id, m.tenant_id, 'message.' || m.state, m.verification_id, m.id, m.channel,
             m.failure_class, ",
        " FROM told t JOIN messages m ON m.id = t.subject
          WHERE m.state || '' NOT IN ('queued', 'sending') AND NOT EXISTS (
              SELECT 1 FROM verifications v WHERE v.id = m.verification_id AND v.decoy <> 0)"
    );
    Ok(())
}

/// An id for each event of a tenant that listens.
fn heard(tx: &Tx, changed: &[Changed]) -> Vec<(Uuid, Uuid)> {
    let ears = tx.ears();
    let heard = changed.iter().filter(|(_, tenant_id)| ears.hear(*tenant_id));
    heard.map(|(subject, _)| (Uuid::now_v7(), *subject)).collect()
}

/// An event about an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AboutWebhook<'a> {
    pub(crate) tenant_id: Uuid,
    pub(crate) webhook_id: Uuid,
    pub(crate) kind: &'a str,
    pub(crate) reason: Option<&'a str>,
}

impl AboutWebhook<'_> {
    /// One that is for the endpoint alone, to try it.
    pub(crate) fn test(tenant_id: Uuid, webhook_id: Uuid) -> Self {
        Self { tenant_id, webhook_id, kind: WEBHOOK_TEST, reason: None }
    }

    /// Writes it down; its id.
    pub(crate) async fn tell(&self, tx: &mut Tx, now: Millis) -> Result<Uuid, DbError> {
        let id = Uuid::now_v7();
        on_tx!(tx, c => {
            sqlx::query::<D>(
                "INSERT INTO events (id, tenant_id, kind, webhook_id, reason, at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id)
            .bind(self.tenant_id)
            .bind(self.kind)
            .bind(self.webhook_id)
            .bind(self.reason)
            .bind(now)
            .execute(c)
            .await?;
        });
        Ok(id)
    }
}
