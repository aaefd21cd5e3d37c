//! What a provider's report makes of a message: states only go forward, and a code that was not
//! delivered goes on to another provider once.

use std::sync::Arc;

use uuid::Uuid;

use super::{CLOCK_SLACK_MS, Message, State, find};
use crate::{
    attempt,
    clock::Millis,
    db::{Db, DbError, Tx, detached, on_tx, retrying},
    event::{self, Changed},
    home::Home,
    outcome::ErrorClass,
    queue::Lane,
    recipient::Recipient,
    report::{Report, Word},
    suppression::{self, Reason},
    verification,
};

/// With less of its life left a code is not worth another provider.
pub(super) const LEAST_LIFE_MS: i64 = 30_000;

/// The bytes of a provider's code; AWS has names of that length, others a few digits.
const MOST_OF_A_CODE: usize = 32;

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is about a message that is not there (any more).
    Unknown,
    /// We never asked for it.
    NotGenuine,
    /// It says nothing new, or nothing that changes the message.
    Noted,
    Delivered,
    Undelivered,
    /// Another provider is asked.
    GoesOn,
}

/// What a report says, as far as the message is concerned.
pub(super) struct Said<'a> {
    pub(super) provider: &'a str,
    pub(super) word: Word,
    pub(super) class: Option<ErrorClass>,
    pub(super) code: Option<&'a str>,
    /// A later attempt was begun: whatever became of this one no longer decides.
    pub(super) is_superseded: bool,
    /// The message has gone on after a report before.
    pub(super) has_gone_on: bool,
}

/// A report of ours, with all that is written down with it.
struct News {
    row: Message,
    /// The provider.
    by: String,
    report: Report,
    opt_out: Option<suppression::Ready>,
    now: Millis,
}

/// Takes a report in. Each may come twice, late and in any order.
///
/// # Errors
/// The database does not answer, or the message's key is missing.
pub async fn take_report(
    home: &Home,
    provider: &str,
    mut report: Report,
) -> Result<Effect, DbError> {
    report.code = report.code.filter(|code| is_code(code));
    let Some(row) = find(&home.db, report.of.message_id).await? else {
        return Ok(Effect::Unknown);
    };
    if !report.of.is_genuine(&home.keys, &row.key_id, provider)? {
        return Ok(Effect::NotGenuine);
    }
    let opt_out = match report.class {
        Some(ErrorClass::OptedOut) => opt_out(home, &row, provider).await?,
        _ => None,
    };
    let (by, now) = (provider.to_owned(), home.clock.now());
    let news = Arc::new(News { row, by, report, opt_out, now });
    let (db, of) = (home.db.clone(), Arc::clone(&news));
    let written = detached(async move { retrying!(write(&db, &of).await) });
    // A repeat does not undo what the person said since.
    let Some(effect) = written.await? else { return Ok(Effect::Noted) };
    if let Some(opt_out) = &news.opt_out {
        opt_out.note_added(home);
    }
    if effect == Effect::GoesOn {
        home.queue.hint(news.row.id);
    }
    if effect != Effect::Noted {
        count_refusal(home, &news).await;
    }
    Ok(effect)
}

/// Who does not want a code from a sender wants no other text from it either.
async fn opt_out(
    home: &Home,
    row: &Message,
    provider: &str,
) -> Result<Option<suppression::Ready>, DbError> {
    let told = |to| suppression::Ready::told(home, to, Reason::Provider, provider);
    Ok(recipient(home, row).await?.map(told).transpose()?)
}

/// Whom it went to, if that is still there.
async fn recipient(home: &Home, row: &Message) -> Result<Option<Recipient>, DbError> {
    Ok(match (row.recipient(&home.keys)?, row.verification_id) {
        (Some(to), _) => Some(to),
        (None, None) => None,
        (None, Some(id)) => match verification::find(&home.db, id).await? {
            Some(of) => Some(of.recipient(&home.keys)?),
            None => None,
        },
    })
}

