//! What is reported of a message in a sandbox: as a provider would, but by ourselves.

use super::{
    Message,
    reported::{Said, lock, settle},
};
use crate::{
    attempt,
    clock::Millis,
    db::{Db, DbError, detached, retrying},
    home::Home,
    outcome::ErrorClass,
    price::Cost,
    report::{Reference, Report, Word},
    sandbox,
};

/// The attempt's message was delivered, or not. One that was not goes to nobody else: there is nobody else.
///
/// # Errors
/// The database does not answer, or the message's key is missing.
pub async fn report_in_sandbox(
    home: &Home,
    row: &Message,
    number: i32,
    word: Word,
) -> Result<(), DbError> {
    let of = Reference::new(&home.keys, &row.key_id, sandbox::PROVIDER, row.id, number)?;
    let class = (word == Word::Undelivered).then_some(ErrorClass::Transient);
    let report = Report { of, word, class, code: None, cost: Cost::default() };
    let (db, row, now) = (home.db.clone(), row.clone(), home.clock.now());
    detached(async move { retrying!(write(&db, &row, &report, now).await) }).await
}

async fn write(db: &Db, row: &Message, report: &Report, now: Millis) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    lock(&mut tx, row).await?;
    let reported = attempt::mark_reported(&mut tx, sandbox::PROVIDER, report, now).await?;
    let Some(reported) = reported.filter(|reported| reported.has_ended) else {
        return tx.rollback().await;
    };
    let said = Said {
        provider: sandbox::PROVIDER,
        word: report.word,
        class: report.class,
        code: None,
        is_superseded: reported.is_superseded,
        has_gone_on: true,
    };
    settle(&mut tx, row, &said, now).await?;
    tx.commit().await
}
