//! Rows of messages: reading them, inserting them, calling off what is not sent yet.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Message, columns};
use crate::{
    clock::Millis,
    db::{Db, DbError, InsertedIds, Tx, chunks, column, on_pool, on_tx, push_list},
    event::{self, Changed},
    verification::Verification,
};

/// # Errors
/// The database does not answer.
pub async fn find(db: &Db, id: Uuid) -> Result<Option<Message>, DbError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM messages WHERE id = $1");
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Message>(SQL).bind(id).fetch_optional(c).await?
    }))
}

/// Those of `ids` that are there, in no particular order.
pub(crate) async fn list(db: &Db, ids: &[Uuid]) -> Result<Vec<Message>, DbError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in chunks(ids) {
        found.extend(on_pool!(db.read(), c => {
            let mut query = QueryBuilder::<D>::new(concat!(
                "SELECT ",
                columns!(),
                " FROM messages WHERE id IN "
            ));
            push_list(&mut query, ids);
            query.build_query_as::<Message>().fetch_all(c).await?
        }));
    }
    Ok(found)
}

/// The messages of a verification, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn list_by_verification(db: &Db, id: Uuid) -> Result<Vec<Message>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE verification_id = $1 ORDER BY created_at, id"
    );
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Message>(SQL).bind(id).fetch_all(c).await?
    }))
}

/// The columns of a new row that is no reply, in the order in which all ways of inserting bind them.
macro_rules! inserted {
    () => {
        "id, tenant_id, verification_id, generation, lane, channel, state, key_id, \
         recipient_hash, recipient_sealed, body_sealed, epoch, crashes, not_before, deadline, \
         failure, created_at, finished_at"
    };
}
pub(crate) use inserted;

/// Inserts rows as they are.
pub(crate) async fn insert(tx: &mut Tx, rows: &[&Message]) -> Result<(), DbError> {
    for rows in chunks(rows) {
        on_tx!(tx, c => {
            let mut query = QueryBuilder::<D>::new(concat!("INSERT INTO messages (", inserted!(), ") "));
            query.push_values(rows, |mut tuple, row| {
                tuple
                    .push_bind(row.id)
                    .push_bind(row.tenant_id)
                    .push_bind(row.verification_id)
                    .push_bind(row.generation)
                    .push_bind(&row.lane)
                    .push_bind(&row.channel)
                    .push_bind(&row.state)
                    .push_bind(&row.key_id)
                    .push_bind(&row.recipient_hash)
                    .push_bind(&row.recipient_sealed)
                    .push_bind(&row.body_sealed)
                    .push_bind(row.epoch)
                    .push_bind(row.crashes)
                    .push_bind(row.not_before)
                    .push_bind(row.deadline)
                    .push_bind(&row.failure)
                    .push_bind(row.created_at)
                    .push_bind(row.finished_at);
            });
            query.build().execute(c).await?;
        });
    }
    Ok(())
}

/// Calls off what a verification has not sent yet.
pub(crate) async fn mark_canceled(
    tx: &mut Tx,
    verification_id: Uuid,
    now: Millis,
) -> Result<(), DbError> {
    let canceled = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages SET state = 'canceled', finished_at = $2
             WHERE verification_id = $1 AND state || '' = 'queued'
             RETURNING id, tenant_id",
        )
        .bind(verification_id)
        .bind(now)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &canceled, now).await
}

/// Calls off what was to carry a code that another one has replaced.
pub(crate) async fn mark_superseded(
    tx: &mut Tx,
    by: &Verification,
    now: Millis,
) -> Result<(), DbError> {
    let canceled = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages SET state = 'canceled', finished_at = $2
             WHERE verification_id = $1 AND state || '' = 'queued' AND generation <> $3
             RETURNING id, tenant_id",
        )
        .bind(by.id)
        .bind(now)
        .bind(by.generation)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &canceled, now).await
}

/// [`mark_canceled`] as a transaction of its own.
pub(crate) async fn mark_canceled_of(
    db: &Db,
    verification_id: Uuid,
    now: Millis,
) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    mark_canceled(&mut tx, verification_id, now).await?;
    tx.commit().await
}

/// Binds new rows as the columns of `UNNEST`, in the order of [`insert`].
pub(crate) fn bind_columns<'q>(query: InsertedIds<'q>, rows: &[&'q Message]) -> InsertedIds<'q> {
    query
        .bind(column(rows, |r| r.id))
        .bind(column(rows, |r| r.tenant_id))
        .bind(column(rows, |r| r.verification_id))
        .bind(column(rows, |r| r.generation))
        .bind(column(rows, |r| r.lane.as_str()))
        .bind(column(rows, |r| r.channel.as_str()))
        .bind(column(rows, |r| r.state.as_str()))
        .bind(column(rows, |r| r.key_id.as_str()))
        .bind(column(rows, |r| r.recipient_hash.as_slice()))
        .bind(column(rows, |r| r.recipient_sealed.as_deref()))
        .bind(column(rows, |r| r.body_sealed.as_deref()))
        .bind(column(rows, |r| r.epoch))
        .bind(column(rows, |r| r.crashes))
        .bind(column(rows, |r| r.not_before))
        .bind(column(rows, |r| r.deadline))
        .bind(column(rows, |r| r.failure.as_deref()))
        .bind(column(rows, |r| r.created_at))
        .bind(column(rows, |r| r.finished_at))
}
