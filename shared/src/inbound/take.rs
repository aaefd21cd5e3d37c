//! Doing as a person wishes, and answering that where the provider does not.

use std::sync::Arc;

use super::{Wish, Written, said::Said};
use crate::{
    db::{Db, DbError, detached, retrying},
    home::Home,
    message::Reply,
    suppression::{self, Reason},
};

/// What a keyword changes.
enum Change {
    Stop(Box<suppression::Ready>),
    /// Which suppressions are taken back, by their hash.
    Start(Vec<u8>),
    Help,
}

/// So often it is tried while others hold a row that it takes: no longer together than anybody waits.
const TRIES: u32 = 3;

/// A keyword with all that is written down of it, together or not at all.
struct News {
    said: Said,
    change: Change,
    reply: Option<Reply>,
}

/// What became of it.
enum Taken {
    /// The number has said otherwise since, or it is the same again.
    TooLate,
    Done {
        is_answered: bool,
    },
}

/// Does as the person wishes, from the commit on for every tenant that has this sender. It may be brought
/// again, and is answered once; what the person wrote before their last word changes nothing.
/// Where its answer would keep it waiting, there is none.
///
/// # Errors
/// The database does not answer.
pub async fn take(home: &Home, provider: &str, written: Written) -> Result<(), DbError> {
    let Written { from, wish, at, id } = written;
    let reply = Reply::new(home, provider, &from, wish)?;
    let said = Said::new(home, &from, wish, at).named(home, provider, id.as_deref());
    let change = match wish {
        Wish::Stop => {
            let ready = suppression::Ready::told(home, from, Reason::Stop, provider)?;
            Change::Stop(Box::new(ready))
        }
        Wish::Start => Change::Start(suppression::hash(&home.keys, &from)),
        Wish::Help if reply.is_some() => Change::Help,
        Wish::Help | Wish::Other => return Ok(()),
    };
    let news = Arc::new(News { said, change, reply });
    let (db, of) = (home.db.clone(), Arc::clone(&news));
    let taken = detached(async move { write_patiently(&db, &of).await }).await?;
    let Taken::Done { is_answered } = taken else {
        let keyword = wish.as_str();
        tracing::debug!(provider, keyword, "a keyword is older than what its number said last");
        return Ok(());
    };
    if let Change::Stop(ready) = &news.change {
        ready.note_added(home);
    }
    if let Some(reply) = news.reply.as_ref().filter(|_| is_answered) {
        reply.note_written();
    }
    Ok(())
}

/// An answer is counted among the sends of a tenant's day, whose row may be held again and again: the last time
/// the word is taken without it. HELP is nothing without its answer.
async fn write_patiently(db: &Db, news: &News) -> Result<Taken, DbError> {
    for _ in 1..TRIES {
        match retrying!(write(db, news, news.reply.as_ref()).await) {
            Err(DbError::Locked) => {}
            done => return done,
        }
    }
    let last = news.reply.as_ref().filter(|_| matches!(news.change, Change::Help));
    retrying!(write(db, news, last).await)
}

async fn write(
    db: &Db,
    News { said, change, .. }: &News,
    reply: Option<&Reply>,
) -> Result<Taken, DbError> {
    let mut tx = db.begin().await?;
    if !said.note(&mut tx).await? {
        tx.rollback().await?;
        return Ok(Taken::TooLate);
    }
    match change {
        Change::Stop(ready) => {
            suppression::add_in(&mut tx, ready).await?;
        }
        Change::Start(hash) => {
            suppression::lift_in(&mut tx, hash).await?;
        }
        Change::Help => {}
    }
    let is_answered = match reply {
        Some(reply) => reply.write(&mut tx).await?,
        None => false,
    };
    tx.commit().await?;
    Ok(Taken::Done { is_answered })
}
