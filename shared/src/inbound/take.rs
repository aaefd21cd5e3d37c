//! Doing as a person wishes, and answering that where the provider does not.

use std::sync::Arc;

use super::{Wish, Written};
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

/// A keyword with all that is written down of it, together or not at all.
struct News {
    change: Change,
    reply: Reply,
}

/// Does as the person wishes, from the commit on for every tenant that has this sender. It may be brought
/// twice, and is answered once.
///
/// # Errors
/// The database does not answer.
pub async fn take(home: &Home, provider: &str, written: Written) -> Result<(), DbError> {
    let Written { from, wish } = written;
    let Some(reply) = Reply::new(home, provider, &from, wish)? else {
        return match wish {
            Wish::Stop => suppression::add_told(home, from, Reason::Stop, provider).await,
            Wish::Start => suppression::lift(home, &from).await.map(drop),
            Wish::Help | Wish::Other => Ok(()),
        };
    };
    let change = match wish {
        Wish::Stop => {
            let ready = suppression::Ready::told(home, from, Reason::Stop, provider)?;
            Change::Stop(Box::new(ready))
        }
        Wish::Start => Change::Start(suppression::hash(&home.keys, &from)),
        Wish::Help | Wish::Other => Change::Help,
    };
    let news = Arc::new(News { change, reply });
    let (db, of) = (home.db.clone(), Arc::clone(&news));
    let is_answered = detached(async move { retrying!(write(&db, &of).await) }).await?;
    if let Change::Stop(ready) = &news.change {
        ready.note_added(home);
    }
    if is_answered {
        news.reply.note_written();
    }
    Ok(())
}

async fn write(db: &Db, News { change, reply }: &News) -> Result<bool, DbError> {
    let mut tx = db.begin().await?;
    match change {
        Change::Stop(ready) => {
            suppression::add_in(&mut tx, ready).await?;
        }
        Change::Start(hash) => {
            suppression::lift_in(&mut tx, hash).await?;
        }
        Change::Help => {}
    }
    let is_answered = reply.write(&mut tx).await?;
    tx.commit().await?;
    Ok(is_answered)
}
