//! Rate limits: exact sliding windows, kept in Redis or in the process.

mod in_redis;
mod local;

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use uuid::Uuid;

use self::{
    in_redis::{Answer, InRedis},
    local::Local,
};
use crate::{clock::Millis, redis_link::RedisLink};

/// A year: longer windows are slips of the pen, and moments beyond them no longer fit.
const LONGEST_WINDOW_MS: i64 = 366 * 86_400_000;
/// Logs of no more moments than this are short, and know the markers of their charges.
const FEW: u32 = 16;
/// How long a marker lets repeats pass free.
const MARKED_MS: i64 = 60_000;
/// So many of a marker's characters count.
const MARK: usize = 16;

/// At most `count` in any `window_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub count: u32,
    pub window_ms: i64,
}

impl Rule {
    /// Reads `5/10m`, or `5/m` for one minute: a count, a slash, a number and one of `s`, `m`, `h`,
    /// `d`; at most a year.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, window) = text.split_once('/')?;
        let unit_ms = match window.chars().last()? {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        let units: i64 = match window.get(..window.len() - 1)? {
            "" => 1,
            number => number.parse().ok()?,
        };
        let count: u32 = count.trim().parse().ok()?;
        let window_ms = units.checked_mul(unit_ms)?;
        (count > 0 && (1..=LONGEST_WINDOW_MS).contains(&window_ms))
            .then_some(Self { count, window_ms })
    }
}

/// As it is read, in the longest unit that fits.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400_000, 'd'), (3_600_000, 'h'), (60_000, 'm'), (1_000, 's')];
        let fitting = units.into_iter().find(|(unit_ms, _)| self.window_ms % unit_ms == 0);
        let (unit_ms, unit) = fitting.unwrap_or((1_000, 's'));
        match self.window_ms / unit_ms {
            1 => write!(f, "{}/{unit}", self.count),
            units => write!(f, "{}/{units}{unit}", self.count),
        }
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Recipient,
    Client,
    /// A link to the hosted page.
    Link,
    Tenant,
}

impl Scope {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::Client => "client",
            Self::Link => "link",
            Self::Tenant => "tenant",
        }
    }
}

/// How far back the log of what is counted goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    moments: u32,
    span_ms: i64,
}

impl Reach {
    /// Far enough for all of these.
    #[must_use]
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        rules.into_iter().fold(Self::default(), |reach, rule| Self {
            moments: reach.moments.max(rule.count),
            span_ms: reach.span_ms.max(rule.window_ms),
        })
    }

    fn is_short(self) -> bool {
        self.moments <= FEW
    }

    /// How long after its last charge a log may still be asked for something.
    fn kept_ms(self) -> i64 {
        self.span_ms.max(MARKED_MS)
    }
}

/// One thing to count, and the rules it stands under.
#[derive(Clone, Debug)]
pub struct Charge<'a> {
    scope: Scope,
    key: String,
    rules: &'a [Rule],
    reach: Reach,
}

impl<'a> Charge<'a> {
    /// The key is unique within the scope, and never a readable address.
    #[must_use]
    pub fn new(scope: Scope, key: String, rules: &'a [Rule]) -> Self {
        Self { scope, key, rules, reach: Reach::of(rules) }
    }

    /// The same is counted elsewhere under other rules: `reach`, that of all of them together, must be what
    /// everybody says who counts it, or one would forget what another still looks at.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// An empty list of rules is no limit, and counts nothing.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// A limit said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    pub scope: Scope,
    /// How long until it would say yes.
    pub wait_ms: i64,
}

/// The proof of a charge, for giving it back.
#[derive(Clone, Debug, Default)]
pub struct Charged {
    keys: Vec<String>,
    at: Millis,
    marker: Option<String>,
}

/// The address a limit counts: IPv4 whole, IPv6 by its /64.
#[must_use]
pub fn client_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Counts and refuses; clones share the counts.
#[derive(Clone, Debug)]
pub struct Limiter {
    shared: Option<InRedis>,
    local: Arc<Mutex<Local>>,
    /// How many processes share the limits while Redis is away.
    live: Arc<AtomicU32>,
}

