//! The queue of hints: ids of messages that may be due. Losing all of it loses nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{AsyncCommands, aio::MultiplexedConnection};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::redis_link::{RedisDown, RedisLink};

/// Hints beyond this many are dropped, oldest first; the sweep finds their messages.
const CAPACITY: usize = 100_000;
/// The key in Redis, a wire contract between versions.
const OTP_KEY: &str = "otpost:hints:otp:v1";

/// Which stream of work a message belongs to; bulk can never delay a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    Otp,
    Bulk,
}

impl Lane {
    pub const ALL: [Self; 2] = [Self::Otp, Self::Bulk];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::Bulk => "bulk",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text == "otp" { Self::Otp } else { Self::Bulk }
    }
}

/// Hints of the otp lane, newest first. The bulk lane has none: it is read from the database.
#[derive(Clone, Debug)]
pub enum Queue {
    Memory(Arc<MemoryQueue>),
    Redis(Box<RedisLink>),
}

#[derive(Debug, Default)]
pub struct MemoryQueue {
    hints: Mutex<VecDeque<Uuid>>,
    added: Notify,
}

impl Queue {
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Puts hints in front. Best effort: the caller may ignore the error.
    ///
    /// # Errors
    /// Redis did not take them.
    pub async fn push(&self, ids: &[Uuid]) -> Result<(), RedisDown> {
        match self {
            Self::Memory(queue) => {
                let mut hints = queue.hints.lock().unwrap_or_else(PoisonError::into_inner);
                for id in ids {
                    hints.push_front(*id);
                }
                hints.truncate(CAPACITY);
                queue.added.notify_one();
                Ok(())
            }
            Self::Redis(link) => {
                let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes().as_slice()).collect();
                let last = isize::try_from(CAPACITY - 1).unwrap_or(isize::MAX);
                link.run(|mut connection| async move {
                    redis::pipe()
                        .lpush(OTP_KEY, ids)
                        .ignore()
                        .ltrim(OTP_KEY, 0, last)
                        .ignore()
                        .query_async::<()>(&mut connection)
                        .await
                })
                .await
            }
        }
    }

    /// Opens an end to pop from.
    #[must_use]
    pub fn popper(&self) -> Popper {
        match self {
            Self::Memory(queue) => Popper::Memory(Arc::clone(queue)),
            Self::Redis(link) => {
                let link = RedisLink::clone(link);
                Popper::Redis(Box::new(RedisEnd { link, connection: None }))
            }
        }
    }

    /// How many hints wait.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn waiting(&self) -> Result<usize, RedisDown> {
        match self {
            Self::Memory(queue) => {
                Ok(queue.hints.lock().unwrap_or_else(PoisonError::into_inner).len())
            }
            Self::Redis(link) => {
                link.run(|mut connection| async move { connection.llen(OTP_KEY).await }).await
            }
        }
    }
}

/// The receiving end of one worker.
#[derive(Debug)]
pub enum Popper {
    Memory(Arc<MemoryQueue>),
    Redis(Box<RedisEnd>),
}

/// A blocking connection, made when it is needed.
#[derive(Debug)]
pub struct RedisEnd {
    link: RedisLink,
    connection: Option<MultiplexedConnection>,
}

impl Popper {
    /// Waits for hints and takes up to `max` of them, newest first. May return none.
    ///
    /// # Errors
    /// Redis went away; the next call connects again, so the caller should pause before it.
    pub async fn pop(&mut self, max: usize) -> Result<Vec<Uuid>, RedisDown> {
        match self {
            Self::Memory(queue) => loop {
                let added = queue.added.notified();
                {
                    let mut hints = queue.hints.lock().unwrap_or_else(PoisonError::into_inner);
                    if !hints.is_empty() {
                        let taken = hints.len().min(max);
                        let ids = hints.drain(..taken).collect();
                        if !hints.is_empty() {
                            queue.added.notify_one();
                        }
                        return Ok(ids);
                    }
                }
                added.await;
            },
            Self::Redis(end) => {
                let RedisEnd { link, connection } = end.as_mut();
                let mut open = match connection.take() {
                    Some(open) => open,
                    None => link.blocking_connection().await?,
                };
                let ids = pop_redis(&mut open, max).await?;
                *connection = Some(open);
                Ok(ids)
            }
        }
    }
}

/// One blocking round trip of at most a second. The time-out around it notices a Redis that
/// hangs; the connection is then given up.
async fn pop_redis(open: &mut MultiplexedConnection, max: usize) -> Result<Vec<Uuid>, RedisDown> {
    let mut command = redis::cmd("BLMPOP");
    command.arg(1).arg(1).arg(OTP_KEY).arg("LEFT").arg("COUNT").arg(max);
    let answer = tokio::time::timeout(
        Duration::from_secs(3),
        command.query_async::<Option<(String, Vec<Vec<u8>>)>>(open),
    )
    .await;
    match answer {
        Ok(Ok(found)) => Ok(found
            .map(|(_, ids)| ids.iter().filter_map(|id| Uuid::from_slice(id).ok()).collect())
            .unwrap_or_default()),
        Ok(Err(error)) => Err(RedisDown::because(&error.to_string())),
        Err(_) => Err(RedisDown::because("a blocking pop hung")),
    }
}
