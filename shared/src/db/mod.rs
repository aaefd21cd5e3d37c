//! The database: one small enum over the two native drivers.
//!
//! | module | what lives there |
//! |---|---|
//! | [`ears`] | whose events are written down |
//! | [`error`] | what it could not do, and how the drivers' errors read to us |
//! | [`patience`] | how long anybody waits for it |
//! | [`pulse`] | who waits at all while it is silent |
//! | [`rows`] | many rows in one statement |
//! | [`sqlite`] | opening and mending the one file of an embedded home |
//!
//! Statements that find rows by their key say `state || '' = 'queued'`: the planner then cannot
//! take a partial index for it, which it likes to do while a table is new, and which becomes a
//! scan under a prepared statement once the table has grown (docs/decisions/0007-plans.md).

mod ears;
mod error;
mod patience;
mod pulse;
mod rows;
mod sqlite;

use std::time::Duration;

use sqlx::{
    Connection, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use self::{
    ears::Ears,
    error::DbError,
    patience::{detached, patiently, with_one_patience},
};
pub(crate) use self::{
    error::undecided,
    patience::{GIVE_UP, bounded, in_time},
    pulse::Pulse,
    rows::{InsertedIds, chunks, column, push_list},
};
use crate::clock::{Millis, machine_now};

/// Waiting longer than this for a connection, a lock or a statement means "unavailable".
const PATIENCE: Duration = Duration::from_secs(2);

/// A database, ready for use; clones share its connections. It knows who listens to events, because
/// whatever changes a state asks that in its transaction.
#[derive(Clone, Debug)]
pub enum Db {
    /// One writer, because the file has one write lock; readers beside it.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
        ears: Ears,
    },
    Postgres(PgPool, Ears),
}

/// Where a single statement runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pool<'a> {
    Sqlite(&'a SqlitePool),
    Postgres(&'a PgPool),
}

/// An open transaction; rolled back when it is dropped. What must not be cut off half-way runs in
/// [`detached`].
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>, Ears),
    Postgres(Transaction<'static, Postgres>, Ears),
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
            $crate::db::Tx::Sqlite(tx, _) => {
                type D = sqlx::Sqlite;
                let $c = &mut **tx;
                $body
            }
            $crate::db::Tx::Postgres(tx, _) => {
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

/// Short enough that the rows of a batch can each try again by themselves in the caller's time.
const LOCK_PATIENCE: Duration = Duration::from_millis(700);

/// A connection answered when it was put back. So soon after that it is not asked again before its next
/// statement: under load the question would be a second round trip of each.
const SURELY_OPEN: Duration = Duration::from_secs(1);

impl Db {
    /// Opens `sqlite://path` or `postgres://…`; Postgres is connected to on first use.
    ///
    /// # Errors
    /// The URL is of another kind or malformed, or the file cannot be opened.
    pub async fn open(url: &str, connections: u32) -> Result<Self, DbError> {
        if url.starts_with("sqlite:") {
            return sqlite::open(url).await;
        }
        let options: PgConnectOptions = url.parse().map_err(|e: sqlx::Error| {
            DbError::Broken(format!("database.url: {}", error::describe(&e)))
        })?;
        let patience = PATIENCE.as_millis().to_string();
        let lock_patience = LOCK_PATIENCE.as_millis().to_string();
        let options = options.application_name("otpost").options([
            ("statement_timeout", patience.as_str()),
            ("lock_timeout", lock_patience.as_str()),
            // What a process holds that is gone, but whose connection is not, must be free again before
            // its leases are missed.
            ("idle_in_transaction_session_timeout", "2000"),
            // Every statement is keyed. A plan made while a table was small must not stay a scan
            // when it has grown; nor is a statement ever worth compiling.
            ("enable_seqscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .idle_timeout(Duration::from_mins(5))
            .test_before_acquire(false)
            .before_acquire(|connection, of_it| {
                Box::pin(async move {
                    if of_it.idle_for > SURELY_OPEN {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self::Postgres(pool, Ears::default()))
    }

    /// For single statements that change something.
    pub(crate) fn write(&self) -> Pool<'_> {
        match self {
            Self::Sqlite { write, .. } => Pool::Sqlite(write),
            Self::Postgres(pool, _) => Pool::Postgres(pool),
        }
    }

    /// For single statements that only look.
    pub(crate) fn read(&self) -> Pool<'_> {
        match self {
            Self::Sqlite { read, .. } => Pool::Sqlite(read),
            Self::Postgres(pool, _) => Pool::Postgres(pool),
        }
    }

    /// Who is told of what changes.
    pub(crate) fn ears(&self) -> &Ears {
        match self {
            Self::Sqlite { ears, .. } | Self::Postgres(_, ears) => ears,
        }
    }

    /// Begins a transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Tx, DbError> {
        match self {
            Self::Sqlite { write, ears, .. } => {
                Ok(Tx::Sqlite(sqlite::begin(write).await?, ears.clone()))
            }
            Self::Postgres(pool, ears) => {
                // A driver that is interrupted before the answer to its BEGIN puts the connection
                // back with the transaction open, and whatever runs there next is never
                // committed: so nobody interrupts it.
                let pool = pool.clone();
                let begun = tokio::spawn(async move { pool.begin().await }).await;
                let begun = begun.map_err(|panic| DbError::Broken(panic.to_string()))?;
                Ok(Tx::Postgres(begun?, ears.clone()))
            }
        }
    }

    /// Begins a transaction that a crash of the server may undo after its commit, for what is then
    /// done again: nobody's commit waits behind its own.
    pub(crate) async fn begin_relaxed(&self) -> Result<Tx, DbError> {
        let mut tx = self.begin().await?;
        if let Tx::Postgres(tx, _) = &mut tx {
            sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut **tx).await?;
        }
        Ok(tx)
    }

    /// Unix milliseconds by the database's clock, and the proof that it answers.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn now(&self) -> Result<Millis, DbError> {
        const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        bounded(async {
            match self {
                // The file has no clock of its own.
                Self::Sqlite { read, .. } => {
                    sqlx::query("SELECT 1").execute(read).await?;
                    Ok(machine_now())
                }
                Self::Postgres(pool, _) => Ok(sqlx::query_scalar(NOW).fetch_one(pool).await?),
            }
        })
        .await
    }

    /// Brings the tables up to this version. Safe to run from many processes at once.
    ///
    /// # Errors
    /// The database does not answer, or holds migrations this version does not know.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let migrator = sqlx::migrate!("../migrations");
        let done = match self {
            Self::Sqlite { write, .. } => migrator.run(write).await,
            Self::Postgres(pool, _) => {
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
            Err(DbError::Unavailable(cause))
                if cause.contains("no such table") || cause.contains("42P01") =>
            {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        Ok(known.iter().filter(|m| !applied.contains(&m.version)).count())
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool, _) => pool.close().await,
        }
    }
}

impl Tx {
    /// Who is told of what changes.
    pub(crate) fn ears(&self) -> &Ears {
        match self {
            Self::Sqlite(_, ears) | Self::Postgres(_, ears) => ears,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), DbError> {
        let done = match self {
            Self::Sqlite(tx, _) => tx.commit().await,
            Self::Postgres(tx, _) => tx.commit().await,
        };
        done.map_err(|error| match DbError::from(error) {
            // The answer is lost, not necessarily the commit.
            DbError::Unavailable(cause) => DbError::Undecided(cause),
            other => other,
        })
    }

    pub(crate) async fn rollback(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx, _) => tx.rollback().await?,
            Self::Postgres(tx, _) => tx.rollback().await?,
        }
        Ok(())
    }
}
