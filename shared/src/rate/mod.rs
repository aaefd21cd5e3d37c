//! Rates: how often all processes together call a provider. Each rate is a bucket of tokens that
//! come at a steady pace; a call takes one. The bucket is in Redis, or else in the process.

mod bucket;
mod in_redis;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use self::{
    bucket::{Bucket, Pace},
    in_redis::InRedis,
};
use crate::{
    limits::Rule,
    redis_link::{RedisDown, RedisLink},
};

/// What other messages may use of a rate beside codes, in per cent, unless it is configured.
pub const BULK_PERCENT: u32 = 80;

/// Redis is taken for away when a second try has failed, which comes a second after the first.
const AWAY_AFTER: Duration = Duration::from_millis(1_200);
/// How soon it is asked again until then.
const RETRY: Duration = Duration::from_millis(100);

/// At most `rule` in the long run; in any span of time at most `burst` more than the rule's pace
/// allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub rule: Rule,
    pub burst: u32,
    /// While codes are sent, and of a burst at any time.
    pub bulk_percent: u32,
}

impl Rate {
    /// A burst of 0 is one second's worth, at least 1.
    #[must_use]
    pub fn new(rule: Rule, burst: u32, bulk_percent: u32) -> Self {
        let second = i64::from(rule.count) * 1_000 / rule.window_ms;
        let burst = match burst {
            0 => u32::try_from(second).unwrap_or(u32::MAX).max(1),
            burst => burst,
        };
        Self { rule, burst, bulk_percent }
    }

    #[must_use]
    pub fn per_second(&self) -> f64 {
        f64::from(self.rule.count)
            / Duration::from_millis(self.rule.window_ms.unsigned_abs()).as_secs_f64()
    }

    /// What codes can count on of a burst.
    #[must_use]
    pub fn left_to_codes(&self) -> f64 {
        let burst = f64::from(self.burst);
        burst - (burst * f64::from(self.bulk_percent) / 100.0).max(1.0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

/// How many messages of each lane ask for a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub otp: u32,
    pub bulk: u32,
}

/// What they got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    pub otp: Share,
    pub bulk: Share,
    /// Tokens that are still there, to the thousandth; below zero when some were given that are yet
    /// to come.
    pub left: f64,
}

/// What one lane got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Of each token, how long from now until it may be used: at most 20 ms.
    pub due: Vec<Duration>,
    /// How long until it is worth asking for another.
    pub wait: Duration,
}

/// Makes the meters of one process; clones share how many processes live.
#[derive(Clone, Debug)]
pub struct Rates {
    link: Option<RedisLink>,
    live: Arc<AtomicU32>,
}

impl Rates {
    /// Without a link, and whenever the link is down, this process counts by itself.
    #[must_use]
    pub fn new(link: Option<RedisLink>) -> Self {
        Self { link, live: Arc::new(AtomicU32::new(1)) }
    }

    /// Tells how many processes send now.
    pub fn set_live_processes(&self, count: u32) {
        self.live.store(count.max(1), Ordering::Relaxed);
    }

    /// How many processes send now.
    #[must_use]
    pub fn live_processes(&self) -> u32 {
        self.live.load(Ordering::Relaxed)
    }

    /// Counts the calls of one provider.
    #[must_use]
    pub fn meter(&self, provider: &str, rate: Rate) -> Meter {
        let shared = self.link.clone().map(|link| InRedis::new(link, provider));
        let alone = Alone { bucket: Bucket::with(1.0, 0), counts: shared.is_none(), failing: None };
        Meter {
            rate,
            shared,
            alone: Mutex::new(alone),
            rates: self.clone(),
            started: Instant::now(),
        }
    }
}

/// One provider's, as this process sees it.
#[derive(Debug)]
pub struct Meter {
    pub rate: Rate,
    shared: Option<InRedis>,
    alone: Mutex<Alone>,
    rates: Rates,
    started: Instant,
}

#[derive(Debug)]
struct Alone {
    bucket: Bucket,
    /// This process counts by itself now.
    counts: bool,
    /// Since when Redis has not answered, and when that was last so.
    failing: Option<(Instant, Instant)>,
}

impl Meter {
    /// Takes as many tokens as there are for those that ask, codes first.
    pub async fn take(&self, wanted: Wanted) -> Given {
        if self.shared.is_some() {
            match self.take_shared(wanted, None).await {
                Ok(given) => return given,
                Err(down) if !self.is_away(Instant::now()) => {
                    tracing::debug!(%down, "a rate waits for Redis");
                    let nothing = Share { due: Vec::new(), wait: RETRY };
                    return Given { otp: nothing.clone(), bulk: nothing, left: 0.0 };
                }
                Err(down) => tracing::debug!(%down, "a rate is counted in this process"),
            }
        }
        let now = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.take_alone(wanted, now)
    }

