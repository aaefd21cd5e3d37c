//! Every look-up that exists has its index: no query plan reads a whole table.

use std::sync::Arc;

use otpost_shared::{
    Home,
    db::Db,
    message::{self, Next, Recording},
    queue::Lane,
    retention::{self, Removal},
    tenant::DEFAULT_TENANT,
    verification,
};
use otpost_testbed::{Bed, Kind, on_both_homes};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::{accept, check, code_of, leases::bulk, messages, other_than};

/// Part of every claim of texts.
const DUE_REPLIES: &str = "SELECT id FROM messages WHERE keyword IS NOT NULL AND state = 'queued' AND not_before <= 5 AND deadline > 5 ORDER BY not_before LIMIT 9";

/// The look-ups, as the store writes them, with literals for parameters.
const LOOKUPS: [(&str, &str); 47] = [
    (
        "api key by id",
        "SELECT k.id, t.sandbox FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.id = $ID AND t.disabled_at IS NULL",
    ),
    ("api keys of a tenant", "SELECT * FROM api_keys WHERE tenant_id = $ID ORDER BY created_at"),
    ("verification by id", "SELECT * FROM verifications WHERE id = $ID"),
    (
        "expired verifications",
        "SELECT id FROM verifications WHERE status = 'pending' AND expires_at <= 5 ORDER BY expires_at LIMIT 9",
    ),
    (
        "codes that no longer count again",
        "SELECT id FROM verifications WHERE reusable = 1 AND expires_at <= 5 AND status || '' <> 'pending' ORDER BY expires_at LIMIT 9",
    ),
    (
        "policies that count",
        "SELECT * FROM policies WHERE is_current = 1 AND body IS NOT NULL ORDER BY for_everyone, tenant_id, purpose",
    ),
    (
        "policies of a tenant",
        "SELECT * FROM policies WHERE is_current = 1 AND for_everyone = 0 AND tenant_id = $ID",
    ),
    (
        "history of a policy",
        "SELECT * FROM policies WHERE for_everyone = 0 AND tenant_id = $ID AND purpose = 'login' AND version < 5 ORDER BY version DESC LIMIT 9",
    ),
    ("revision of the settings", "SELECT revision FROM settings_revision WHERE one = 1"),
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
        "due messages of sandboxes",
        "SELECT id FROM messages WHERE lane = 'sandbox' AND state = 'queued' AND not_before <= 5 AND deadline > 5 ORDER BY not_before LIMIT 9",
    ),
    ("sandboxes", "SELECT name FROM tenants WHERE sandbox = 1 ORDER BY name LIMIT 9"),
    (
        "an inbox",
        "SELECT * FROM inbox_messages WHERE tenant_id = $ID AND number > 5 AND number < 9 AND expires_at > 5 ORDER BY number DESC LIMIT 9",
    ),
    (
        "old messages in inboxes",
        "SELECT tenant_id, number FROM inbox_messages WHERE expires_at < 5 ORDER BY expires_at LIMIT 9",
    ),
    ("due replies", DUE_REPLIES),
    (
        "due texts that are no replies",
        "SELECT id FROM messages WHERE lane = 'bulk' AND keyword IS NULL AND state = 'queued' AND not_before <= 5 AND deadline > 5 ORDER BY not_before LIMIT 9",
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
    (
        "what ended during a drill",
        "SELECT m.id, (SELECT a.provider FROM attempts a WHERE a.message_id = m.id AND a.outcome = 'ok' ORDER BY a.number DESC LIMIT 1) FROM messages m WHERE m.finished_at > 5 AND m.finished_at <= 6 ORDER BY m.finished_at DESC LIMIT 9",
    ),
    (
        "messages that ended in some time",
        "SELECT id, finished_at FROM messages WHERE finished_at >= 5 AND finished_at < 9 AND (finished_at > 5 OR id > $ID) ORDER BY finished_at, id LIMIT 9",
    ),
    ("batch by key", "SELECT * FROM batches WHERE tenant_id = $ID AND key_hash = $HASH"),
    ("old batches", "SELECT id FROM batches WHERE expires_at <= 5 ORDER BY expires_at LIMIT 9"),
    (
        "messages of a batch",
        "SELECT * FROM messages WHERE id > $ID AND id <= $ID AND state = 'failed' ORDER BY id LIMIT 9",
    ),
    ("attempts of a message", "SELECT * FROM attempts WHERE message_id = $ID ORDER BY number"),
    (
        "attempts of some messages",
        "SELECT provider FROM attempts WHERE (price_micros IS NOT NULL OR outcome IN ('ok', 'unknown')) AND message_id IN ($ID, $ID)",
    ),
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
    (
        "an id of a provider",
        "UPDATE provider_message_ids AS p SET report = 'sent' WHERE provider = 'a' AND id = 'b' AND message_id IS NOT NULL",
    ),
    (
        "reports that wait for their ids",
        "SELECT id FROM provider_message_ids WHERE message_id IS NULL AND provider = 'a' AND id IN ('b', 'c')",
    ),
    (
        "parts of a text",
        "SELECT report FROM provider_message_ids WHERE message_id = $ID AND number = 1 AND parts > 1 AND provider = 'a' ORDER BY part",
    ),
    (
        "old ids of providers",
        "SELECT provider, id FROM provider_message_ids WHERE expires_at < 5 ORDER BY expires_at LIMIT 9",
    ),
    (
        "a reply that says the opposite",
        "UPDATE messages SET state = 'canceled' WHERE state || '' = 'queued' AND id = (SELECT message_id FROM replies WHERE recipient_hash = $HASH AND keyword = 'stop')",
    ),
    (
        "the versions of a text",
        "SELECT version FROM templates WHERE tenant_id = $ID AND for_everyone = 0 AND purpose = 'a' AND channel = 'sms' AND locale = 'en' ORDER BY version DESC",
    ),
    (
        "the texts of a tenant",
        "SELECT body FROM templates WHERE tenant_id = $ID AND for_everyone = 0 AND superseded_at IS NULL AND body IS NOT NULL",
    ),
    (
        "old replies",
        "SELECT recipient_hash, keyword FROM replies WHERE expires_at < 5 ORDER BY expires_at LIMIT 9",
    ),
    (
        "what a number said last",
        "SELECT count(*) FROM last_words WHERE recipient_hash = $HASH AND said_at > 5 AND said_at <= 9",
    ),
    (
        "old last words",
        "SELECT recipient_hash FROM last_words WHERE expires_at < 5 ORDER BY expires_at LIMIT 9",
    ),
    (
        "old heard starts",
        "SELECT id_hash FROM heard_starts WHERE expires_at < 5 ORDER BY expires_at LIMIT 9",
    ),
    (
        "a tenant's services",
        "SELECT * FROM verify_services WHERE tenant_id = $ID AND id > $ID ORDER BY id LIMIT 9",
    ),
    (
        "a service's last verification of a number",
        "SELECT verification_id FROM verify_starts WHERE service_id = $ID AND recipient_hash = $HASH",
    ),
    (
        "old starts",
        "SELECT service_id FROM verify_starts WHERE kept_until < 5 ORDER BY kept_until LIMIT 9",
    ),
    (
        "a service's limit by name",
        "SELECT id FROM verify_rate_limits WHERE service_id = $ID AND unique_name = 'a'",
    ),
    (
        "a limit's buckets",
        "SELECT * FROM verify_buckets WHERE rate_limit_id = $ID AND id < $ID ORDER BY id DESC LIMIT 9",
    ),
];

