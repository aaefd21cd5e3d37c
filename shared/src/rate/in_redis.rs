//! The bucket that all processes share: one script, by Redis' own clock.

use std::{sync::Arc, time::Duration};

use redis::{RedisError, Script};

use super::{
    Given, Rate, Share, Wanted,
    bucket::{ACTIVE_US, AHEAD_US, KEPT_US},
};
use crate::redis_link::{RedisDown, RedisLink};

/// The key in Redis, a wire contract between versions; the provider's name follows.
const KEY: &str = "otpost:rate:v1:";

/// Does what [`super::bucket`] does. The key holds, with spaces between: when it was written, the
/// tokens, those of other messages, when a code last asked, and until when all are kept for codes. A
/// key that is not there begins with one token, not with a burst: Redis may have lost it.
///
/// The arguments are: count, window, burst and per cent of the rate; how many codes and how many
/// other messages ask; the most tokens there may be, or nothing; the three times of the bucket's
/// rules; and the moment, or nothing for Redis' own. Times are microseconds.
const TAKE: &str = r"
local count, window, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local share, otp_wanted, bulk_wanted = tonumber(ARGV[4]) / 100, tonumber(ARGV[5]), tonumber(ARGV[6])
local AHEAD, ACTIVE, KEPT = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local per_us = count / window
local bulk_per_us, bulk_burst = per_us * share, math.max(1, burst * share)
local now = tonumber(ARGV[11])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local at, tokens, bulk, otp_at, kept = now, 1, 1, now - ACTIVE, 0
local held = redis.call('GET', KEYS[1])
if held then
  at, tokens, bulk, otp_at, kept = string.match(held, '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
  at, tokens, bulk = tonumber(at), tonumber(tokens), tonumber(bulk)
  otp_at, kept = tonumber(otp_at), tonumber(kept)
end
if now < at then at, otp_at, kept = now, math.min(otp_at, now), 0 end
tokens = math.min(burst, tokens + (now - at) * per_us)
bulk = math.min(bulk_burst, bulk + (now - at) * bulk_per_us)
local most = tonumber(ARGV[7])
if most then tokens, bulk = math.min(tokens, most), math.min(bulk, most) end

local function whole(us) return math.ceil(us - 0.001) end
local function due(n) return math.max(0, whole((n - tokens) / per_us)) end
local otp_due, bulk_due = {}, {}
for n = 1, otp_wanted do
  local when = due(n)
  if when > AHEAD then break end
  otp_due[n] = when
end
tokens = tokens - #otp_due
if otp_wanted > 0 then otp_at = now end
if #otp_due < otp_wanted then
  local when = due(1)
  kept = math.max(kept, now + when + math.min(when, KEPT))
end

local sends_codes = now - otp_at < ACTIVE
local function due_of_bulk(n)
  local when = math.max(due(burst - bulk_burst + n), kept - now)
  if sends_codes then when = math.max(when, whole((n - bulk) / bulk_per_us)) end
  return when
end
for n = 1, bulk_wanted do
  local when = due_of_bulk(n)
  if when > AHEAD then break end
  bulk_due[n] = when
end
tokens, bulk = tokens - #bulk_due, bulk - #bulk_due
if not sends_codes then bulk = math.max(0, bulk) end

if otp_wanted + bulk_wanted > 0 then
  local text = string.format('%.0f %.17g %.17g %.0f %.0f', now, tokens, bulk, otp_at, kept)
  local full = math.ceil(2 * burst / per_us / 1000)
  redis.call('SET', KEYS[1], text, 'PX', math.max(86400000, full))
end
return {
  otp_due, bulk_due, math.max(0, due(1) - AHEAD), math.max(0, due_of_bulk(1) - AHEAD),
  math.floor(tokens * 1000)
}
";

/// What the script answers.
type Answer = (Vec<u64>, Vec<u64>, u64, u64, i32);

#[derive(Clone, Debug)]
pub(super) struct InRedis {
    link: RedisLink,
    key: String,
    take: Arc<Script>,
}

impl InRedis {
    pub(super) fn new(link: RedisLink, provider: &str) -> Self {
        Self { link, key: format!("{KEY}{provider}"), take: Arc::new(Script::new(TAKE)) }
    }

    /// Takes what is there, which is at most so many: what was taken elsewhere meanwhile is not saved
    /// here. `at` in microseconds, instead of Redis' own clock.
    ///
    /// # Errors
    /// Redis does not answer; it may have given.
    pub(super) async fn take(
        &self,
        rate: &Rate,
        wanted: Wanted,
        most: Option<f64>,
        at: Option<i64>,
    ) -> Result<Given, RedisDown> {
        let mut run = self.take.key(&self.key);
        run.arg(rate.rule.count).arg(rate.rule.window_ms * 1_000).arg(rate.burst);
        run.arg(rate.bulk_percent).arg(wanted.otp).arg(wanted.bulk);
        run.arg(most.map(|most| most.to_string()).unwrap_or_default());
        run.arg(AHEAD_US).arg(ACTIVE_US).arg(KEPT_US);
        run.arg(at.map(|at| at.to_string()).unwrap_or_default());
        let answer: Result<Answer, RedisDown> = self
            .link
            .run(|mut connection| async move {
                let answer: Result<_, RedisError> = run.invoke_async(&mut connection).await;
                answer
            })
            .await;
        let (otp, bulk, otp_wait, bulk_wait, left) = answer?;
        let share = |due: Vec<u64>, wait| Share {
            due: due.into_iter().map(Duration::from_micros).collect(),
            wait: Duration::from_micros(wait),
        };
        let left = f64::from(left) / 1_000.0;
        Ok(Given { otp: share(otp, otp_wait), bulk: share(bulk, bulk_wait), left })
    }
}
