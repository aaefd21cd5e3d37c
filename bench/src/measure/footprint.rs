//! What one verification leaves behind: bytes of Postgres' log from accept to verified, and bytes
//! of Redis while its hint waits and after it ran.

use std::time::Duration;

use sqlx::PgPool;

use super::{
    Effort, Report,
    accept::{accept, warm_up},
    check::{Known, codes_of},
    first_of, production,
    row::{Aim, Row},
    station::Station,
};
use crate::{
    error::Result,
    harness::{Home, Otpost, Redis},
    load::closed,
    product::{self, Chain},
};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    let pool = home.pool().await?;
    without_page_images(&pool).await?;
    warm_up(&home, effort).await?;
    let (mut wal, mut waiting, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        // What the warm-up or the last round left to send goes out first, and does not count.
        home.start_worker().await?;
        while product::count_pending(&pool).await? > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        home.end_workers()?;
        redis(&home)?.flush_all().await?;
        station.clear().await?;
        let before = written(&pool).await?;
        let (tally, tokens) = accept(&home, effort, first_of(round), Some(effort.count)).await?;
        tally.only(&[202])?;
        let memory = hints_memory(redis(&home)?).await?;
        waiting.push(memory as f64 / effort.count as f64);
        home.start_worker().await?;
        let known = codes_of(&station, effort, tokens, Duration::from_mins(5)).await?;
        home.end_workers()?;
        verify(&home, effort, known).await?;
        wal.push((written(&pool).await? - before) as f64 / effort.count as f64);
        left.push(hints_memory(redis(&home)?).await? as f64);
        eprintln!("footprint round {}: {wal:.0?} B of log, {waiting:.0?} B a hint", round + 1);
    }
    for (name, runs, goal, floor) in [
        ("log per verification, to verified", &wal, 3_072.0, 4_096.0),
        ("Redis per waiting hint", &waiting, 48.0, 120.0),
        ("Redis after the hints ran", &left, 0.0, 0.0),
    ] {
        report.add(Row::at_most(name, "B", runs, Aim { goal, floor }));
    }
    report.used("footprint", home.usages());
    pool.close().await;
    Ok(())
}

/// Page images follow checkpoints, not verifications.
async fn without_page_images(pool: &PgPool) -> Result<()> {
    sqlx::query("ALTER SYSTEM SET full_page_writes = off").execute(pool).await?;
    sqlx::query("SELECT pg_reload_conf()").execute(pool).await?;
    Ok(())
}

/// Bytes of log ever written.
async fn written(pool: &PgPool) -> Result<i64> {
    let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

fn redis(home: &Home) -> Result<&Redis> {
    home.redis.as_ref().ok_or_else(|| "this home has no Redis".into())
}

/// What the list of hints occupies; nothing when it is gone.
async fn hints_memory(redis: &Redis) -> Result<u64> {
    redis.number(&format!("MEMORY USAGE {} SAMPLES 0", product::HINTS)).await
}

async fn verify(home: &Home, effort: Effort, known: Vec<Known>) -> Result<()> {
    let client = home.client(0);
    let requests: Vec<Vec<u8>> = known
        .iter()
        .map(|it| product::check_body(&it.session_token, &it.code))
        .map(|body| client.post(product::CHECK, None, &body))
        .collect();
    let make = move |number| requests.get(usize::try_from(number).ok()?).cloned();
    let (address, time) = (home.client(0).address, Duration::from_mins(10));
    let loaded = closed(address, effort.connections, time, make, |(): &mut (), _, _| {});
    let (tally, ()) = loaded.await?;
    tally.only(&[200])
}