on_both_homes! {
    async fn no_look_up_reads_a_whole_table(bed, "") {
        none_reads_a_whole_table(&bed.home.db, &LOOKUPS).await;
    }

    async fn due_replies_are_looked_for_among_replies_alone(bed, "") {
        let plan = plan(&bed.home.db, DUE_REPLIES).await;
        assert!(plan.contains("messages_replies"), "{plan}");
    }
}

/// The plan of each of these look-ups uses indexes alone.
pub(super) async fn none_reads_a_whole_table(db: &Db, lookups: &[(&str, &str)]) {
    for (name, sql) in lookups {
        let plan = plan(db, sql).await;
        let whole = plan.lines().any(|line| line.contains("Seq Scan") || is_sqlite_scan(line));
        assert!(!whole, "{name}:\n{plan}");
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
        Db::Postgres(pool, _) => {
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

/// Partial indexes are for sweeps. Were one read here, its statement would walk over all that
/// waits once there is much of it: the plan was made when there was nothing.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_new_database_rows_are_found_by_their_keys() {
    let bed = Bed::make(Kind::Production, "").await;
    let home = &bed.home;
    for n in 0..8 {
        let accepted = accept(home, n).await;
        let id = messages(home, accepted.id).await[0].id;
        let now = home.clock.now();
        let mut claimed = message::claim(&home.db, &[id], Some("a"), now).await.expect("an answer");
        let row = claimed.pop().expect("a claim").message;
        let next = Next::Try { number: 2, provider: "b".into(), suppression_hash: Vec::new() };
        for next in [next, Next::Sent] {
            let step = Recording { message: Arc::clone(&row), ended: None, next, now };
            message::record(&home.db, &[step]).await.expect("an answer");
        }
        let code = code_of(home, accepted.id).await;
        check(home, &accepted, other_than(&code)).await;
        if n % 2 == 0 {
            check(home, &accepted, code).await;
        } else {
            verification::cancel(&home.db, DEFAULT_TENANT, accepted.id, now).await.expect("done");
        }
    }
    let mut connection = counted(home).await;
    let read: Vec<(String, i64)> = sqlx::query_as(
        "SELECT indexrelname::text, idx_scan FROM pg_stat_user_indexes
         WHERE relname IN ('messages', 'verifications') AND idx_scan > 0 ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .expect("statistics");
    let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["messages_by_verification", "messages_pkey", "verifications_pkey"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn verifications_ask_for_their_policy_twice_a_second_at_most() {
    let bed = Bed::make(Kind::Production, "").await;
    let home = &bed.home;
    let began = home.clock.now();
    for n in 0..50 {
        let accepted = accept(home, n).await;
        let code = code_of(home, accepted.id).await;
        check(home, &accepted, code).await;
    }
    let took = home.clock.now() - began;
    let mut connection = counted(home).await;
    let scans = "SELECT relname::text, (seq_scan + coalesce(idx_scan, 0))::bigint
         FROM pg_stat_user_tables WHERE relname IN ('policies', 'settings_revision')
         ORDER BY relname";
    let scans: Vec<(String, i64)> =
        sqlx::query_as(scans).fetch_all(&mut connection).await.expect("statistics");
    let [(_, policies), (_, revision)] = scans.as_slice() else { panic!("{scans:?}") };
    // Few come from making the tables.
    assert!(*policies < 5 && *revision < 5 + took / 500, "{scans:?} in {took} ms");
}

/// Texts that wait, all of them due before the one they are copies of.
const WAITING: &str =
    "INSERT INTO messages SELECT copy.* FROM messages m, generate_series(1, 20000) n,
     jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'not_before', n)) copy";

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_texts_reads_little_more_than_it_takes() {
    let bed = Bed::make(Kind::Production, "").await;
    let home = &bed.home;
    let claim = async || {
        let now = home.clock.now();
        message::claim_due(&home.db, Lane::Bulk, 10, None, now).await.expect("an answer")
    };
    // The plan is made when there is nothing.
    assert!(claim().await.is_empty());
    let reply = bulk(home, 1).await;
    let mut filler =
        PgConnection::connect(&home.config.database_url()).await.expect("a connection");
    filler.execute(WAITING).await.expect("rows");
    let as_reply = sqlx::query("UPDATE messages SET keyword = 'help' WHERE id = $1").bind(reply);
    as_reply.execute(&mut filler).await.expect("an answer");
    filler.close().await.expect("an end");
    let taken = claim().await;
    assert!(taken.iter().any(|it| it.message.id == reply), "a reply goes first, due last as it is");
    assert_eq!(taken.len(), 10);
    for _ in 0..3 {
        assert_eq!(claim().await.len(), 10);
    }
    let mut connection = counted(home).await;
    let read =
        "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'messages'";
    let read: i64 = sqlx::query_scalar(read).fetch_one(&mut connection).await.expect("a sum");
    assert!(read < 1_000, "{read} rows were read to take 40");
}

/// Tables as large as those of an installation that ran for a while, all of it past the retention.
const OLD: [&str; 13] = [
    "INSERT INTO verifications SELECT copy.* FROM verifications v, generate_series(1, 20000) n,
     jsonb_populate_record(v, jsonb_build_object(
         'id', gen_random_uuid(), 'status', 'verified', 'finished_at', n)) copy",
    "INSERT INTO messages SELECT copy.* FROM messages m, generate_series(1, 20000) n,
     jsonb_populate_record(m, jsonb_build_object(
         'id', gen_random_uuid(), 'state', 'sent', 'finished_at', n)) copy",
    "INSERT INTO idempotency_records
     SELECT gen_random_uuid(), '', '', gen_random_uuid(), '', '', n FROM generate_series(1, 20000) n",
    "INSERT INTO guess_budgets SELECT gen_random_uuid(), '', n, 1 FROM generate_series(1, 20000) n",
    "INSERT INTO batches SELECT gen_random_uuid(), gen_random_uuid(), NULL, '', 1, n, n
     FROM generate_series(1, 20000) n",
    "INSERT INTO provider_message_ids (provider, id, message_id, number, part, parts, digits_hash, expires_at)
     SELECT 'a', n::text, gen_random_uuid(), 1, 1, 1, '', n FROM generate_series(1, 20000) n",
    "INSERT INTO replies SELECT int4send(n), 'stop', gen_random_uuid(), n FROM generate_series(1, 20000) n",
    "INSERT INTO last_words SELECT int4send(n), 'stop', n, 1, n FROM generate_series(1, 20000) n",
    "INSERT INTO heard_starts SELECT int4send(n), n FROM generate_series(1, 20000) n",
    "INSERT INTO verify_starts SELECT gen_random_uuid(), int4send(n), gen_random_uuid(), n FROM generate_series(1, 20000) n",
    "INSERT INTO inbox_messages SELECT t.id, n, gen_random_uuid(), NULL, 'sms', '', '', '', n, n
     FROM tenants t, generate_series(1, 20000) n",
    "INSERT INTO events SELECT gen_random_uuid(), gen_random_uuid(), 'message.sent', NULL, NULL, NULL, NULL, NULL, NULL, n, n FROM generate_series(1, 20000) n",
    "INSERT INTO webhook_deliveries SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'delivered', 1, 1, n, NULL, 200, NULL, n, n FROM generate_series(1, 20000) n",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_removal_reads_little_more_than_it_removes() {
    let bed = Bed::make(Kind::Production, "").await;
    let home = &bed.home;
    accept(home, 0).await;
    let mut filler =
        PgConnection::connect(&home.config.database_url()).await.expect("a connection");
    for sql in OLD {
        filler.execute(sql).await.expect("rows");
    }
    filler.execute("ANALYZE").await.expect("statistics");
    filler.close().await.expect("an end");
    for kind in retention::Kind::ALL {
        let mut removal = Removal::new(kind, home, home.clock.now());
        let removed = removal.step(&home.db).await.expect("an answer");
        assert_eq!(removed, retention::STEP, "{}", kind.name());
    }
    let mut connection = counted(home).await;
    let read: Vec<(String, i64)> = sqlx::query_as(
        "SELECT t.relname::text, t.seq_tup_read + sum(i.idx_tup_read)::bigint
         FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
         WHERE t.n_tup_ins > 20000 - 1 GROUP BY 1, t.seq_tup_read",
    )
    .fetch_all(&mut connection)
    .await
    .expect("statistics");
    assert_eq!(read.len(), OLD.len());
    for (table, rows) in read {
        assert!(rows < 1_000, "{table}: {rows} rows were read to remove {}", retention::STEP);
    }
}

/// A connection to a home's database that sees all that the home has read.
async fn counted(home: &Home) -> PgConnection {
    home.db.close().await;
    let url = home.config.database_url();
    let mut connection = PgConnection::connect(&url).await.expect("a connection");
    // What a connection has read is counted when it has ended.
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.expect("a count")
        > 0
    {
        tokio::task::yield_now().await;
    }
    connection
}
