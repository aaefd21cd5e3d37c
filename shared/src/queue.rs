//! The queue of hints: ids of messages that may be due. Losing all of it loses nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{AsyncCommands, aio::MultiplexedConnection};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use crate::redis_link::{RedisDown, RedisLink};

/// Hints beyond this many are dropped, oldest first; the sweep finds their messages.
const CAPACITY: usize = 100_000;
/// Most hints of one push.
const MOST_PUSHED: usize = 512;
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
    Redis { link: Box<RedisLink>, waiting: mpsc::Sender<Uuid> },
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

    /// Starts the task that pushes hints, many in one round trip. Must be called inside a runtime.
    #[must_use]
    pub fn redis(link: RedisLink) -> Self {
        let (waiting, mut hints) = mpsc::channel(CAPACITY / 10);
        let pusher = link.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            while hints.recv_many(&mut ids, MOST_PUSHED).await > 0 {
                if let Err(down) = push(&pusher, &ids).await {
                    tracing::debug!(%down, "hints were not taken; the sweep will find the messages");
                }
                ids.clear();
            }
        });
        Self::Redis { link: Box::new(link), waiting }
    }

    /// Hints at a message that was just committed, without waiting. Best effort: what is lost is
    /// found by the sweep.
    pub fn hint(&self, id: Uuid) {
        match self {
            Self::Memory(queue) => queue.push(&[id]),
            Self::Redis { waiting, .. } => {
                let _ = waiting.try_send(id);
            }
        }
    }

    /// Puts hints in front. Best effort: the caller may ignore the error.
    ///
    /// # Errors
    /// Redis did not take them.
    pub async fn push(&self, ids: &[Uuid]) -> Result<(), RedisDown> {
        match self {
            Self::Memory(queue) => {
                queue.push(ids);
                Ok(())
            }
            Self::Redis { link, .. } => push(link, ids).await,
        }
    }

    /// Opens an end to pop from.
    #[must_use]
    pub fn popper(&self) -> Popper {
        match self {
            Self::Memory(queue) => Popper::Memory(Arc::clone(queue)),
            Self::Redis { link, .. } => {
                Popper::Redis(Box::new(RedisEnd { link: RedisLink::clone(link), connection: None }))
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
            Self::Redis { link, .. } => {
                link.run(|mut connection| async move { connection.llen(OTP_KEY).await }).await
            }
        }
    }
}

impl MemoryQueue {
    fn push(&self, ids: &[Uuid]) {
        let mut hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            hints.push_front(*id);
        }
        hints.truncate(CAPACITY);
        self.added.notify_one();
    }
}

async fn push(link: &RedisLink, ids: &[Uuid]) -> Result<(), RedisDown> {
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
