//! Show: people come and go at a steady rate while something is broken and mended; then it
//! goes quiet, and the checker looks at what is left.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use sqlx::PgPool;
use tokio::task::JoinSet;

use super::{
    Checks,
    invariants::Evidence,
    people::{Story, crowd},
};
use crate::{
    error::Result,
    gateway::{Answer, Gateway, Rule},
    harness::{Home, Otpost, Plan, Store},
    load::Pace,
    numbers::Dice,
    product::{self, Chain},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// `kill -9` of one of two workers, again and again
    WorkerKill,
    /// FLUSHALL every two seconds
    RedisFlush,
    /// Redis frozen (SIGSTOP) for 30 s
    RedisStop,
    /// Postgres crashed, away for 10 s, started again
    PostgresStop,
    /// Postgres frozen (SIGSTOP) for 10 s
    PostgresStall,
    /// Each of the above, one after the other
    All,
}

/// What `faults` can be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) fault: Fault,
    pub(crate) seconds: u64,
    pub(crate) rate: u32,
    pub(crate) seed: u64,
    /// Latencies are shown but not judged.
    pub(crate) untimed: bool,
}

/// True if nothing was violated.
pub(crate) async fn run(otpost: &Otpost, options: Options) -> Result<bool> {
    let all = Fault::value_variants().iter().filter(|it| **it != Fault::All);
    let chosen: Vec<Fault> = match options.fault {
        Fault::All => all.copied().collect(),
        one => vec![one],
    };
    println!("seed {}, {} verifications/s", options.seed, options.rate);
    let mut kept = true;
    for fault in chosen {
        kept &= one(otpost, Options { fault, ..options }).await?;
    }
    Ok(kept)
}

async fn one(otpost: &Otpost, options: Options) -> Result<bool> {
    let gateway = Gateway::on_free_port().await?;
    // Slow enough that a kill finds messages in the middle of being sent.
    let slow = Rule::new("/", Answer::Ok).delay_ms(150);
    gateway.state.rules.set(vec![slow]);
    let plan = Plan {
        store: Store::Postgres,
        apis: 1,
        workers: 2,
        chain: Chain::TwilioVonage(gateway.address),
        otp_concurrency: None,
    };
    let mut home = Home::build(otpost, plan).await?;
    let pool = home.pool().await?;
    let pace =
        Pace { rate: options.rate, time: Duration::from_secs(options.fault.time(options.seconds)) };
    let state = Arc::clone(&gateway.state);
    let people = crowd(vec![home.client(0)], state, pace, options.seed);
    let mut checks = Checks::default();
    let (stories, broken) =
        tokio::join!(people, break_and_mend(&mut home, &pool, options, pace.time, &mut checks));
    broken?;
    let stories = stories?;
    let waited = wait_until_quiet(&pool).await?;
    answers(options, &stories, &mut checks);
    let evidence = Evidence::gather(&pool, stories, gateway.state.log.after(0, usize::MAX)).await?;
    evidence.check(&mut checks);
    checks.add(
        "I7 quiet soon after",
        waited.is_some(),
        waited.map_or_else(
            || "messages still pending after 60 s".to_owned(),
            |waited| format!("nothing pending {waited:.1?} after the last person left"),
        ),
    );
    pool.close().await;
    let name = options.fault.to_possible_value();
    let name = name.as_ref().map_or("fault", |value| value.get_name());
    Ok(checks.print(&format!("{name}, {} s", pace.time.as_secs())))
}

impl Fault {
    /// A row needs time to break, to mend and to show that it mended.
    fn time(self, asked: u64) -> u64 {
        asked.max(match self {
            Self::RedisStop => 40,
            Self::PostgresStop | Self::PostgresStall => 20,
            Self::WorkerKill | Self::RedisFlush | Self::All => 10,
        })
    }
}

async fn break_and_mend(
    home: &mut Home,
    pool: &PgPool,
    options: Options,
    time: Duration,
    checks: &mut Checks,
) -> Result<()> {
    let seconds = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    let began = Instant::now();
    match options.fault {
        Fault::WorkerKill => kill_workers(home, pool, options.seed, time, checks).await?,
        Fault::RedisFlush => {
            while began.elapsed() + Duration::from_secs(2) < time {
                seconds(2).await;
                redis(home)?.flush_all().await?;
            }
        }
        Fault::RedisStop => {
            seconds(4).await;
            redis(home)?.freeze()?;
            seconds(30).await;
            redis(home)?.thaw()?;
        }
        Fault::PostgresStop => {
            seconds(4).await;
            let postgres = home.postgres.as_mut().ok_or("no Postgres")?;
            postgres.crash()?;
            seconds(10).await;
            postgres.restart().await?;
        }
        Fault::PostgresStall => {
            seconds(4).await;
            let postgres = home.postgres.as_mut().ok_or("no Postgres")?;
            postgres.freeze()?;
            seconds(10).await;
            postgres.thaw()?;
        }
        Fault::All => {}
    }
    Ok(())
}

