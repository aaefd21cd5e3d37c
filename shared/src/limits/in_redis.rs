//! The counts that all processes share. Concurrent charges leave together, as one run of one script:
//! it costs Redis more to begin a script than to count.

use std::sync::Arc;

use redis::{RedisError, Script, ScriptInvocation};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Charge, Charged, Rule};
use crate::redis_link::{RedisDown, RedisLink};

/// Most charges of one run, which keeps Redis from others for less than a millisecond.
const MOST: usize = 128;
/// Charges that wait; beyond it they are counted in the process.
const WAITING: usize = 8_192;

/// Logs of no more moments than this are kept as one value, which a single command writes with its
/// time of expiry; a longer one is a list.
const FEW: u32 = 16;
const FEW_PREFIX: &str = "otpost:limit:few:";
/// Stands where there is no marker.
const UNMARKED: &str = "----------------";

/// Charges one after the other, each with all it asks for or with nothing; then writes each log
/// once. A log of few moments is a text, newest first: 13 digits, a colon, 16 characters of the
/// marker, a semicolon. Each answer is how long to wait, and because of which key; -1 for a marker
/// that was there within the last minute.
const CHARGE: &str = r"
local WIDTH = 31
local at, place = 2, 1
local log, length, added, keep, span = {}, {}, {}, {}, {}
local changed, answers = {}, {}
for n = 1, tonumber(ARGV[1]) do
  local now, mark, keys = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  local wait, why, free = 0, 0, false
  for i = 1, keys do
    local key, few, rules = KEYS[place + i - 1], ARGV[at] == '1', tonumber(ARGV[at + 1])
    at = at + 2
    if few and not log[key] then log[key] = redis.call('GET', key) or '' end
    if not few and not length[key] then length[key], added[key] = redis.call('LLEN', key), {} end
    if few and string.sub(mark, 1, 1) ~= '-' then
      local found = string.find(log[key], ':' .. mark .. ';', 1, true)
      free = free or found and now - string.sub(log[key], found - 13, found - 1) < 60000
    end
    keep[key], span[key] = 0, 0
    for _ = 1, rules do
      local count, window = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
      at = at + 2
      if count > keep[key] then keep[key] = count end
      if window > span[key] then span[key] = window end
      local nth
      if few then
        local from = (count - 1) * WIDTH
        if #log[key] > from then nth = string.sub(log[key], from + 1, from + 13) end
      elseif count <= #added[key] then
        nth = added[key][#added[key] - count + 1]
      elseif count <= #added[key] + length[key] then
        nth = redis.call('LINDEX', key, count - 1 - #added[key])
      end
      local left = nth and window - (now - nth) or 0
      if left > 0 and wait == 0 then wait, why = left, i - 1 end
    end
  end
  if free then
    wait, why = 0, -1
  elseif wait == 0 then
    for i = 1, keys do
      local key = KEYS[place + i - 1]
      if log[key] then
        log[key] = string.sub(now .. ':' .. mark .. ';' .. log[key], 1, keep[key] * WIDTH)
        changed[key] = true
      else
        table.insert(added[key], now)
      end
    end
  end
  answers[n] = {wait, why}
  place = place + keys
end
for key in pairs(changed) do redis.call('SET', key, log[key], 'PX', span[key]) end
for key, moments in pairs(added) do
  if #moments > 0 then
    if redis.call('LPUSH', key, unpack(moments)) > keep[key] then
      redis.call('LTRIM', key, 0, keep[key] - 1)
    end
    redis.call('PEXPIRE', key, span[key])
  end
end
return answers
";

const REFUND: &str = r"
for i = 1, #KEYS do
  if ARGV[i + 2] == '1' then
    local log, entry = redis.call('GET', KEYS[i]) or '', ARGV[1] .. ':' .. ARGV[2] .. ';'
    local from = string.find(log, entry, 1, true)
    if from and #log == #entry then
      redis.call('DEL', KEYS[i])
    elseif from then
      local rest = string.sub(log, 1, from - 1) .. string.sub(log, from + #entry)
      redis.call('SET', KEYS[i], rest, 'KEEPTTL')
    end
  else
    redis.call('LREM', KEYS[i], 1, ARGV[1])
  end
end
return 0
";

/// Clones share the task that gathers.
#[derive(Clone, Debug)]
pub(super) struct InRedis {
    link: RedisLink,
    waiting: mpsc::Sender<Call>,
    refund: Arc<Script>,
}

/// What became of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// Its marker was there.
    Free,
    /// By the charge at this place.
    Limited {
        place: usize,
        wait_ms: i64,
    },
}

#[derive(Debug)]
struct Call {
    proof: Charged,
    /// By key.
    rules: Vec<Vec<Rule>>,
    answer: oneshot::Sender<Result<Answer, RedisDown>>,
}

impl InRedis {
    /// Starts the task that gathers, which ends with the last clone. Must be called inside a
    /// runtime.
    pub(super) fn start(link: RedisLink) -> Self {
        let (waiting, calls) = mpsc::channel(WAITING);
        tokio::spawn(gather(link.clone(), calls));
        Self { link, waiting, refund: Arc::new(Script::new(REFUND)) }
    }

    /// Charges the keys of `proof`, in the order of `charges`: all of them or none.
    ///
    /// # Errors
    /// Redis does not answer; it may have counted.
    pub(super) async fn charge(
        &self,
        charges: &[Charge<'_>],
        proof: &Charged,
    ) -> Result<Answer, RedisDown> {
        let (answer, answered) = oneshot::channel();
        let rules = charges.iter().map(|charge| charge.rules.to_vec()).collect();
        let call = Call { proof: proof.clone(), rules, answer };
        self.waiting.try_send(call).map_err(|_| RedisDown::because("too much waits for it"))?;
        answered.await.map_err(|_| RedisDown::because("the answer was lost"))?
    }

    /// Takes back what was charged.
    ///
    /// # Errors
    /// Redis does not answer.
    pub(super) async fn refund(&self, proof: &Charged) -> Result<(), RedisDown> {
        let mut run = self.refund.arg(moment(proof));
        run.arg(mark(proof));
        for key in &proof.keys {
            run.key(key).arg(i32::from(key.starts_with(FEW_PREFIX)));
        }
        self.link.run(|mut connection| async move { run.invoke_async(&mut connection).await }).await
    }
}

async fn gather(link: RedisLink, mut waiting: mpsc::Receiver<Call>) {
    let script = Script::new(CHARGE);
    let mut calls = Vec::new();
    while waiting.recv_many(&mut calls, MOST).await > 0 {
        let mut answers = run(&link, &script, &calls).await.map(Vec::into_iter);
        for call in calls.drain(..) {
            let answer = match &mut answers {
                Ok(answers) => {
                    answers.next().ok_or_else(|| RedisDown::because("an answer is missing"))
                }
                Err(down) => Err(down.clone()),
            };
            // Whoever asked may have gone.
            let _ = call.answer.send(answer);
        }
    }
}

async fn run(link: &RedisLink, script: &Script, calls: &[Call]) -> Result<Vec<Answer>, RedisDown> {
    let mut run = script.arg(calls.len());
    for call in calls {
        call.add_to(&mut run);
    }
    let answers: Result<Vec<(i64, i64)>, RedisDown> = link
        .run(|mut connection| async move {
            let answers: Result<_, RedisError> = run.invoke_async(&mut connection).await;
            answers
        })
        .await;
    let answers = answers?.into_iter().map(|answer| match answer {
        (0, -1) => Answer::Free,
        (0, _) => Answer::Taken,
        (wait_ms, place) => {
            Answer::Limited { place: usize::try_from(place).unwrap_or(usize::MAX), wait_ms }
        }
    });
    Ok(answers.collect())
}

impl Call {
    fn add_to(&self, run: &mut ScriptInvocation<'_>) {
        run.arg(moment(&self.proof)).arg(mark(&self.proof)).arg(self.proof.keys.len());
        for (key, rules) in self.proof.keys.iter().zip(&self.rules) {
            run.key(key).arg(i32::from(key.starts_with(FEW_PREFIX))).arg(rules.len());
            for rule in rules {
                run.arg(rule.count).arg(rule.window_ms);
            }
        }
    }
}

/// Where a charge is counted; how long the log can get is part of it, because its form is.
pub(super) fn key(tenant_id: Uuid, charge: &Charge<'_>) -> String {
    let few = charge.rules.iter().all(|rule| rule.count <= FEW);
    let prefix = if few { FEW_PREFIX } else { "otpost:limit:" };
    format!("{prefix}{}:{tenant_id}:{}", charge.scope.as_str(), charge.key)
}

fn moment(proof: &Charged) -> String {
    format!("{:013}", proof.at)
}

/// Exactly 16 characters.
fn mark(proof: &Charged) -> String {
    let marker = proof.marker.as_deref().unwrap_or_default();
    marker.chars().chain(UNMARKED.chars()).take(UNMARKED.len()).collect()
}
