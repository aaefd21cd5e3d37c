//! The product's database, looked into: the columns the checker reads. Ids are text here, times
//! Unix milliseconds.

use std::path::Path;

use sqlx::{
    FromRow, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
    types::Uuid,
};

use crate::error::{Result, while_doing};

#[derive(Debug, FromRow)]
pub(crate) struct Verification {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) guesses: i32,
    pub(crate) guess_limit: i32,
    pub(crate) resends: i32,
    pub(crate) failure: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Message {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: String,
    /// Its verification's id; its own where it has none.
    #[sqlx(try_from = "Uuid")]
    pub(crate) verification_id: String,
    pub(crate) state: String,
    pub(crate) failure: Option<String>,
    pub(crate) epoch: i32,
    pub(crate) deadline: i64,
    pub(crate) finished_at: Option<i64>,
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Attempt {
    #[sqlx(try_from = "Uuid")]
    pub(crate) message_id: String,
    /// 1 for the first of its message.
    pub(crate) number: i32,
    pub(crate) provider: String,
    pub(crate) started_at: i64,
    /// Empty while it runs.
    pub(crate) outcome: Option<String>,
    /// What its provider said later.
    pub(crate) report: Option<String>,
}

/// Where a message on its way stands; it has moved when this is another.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Standing {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: String,
    pub(crate) lane: String,
    pub(crate) state: String,
    pub(crate) epoch: i32,
}

/// A few connections of our own; clones share them.
#[derive(Clone, Debug)]
pub(crate) enum Ledger {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// All rows of a statement, with its values.
macro_rules! rows {
    ($ledger:expr, $kind:ty, $sql:expr $(, $value:expr)*) => {
        match $ledger {
            Ledger::Postgres(pool) => {
                sqlx::query_as::<_, $kind>($sql)$(.bind($value))*.fetch_all(pool).await
            }
            Ledger::Sqlite(pool) => {
                sqlx::query_as::<_, $kind>($sql)$(.bind($value))*.fetch_all(pool).await
            }
        }
        .map_err(while_doing("reading the product's database"))
    };
}

macro_rules! message_columns {
    () => {
        "SELECT id, coalesce(verification_id, id) AS verification_id, state,
                coalesce(failure, failure_class) AS failure, epoch, deadline, finished_at
         FROM messages "
    };
}

impl Ledger {
    pub(crate) async fn of_postgres(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().min_connections(2).max_connections(4).connect(url).await;
        pool.map(Self::Postgres).map_err(while_doing("connecting to the product's database"))
    }

    pub(crate) async fn of_sqlite(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(file);
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await;
        pool.map(Self::Sqlite).map_err(while_doing("opening the product's database"))
    }

    pub(crate) fn postgres(&self) -> Result<&PgPool> {
        match self {
            Self::Postgres(pool) => Ok(pool),
            Self::Sqlite(_) => Err("this home has no Postgres".into()),
        }
    }

    pub(crate) async fn verifications(&self) -> Result<Vec<Verification>> {
        const SQL: &str = "SELECT id, status, guesses, guess_limit, resends, failure, created_at,
                expires_at FROM verifications";
        rows!(self, Verification, SQL)
    }

    /// Those that carry codes.
    pub(crate) async fn messages(&self) -> Result<Vec<Message>> {
        const SQL: &str = concat!(message_columns!(), "WHERE verification_id IS NOT NULL");
        rows!(self, Message, SQL)
    }

    /// Those that don't.
    pub(crate) async fn bulk(&self) -> Result<Vec<Message>> {
        const SQL: &str = concat!(message_columns!(), "WHERE verification_id IS NULL");
        rows!(self, Message, SQL)
    }

    /// The codes accepted since, and perhaps sent by now.
    pub(crate) async fn codes_since(&self, created_at: i64) -> Result<Vec<Message>> {
        const SQL: &str =
            concat!(message_columns!(), "WHERE verification_id IS NOT NULL AND created_at >= $1");
        rows!(self, Message, SQL, created_at)
    }

    pub(crate) async fn attempts(&self) -> Result<Vec<Attempt>> {
        const SQL: &str =
            "SELECT message_id, number, provider, started_at, outcome, report FROM attempts";
        rows!(self, Attempt, SQL)
    }

    /// What is on its way and should move: claimed messages, and codes that are due.
    pub(crate) async fn on_their_way(&self, now: i64) -> Result<Vec<Standing>> {
        const SQL: &str = "SELECT id, lane, state, epoch FROM messages WHERE state = 'sending'
             OR (state = 'queued' AND lane = 'otp' AND not_before <= $1 AND deadline > $1)";
        rows!(self, Standing, SQL, now)
    }

    /// The messages some worker holds at this moment.
    pub(crate) async fn claimed(&self) -> Result<Vec<Standing>> {
        const SQL: &str = "SELECT id, lane, state, epoch FROM messages WHERE state = 'sending'";
        rows!(self, Standing, SQL)
    }

    /// How many messages of a lane (all if it is empty) are still on their way.
    pub(crate) async fn count_pending(&self, lane: &str) -> Result<i64> {
        const SQL: &str = "SELECT count(*) FROM messages
             WHERE state IN ('queued', 'sending') AND (lane = $1 OR $1 = '')";
        let counted: Vec<(i64,)> = rows!(self, (i64,), SQL, lane)?;
        Ok(counted.first().map_or(0, |(count,)| *count))
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }
}
