//! The stage of one row: an installation behind proxies, its gateway, and what is noted down
//! while it is broken.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::PgConnection;
use tokio::{sync::watch, task::JoinSet};

use super::{
    chain::course::Course,
    opt_outs::Campaign,
    row::Options,
    standing::{self, Stood},
};
use crate::{
    error::Result,
    gateway::{Answer, Gateway, Rule, Seen, in_ms, now_ms},
    harness::{Home, Otpost, Plan, Postgres, Process, Redis, SmallDisk, Store, Wiring},
    numbers::Dice,
    product::{self, Chain, Ledger},
    proxy::Trap,
    show::{
        Checks,
        bulk::{Feeder, Offer},
        people::{Crowd, Story},
    },
};

/// What a row needs to be played on.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    pub(crate) store: Store,
    pub(crate) apis: usize,
    pub(crate) workers: usize,
    pub(crate) wiring: Wiring,
    /// How long the gateway takes for an answer.
    pub(crate) delay_ms: u64,
    /// Texts that are always waiting in the bulk lane; 0 for none.
    pub(crate) bulk: usize,
    pub(crate) purpose: Option<&'static str>,
    /// People per second.
    pub(crate) rate: u32,
    /// Why the row cannot be played on this machine.
    pub(crate) lacks: Option<String>,
}

impl Staging {
    /// One API and two workers; a gateway slow enough for a kill to find messages in the middle
    /// of being sent; a bulk lane that is never empty.
    pub(crate) fn usual(options: Options) -> Self {
        let slots = (options.rate / 20).max(2);
        Self {
            store: Store::Postgres,
            apis: 1,
            workers: 2,
            wiring: Wiring {
                settings: vec![product::bulk_concurrency(slots)],
                ..Wiring::default()
            },
            delay_ms: 150,
            bulk: usize::try_from(slots).unwrap_or(2) * 10,
            purpose: None,
            rate: options.rate,
            lacks: None,
        }
    }

    /// As usual, with one worker: what it does is all that is done.
    pub(crate) fn one_worker(options: Options) -> Self {
        Self { workers: 1, ..Self::usual(options) }
    }

    /// One `otpost serve` over `SQLite`.
    pub(crate) fn sqlite(options: Options) -> Self {
        Self { store: Store::Sqlite, workers: 0, ..Self::usual(options) }
    }

    /// The database on a disk that can be filled up.
    pub(crate) fn on_small_disk(mut self, megabytes: u32) -> Self {
        self.wiring.disk_mb = Some(megabytes);
        self.lacks = SmallDisk::is_missing();
        self
    }
}

/// A time in which something was broken in one way, in Unix milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Fields are dropped in this order: what holds connections first, then the installation.
pub(crate) struct Scene {
    pub(crate) traps: Vec<Trap>,
    /// Connections that somebody else took.
    pub(crate) hostages: Vec<PgConnection>,
    pub(crate) ledger: Ledger,
    pub(crate) home: Home,
    pub(crate) gateway: Gateway,
    pub(crate) options: Options,
    pub(crate) staging: Staging,
    pub(crate) dice: Dice,
    /// How long people come.
    pub(crate) time: Duration,
    pub(crate) checks: Checks,
    pub(crate) phases: Vec<Phase>,
    /// When the first thing was broken, and when the last was mended, in Unix milliseconds.
    pub(crate) broken: (Option<i64>, Option<i64>),
    /// Packets that were held when their worker was killed.
    pub(crate) caught: Vec<Vec<u8>>,
    /// People and texts from before the load.
    pub(crate) earlier: (Vec<Story>, Vec<Offer>),
    pub(crate) campaign: Campaign,
    /// What became of single codes, for a table.
    pub(crate) courses: Vec<Course>,
    watched: JoinSet<Result<Stood>>,
    began: Instant,
}

impl Scene {
    pub(crate) async fn set(
        otpost: &Otpost,
        staging: Staging,
        options: Options,
        time: Duration,
    ) -> Result<Self> {
        let gateway = Gateway::on_free_port().await?;
        let plan = Plan {
            store: staging.store,
            apis: staging.apis,
            workers: staging.workers,
            chain: Chain::TwilioVonage(gateway.address),
            otp_concurrency: None,
        };
        let mut wiring = staging.wiring.clone();
        wiring.gateways = Some([gateway.address; 2]);
        let home = Home::build_wired(otpost, plan, wiring).await?;
        let ledger = match &home.postgres {
            Some(postgres) => Ledger::of_postgres(&postgres.url("otpost")).await?,
            None => Ledger::of_sqlite(&home.data_dir().join("otpost.db")).await?,
        };
        let scene = Self {
            traps: Vec::new(),
            hostages: Vec::new(),
            ledger,
            home,
            gateway,
            options,
            staging,
            dice: Dice::new(options.seed),
            time,
            checks: Checks::default(),
            phases: Vec::new(),
            broken: (None, None),
            caught: Vec::new(),
            earlier: (Vec::new(), Vec::new()),
            campaign: Campaign::default(),
            courses: Vec::new(),
            watched: JoinSet::new(),
            began: Instant::now(),
        };
        scene.answer(Vec::new());
        Ok(scene)
    }

