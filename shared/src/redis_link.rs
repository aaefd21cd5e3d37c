//! The connection to Redis: bounded in time, and left alone for a while after it failed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{
    RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};

/// How long Redis is left alone after a failure.
const PAUSE_MS: i64 = 1_000;

/// Redis did not answer, or is being left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisDown(String);

impl RedisDown {
    pub(crate) fn because(cause: &str) -> Self {
        Self(cause.to_owned())
    }
}

impl fmt::Display for RedisDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis is not available: {}", self.0)
    }
}

impl std::error::Error for RedisDown {}

/// A shared connection with a circuit breaker; clones share both.
#[derive(Clone)]
pub struct RedisLink {
    client: redis::Client,
    manager: ConnectionManager,
    patience: Duration,
    started: Instant,
    /// Milliseconds since `started` until which Redis is left alone.
    closed_until: Arc<AtomicI64>,
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisLink")
    }
}

impl RedisLink {
    /// Connects on first use. A round trip that takes longer than `patience` counts as a failure.
    ///
    /// # Errors
    /// The URL is malformed.
    pub fn open(url: &str, patience: Duration) -> Result<Self, RedisDown> {
        let down = |error: RedisError| RedisDown(format!("queue.url: {error}"));
        let client = redis::Client::open(url).map_err(down)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(patience * 10))
            .set_response_timeout(Some(patience))
            .set_min_delay(Duration::from_millis(100))
            .set_max_delay(Duration::from_secs(2))
            .set_number_of_retries(1);
        let manager =
            ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(down)?;
        Ok(Self {
            client,
            manager,
            patience,
            started: Instant::now(),
            closed_until: Arc::default(),
        })
    }

    /// Runs one round trip, for as long as the patience lasts.
    ///
    /// # Errors
    /// Redis failed, was too slow, or failed less than a second ago.
    pub async fn run<T, F, Fut>(&self, work: F) -> Result<T, RedisDown>
    where
        F: FnOnce(ConnectionManager) -> Fut,
        Fut: Future<Output = Result<T, RedisError>>,
    {
        if self.elapsed_ms() < self.closed_until.load(Ordering::Relaxed) {
            return Err(RedisDown("left alone after a failure".into()));
        }
        let result = match tokio::time::timeout(self.patience, work(self.manager.clone())).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => RedisDown(error.to_string()),
            Err(_) => RedisDown(format!("no answer within {} ms", self.patience.as_millis())),
        };
        self.closed_until.store(self.elapsed_ms() + PAUSE_MS, Ordering::Relaxed);
        metrics::counter!("otpost_redis_failures_total").increment(1);
        Err(result)
    }

    /// A connection of its own for blocking pops, which have no response time-out.
    ///
    /// # Errors
    /// Redis does not take the connection within two seconds.
    pub async fn blocking_connection(&self) -> Result<MultiplexedConnection, RedisDown> {
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(None);
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| RedisDown(error.to_string()))
    }

    /// Connects, which may take longer than a round trip: whoever asks once and ends would otherwise go without
    /// Redis whenever it is far away.
    ///
    /// # Errors
    /// Redis does not take the connection within ten times the patience.
    pub async fn connect(&self) -> Result<(), RedisDown> {
        let mut connection = self.manager.clone();
        let ping = redis::cmd("PING");
        let pinged =
            tokio::time::timeout(self.patience * 11, ping.query_async::<()>(&mut connection));
        match pinged.await {
            Ok(answer) => answer.map_err(|error| RedisDown(error.to_string())),
            Err(_) => Err(RedisDown("it does not take the connection".into())),
        }
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// There is none.
    pub async fn ping(&self) -> Result<(), RedisDown> {
        self.run(|mut connection| async move {
            redis::cmd("PING").query_async::<()>(&mut connection).await
        })
        .await
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}
