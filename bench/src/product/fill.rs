//! Filling the product's tables with rows it could have written itself, by copying real ones
//! within the server: each gets ids, hashes and times of its own and keeps its width.

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::error::{Result, while_doing};

/// Rows of one statement, between two looks at the progress.
const CHUNK: u64 = 100_000;
/// From here on indexes are built afterwards.
const MANY: u64 = 300_000;
const DAY_MS: i64 = 86_400_000;

/// The tables a verification leaves rows in, those that take long beside those that don't.
const TABLES: [[&str; 2]; 2] = [["verifications", "attempts"], ["messages", "idempotency_records"]];

/// How the rows look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling {
    rows: u64,
    /// Milliseconds of the Unix clock between which the rows were made.
    first: i64,
    last: i64,
    /// Whether every tenth is still pending; and idempotency records are remembered.
    alive: bool,
}

impl Filling {
    /// The rows of the last twenty days, a tenth of them pending.
    pub(crate) fn grown(rows: u64) -> Self {
        let now = now_ms();
        Self { rows, first: now - 20 * DAY_MS, last: now - DAY_MS / 24, alive: true }
    }

    /// Rows that the retention no longer covers.
    pub(crate) fn expired(rows: u64) -> Self {
        let now = now_ms();
        Self { rows, first: now - 45 * DAY_MS, last: now - 35 * DAY_MS, alive: false }
    }

    pub(crate) fn rows(self) -> u64 {
        self.rows
    }

    /// Whether indexes are built afterwards.
    pub(crate) fn is_big(self) -> bool {
        self.rows >= MANY
    }

