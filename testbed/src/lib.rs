//! What tests stand on: a home of their own, embedded or in production shape, with its own
//! database and its own Redis database, gone when the test is over.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{env, time::Duration};

use otpost_shared::{
    Home, config, db::Db, limits::Limiter, queue::Queue, rate::Rates, redis_link::RedisLink,
};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// How long tests wait for Redis before it counts as down.
const PATIENCE: Duration = Duration::from_secs(5);

/// A home of one test.
#[derive(Debug)]
pub struct Bed {
    pub home: Home,
    pub dir: TempDir,
}

/// Which of the two homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQLite and memory.
    Embedded,
    /// Postgres and Redis.
    Production,
}

impl Bed {
    /// Makes a home, migrated and ready, with `extra` as its configuration file.
    ///
    /// # Panics
    /// Something of it cannot be had; the message says what.
    pub async fn make(kind: Kind, extra: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config = Self::config_text(kind, &dir, extra).await;
        let path = dir.path().join("otpost.toml");
        std::fs::write(&path, config).expect("a writable temporary folder");
        let config = config::load(Some(&path)).expect("a good configuration");
        let mut home = Home::open(config).await.expect("a home");
        let queue_url = home.config.queue.url.expose();
        if kind == Kind::Production {
            // A busy machine makes Redis look down, and then nothing exact can be said of limits.
            let link = RedisLink::open(queue_url, PATIENCE).expect("a Redis URL");
            home.queue = Queue::redis(link.clone());
            home.limiter = Limiter::new(Some(link.clone()));
            home.rates = Rates::new(Some(link.clone()));
            home.redis = Some(link);
        }
        home.migrate().await.expect("tables");
        home.set_clock().await.expect("a clock");
        Self { home, dir }
    }

    /// Breaks the seal on a verification's recipient, in a production home.
    ///
    /// # Panics
    /// There is no such row, or no Postgres.
    pub async fn spoil(&self, verification: Uuid) {
        let Db::Postgres(pool, _) = &self.home.db else { panic!("a production home") };
        let done = sqlx::query("UPDATE verifications SET recipient_sealed = '\\x00' WHERE id = $1")
            .bind(verification)
            .execute(pool)
            .await
            .expect("an answer");
        assert_eq!(done.rows_affected(), 1);
    }

    /// Lets no change of a verification be committed before it is let go, in a production home. Whoever asks
    /// for one waits in vain, and it is made all the same.
    ///
    /// # Panics
    /// There is no Postgres.
    pub async fn hold_commits(&self) -> Held {
        let url = self.home.config.database_url();
        let mut holder = PgConnection::connect(&url).await.expect("a connection");
        // At a commit no statement's time counts, and for this lock none is given up either.
        let hold = "
            SELECT pg_advisory_lock(1);
            CREATE FUNCTION wait_to_commit() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0
                AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER wait_to_commit AFTER INSERT OR UPDATE ON verifications
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_to_commit()";
        sqlx::raw_sql(hold).execute(&mut holder).await.expect("an answer");
        Held(holder)
    }

    /// Holds the row by which events get their places, in a production home, until the connection is closed.
    ///
    /// # Panics
    /// There is no Postgres.
    pub async fn hold_places(&self) -> sqlx::PgConnection {
        let url = self.home.config.database.url.expose();
        let mut connection = sqlx::PgConnection::connect(url).await.expect("a production home");
        for sql in ["BEGIN", "SELECT last FROM event_counter FOR UPDATE"] {
            sqlx::query(sql).execute(&mut connection).await.expect("an answer");
        }
        connection
    }

    /// The text of a configuration file for a home of this kind, its databases made.
    ///
    /// # Panics
    /// Something of it cannot be had; the message says what.
    pub async fn config_text(kind: Kind, dir: &TempDir, extra: &str) -> String {
        let data = dir.path().join("data");
        let data = format!("[data]\ndir = \"{}\"\n", data.display());
        match kind {
            Kind::Embedded => format!("{extra}\n{data}"),
            Kind::Production => {
                let (database, queue) = (own_postgres().await, own_redis().await);
                let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
                // A busy machine makes Redis look down, and then processes count limits by themselves.
                format!(
                    "{extra}\n{data}[database]\nurl = {database:?}\nconnections = 8\n\
                     [queue]\nurl = {queue:?}\npatience_ms = 1000\n\
                     [secrets]\nkeys = [\"k1:{key}\"]\nhash_keys = [\"h1:{key}\"]\n"
                )
            }
        }
    }
}

/// Commits that wait.
#[derive(Debug)]
pub struct Held(PgConnection);

impl Held {
    /// # Panics
    /// There is no Postgres.
    pub async fn let_go(mut self) {
        let go = sqlx::query("SELECT pg_advisory_unlock(1)").execute(&mut self.0).await;
        go.expect("an answer");
    }
}

/// A variable that `scripts/test.sh` sets.
fn given(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run ./scripts/test.sh"))
}

async fn own_postgres() -> String {
    let server = given("OTPOST_TEST_POSTGRES");
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .expect("the Postgres that scripts/test.sh started");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .expect("a database of its own");
    format!("{server}/{name}")
}

async fn own_redis() -> String {
    let server = given("OTPOST_TEST_REDIS");
    let client = redis::Client::open(server.as_str()).expect("a Redis URL");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("the Redis that scripts/test.sh started");
    let number: u32 = redis::cmd("INCR")
        .arg("next-database")
        .query_async(&mut connection)
        .await
        .expect("an answer from Redis");
    format!("{server}/{number}")
}

/// Writes each test once and runs it on both homes. The optional text is the configuration file.
#[macro_export]
macro_rules! on_both_homes {
    ($(async fn $name:ident($bed:pat, $config:expr) $body:block)*) => {
        $(async fn $name($bed: $crate::Bed) $body)*

        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                #[allow(unused_imports, clippy::allow_attributes)]
                use super::*;
                super::$name($crate::Bed::make($crate::Kind::Embedded, $config).await).await;
            })*
        }

        mod production {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                #[allow(unused_imports, clippy::allow_attributes)]
                use super::*;
                super::$name($crate::Bed::make($crate::Kind::Production, $config).await).await;
            })*
        }
    };
}
