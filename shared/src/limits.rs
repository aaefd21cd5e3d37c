//! Rate limits: exact sliding windows, kept in Redis or in the process.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use redis::Script;
use uuid::Uuid;

use crate::{clock::Millis, redis_link::RedisLink};

/// At most `count` in any `window_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub count: u32,
    pub window_ms: i64,
}

impl Rule {
    /// Reads `5/10m`: a count, a slash, a number and one of `s`, `m`, `h`, `d`.
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
        let units: i64 = window.get(..window.len() - 1)?.parse().ok()?;
        let count: u32 = count.trim().parse().ok()?;
        let window_ms = units.checked_mul(unit_ms)?;
        (count > 0 && units > 0).then_some(Self { count, window_ms })
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Recipient,
    Client,
    Tenant,
}

impl Scope {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::Client => "client",
            Self::Tenant => "tenant",
        }
    }
}

/// One thing to count, and the rules it stands under.
#[derive(Clone, Debug)]
pub struct Charge<'a> {
    pub scope: Scope,
    /// Unique within the scope; never a readable address.
    pub key: String,
    pub rules: &'a [Rule],
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

const CHARGE: &str = r"
local now = tonumber(ARGV[1])
local marker = KEYS[1]
if ARGV[2] == '1' and redis.call('EXISTS', marker) == 1 then return {0, -1} end
local at = 3
local longest = {}
for i = 2, #KEYS do
  local rules = tonumber(ARGV[at])
  at = at + 1
  local keep, span = 0, 0
  for _ = 1, rules do
    local count, window = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    at = at + 2
    if count > keep then keep = count end
    if window > span then span = window end
    local nth = redis.call('LINDEX', KEYS[i], count - 1)
    if nth and now - tonumber(nth) < window then
      return {window - (now - tonumber(nth)), i - 2}
    end
  end
  longest[i] = {keep, span}
end
for i = 2, #KEYS do
  redis.call('LPUSH', KEYS[i], ARGV[1])
  redis.call('LTRIM', KEYS[i], 0, longest[i][1] - 1)
  redis.call('PEXPIRE', KEYS[i], longest[i][2])
end
if ARGV[2] == '1' then redis.call('SET', marker, 1, 'PX', 60000) end
return {0, 0}
";

const REFUND: &str = r"
for i = 2, #KEYS do redis.call('LREM', KEYS[i], 1, ARGV[1]) end
redis.call('DEL', KEYS[1])
return 0
";

/// Counts and refuses; clones share the counts.
#[derive(Clone, Debug)]
pub struct Limiter {
    link: Option<RedisLink>,
    local: Arc<Mutex<Local>>,
    /// How many processes share the limits while Redis is away.
    live: Arc<AtomicU32>,
    charge: Arc<Script>,
    refund: Arc<Script>,
}

impl Limiter {
    /// Without a link, and whenever the link is down, this process counts by itself.
    #[must_use]
    pub fn new(link: Option<RedisLink>) -> Self {
        Self {
            link,
            local: Arc::default(),
            live: Arc::new(AtomicU32::new(1)),
            charge: Arc::new(Script::new(CHARGE)),
            refund: Arc::new(Script::new(REFUND)),
        }
    }

    /// Tells how many processes now share the limits.
    pub fn set_live_processes(&self, count: u32) {
        self.live.store(count.max(1), Ordering::Relaxed);
    }

    /// Charges everything or nothing. With a marker (an idempotency key), only the first call
    /// within a minute charges; repeats pass free.
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
        let keys: Vec<String> = charges
            .iter()
            .map(|c| format!("otpost:limit:{}:{tenant_id}:{}", c.scope.as_str(), c.key))
            .collect();
        let marker_key = marker.map(|m| format!("otpost:charged:{tenant_id}:{m}"));
        if let Some(link) = &self.link {
            let mut call = self.charge.prepare_invoke();
            call.key(marker_key.as_deref().unwrap_or("otpost:charged"));
            call.arg(now).arg(i32::from(marker.is_some()));
            for (charge, key) in charges.iter().zip(&keys) {
                call.key(key).arg(charge.rules.len());
                for rule in charge.rules {
                    call.arg(rule.count).arg(rule.window_ms);
                }
            }
            let answer: Result<(i64, i64), _> = link
                .run(|mut connection| async move { call.invoke_async(&mut connection).await })
                .await;
            match answer {
                Ok((0, -1)) => return Ok(Charged::default()),
                Ok((0, _)) => return Ok(Charged { keys, at: now, marker: marker_key }),
                Ok((wait_ms, index)) => {
                    let scope = usize::try_from(index)
                        .ok()
                        .and_then(|index| charges.get(index))
                        .map_or(Scope::Tenant, |c| c.scope);
                    return Err(Limited { scope, wait_ms });
                }
                Err(down) => tracing::debug!(%down, "limits are counted in this process"),
            }
        }
        let share = if self.link.is_some() { self.live.load(Ordering::Relaxed) } else { 1 };
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local.charge(charges, keys, marker_key, now, share)
    }

    /// Gives back what [`Limiter::charge`] took, because nothing came of it.
    pub async fn refund(&self, charged: Charged) {
        if charged.keys.is_empty() {
            return;
        }
        self.local.lock().unwrap_or_else(PoisonError::into_inner).refund(&charged);
        if let Some(link) = &self.link {
            let mut call = self.refund.prepare_invoke();
            call.key(charged.marker.as_deref().unwrap_or("otpost:charged")).arg(charged.at);
            for key in &charged.keys {
                call.key(key);
            }
            // If Redis is away too, the windows heal by themselves.
            let _: Result<i64, _> = link
                .run(|mut connection| async move { call.invoke_async(&mut connection).await })
                .await;
        }
    }
}

