//! Reports that name a message by the provider's own id, from providers that cannot be given an address
//! of ours for each attempt. The id is written down after the provider's answer; a report that is
//! faster waits for it in the same row.
//!
//! Whoever writes looks afterwards for what the other side wrote: of two that come at the same time, in
//! whatever processes, one sees the other.
//!
//! | module | what lives there |
//! |---|---|
//! | [`rows`] | the table |
//! | [`spelling`] | one id in small and capital letters, with zeros in front, hexadecimal and decimal |

mod rows;
mod spelling;

use std::collections::BTreeMap;

use uuid::Uuid;

use self::{
    rows::{NewRow, Row},
    spelling::{is_decimal, normal, others},
};
use super::{Reference, Report, Word};
use crate::{
    clock::Millis,
    db::DbError,
    home::Home,
    message::{self, Effect, is_code},
    outcome::ErrorClass,
    price::Cost,
    recipient::Recipient,
    secrets::Keyring,
};

/// How long a report waits for the answer that names its id. Most of those that wait longer are about
/// what somebody else sent over the same account.
const WAITS_MS: i64 = 3_600_000;
/// So many digits at the end of a number are its own, whether the country code stands before them or not.
const OWN_DIGITS: usize = 8;

/// An id that a provider gave to one part of an attempt.
#[derive(Clone, Debug)]
pub struct Given {
    pub id: String,
    pub message_id: Uuid,
    /// Of the attempt.
    pub number: i32,
    /// 1 for the first.
    pub part: i32,
    /// How many ids the attempt gets.
    pub parts: i32,
    pub to: Recipient,
    /// Nothing is said of it any more after that.
    pub expires_at: Millis,
}

/// What a provider says of an id.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: String,
    /// The number the message went to, as the provider writes it. Some write the sender's there, and the
    /// number where the sender's belongs.
    pub to: String,
    pub from: String,
    pub word: Word,
    /// Why it was not delivered.
    pub class: Option<ErrorClass>,
    /// The provider's own code for that.
    pub code: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// No answer has named the id so far.
    Waits,
    Known(Effect),
}

