//! The database: one small enum over the two native drivers, and how their errors read to us.

use std::{fmt, time::Duration};

use sqlx::{
    PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    clock::{Millis, machine_now},
    secrets::SecretError,
};

/// Waiting longer than this for a connection, a lock or a statement means "unavailable".
const PATIENCE: Duration = Duration::from_secs(2);

/// A database, ready for use; clones share its connections.
#[derive(Clone, Debug)]
pub enum Db {
    /// One writer, because the file has one write lock; readers beside it.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// Where a single statement runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pool<'a> {
    Sqlite(&'a SqlitePool),
    Postgres(&'a PgPool),
}

/// An open transaction. Never begin one in a future that may be dropped: see [`detached`].
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Runs the same statement on whichever pool it is; `D` names the driver inside the body.
macro_rules! on_pool {
    ($pool:expr, $c:ident => $body:expr) => {
        match $pool {
            $crate::db::Pool::Sqlite($c) => {
                type D = sqlx::Sqlite;
                $crate::db::bounded(async { Ok({ $body }) }).await?
            }
            $crate::db::Pool::Postgres($c) => {
                type D = sqlx::Postgres;
                $crate::db::bounded(async { Ok({ $body }) }).await?
            }
        }
    };
}

/// Runs the same statement in whichever transaction it is; `D` names the driver inside the body.
macro_rules! on_tx {
    ($tx:expr, $c:ident => $body:expr) => {
        match $tx {
            $crate::db::Tx::Sqlite(tx) => {
                type D = sqlx::Sqlite;
                let $c = &mut **tx;
                $body
            }
            $crate::db::Tx::Postgres(tx) => {
                type D = sqlx::Postgres;
                let $c = &mut **tx;
                $body
            }
        }
    };
}

/// Tries up to three times what lost against a concurrent transaction.
macro_rules! retrying {
    ($attempt:expr) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            match $attempt {
                Err($crate::db::DbError::Raced) if tries < 3 => {}
                Err($crate::db::DbError::Raced) => {
                    break Err($crate::db::DbError::Unavailable("lost three races".into()));
                }
                result => break result,
            }
        }
    }};
}

pub(crate) use {on_pool, on_tx, retrying};

/// Shorter, so that a wait for a row is told apart from a slow statement.
const LOCK_PATIENCE: Duration = Duration::from_millis(1_800);
/// No caller waits longer for a statement or a commit.
const GIVE_UP: Duration = Duration::from_millis(2_400);

/// What the database could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DbError {
    /// Not reachable, full, stopped or too slow: the same call may work later.
    Unavailable(String),
    /// As above, but what was asked for may have been done all the same.
    Undecided(String),
    /// Another transaction holds the row and does not let go.
    Locked,
    /// Lost against a concurrent transaction; safe to repeat at once.
    Raced,
    /// A statement or a row is not what the code expects.
    Broken(String),
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the database is unavailable: {cause}"),
            Self::Undecided(cause) => {
                write!(f, "the database did not say whether it is done: {cause}")
            }
            Self::Locked => f.write_str("another transaction holds the row"),
            Self::Raced => f.write_str("the database refused a concurrent change"),
            Self::Broken(cause) => write!(f, "the database and the program disagree: {cause}"),
        }
    }
}

impl std::error::Error for DbError {}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let cause = describe(&error);
        match &error {
            sqlx::Error::Database(db) => match db.code().as_deref() {
                Some("40001" | "40P01") => Self::Raced,
                Some("55P03") => Self::Locked,
                // The tables are not there yet.
                Some("42P01" | "3F000") => Self::Unavailable(cause),
                // Postgres classes: connection, resources, operator and statement time-outs.
                Some(code)
                    if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                        || code == "25006" =>
                {
                    Self::Unavailable(cause)
                }
                // Any other of Postgres, whose codes have five characters.
                Some(code) if code.len() == 5 => Self::Broken(cause),
                // SQLite's primary result codes sit in the low byte of the extended ones.
                Some(code) => match code.parse::<u32>().map(|code| code & 0xff) {
                    Ok(5 | 6 | 8 | 10 | 13 | 14) => Self::Unavailable(cause),
                    _ => Self::Broken(cause),
                },
                None => Self::Broken(cause),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(cause),
            _ => Self::Broken(cause),
        }
    }
}

/// The error without the values of a row: Postgres puts them into `detail`, which is left out.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(db) => {
            format!("{} ({})", db.message(), db.code().unwrap_or_default())
        }
        sqlx::Error::PoolTimedOut => {
            format!("no connection within {} s; is it running and reachable?", PATIENCE.as_secs())
        }
        other => other.to_string(),
    }
}

