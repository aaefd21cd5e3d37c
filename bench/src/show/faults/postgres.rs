//! Rows about Postgres. What cannot be committed is refused, and a repeat with the same key is
//! safe whatever became of the first try.

use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{
    kills::{Killing, kill_api},
    row::{Act, Answers, Judge, ROW, Row, Span},
    scene::{Scene, Staging},
    told::{hardly_refused, something_refused},
    trouble::Trouble,
};
use crate::{error::Result, product};

const SAME: &str = "503 with Retry-After within 2.5 s; no 202 without a row; no check succeeds; /livez is fine \
     and /readyz says why not";
const KILLING: Killing = Killing { what: "the API", lives: 1_500, away: Some(500), rest: 3_000 };
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "postgres-stop",
        breaks: "Postgres crashes (SIGQUIT) and is started again",
        expects: SAME,
        promises: &[1, 2, 6],
        seconds: Span(24, 16),
        answers: Answers::Refused,
        act: Act::Harm(|scene| Box::pin(outage(scene, Trouble::PostgresCrashed, Span(10, 5)))),
        judge: Judge::Look(something_refused),
        ..ROW
    },
    Row {
        name: "postgres-stall",
        breaks: "Postgres is frozen (SIGSTOP): connections stay open and nobody answers",
        expects: SAME,
        promises: &[1, 2, 6],
        seconds: Span(34, 18),
        answers: Answers::Refused,
        act: Act::Harm(|scene| Box::pin(outage(scene, Trouble::PostgresFrozen, Span(20, 6)))),
        judge: Judge::Look(something_refused),
        ..ROW
    },
    Row {
        name: "postgres-disk-full",
        breaks: "the disk under Postgres is full, data and log alike",
        expects: SAME,
        promises: &[1, 2, 6],
        seconds: Span(28, 18),
        answers: Answers::Refused,
        staging: |options| {
            Staging {
                wiring: crate::harness::Wiring {
                    postgres: "shared_buffers = 32MB\nmin_wal_size = 32MB\nmax_wal_size = 48MB"
                        .into(),
                    ..Staging::usual(options).wiring
                },
                ..Staging::usual(options)
            }
            .on_small_disk(192)
        },
        act: Act::Harm(|scene| Box::pin(full_disk(scene))),
        judge: Judge::Look(something_refused),
        ..ROW
    },
    Row {
        name: "postgres-connections",
        breaks: "another client takes every connection Postgres has to give",
        expects: SAME,
        promises: &[1, 2, 6],
        seconds: Span(26, 16),
        answers: Answers::Refused,
        staging: |options| Staging {
            wiring: crate::harness::Wiring {
                postgres: "max_connections = 70".into(),
                ..Staging::usual(options).wiring
            },
            ..Staging::usual(options)
        },
        act: Act::Harm(|scene| Box::pin(no_connections(scene))),
        judge: Judge::Look(something_refused),
        ..ROW
    },
    Row {
        name: "commit-answer-lost",
        breaks: "of the commits that accept a verification, the answer to every fifth is lost and \
                 its connection cut",
        expects: "the client repeats with its key: exactly one verification and one message",
        promises: &[1, 2],
        seconds: Span(20, 12),
        answers: Answers::Refused,
        act: Act::Harm(|scene| Box::pin(lost_answers(scene))),
        ..ROW
    },
    Row {
        name: "api-kill",
        breaks: "the API is killed (-9) in the middle of requests, again and again",
        expects: "the client repeats with its key: exactly one verification and one message",
        promises: &[1, 2],
        seconds: Span(30, 12),
        answers: Answers::Cut,
        act: Act::Harm(|scene| Box::pin(kill_api(scene, KILLING))),
        ..ROW
    },
    Row {
        name: "deadlock",
        breaks: "other sessions lock rows in the opposite order, and one statement in twenty fails \
                 to serialise or deadlocks",
        expects: "it is tried again up to three times; less than 1 % is refused, and with 503",
        promises: &[2, 6],
        seconds: Span(30, 14),
        answers: Answers::Refused,
        act: Act::Harm(|scene| Box::pin(deadlocks(scene))),
        judge: Judge::Look(hardly_refused),
        ..ROW
    },
];

/// An outage with a look at the probes in the middle of it.
async fn outage(scene: &mut Scene, trouble: Trouble, span: Span) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    trouble.begin(scene).await?;
    let half = scene.options.span(span) / 2;
    tokio::time::sleep(half).await;
    probe(scene).await;
    tokio::time::sleep(half).await;
    trouble.end(scene).await?;
    scene.healed();
    Ok(())
}

/// `/livez` is fine, and `/readyz` says what is not.
async fn probe(scene: &mut Scene) {
    let client = scene.home.client(0);
    let live = client.call(&client.get(product::LIVE), PATIENCE).await;
    let status = live.as_ref().map_or(0, |answer| answer.status);
    scene.checks.add("/livez is fine meanwhile", status == 200, format!("{status}"));
    let ready = client.call(&client.get(product::READY), PATIENCE).await;
    let (status, said) = ready.map_or((0, Value::Null), |it| (it.status, it.json()));
    let database = said["database"].as_str().unwrap_or_default().to_owned();
    let says_why = status == 503 && !matches!(database.as_str(), "" | "ok");
    scene.checks.add("/readyz says why not", says_why, format!("{status}: {database}"));
}

