//! What the measurements read from the product's Postgres.

use sqlx::{AssertSqlSafe, Executor, PgPool};

use crate::error::{Result, while_doing};

/// How many messages are still on their way.
pub(crate) async fn count_pending(pool: &PgPool) -> Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM messages WHERE state IN ('queued', 'sending')")
        .fetch_one(pool)
        .await
        .map_err(while_doing("counting messages"))
}

/// How many attempts there are that a provider took.
pub(crate) async fn count_ok(pool: &PgPool) -> Result<u64> {
    let sql = "SELECT count(*) FROM attempts WHERE outcome = 'ok'";
    let ok: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    Ok(ok.unsigned_abs())
}

/// Every column of `verifications` but the id, each with the value of one real row as an SQL
/// literal: the bare limit is measured with rows of the same width.
pub(crate) async fn sample_columns(pool: &PgPool) -> Result<Vec<(String, String)>> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT column_name::text, udt_name::text FROM information_schema.columns
         WHERE table_name = 'verifications' AND column_name <> 'id' ORDER BY ordinal_position",
    )
    .fetch_all(pool)
    .await?;
    let mut sample = Vec::new();
    for (name, kind) in columns {
        let literal = format!(
            "SELECT quote_nullable({name}::text) || '::{kind}' FROM verifications
             ORDER BY created_at DESC LIMIT 1"
        );
        let literal = sqlx::query_scalar(AssertSqlSafe(literal))
            .fetch_optional(pool)
            .await?
            .ok_or("no verification to take the row width from")?;
        sample.push((name, literal));
    }
    Ok(sample)
}

/// Bulk messages that are waiting.
pub(crate) async fn count_bulk(pool: &PgPool) -> Result<u64> {
    let sql = "SELECT count(*) FROM messages WHERE lane = 'bulk' AND state = 'queued'";
    let waiting: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    Ok(waiting.unsigned_abs())
}

/// Keeps the waiting bulk messages as they are, for [`restore_bulk`].
pub(crate) async fn keep_bulk(pool: &PgPool) -> Result<()> {
    let sql = "CREATE SCHEMA IF NOT EXISTS bench;
        DROP TABLE IF EXISTS bench.backlog;
        CREATE TABLE bench.backlog AS
            SELECT * FROM messages WHERE lane = 'bulk' AND state = 'queued'";
    pool.execute(sql).await.map_err(while_doing("keeping the backlog")).map(drop)
}

/// Makes the kept bulk messages, which nobody but the product can seal, wait again.
pub(crate) async fn restore_bulk(pool: &PgPool) -> Result<()> {
    let sql = "TRUNCATE messages; TRUNCATE attempts;
        INSERT INTO messages SELECT * FROM bench.backlog";
    pool.execute(sql).await.map_err(while_doing("restoring the backlog"))?;
    pool.execute("VACUUM (ANALYZE) messages").await?;
    pool.execute("CHECKPOINT").await?;
    Ok(())
}

/// Calls off what nobody has sent yet: it would be in the way of what is measured next.
pub(crate) async fn cancel_waiting(pool: &PgPool) -> Result<()> {
    let sql = "UPDATE messages SET state = 'canceled', finished_at = created_at
        WHERE state = 'queued'";
    pool.execute(sql).await.map_err(while_doing("calling off messages")).map(drop)
}

/// Verifications that the retention of thirty days no longer covers.
pub(crate) async fn count_expired(pool: &PgPool) -> Result<u64> {
    let sql = "SELECT count(*) FROM verifications
        WHERE finished_at < (extract(epoch FROM now()) * 1000)::bigint - 30 * 86400000::bigint";
    let left: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    Ok(left.unsigned_abs())
}

/// Empties the tables that a bulk send fills, and what is remembered of its keys.
pub(crate) async fn forget_messages(pool: &PgPool) -> Result<()> {
    let sql = "TRUNCATE messages, attempts, idempotency_records, batches";
    pool.execute(sql).await.map_err(while_doing("emptying tables")).map(drop)
}
