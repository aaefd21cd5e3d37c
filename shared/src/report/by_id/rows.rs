//! The table of providers' ids, one statement each.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Given, Told};
use crate::{
    clock::Millis,
    db::{Db, DbError, chunks, on_pool},
    outcome::ErrorClass,
    report::Word,
};

/// One row.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    /// None while a report waits.
    pub(super) message_id: Option<Uuid>,
    pub(super) number: Option<i32>,
    pub(super) parts: Option<i32>,
    report: Option<String>,
    report_class: Option<String>,
    pub(super) report_code: Option<String>,
}

impl Row {
    pub(super) fn word(&self) -> Option<Word> {
        self.report.as_deref().and_then(Word::parse)
    }

    pub(super) fn class(&self) -> Option<ErrorClass> {
        self.report_class.as_deref().and_then(|text| text.parse().ok())
    }
}

/// One to be written.
pub(super) struct NewRow<'a> {
    pub(super) id: String,
    pub(super) digits_hash: Vec<u8>,
    pub(super) given: &'a Given,
}

/// What every statement here returns.
macro_rules! returned {
    () => {
        " RETURNING message_id, number, parts, report, report_class, report_code"
    };
}

/// A word that is final stays.
macro_rules! goes_forward {
    ($word:literal, $class:literal, $code:literal) => {
        concat!(
            "report = CASE WHEN p.report IS NULL OR p.report = 'sent' THEN ",
            $word,
            " ELSE p.report END,
             report_class = CASE WHEN p.report IS NULL OR p.report = 'sent' THEN ",
            $class,
            " ELSE p.report_class END,
             report_code = CASE WHEN p.report IS NULL OR p.report = 'sent' THEN ",
            $code,
            " ELSE p.report_code END"
        )
    };
}

/// What was said of an id before belongs to the one that is written down now.
macro_rules! is_its_own {
    () => {
        "(p.message_id IS NULL AND (p.digits_hash = excluded.digits_hash
             OR length(p.digits_hash) = 0 OR length(excluded.digits_hash) = 0)
          OR p.message_id = excluded.message_id AND p.number = excluded.number)"
    };
}

/// Writes ids down, with what was said of each already.
pub(super) async fn insert(
    db: &Db,
    provider: &str,
    rows: &[NewRow<'_>],
) -> Result<Vec<Row>, DbError> {
    const CONFLICT: &str = concat!(
        " ON CONFLICT (provider, id) DO UPDATE
          SET message_id = excluded.message_id, number = excluded.number, part = excluded.part,
              parts = excluded.parts, digits_hash = excluded.digits_hash,
              expires_at = excluded.expires_at,
              report = CASE WHEN ",
        is_its_own!(),
        " THEN p.report END, report_class = CASE WHEN ",
        is_its_own!(),
        " THEN p.report_class END, report_code = CASE WHEN ",
        is_its_own!(),
        " THEN p.report_code END",
        returned!()
    );
    let mut written = Vec::new();
    for rows in chunks(rows) {
        written.extend(on_pool!(db.write(), c => {
            let mut query = QueryBuilder::<D>::new(
                "INSERT INTO provider_message_ids AS p
                 (provider, id, message_id, number, part, parts, digits_hash, expires_at) ",
            );
            query.push_values(rows, |mut tuple, row| {
                tuple
                    .push_bind(provider)
                    .push_bind(&row.id)
                    .push_bind(row.given.message_id)
                    .push_bind(row.given.number)
                    .push_bind(row.given.part)
                    .push_bind(row.given.parts)
                    .push_bind(&row.digits_hash)
                    .push_bind(row.given.expires_at);
            });
            query.push(CONFLICT);
            query.build_query_as::<Row>().fetch_all(c).await?
        }));
    }
    Ok(written)
}

/// Writes down what is said of an id that an answer has named; none if none has.
pub(super) async fn say(
    db: &Db,
    provider: &str,
    id: &str,
    told: &Told,
) -> Result<Option<Row>, DbError> {
    const SQL: &str = concat!(
        "UPDATE provider_message_ids AS p SET ",
        goes_forward!("$3", "$4", "$5"),
        " WHERE provider = $1 AND id = $2 AND message_id IS NOT NULL",
        returned!()
    );
    Ok(on_pool!(db.write(), c => {
        sqlx::query_as::<D, Row>(SQL)
            .bind(provider)
            .bind(id)
            .bind(told.word.as_str())
            .bind(told.class.map(ErrorClass::as_str))
            .bind(told.code.as_deref())
            .fetch_optional(c)
            .await?
    }))
}

/// As [`say`], for an id that no answer has named.
pub(super) async fn keep_waiting(
    db: &Db,
    provider: &str,
    id: &str,
    digits_hash: &[u8],
    told: &Told,
    expires_at: Millis,
) -> Result<(), DbError> {
    const SQL: &str = concat!(
        "INSERT INTO provider_message_ids AS p
         (provider, id, digits_hash, report, report_class, report_code, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (provider, id) DO UPDATE SET ",
        goes_forward!("excluded.report", "excluded.report_class", "excluded.report_code"),
        " WHERE p.message_id IS NULL"
    );
    on_pool!(db.write(), c => {
        sqlx::query::<D>(SQL)
            .bind(provider)
            .bind(id)
            .bind(digits_hash)
            .bind(told.word.as_str())
            .bind(told.class.map(ErrorClass::as_str))
            .bind(told.code.as_deref())
            .bind(expires_at)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Removes what waits under an id; none when somebody else has.
pub(super) async fn take_waiting(
    db: &Db,
    provider: &str,
    id: &str,
) -> Result<Option<Row>, DbError> {
    const SQL: &str = concat!(
        "DELETE FROM provider_message_ids
         WHERE provider = $1 AND id = $2 AND message_id IS NULL",
        returned!()
    );
    Ok(on_pool!(db.write(), c => {
        sqlx::query_as::<D, Row>(SQL).bind(provider).bind(id).fetch_optional(c).await?
    }))
}

/// Which of these ids an answer has named, each with the hash of the number it was for; or, of those
/// that none has, under which a report waits.
pub(super) async fn list(
    db: &Db,
    provider: &str,
    ids: &[&str],
    are_given: bool,
) -> Result<Vec<(String, Vec<u8>)>, DbError> {
    let mut found = Vec::new();
    for ids in chunks(ids) {
        found.extend(on_pool!(db.read(), c => {
            let mut query = QueryBuilder::<D>::new(
                "SELECT id, digits_hash FROM provider_message_ids WHERE message_id IS ",
            );
            query.push(if are_given { "NOT NULL" } else { "NULL" });
            query.push(" AND provider = ").push_bind(provider).push(" AND id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(*id);
            }
            query.push(")");
            query.build_query_as::<(String, Vec<u8>)>().fetch_all(c).await?
        }));
    }
    Ok(found)
}

/// All parts of an attempt that have an id so far.
pub(super) async fn list_parts(
    db: &Db,
    provider: &str,
    message_id: Uuid,
    number: i32,
) -> Result<Vec<Row>, DbError> {
    Ok(on_pool!(db.read(), c => {
        sqlx::query_as::<D, Row>(
            "SELECT message_id, number, parts, report, report_class, report_code
             FROM provider_message_ids
             WHERE message_id = $1 AND number = $2 AND parts > 1 AND provider = $3
             ORDER BY part",
        )
        .bind(message_id)
        .bind(number)
        .bind(provider)
        .fetch_all(c)
        .await?
    }))
}