/// The counts of one process: per key the moments of the last charges, newest first.
#[derive(Debug, Default)]
struct Local {
    logs: HashMap<String, Log>,
    markers: HashMap<String, Millis>,
    cleaned_at: Millis,
}

#[derive(Debug, Default)]
struct Log {
    moments: VecDeque<Millis>,
    idle_after: Millis,
}

impl Local {
    fn charge(
        &mut self,
        charges: &[Charge<'_>],
        keys: Vec<String>,
        marker: Option<String>,
        now: Millis,
        share: u32,
    ) -> Result<Charged, Limited> {
        self.forget_idle(now);
        if marker.as_ref().is_some_and(|m| self.markers.get(m).is_some_and(|until| *until > now)) {
            return Ok(Charged::default());
        }
        for (charge, key) in charges.iter().zip(&keys) {
            for rule in charge.rules {
                let count = (rule.count / share).max(1) as usize;
                let nth = self.logs.get(key).and_then(|log| log.moments.get(count - 1));
                if let Some(nth) = nth
                    && now - nth < rule.window_ms
                {
                    let wait_ms = rule.window_ms - (now - nth);
                    return Err(Limited { scope: charge.scope, wait_ms });
                }
            }
        }
        for (charge, key) in charges.iter().zip(&keys) {
            let keep = charge.rules.iter().map(|r| r.count).max().unwrap_or(0) as usize;
            let span = charge.rules.iter().map(|r| r.window_ms).max().unwrap_or(0);
            let log = self.logs.entry(key.clone()).or_default();
            log.moments.push_front(now);
            log.moments.truncate(keep);
            log.idle_after = now + span;
        }
        if let Some(marker) = &marker {
            self.markers.insert(marker.clone(), now + 60_000);
        }
        Ok(Charged { keys, at: now, marker })
    }

    fn refund(&mut self, charged: &Charged) {
        for key in &charged.keys {
            if let Some(log) = self.logs.get_mut(key)
                && let Some(place) = log.moments.iter().position(|at| *at == charged.at)
            {
                log.moments.remove(place);
            }
        }
        if let Some(marker) = &charged.marker {
            self.markers.remove(marker);
        }
    }

    /// Every 10 s, drops what no rule looks at any more.
    fn forget_idle(&mut self, now: Millis) {
        if now - self.cleaned_at < 10_000 {
            return;
        }
        self.cleaned_at = now;
        self.logs.retain(|_, log| log.idle_after > now);
        self.markers.retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_as_written() {
        assert_eq!(Rule::parse("5/10m"), Some(Rule { count: 5, window_ms: 600_000 }));
        assert_eq!(Rule::parse("1/30s"), Some(Rule { count: 1, window_ms: 30_000 }));
        for wrong in ["", "5", "5/", "5/m", "0/1s", "5/10x", "-1/1s", "5/0s"] {
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
    async fn while_redis_is_away_processes_share_a_limit() {
        let limiter = Limiter::new(None);
        let rules = [Rule { count: 4, window_ms: 1_000 }];
        let charge = |n: &str| [Charge { scope: Scope::Client, key: n.into(), rules: &rules }];
        for _ in 0..4 {
            assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 0).await.is_ok());
        }
        let refused = limiter.charge(Uuid::nil(), &charge("a"), None, 400).await;
        assert_eq!(refused.expect_err("used up"), Limited { scope: Scope::Client, wait_ms: 600 });
        let mut local = Local::default();
        for expected in [true, true, false] {
            let taken = local.charge(&charge("b"), vec!["b".into()], None, 0, 2);
            assert_eq!(taken.is_ok(), expected);
        }
    }
}