    /// What a column of a copied row gets; none keeps what the real row has.
    fn value(self, table: &str, column: &str) -> Option<String> {
        let idempotent = table == "idempotency_records";
        let text = match (table, column) {
            ("verifications", "id") | (_, "verification_id" | "answer_id") => {
                "bench.id('v', n, ms)"
            }
            ("messages", "id") | ("attempts", "message_id") => "bench.id('m', n, ms)",
            (_, "recipient_hash") => "bench.hash('r', n, t.recipient_hash)",
            (_, "token_hash") => "bench.hash('t', n, t.token_hash)",
            (_, "seed") => "bench.hash('s', n, t.seed)",
            (_, "key_hash") => "bench.hash('k', n, t.key_hash)",
            (_, "request_hash") => "bench.hash('q', n, t.request_hash)",
            (_, "expires_at") if idempotent && self.alive => {
                return Some(format!("{}::bigint + n", now_ms() + DAY_MS));
            }
            (_, "expires_at") if idempotent => "ms + 86400000",
            (_, "expires_at" | "deadline") => {
                let later = now_ms() + DAY_MS / 4;
                return Some(format!(
                    "CASE WHEN t.bench_pending THEN {later}::bigint + n ELSE ms + 600000 END"
                ));
            }
            (_, "created_at" | "started_at" | "not_before") => "ms",
            (_, "resend_at") => "ms + 30000",
            (_, "finished_at") => "CASE WHEN t.finished_at IS NULL THEN NULL ELSE ms + 2000 END",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Keeps a verified and a pending verification with all that belongs to them, as patterns. Both
/// must have been delivered.
pub(crate) async fn keep_patterns(pool: &PgPool) -> Result<()> {
    const SQL: &str = "
        DROP SCHEMA IF EXISTS bench CASCADE;
        CREATE SCHEMA bench;
        CREATE TABLE bench.verifications AS
            SELECT DISTINCT ON (status) v.*, status = 'pending' AS bench_pending
            FROM verifications v WHERE status IN ('pending', 'verified')
              AND EXISTS (SELECT 1 FROM messages m WHERE m.verification_id = v.id AND state = 'sent');
        CREATE TABLE bench.messages AS
            SELECT DISTINCT ON (v.id) m.*, v.bench_pending
            FROM messages m JOIN bench.verifications v ON m.verification_id = v.id
            WHERE m.state = 'sent';
        CREATE TABLE bench.attempts AS
            SELECT DISTINCT ON (m.id) a.*, m.bench_pending
            FROM attempts a JOIN bench.messages m ON a.message_id = m.id;
        CREATE TABLE bench.idempotency_records AS
            SELECT DISTINCT ON (v.id) r.*, v.bench_pending
            FROM idempotency_records r JOIN bench.verifications v ON r.answer_id = v.id;
        CREATE FUNCTION bench.id(kind text, n bigint, ms bigint) RETURNS uuid
            LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT overlay(overlay(md5(kind || n) PLACING lpad(to_hex(ms), 12, '0') || '7' FROM 1)
                           PLACING '8' FROM 17)::uuid $$;
        CREATE FUNCTION bench.hash(kind text, n bigint, alike bytea) RETURNS bytea
            LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT substring(sha256(convert_to(kind || n, 'UTF8')) FOR length(alike)) $$;";
    pool.execute(SQL).await.map_err(while_doing("keeping rows to copy"))?;
    for table in TABLES.into_iter().flatten() {
        let count = format!("SELECT count(*) FROM bench.{table}");
        let kept: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(pool).await?;
        if kept != 2 {
            return Err(format!("{kept} rows instead of 2 to copy in {table}").into());
        }
    }
    Ok(())
}

/// Replaces what the four tables hold by so many copies of the patterns, and cleans up behind
/// them. `tell` hears how many rows of all tables are there.
pub(crate) async fn fill(
    pool: &PgPool,
    filling: Filling,
    tell: impl FnMut(u64) + Send,
) -> Result<()> {
    let tell = tokio::sync::Mutex::new((0, tell));
    let done = async |rows: u64| {
        let mut told = tell.lock().await;
        told.0 += rows;
        let so_far = told.0;
        (told.1)(so_far);
    };
    let side = async |tables: [&'static str; 2]| {
        let mut connection = pool.acquire().await?;
        for table in tables {
            fill_table(&mut connection, table, filling, &done).await?;
        }
        Ok::<_, crate::error::Error>(())
    };
    // Two at a time: what waits for the disk leaves a processor to the other.
    let [one, other] = TABLES;
    tokio::try_join!(side(one), side(other)).map_err(while_doing("filling the tables"))?;
    pool.execute("CHECKPOINT").await?;
    Ok(())
}

/// How many rows [`fill`] will tell of.
pub(crate) fn rows_of_all_tables(rows: u64) -> u64 {
    rows * TABLES.into_iter().flatten().count() as u64
}

async fn fill_table(
    connection: &mut PgConnection,
    table: &'static str,
    filling: Filling,
    done: &impl AsyncFn(u64),
) -> Result<()> {
    let insert = insert_sql(connection, table, filling).await?;
    let mut whole = connection.begin().await?;
    // Of a table emptied in the same transaction nothing needs to be logged where the server was
    // started with `wal_level = minimal`.
    whole.execute(AssertSqlSafe(format!("TRUNCATE {table}"))).await?;
    let put_back = if filling.is_big() { take_indexes(&mut whole, table).await? } else { vec![] };
    let mut from = 1;
    while from <= filling.rows {
        let to = (from + CHUNK - 1).min(filling.rows);
        sqlx::query(AssertSqlSafe(insert.clone()))
            .bind(i64::try_from(from)?)
            .bind(i64::try_from(to)?)
            .execute(&mut *whole)
            .await?;
        done(to - from + 1).await;
        from = to + 1;
    }
    whole.execute("SET LOCAL maintenance_work_mem = '512MB'").await?;
    for index in put_back {
        whole.execute(AssertSqlSafe(index)).await?;
    }
    whole.commit().await?;
    connection.execute(AssertSqlSafe(format!("VACUUM (ANALYZE) {table}"))).await?;
    Ok(())
}

async fn insert_sql(
    connection: &mut PgConnection,
    table: &str,
    filling: Filling,
) -> Result<String> {
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT column_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'
         ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    let values: Vec<String> = columns
        .iter()
        .map(|column| filling.value(table, column).unwrap_or_else(|| format!("t.{column}")))
        .collect();
    let Filling { rows, first, last, alive } = filling;
    let pattern = if alive { "t.bench_pending = (n % 10 = 0)" } else { "NOT t.bench_pending" };
    Ok(format!(
        "INSERT INTO {table} ({}) SELECT {} FROM generate_series($1::bigint, $2::bigint) n
         CROSS JOIN LATERAL (SELECT {first} + (n * {}) / {rows} AS ms) m
         JOIN bench.{table} t ON {pattern} ORDER BY n",
        columns.join(", "),
        values.join(", "),
        last - first
    ))
}

/// Drops the indexes of a table and returns what makes them again.
async fn take_indexes(connection: &mut PgConnection, table: &str) -> Result<Vec<String>> {
    let keys: Vec<(String, String)> = sqlx::query_as(
        "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
         WHERE conrelid = $1::regclass AND contype IN ('p', 'u')",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await?;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT quote_ident(indexname), indexdef FROM pg_indexes
         WHERE schemaname = 'public' AND tablename = $1
           AND indexname NOT IN (SELECT conname FROM pg_constraint)",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await?;
    let mut put_back = Vec::new();
    for (name, definition) in keys {
        let drop = format!("ALTER TABLE {table} DROP CONSTRAINT {name}");
        connection.execute(AssertSqlSafe(drop)).await?;
        put_back.push(format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"));
    }
    for (name, definition) in indexes {
        connection.execute(AssertSqlSafe(format!("DROP INDEX {name}"))).await?;
        put_back.push(definition);
    }
    Ok(put_back)
}

/// About what each verification with all that belongs to it occupies, indexes included, in bytes.
pub(crate) const BYTES_OF_ONE: u64 = 1_800;