/// Writes down which attempts got these ids, and takes in what was said of them already. May be
/// repeated.
///
/// # Errors
/// The database does not answer, or the key of a message is missing.
pub async fn note(home: &Home, provider: &str, given: &[Given]) -> Result<(), DbError> {
    // One statement must not meet a row twice.
    let rows: BTreeMap<String, NewRow<'_>> = given
        .iter()
        .filter_map(|given| {
            let id = normal(&given.id)?;
            let digits_hash = kept_hash(&home.keys, &id, given.to.digits());
            Some((id.clone(), NewRow { id, digits_hash, given }))
        })
        .collect();
    let rows: Vec<NewRow<'_>> = rows.into_values().collect();
    for row in rows::insert(&home.db, provider, &rows).await? {
        if row.word().is_some() {
            settle(home, provider, &row).await?;
        }
    }
    let spelt: Vec<(String, &NewRow<'_>)> =
        rows.iter().flat_map(|row| others(&row.id).into_iter().map(move |id| (id, row))).collect();
    let ids: Vec<&str> = spelt.iter().map(|(id, _)| id.as_str()).collect();
    for (waiting, hash) in rows::list(&home.db, provider, &ids, false).await? {
        let own = spelt.iter().find(|(id, of)| *id == waiting && of.digits_hash == hash);
        if let Some((_, of)) = own
            && let Some(told) = take_waiting(home, provider, &waiting).await?
        {
            say(home, provider, &of.id, &told).await?;
        }
    }
    Ok(())
}

/// Takes in what a provider says of an id. Each may come twice, late, in any order, and before the id is
/// known.
///
/// # Errors
/// The database does not answer, or the message's key is missing.
pub async fn take(home: &Home, provider: &str, told: Told) -> Result<Taken, DbError> {
    let Some(id) = normal(&told.id) else { return Ok(Taken::Known(Effect::Unknown)) };
    let told = Told { code: told.code.filter(|code| is_code(code)), ..told };
    if let Some(given) = find_given(home, provider, &id, &told).await?
        && let Some(effect) = say(home, provider, &given, &told).await?
    {
        return Ok(Taken::Known(effect));
    }
    let (hash, until) = (kept_hash(&home.keys, &id, &told.to), home.clock.now() + WAITS_MS);
    rows::keep_waiting(&home.db, provider, &id, &hash, &told, until).await?;
    if let Some(given) = find_given(home, provider, &id, &told).await? {
        take_waiting(home, provider, &id).await?;
        if let Some(effect) = say(home, provider, &given, &told).await? {
            return Ok(Taken::Known(effect));
        }
    }
    Ok(Taken::Waits)
}

/// The id as the answer named it. One that may be another's in the other numeral counts only with the
/// right number.
async fn find_given(
    home: &Home,
    provider: &str,
    id: &str,
    told: &Told,
) -> Result<Option<String>, DbError> {
    let others = others(id);
    let ids: Vec<&str> = others.iter().map(String::as_str).chain([id]).collect();
    let found = rows::list(&home.db, provider, &ids, true).await?;
    let hashes = [&told.to, &told.from].map(|number| digits_hash(&home.keys, number));
    let knows_number = hashes.iter().any(Option::is_some);
    let is_for = |hash: &Vec<u8>| hashes.iter().flatten().any(|known| known == hash);
    let is_sure = !is_decimal(id) || others.is_empty() || !knows_number;
    let same = found
        .iter()
        .find(|(given, hash)| given == id && (is_sure || hash.is_empty() || is_for(hash)));
    let given = same.or_else(|| found.iter().find(|(given, hash)| given != id && is_for(hash)));
    Ok(given.map(|(given, _)| given.clone()))
}

/// Takes back what waits under an id; none when somebody else has.
async fn take_waiting(home: &Home, provider: &str, id: &str) -> Result<Option<Told>, DbError> {
    let row = rows::take_waiting(&home.db, provider, id).await?;
    Ok(row.and_then(|row| {
        let (word, class) = (row.word()?, row.class());
        let (to, from) = (String::new(), String::new());
        Some(Told { id: id.to_owned(), to, from, word, class, code: row.report_code })
    }))
}

/// None when no answer has named the id (any more).
async fn say(
    home: &Home,
    provider: &str,
    given: &str,
    told: &Told,
) -> Result<Option<Effect>, DbError> {
    match rows::say(&home.db, provider, given, told).await? {
        Some(row) => settle(home, provider, &row).await.map(Some),
        None => Ok(None),
    }
}

/// What the parts of an attempt say together goes the way of every report.
async fn settle(home: &Home, provider: &str, row: &Row) -> Result<Effect, DbError> {
    let (Some(message_id), Some(number)) = (row.message_id, row.number) else {
        return Ok(Effect::Unknown);
    };
    let parts = row.parts.unwrap_or(1);
    let all = match parts {
        ..2 => Vec::new(),
        _ => rows::list_parts(&home.db, provider, message_id, number).await?,
    };
    let said = if parts > 1 { together(&all, parts) } else { row.word().map(|word| (word, row)) };
    let Some((word, of)) = said else { return Ok(Effect::Noted) };
    let Some(message) = message::find(&home.db, message_id).await? else {
        return Ok(Effect::Unknown);
    };
    let of_attempt = Reference::new(&home.keys, &message.key_id, provider, message_id, number)?;
    let class = (word == Word::Undelivered).then(|| of.class().unwrap_or(ErrorClass::Transient));
    let (code, cost) = (of.report_code.clone(), Cost::default());
    let report = Report { of: of_attempt, word, class, code, cost };
    message::take_report(home, provider, report).await
}

/// A text that lacks a part has not arrived; one that may lack a part still may.
fn together(rows: &[Row], parts: i32) -> Option<(Word, &Row)> {
    let of = |word: Word| rows.iter().filter(move |row| row.word() == Some(word));
    if let Some(lost) = of(Word::Undelivered).next() {
        return Some((Word::Undelivered, lost));
    }
    let arrived = of(Word::Delivered).count();
    let last = of(Word::Delivered).next_back()?;
    (i32::try_from(arrived) == Ok(parts)).then_some((Word::Delivered, last))
}

/// Only an id that has another spelling needs a number beside it.
fn kept_hash(keys: &Keyring, id: &str, number: &str) -> Vec<u8> {
    if others(id).is_empty() { Vec::new() } else { digits_hash(keys, number).unwrap_or_default() }
}

/// None when there are too few digits to tell two people apart.
fn digits_hash(keys: &Keyring, number: &str) -> Option<Vec<u8>> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let own = digits.get(digits.len().checked_sub(OWN_DIGITS)?..)?;
    Some(keys.lasting_hash(&[b"reported/v1", own.as_bytes()]))
}