impl Limiter {
    /// Without a link, and whenever the link is down, this process counts by itself. With one it
    /// must be called inside a runtime.
    #[must_use]
    pub fn new(link: Option<RedisLink>) -> Self {
        Self {
            shared: link.map(InRedis::start),
            local: Arc::default(),
            live: Arc::new(AtomicU32::new(1)),
        }
    }

    /// Tells how many processes now share the limits.
    pub fn set_live_processes(&self, count: u32) {
        self.live.store(count.max(1), Ordering::Relaxed);
    }

    /// Charges everything or nothing. With a marker (an idempotency key and its request), only the
    /// first call within a minute charges; repeats pass free, also over a limit. They are known by
    /// the first charge that counts up to 16, so what differs in that is no repeat, and without one
    /// nothing is. The marker's first 16 characters count, and it must not begin with a dash.
    ///
    /// # Errors
    /// A limit is used up.
    pub async fn charge(
        &self,
        tenant_id: Uuid,
        charges: &[Charge<'_>],
        marker: Option<&str>,
        now: Millis,
    ) -> Result<Charged, Limited> {
        let keys = charges.iter().map(|charge| in_redis::key(tenant_id, charge)).collect();
        let marker = marker.map(|marker| marker.chars().take(MARK).collect());
        let proof = Charged { keys, at: now, marker };
        if let Some(shared) = &self.shared {
            match shared.charge(charges, &proof).await {
                Ok(Answer::Taken) => return Ok(proof),
                Ok(Answer::Free) => return Ok(Charged::default()),
                Ok(Answer::Limited { place, wait_ms }) => {
                    let scope = charges.get(place).map_or(Scope::Tenant, |c| c.scope);
                    return Err(Limited { scope, wait_ms });
                }
                Err(down) => tracing::debug!(%down, "limits are counted in this process"),
            }
        }
        let share = if self.shared.is_some() { self.live.load(Ordering::Relaxed) } else { 1 };
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local.charge(charges, proof, share)
    }

    /// Gives back what [`Limiter::charge`] took, because nothing came of it; not once a repeat has passed
    /// on it, of which something may have come.
    pub async fn refund(&self, charged: Charged) {
        if charged.keys.is_empty() {
            return;
        }
        self.local.lock().unwrap_or_else(PoisonError::into_inner).refund(&charged);
        if let Some(shared) = &self.shared {
            // If Redis is away too, the windows heal by themselves.
            let _ = shared.refund(&charged).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_as_written() {
        assert_eq!(Rule::parse("5/10m"), Some(Rule { count: 5, window_ms: 600_000 }));
        assert_eq!(Rule::parse("1/30s"), Some(Rule { count: 1, window_ms: 30_000 }));
        assert_eq!(Rule::parse("50/s"), Some(Rule { count: 50, window_ms: 1_000 }));
        for written in ["5/10m", "50/s", "90/1500s", "7/36h", "1/d"] {
            let read = Rule::parse(written).expect("a rule").to_string();
            assert_eq!(Rule::parse(&read), Rule::parse(written), "{read}");
        }
        for wrong in ["", "5", "5/", "/s", "0/1s", "5/10x", "-1/1s", "5/0s", "5/367d"] {
            assert_eq!(Rule::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let key = |a: &str| client_key(a.parse().expect("an address"));
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2:ffff::1"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[tokio::test]
    async fn a_process_by_itself_counts_too() {
        let limiter = Limiter::new(None);
        let rules = [Rule { count: 4, window_ms: 1_000 }];
        let charge = |n: &str| [Charge::new(Scope::Client, n.into(), &rules)];
        for _ in 0..4 {
            assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 0).await.is_ok());
        }
        let refused = limiter.charge(Uuid::nil(), &charge("a"), None, 400).await;
        assert_eq!(refused.expect_err("used up"), Limited { scope: Scope::Client, wait_ms: 600 });
    }
}
