//! Opening the one file of an embedded home, and mending its one writing connection.

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Db, DbError, Ears, PATIENCE, error::describe};

/// Opens the file, and makes it if it is not there.
pub(super) async fn open(url: &str) -> Result<Db, DbError> {
    let options: SqliteConnectOptions = url
        .parse()
        .map_err(|e: sqlx::Error| DbError::Broken(format!("database.url: {}", describe(&e))))?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .foreign_keys(true);
    // A checkpoint costs two more syncs, so it waits for more than the 4 MB it would.
    let writing =
        options.clone().pragma("wal_autocheckpoint", "4096").pragma("cache_size", "-4096");
    // A file cannot hang up; each question whether it has would be a change of threads.
    let pool = |size| {
        let options = SqlitePoolOptions::new().max_connections(size).acquire_timeout(PATIENCE);
        options.test_before_acquire(false)
    };
    let write = pool(1).connect_with(writing).await?;
    // What they miss, the system's cache holds.
    let reading = options.read_only(true).create_if_missing(false).pragma("cache_size", "-1024");
    let read = pool(4).connect_with(reading).await?;
    Ok(Db::Sqlite { write, read, ears: Ears::default() })
}

/// When the disk is full SQLite ends a transaction by itself, and the driver goes on believing in
/// it; the only connection would then never begin another one.
pub(super) async fn begin(write: &SqlitePool) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    const BEGIN: &str = "BEGIN IMMEDIATE";
    match write.begin_with(BEGIN).await {
        Err(sqlx::Error::InvalidSavePointStatement) => {
            write.acquire().await?.close().await?;
            write.begin_with(BEGIN).await
        }
        begun => begun,
    }
}