    /// The people of this row.
    pub(crate) fn crowd(&mut self) -> Crowd {
        self.began = Instant::now();
        Crowd {
            clients: self.clients(),
            gateway: Arc::clone(&self.gateway.state),
            rate: self.staging.rate,
            seed: self.options.seed,
            purpose: self.staging.purpose,
        }
    }

    /// What keeps the bulk lane from being empty, until told to stop.
    pub(crate) async fn feed(feeder: Feeder, stop: watch::Receiver<bool>) -> Result<Vec<Offer>> {
        if feeder.level == 0 { Ok(Vec::new()) } else { feeder.feed(stop).await }
    }

    pub(crate) fn feeder(&self) -> Feeder {
        Feeder {
            clients: self.clients(),
            ledger: self.ledger.clone(),
            level: self.staging.bulk,
            seed: self.options.seed,
        }
    }

    fn clients(&self) -> Vec<crate::http::Client> {
        (0..self.home.apis.len()).map(|which| self.home.client(which)).collect()
    }

    /// These rules first; what none of them takes is accepted after the usual time.
    pub(crate) fn answer(&self, mut rules: Vec<Rule>) {
        rules.push(Rule::new("/", Answer::Ok).delay_ms(self.staging.delay_ms));
        self.gateway.state.rules.set(rules);
    }

    pub(crate) fn redis(&mut self) -> Result<&mut Redis> {
        Ok(self.home.redis.as_mut().ok_or("this home has no Redis")?)
    }

    pub(crate) fn postgres(&mut self) -> Result<&mut Postgres> {
        Ok(self.home.postgres.as_mut().ok_or("this home has no Postgres")?)
    }

    /// The processes that send.
    pub(crate) fn senders(&self) -> &[Process] {
        let embedded = self.staging.store == Store::Sqlite;
        if embedded { &self.home.apis } else { &self.home.workers }
    }

    /// A moment of the run: so long after people began to come.
    pub(crate) async fn until(&self, moment: Duration) {
        tokio::time::sleep(moment.saturating_sub(self.began.elapsed())).await;
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes that something is broken from now on.
    pub(crate) fn begin_phase(&mut self, name: &'static str) {
        self.phases.push(Phase { name, from: now_ms(), to: i64::MAX });
    }

    pub(crate) fn end_phase(&mut self) {
        if let Some(phase) = self.phases.last_mut() {
            phase.to = now_ms();
        }
    }

    /// From this moment on calls may be refused, where the row's answers allow it.
    pub(crate) fn breaks(&mut self) {
        self.broken.0.get_or_insert_with(now_ms);
    }

    /// From this moment on what is on its way must move again, and calls must be accepted again,
    /// within ten seconds.
    pub(crate) fn healed(&mut self) {
        self.broken.1 = Some(now_ms());
        self.watched.spawn(standing::still(self.ledger.clone()));
    }

    /// Waits until so long after healing.
    pub(crate) async fn linger(&self, after: Duration) {
        let since = self.broken.1.map_or(0, |mended| now_ms() - mended);
        let since = Duration::from_millis(since.unsigned_abs());
        tokio::time::sleep(after.saturating_sub(since)).await;
    }

    /// What a row has watched by itself.
    pub(crate) fn stood_still(&mut self, stood: Stood) {
        self.watched.spawn(async move { Ok(stood) });
    }

    /// How many were watched in all, and the longest any of them stood still.
    pub(crate) async fn stood(&mut self) -> Result<Option<Stood>> {
        let mut all: Option<Stood> = None;
        while let Some(ended) = self.watched.join_next().await {
            let stood = ended??;
            let so_far = all.unwrap_or_default();
            all = Some(Stood {
                held: so_far.held + stood.held,
                longest: so_far.longest.max(stood.longest),
            });
        }
        Ok(all)
    }

    /// Requests to one provider that arrived in a phase, in order.
    pub(crate) fn requests(&self, provider: &str, phase: &Phase) -> Vec<Seen> {
        let all = self.gateway.state.log.after(0, usize::MAX);
        let during = |seen: &Seen| (phase.from..phase.to).contains(&in_ms(seen.at_us));
        all.into_iter().filter(|seen| seen.provider == provider && during(seen)).collect()
    }

    /// Adds a check of a latency, which is shown but not judged in an untimed run.
    pub(crate) fn add_timed(&mut self, what: &str, in_time: bool, seen: String) {
        let note = if self.options.untimed && !in_time { " (untimed: not judged)" } else { "" };
        self.checks.add(what, in_time || self.options.untimed, seen + note);
    }
}