fn redis(home: &Home) -> Result<&crate::harness::Redis> {
    Ok(home.redis.as_ref().ok_or("no Redis")?)
}

/// Kills the two workers by turns and measures how long the messages stand still that the
/// killed one held.
async fn kill_workers(
    home: &mut Home,
    pool: &PgPool,
    seed: u64,
    time: Duration,
    checks: &mut Checks,
) -> Result<()> {
    let mut dice = Dice::new(seed);
    let began = Instant::now();
    let mut kills = 0;
    let mut watched = JoinSet::new();
    while began.elapsed() + Duration::from_secs(2) < time {
        tokio::time::sleep(Duration::from_millis(1000 + dice.below(2000))).await;
        let which = kills % 2;
        home.kill_worker(which)?;
        kills += 1;
        watched.spawn(standing_still(pool.clone()));
        tokio::time::sleep(Duration::from_millis(dice.below(1000))).await;
        home.revive_worker(which).await?;
    }
    let (mut held, mut longest) = (0, Duration::ZERO);
    while let Some(ended) = watched.join_next().await {
        let (left, after) = ended??;
        held += left;
        longest = longest.max(after);
    }
    let found = format!("{kills} kills, {held} messages held, the last moved after {longest:.1?}");
    let passed = longest <= Duration::from_secs(10);
    checks.add("claimed messages move again within 10 s", passed, found);
    Ok(())
}

/// How many of the messages claimed now stand still longer than an attempt takes, and when the
/// last of them has moved. The living worker's claims are looked at too, but they soon move.
async fn standing_still(pool: PgPool) -> Result<(usize, Duration)> {
    let began = Instant::now();
    let claimed = product::moving(&pool).await?;
    let mut held = 0;
    loop {
        let now = product::moving(&pool).await?;
        let still = claimed.iter().filter(|it| now.contains(it)).count();
        let waited = began.elapsed();
        if waited < Duration::from_millis(700) {
            held = still;
        }
        if still == 0 || waited > Duration::from_secs(30) {
            return Ok((held, waited));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Until no message is on its way; `None` if that takes more than a minute.
async fn wait_until_quiet(pool: &PgPool) -> Result<Option<Duration>> {
    let began = Instant::now();
    while product::count_pending(pool).await? > 0 {
        if began.elapsed() > Duration::from_mins(1) {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(Some(began.elapsed()))
}

/// What the clients were told while it was broken.
fn answers(options: Options, stories: &[Story], checks: &mut Checks) {
    let told = || stories.iter().flat_map(|story| &story.told);
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    for answer in told() {
        *statuses.entry(answer.status).or_default() += 1;
    }
    let seen = format!("{statuses:?} (0: none)");
    if matches!(options.fault, Fault::PostgresStop | Fault::PostgresStall) {
        let fitting = told().all(|it| matches!(it.status, 202 | 409 | 503));
        checks.add("only 202, 503, or 409 while in progress", fitting, seen);
        let refusals = || told().filter(|it| it.status == 503);
        let bare = refusals().filter(|it| !it.has_retry_after).count();
        let seen = format!("{} refusals, {bare} without", refusals().count());
        checks.add("every 503 has Retry-After", bare == 0, seen);
        let slowest = refusals().map(|it| it.took).max().unwrap_or_default();
        let in_time = slowest <= Duration::from_millis(2_750);
        checks.add("refused within 2.5 s", in_time, format!("slowest {slowest:.1?}"));
        return;
    }
    let only_202 = statuses.keys().all(|status| *status == 202);
    checks.add("every call is answered 202", only_202, seen);
    let mut took: Vec<Duration> = told().map(|it| it.took).collect();
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    let seen = format!("{p99:.1?}, slowest {:.1?}", took.last().copied().unwrap_or_default());
    let in_time = options.untimed || p99 <= Duration::from_millis(150);
    checks.add("p99 of the answer within 150 ms", in_time, seen);
}