async fn full_disk(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    let disk = || "this home has no small disk";
    scene.breaks();
    scene.home.disk.as_ref().ok_or_else(disk)?.fill()?;
    let half = scene.options.span(Span(12, 6)) / 2;
    tokio::time::sleep(half).await;
    probe(scene).await;
    tokio::time::sleep(half).await;
    scene.home.disk.as_ref().ok_or_else(disk)?.empty()?;
    // Without room for its log Postgres ends itself.
    scene.postgres()?.restart().await?;
    scene.healed();
    Ok(())
}

/// Takes every connection, those of the product too, and keeps them.
async fn no_connections(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    let url = scene.postgres()?.url("otpost");
    scene.breaks();
    // Of our own, before there are no more.
    let mut ours = PgConnection::connect(&url).await?;
    let began = Instant::now();
    let mut full_since = Instant::now();
    // A connection of the product that is just being made shows nowhere yet: only when nothing
    // has come or gone for a while, there is none.
    while full_since.elapsed() < Duration::from_secs(1) && began.elapsed() < Duration::from_secs(15)
    {
        if let Ok(connection) = PgConnection::connect(&url).await {
            scene.hostages.push(connection);
            full_since = Instant::now();
            continue;
        }
        // Whoever of the product is still connected loses its place to us.
        let ended = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'otpost'",
        )
        .execute(&mut ours)
        .await?
        .rows_affected();
        if ended > 0 {
            full_since = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let taken = scene.hostages.len();
    scene.checks.add("all connections are taken", taken > 50, format!("{taken} of 70"));
    probe(scene).await;
    tokio::time::sleep(scene.options.span(Span(10, 4))).await;
    for hostage in scene.hostages.drain(..).chain([ours]) {
        let _ = hostage.close().await;
    }
    scene.healed();
    Ok(())
}

async fn lost_answers(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(2)).await;
    Trouble::CommitAnswersLost.begin(scene).await?;
    scene.until(scene.time.saturating_sub(Duration::from_secs(3))).await;
    let lost: u64 = scene.traps.iter().map(crate::proxy::Trap::count).sum();
    scene.checks.add("answers to commits were lost", lost > 0, format!("{lost}"));
    Trouble::CommitAnswersLost.end(scene).await?;
    scene.healed();
    Ok(())
}

/// One statement in so many fails as if it had lost against another.
const INJECT: &str = "
CREATE OR REPLACE FUNCTION bench_loses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.025 THEN
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
    ELSIF random() < 0.025 THEN
        RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$";

const TABLES: [&str; 4] = ["verifications", "messages", "attempts", "idempotency_records"];

async fn deadlocks(scene: &mut Scene) -> Result<()> {
    scene.until(Duration::from_secs(2)).await;
    let url = scene.postgres()?.url("otpost");
    let pool = scene.ledger.postgres()?.clone();
    scene.breaks();
    sqlx::query(INJECT).execute(&pool).await?;
    for table in TABLES {
        let sql = format!(
            "CREATE TRIGGER bench_loses BEFORE INSERT OR UPDATE ON {table}
             FOR EACH STATEMENT EXECUTE FUNCTION bench_loses()"
        );
        sqlx::query(AssertSqlSafe(sql)).execute(&pool).await?;
    }
    let until = Instant::now() + scene.time.saturating_sub(scene.elapsed() + PATIENCE);
    let hostile = (0..3).map(|_| tokio::spawn(lock_backwards(url.clone(), until)));
    let mut taken = 0;
    for session in hostile.collect::<Vec<_>>() {
        taken += session.await??;
    }
    for table in TABLES {
        let sql = format!("DROP TRIGGER bench_loses ON {table}");
        sqlx::query(AssertSqlSafe(sql)).execute(&pool).await?;
    }
    scene.checks.add("rows were locked backwards", taken > 0, format!("{taken} times"));
    scene.healed();
    Ok(())
}

/// Locks the newest messages first and their verifications after, opposite to the product, and
/// waits longer than it does before looking for a deadlock.
async fn lock_backwards(url: String, until: Instant) -> Result<u64> {
    const MESSAGES: &str = "SELECT id FROM messages WHERE verification_id IS NOT NULL
         ORDER BY created_at DESC LIMIT 5 FOR UPDATE";
    const VERIFICATIONS: &str = "SELECT id FROM verifications WHERE id IN (
             SELECT verification_id FROM messages WHERE verification_id IS NOT NULL
             ORDER BY created_at DESC LIMIT 5) FOR UPDATE";
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::query("SET deadlock_timeout = '10s'").execute(&mut connection).await?;
    sqlx::query("SET lock_timeout = '5s'").execute(&mut connection).await?;
    let mut times = 0;
    while Instant::now() < until {
        let mut tx = connection.begin().await?;
        let both = async {
            sqlx::query(MESSAGES).execute(&mut *tx).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            sqlx::query(VERIFICATIONS).execute(&mut *tx).await
        };
        times += u64::from(both.await.is_ok());
        tx.rollback().await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(times)
}