/// Tells operators that a provider took a message and then refused its country, or our sender there. For
/// whom the next ones go to it counts nothing: one network of a country may be meant, or a filter against
/// fraud, and what was delivered meanwhile may never be reported.
async fn count_refusal(home: &Home, news: &News) {
    use ErrorClass as C;
    let (Word::Undelivered, Some(class @ (C::Region | C::Sender))) =
        (news.report.word, news.report.class)
    else {
        return;
    };
    // A metric is not worth the report.
    let Ok(Some(to)) = recipient(home, &news.row).await else { return };
    let Some(country) = to.region() else { return };
    let labels = [
        ("provider", news.by.clone()),
        ("country", country.to_owned()),
        ("lane", news.row.lane().as_str().to_owned()),
        ("outcome", class.to_string()),
    ];
    metrics::counter!("otpost_reported_refusals_total", &labels).increment(1);
}

/// What stands where a code should may be anything, even the person's number: only what looks like
/// a code is kept.
pub(crate) fn is_code(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= MOST_OF_A_CODE && digits < 7 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// None when it says nothing new. An opt-out that it tells is written down with it, or neither is: then
/// the provider says it again.
async fn write(db: &Db, news: &News) -> Result<Option<Effect>, DbError> {
    let News { row, by, report, opt_out, now } = news;
    let mut tx = db.begin().await?;
    lock(&mut tx, row).await?;
    let Some(reported) = attempt::mark_reported(&mut tx, by, report, *now).await? else {
        return write_price(tx, by, report).await.map(|()| None);
    };
    let said = Said {
        provider: by,
        word: report.word,
        class: report.class,
        code: report.code.as_deref(),
        is_superseded: reported.is_superseded,
        has_gone_on: reported.gone_on_before > 0,
    };
    // Faster than the provider's own answer: whoever records that settles this too.
    let effect =
        if reported.has_ended { settle(&mut tx, row, &said, *now).await? } else { Effect::Noted };
    if let Some(opt_out) = opt_out {
        suppression::add_in(&mut tx, opt_out).await?;
    }
    tx.commit().await?;
    if let Some(charge) = reported.priced.told_first(report) {
        charge.count(by);
    }
    Ok(Some(effect))
}

/// A report whose word is known already may still tell the price, or how many SMS it was.
async fn write_price(mut tx: Tx, provider: &str, report: &Report) -> Result<(), DbError> {
    let Some(priced) = attempt::mark_told(&mut tx, provider, report).await? else {
        return tx.rollback().await;
    };
    tx.commit().await?;
    if let Some(charge) = priced.told_first(report) {
        charge.count(provider);
    }
    Ok(())
}

/// Settles a report that came before its attempt's outcome was written.
pub(super) async fn settle_early(
    db: &Db,
    id: Uuid,
    number: i32,
    now: Millis,
) -> Result<(), DbError> {
    let Some(row) = find(db, id).await? else { return Ok(()) };
    let attempts = attempt::list_by_message(db, id).await?;
    let Some(of) = attempts.iter().find(|a| a.number == number) else { return Ok(()) };
    let class = of.undelivered();
    let said = Said {
        provider: &of.provider,
        word: if class.is_some() { Word::Undelivered } else { Word::Delivered },
        class,
        code: of.report_code.as_deref(),
        is_superseded: attempts.iter().any(|a| a.number > number),
        has_gone_on: attempts.iter().any(|a| a.number != number && a.has_gone_on()),
    };
    let mut tx = db.begin().await?;
    lock(&mut tx, &row).await?;
    settle(&mut tx, &row, &said, now).await?;
    tx.commit().await
}

/// Rows are locked in one order everywhere: verification, message, attempt.
pub(super) async fn lock(tx: &mut Tx, row: &Message) -> Result<(), DbError> {
    if let Some(verification_id) = row.verification_id {
        verification::lock(tx, verification_id).await?;
    }
    // SQLite has one writer: the transaction itself is the lock.
    if let Tx::Postgres(tx, _) = tx {
        sqlx::query("SELECT 1 FROM messages WHERE id = $1 FOR UPDATE")
            .bind(row.id)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn settle(
    tx: &mut Tx,
    row: &Message,
    said: &Said<'_>,
    now: Millis,
) -> Result<Effect, DbError> {
    let effect = match said.word {
        Word::Delivered => mark_delivered(tx, row.id, now).await?.then_some(Effect::Delivered),
        Word::Undelivered if !said.is_superseded => {
            if may_go_on(row, said) && requeue(tx, row.id, now).await? {
                Some(Effect::GoesOn)
            } else {
                mark_undelivered(tx, row, said, now).await?.then_some(Effect::Undelivered)
            }
        }
        Word::Sent | Word::Undelivered => None,
    };
    Ok(effect.unwrap_or(Effect::Noted))
}

/// Another provider would not reach a number that does not exist, and must not reach a person who
/// said stop.
fn may_go_on(row: &Message, said: &Said<'_>) -> bool {
    row.lane() == Lane::Otp
        && !said.has_gone_on
        && !matches!(said.class, Some(ErrorClass::Recipient | ErrorClass::OptedOut))
}

/// What has arrived is not sent again by anybody.
async fn mark_delivered(tx: &mut Tx, id: Uuid, now: Millis) -> Result<bool, DbError> {
    let delivered = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages
             SET state = 'delivered', finished_at = COALESCE(finished_at, $2),
                 failure_class = NULL, failure = NULL
             WHERE id = $1 AND state || '' IN ('queued', 'sent', 'unknown', 'undelivered')
             RETURNING id, tenant_id",
        )
        .bind(id)
        .bind(now)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &delivered, now).await?;
    Ok(!delivered.is_empty())
}

pub(super) async fn requeue(tx: &mut Tx, id: Uuid, now: Millis) -> Result<bool, DbError> {
    let rows = on_tx!(tx, c => {
        sqlx::query::<D>(
            "UPDATE messages SET state = 'queued', finished_at = NULL, not_before = $2
             WHERE id = $1 AND state || '' = 'sent' AND deadline >= $3
               AND EXISTS (SELECT 1 FROM verifications v
                   WHERE v.id = messages.verification_id AND v.status || '' = 'pending'
                     AND v.generation = messages.generation)",
        )
        .bind(id)
        .bind(now - CLOCK_SLACK_MS)
        .bind(now + LEAST_LIFE_MS)
        .execute(c)
        .await?
        .rows_affected()
    });
    Ok(rows == 1)
}

/// The next step of its verification, if there is one, does not wait for its time.
async fn mark_undelivered(
    tx: &mut Tx,
    row: &Message,
    said: &Said<'_>,
    now: Millis,
) -> Result<bool, DbError> {
    let code = said.code.map(|code| format!(" {code}")).unwrap_or_default();
    let failure = format!("accepted, and then not delivered ({}{code})", said.provider);
    let undelivered = on_tx!(&mut *tx, c => {
        sqlx::query_as::<D, Changed>(
            "UPDATE messages SET state = $2, failure_class = $3, failure = $4
             WHERE id = $1 AND state || '' IN ('sent', 'unknown')
             RETURNING id, tenant_id",
        )
        .bind(row.id)
        .bind(State::Undelivered.as_str())
        .bind(said.class.unwrap_or(ErrorClass::Transient).as_str())
        .bind(&failure)
        .fetch_all(c)
        .await?
    });
    event::tell_messages(tx, &undelivered, now).await?;
    let is_changed = !undelivered.is_empty();
    if let (true, Some(verification_id)) = (is_changed, row.verification_id) {
        verification::go_on(tx, verification_id, row.id, now).await?;
    }
    Ok(is_changed)
}