impl From<SecretError> for DbError {
    fn from(error: SecretError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Db {
    /// Opens `sqlite://path` or `postgres://…`; Postgres is connected to on first use.
    ///
    /// # Errors
    /// The URL is of another kind or malformed, or the file cannot be opened.
    pub async fn open(url: &str, connections: u32) -> Result<Self, DbError> {
        if url.starts_with("sqlite:") {
            return open_sqlite(url).await;
        }
        let options: PgConnectOptions = url
            .parse()
            .map_err(|e: sqlx::Error| DbError::Broken(format!("database.url: {}", describe(&e))))?;
        let patience = PATIENCE.as_millis().to_string();
        let lock_patience = LOCK_PATIENCE.as_millis().to_string();
        let options = options.application_name("otpost").options([
            ("statement_timeout", patience.as_str()),
            ("lock_timeout", lock_patience.as_str()),
            ("idle_in_transaction_session_timeout", "10000"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .idle_timeout(Duration::from_mins(5))
            .connect_lazy_with(options);
        Ok(Self::Postgres(pool))
    }

    /// For single statements that change something.
    pub(crate) fn write(&self) -> Pool<'_> {
        match self {
            Self::Sqlite { write, .. } => Pool::Sqlite(write),
            Self::Postgres(pool) => Pool::Postgres(pool),
        }
    }

    /// For single statements that only look.
    pub(crate) fn read(&self) -> Pool<'_> {
        match self {
            Self::Sqlite { read, .. } => Pool::Sqlite(read),
            Self::Postgres(pool) => Pool::Postgres(pool),
        }
    }

    /// Begins a transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Tx, DbError> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Unix milliseconds by the database's clock, and the proof that it answers.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn now(&self) -> Result<Millis, DbError> {
        match self {
            // The file has no clock of its own.
            Self::Sqlite { read, .. } => {
                sqlx::query("SELECT 1").execute(read).await?;
                Ok(machine_now())
            }
            Self::Postgres(pool) => Ok(sqlx::query_scalar(
                "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            )
            .fetch_one(pool)
            .await?),
        }
    }

    /// Brings the tables up to this version. Safe to run from many processes at once.
    ///
    /// # Errors
    /// The database does not answer, or holds migrations this version does not know.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let migrator = sqlx::migrate!("../migrations");
        let done = match self {
            Self::Sqlite { write, .. } => migrator.run(write).await,
            Self::Postgres(pool) => {
                // A migration may take its time, and waits for another process's.
                let patient = [("statement_timeout", "0"), ("lock_timeout", "0")];
                let options = pool.connect_options().as_ref().clone().options(patient);
                let pool = PgPoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(PATIENCE)
                    .connect_lazy_with(options);
                let done = migrator.run(&pool).await;
                pool.close().await;
                done
            }
        };
        done.map_err(|error| match error {
            sqlx::migrate::MigrateError::VersionMissing(version) => DbError::Broken(format!(
                "the tables are newer than this program (migration {version}); use the newer otpost"
            )),
            sqlx::migrate::MigrateError::Execute(inner)
            | sqlx::migrate::MigrateError::ExecuteMigration(inner, _) => inner.into(),
            other => DbError::Broken(other.to_string()),
        })
    }

    /// How many of this version's migrations the database lacks.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pending_migrations(&self) -> Result<usize, DbError> {
        let known = sqlx::migrate!("../migrations");
        let sql = "SELECT version FROM _sqlx_migrations WHERE success";
        let applied: Result<Vec<i64>, sqlx::Error> =
            on_pool!(self.read(), c => sqlx::query_scalar::<D, i64>(sql).fetch_all(c).await);
        let applied = match applied.map_err(DbError::from) {
            Ok(applied) => applied,
            // The table itself is missing: nothing was ever applied.
            Err(DbError::Broken(cause)) if cause.contains("no such table") => Vec::new(),
            Err(DbError::Unavailable(cause)) if cause.contains("42P01") => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(known.iter().filter(|m| !applied.contains(&m.version)).count())
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    pub(crate) async fn commit(self) -> Result<(), DbError> {
        let done = match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        };
        done.map_err(|error| match DbError::from(error) {
            // The answer is lost, not necessarily the commit.
            DbError::Unavailable(cause) => DbError::Undecided(cause),
            other => other,
        })
    }

    pub(crate) async fn rollback(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

async fn open_sqlite(url: &str) -> Result<Db, DbError> {
    let options: SqliteConnectOptions = url
        .parse()
        .map_err(|e: sqlx::Error| DbError::Broken(format!("database.url: {}", describe(&e))))?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .pragma("mmap_size", "67108864")
        .foreign_keys(true);
    let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(PATIENCE);
    let write = pool(1).connect_with(options.clone()).await?;
    let read = pool(4).connect_with(options.read_only(true).create_if_missing(false)).await?;
    Ok(Db::Sqlite { write, read })
}

/// Gives a single statement up after 2.4 s: a server that hangs does not keep its own time.
pub(crate) async fn bounded<T>(
    statement: impl Future<Output = Result<T, DbError>>,
) -> Result<T, DbError> {
    tokio::time::timeout(GIVE_UP, statement)
        .await
        .unwrap_or_else(|_| Err(DbError::Unavailable("no answer within 2.4 s".into())))
}

/// Runs a commit in a task of its own, so that a client that goes away cannot leave a
/// transaction open on a pooled connection, and gives up waiting after 2.4 s.
///
/// # Errors
/// As `work`, or unavailable when it takes too long; the work then still finishes by itself.
pub async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbError>> + Send + 'static,
) -> Result<T, DbError> {
    match tokio::time::timeout(GIVE_UP, tokio::spawn(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(DbError::Broken(panic.to_string())),
        Err(_) => Err(DbError::Undecided("no answer within 2.4 s".into())),
    }
}
