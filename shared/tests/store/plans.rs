//! Every look-up that exists has its index: no query plan reads a whole table.

use otpost_shared::db::Db;
use otpost_testbed::on_both_homes;
use sqlx::{AssertSqlSafe, Row};

/// The look-ups, as the store writes them, with literals for parameters.
const LOOKUPS: [(&str, &str); 14] = [
    ("api key by id", "SELECT * FROM api_keys WHERE id = $ID"),
    ("api keys of a tenant", "SELECT * FROM api_keys WHERE tenant_id = $ID ORDER BY created_at"),
    ("verification by id", "SELECT * FROM verifications WHERE id = $ID"),
    (
        "expired verifications",
        "SELECT id FROM verifications WHERE status = 'pending' AND expires_at <= 5 ORDER BY expires_at LIMIT 9",
    ),
    (
        "old verifications",
        "SELECT id FROM verifications WHERE finished_at < 5 ORDER BY finished_at LIMIT 9",
    ),
    ("messages of a verification", "SELECT * FROM messages WHERE verification_id = $ID"),
    (
        "due messages",
        "SELECT id FROM messages WHERE lane = 'otp' AND state = 'queued' AND not_before <= 5 AND deadline > 5 ORDER BY not_before DESC LIMIT 9",
    ),
    (
        "overdue messages",
        "SELECT id FROM messages WHERE state = 'queued' AND deadline <= 5 ORDER BY deadline LIMIT 9",
    ),
    (
        "lost leases",
        "SELECT id FROM messages WHERE state = 'sending' AND lease_until <= 5 ORDER BY lease_until LIMIT 9",
    ),
    ("old messages", "SELECT id FROM messages WHERE finished_at < 5 ORDER BY finished_at LIMIT 9"),
    ("attempts of a message", "SELECT * FROM attempts WHERE message_id = $ID ORDER BY number"),
    (
        "idempotency key",
        "SELECT * FROM idempotency_records WHERE tenant_id = $ID AND key_hash = $HASH",
    ),
    (
        "expired keys",
        "SELECT * FROM idempotency_records WHERE expires_at <= 5 ORDER BY expires_at LIMIT 9",
    ),
    (
        "guess budget",
        "SELECT guesses FROM guess_budgets WHERE tenant_id = $ID AND recipient_hash = $HASH AND day = 5",
    ),
];

on_both_homes! {
    async fn no_look_up_reads_a_whole_table(bed, "") {
        for (name, sql) in LOOKUPS {
            let plan = plan(&bed.home.db, sql).await;
            let whole = plan.lines().any(|line| line.contains("Seq Scan") || is_sqlite_scan(line));
            assert!(!whole, "{name}:\n{plan}");
        }
    }
}

/// `SCAN table` without an index; `SCAN table USING INDEX` walks the index in its order.
fn is_sqlite_scan(line: &str) -> bool {
    line.starts_with("SCAN") && !line.contains("INDEX")
}

async fn plan(db: &Db, sql: &str) -> String {
    match db {
        Db::Sqlite { read, .. } => {
            let sql = sql.replace("$ID", "x'00'").replace("$HASH", "x'00'");
            let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(read)
                .await
                .expect("a plan");
            rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect()
        }
        Db::Postgres(pool) => {
            let sql = sql
                .replace("$ID", "'00000000-0000-0000-0000-000000000000'")
                .replace("$HASH", "'\\x00'");
            let mut connection = pool.acquire().await.expect("a connection");
            // An empty table is read whole whatever its indexes; the planner is told not to.
            sqlx::query("SET enable_seqscan = off").execute(&mut *connection).await.expect("set");
            let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN {sql}")))
                .fetch_all(&mut *connection)
                .await
                .expect("a plan");
            rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
        }
    }
}