    /// Takes from the bucket that all share; at a moment in microseconds, or by Redis' own clock.
    ///
    /// # Errors
    /// Redis does not answer, or there is none.
    pub async fn take_shared(&self, wanted: Wanted, at: Option<i64>) -> Result<Given, RedisDown> {
        let Some(shared) = &self.shared else { return Err(RedisDown::because("there is none")) };
        let most = self.lock().counts.then(|| self.most_after_return());
        let given = shared.take(&self.rate, wanted, most, at).await?;
        let mut alone = self.lock();
        (alone.counts, alone.failing) = (false, None);
        Ok(given)
    }

    /// What may be there when this process comes back from counting by itself: others may do so for
    /// a second more.
    fn most_after_return(&self) -> f64 {
        let processes = f64::from(self.rates.live_processes());
        1.0 - self.rate.per_second() * (processes - 1.0) / processes
    }

    /// True when Redis has not answered for so long that others have noticed too. A single call that
    /// was too slow is no reason to take what others are taking as well.
    fn is_away(&self, now: Instant) -> bool {
        let mut alone = self.lock();
        let in_a_row = alone.failing.filter(|(_, last)| now - *last < AWAY_AFTER * 2);
        let since = in_a_row.map_or(now, |(since, _)| since);
        alone.failing = Some((since, now));
        alone.counts || now - since >= AWAY_AFTER
    }

    /// What is there, without taking anything; none when each process counts by itself.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn look(&self) -> Result<Option<Given>, RedisDown> {
        match &self.shared {
            Some(shared) => shared.take(&self.rate, Wanted::default(), None, None).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes from the bucket of this process, at a moment in microseconds. A process that begins to
    /// count by itself begins with nothing: what was saved up is Redis'.
    pub fn take_alone(&self, wanted: Wanted, now: i64) -> Given {
        let processes = self.rates.live_processes();
        let mut alone = self.lock();
        if !alone.counts {
            (alone.bucket, alone.counts) = (Bucket::with(0.0, now), true);
        }
        alone.bucket.take(&Pace::of(&self.rate, processes), wanted, now)
    }

    /// How many share what this process uses.
    #[must_use]
    pub fn processes(&self) -> u32 {
        self.rates.live_processes()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Alone> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_a_second_s_worth_unless_it_is_said() {
        let burst = |text: &str, burst| Rate::new(Rule::parse(text).unwrap(), burst, 80).burst;
        assert_eq!((burst("50/s", 0), burst("600/m", 0), burst("1/m", 0)), (50, 10, 1));
        assert_eq!((burst("50/s", 5), burst("1/m", 7)), (5, 7));
    }

    #[tokio::test]
    async fn without_redis_a_process_counts_its_share() {
        let rates = Rates::new(None);
        rates.set_live_processes(4);
        let meter = rates.meter("a", Rate::new(Rule::parse("4/m").unwrap(), 0, 80));
        let given = meter.take(Wanted { otp: 5, bulk: 5 }).await;
        assert_eq!((given.otp.due.len(), given.bulk.due.len()), (1, 0));
        assert!(given.otp.wait > Duration::from_secs(59), "{:?}", given.otp.wait);
    }

    #[tokio::test]
    async fn with_redis_away_a_process_waits_a_moment_and_begins_with_nothing() {
        let link = RedisLink::open("redis://127.0.0.1:1", Duration::from_millis(50)).unwrap();
        let meter =
            Rates::new(Some(link)).meter("a", Rate::new(Rule::parse("1/m").unwrap(), 0, 80));
        let began = Instant::now();
        loop {
            let given = meter.take(Wanted { otp: 1, bulk: 0 }).await;
            assert!(given.otp.due.is_empty());
            if given.otp.wait > RETRY {
                assert!(given.otp.wait > Duration::from_secs(59), "{:?}", given.otp.wait);
                assert!(began.elapsed() >= AWAY_AFTER);
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_slow_answer_now_and_then_is_no_outage() {
        let link = RedisLink::open("redis://127.0.0.1:1", Duration::from_millis(50));
        let rate = Rate::new(Rule::parse("1/m").unwrap(), 0, 80);
        let meter = Rates::new(link.ok()).meter("a", rate);
        let began = Instant::now();
        for n in 0..5 {
            assert!(!meter.is_away(began + AWAY_AFTER * 3 * n));
        }
        let at = began + AWAY_AFTER * 12;
        assert!(!meter.is_away(at + Duration::from_secs(1)));
        assert!(meter.is_away(at + AWAY_AFTER));
    }
}
