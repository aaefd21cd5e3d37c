//! What one verification leaves behind: bytes of Postgres' log from accept to verified, and bytes
//! of Redis while its hint waits and after it ran.

use std::time::{Duration, Instant};

use sqlx::PgPool;

use super::{
    Effort, Report,
    accept::{accept, warm_up},
    check::{Known, codes_of},
    first_of, grown, production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::Result,
    harness::{Home, Otpost, Redis},
    load::closed,
    product::{self, Chain, Filling},
};

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    warm_up(&home, effort).await?;
    if let Some(rows) = effort.rows {
        grown::patterns(&mut home, &station, effort).await?;
        grown::grow(&mut home, None, Filling::grown(rows)).await?;
    }
    let pool = home.pool().await?;
    without_page_images(&pool).await?;
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
        let (log, memory) = one(&mut home, &station, &pool, effort, first_of(round)).await?;
        wal.push(log);
        waiting.push(memory.ok_or("this home has no Redis")?);
        left.push(hints_memory(redis(&home)?).await? as f64);
        note!("footprint round {}: {wal:.0?} B of log, {waiting:.0?} B a hint", round + 1);
    }
    // Bytes do not depend on who else is at work: nothing is watched.
    for (target, runs) in
        [(&targets::LOG, &wal), (&targets::HINT, &waiting), (&targets::HINTS_LEFT, &left)]
    {
        report.add(Row::alone(target, runs, &Watch::default()));
    }
    report.used("footprint", home.usages());
    pool.close().await;
    Ok(())
}

/// From accept to verified: bytes of log per verification, and of Redis while all hints waited.
pub(crate) async fn one(
    home: &mut Home,
    station: &Station,
    pool: &PgPool,
    effort: Effort,
    first: u64,
) -> Result<(f64, Option<f64>)> {
    station.clear().await?;
    let before = written(pool).await?;
    let (tally, tokens) = accept(home, effort, first, Some(effort.count)).await?;
    tally.only(&[202])?;
    let memory = match &home.redis {
        Some(redis) => Some(bytes_a_hint(redis, effort.count).await?),
        None => None,
    };
    home.start_worker().await?;
    let known = codes_of(station, effort, tokens, Duration::from_mins(5)).await?;
    home.end_workers()?;
    verify(home, effort, known).await?;
    Ok(((written(pool).await? - before) as f64 / effort.count as f64, memory))
}

/// Page images follow checkpoints, not verifications.
pub(crate) async fn without_page_images(pool: &PgPool) -> Result<()> {
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

/// What one hint occupies while so many wait.
async fn bytes_a_hint(redis: &Redis, count: u64) -> Result<f64> {
    let length = format!("LLEN {}", product::HINTS);
    let began = Instant::now();
    // They are pushed right after the answer.
    while redis.number(&length).await? < count && began.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match redis.number(&length).await? {
        waiting if waiting == count => Ok(hints_memory(redis).await? as f64 / waiting as f64),
        other => Err(format!("{other} hints wait for {count} codes").into()),
    }
}

/// What the list of hints occupies; nothing when it is gone.
async fn hints_memory(redis: &Redis) -> Result<u64> {
    redis.number(&format!("MEMORY USAGE {} SAMPLES 0", product::HINTS)).await
}

pub(crate) async fn verify(home: &Home, effort: Effort, known: Vec<Known>) -> Result<()> {
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
