//! The counts that all processes share. Concurrent charges leave together, as one run of one script:
//! it costs Redis more to begin a script than to count.

use std::{collections::HashMap, sync::Arc};

use redis::{RedisError, Script, ScriptInvocation};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Charge, Charged, MARK, MARKED_MS, Reach, Rule};
use crate::redis_link::{RedisDown, RedisLink};

/// Most charges of one run, which keeps Redis from others for less than a millisecond.
const MOST: usize = 128;
/// Charges that wait; beyond it they are counted in the process.
const WAITING: usize = 8_192;

/// Short logs are kept as one value each, which a single command writes with its time of expiry; a longer one
/// is a list.
const FEW_PREFIX: &str = "otpost:limit:few:";
/// Stands where there is no marker.
const UNMARKED: &str = "----------------";

/// Charges one after the other, each with all it asks for or with nothing; then writes each log
/// once. A log of few moments is a text, newest first: 13 digits, a colon, 16 characters of the
/// marker, and a semicolon, or an exclamation mark once a repeat has passed on it. Each answer is how long to
/// wait, and because of which key; -1 for a marker that the first log of few moments knows from within the
/// last minute: those of other keys may be shared with other requests.
///
/// The arguments are: for how long a marker counts; how many lists of rules there are; each list, as 1 for
/// few moments or else 0, how many moments are kept and for how long, its length, and a count and a window for
/// each rule; for each of `KEYS` the number of the list it is first asked for under; how many more ways there
/// are to ask for one, under another list; each of them, as the number of the key and of the list; and each
/// charge, as its moment, its marker, how many ways it asks, and which.
const CHARGE: &str = r"
local WIDTH = 31
local at, lists, marked_for = 3, {}, tonumber(ARGV[1])
for n = 1, tonumber(ARGV[2]) do
  local list = {few = ARGV[at] == '1', keep = tonumber(ARGV[at + 1]), span = ARGV[at + 2]}
  at = at + 4
  for r = 1, tonumber(ARGV[at - 1]) do
    list[r] = {count = tonumber(ARGV[at]), window = tonumber(ARGV[at + 1])}
    at = at + 2
  end
  lists[n] = list
end
local rules, key_of, log, length, added, changed = {}, {}, {}, {}, {}, {}
local asked, asker = {}, {}
for k = 1, #KEYS do
  rules[k], key_of[k] = lists[tonumber(ARGV[at])], k
  at = at + 1
  if rules[k].few then
    asked[#asked + 1] = KEYS[k]
    asker[#asker + 1] = k
  else
    length[k], added[k] = redis.call('LLEN', KEYS[k]), {}
  end
end
local more = tonumber(ARGV[at])
at = at + 1
for way = #KEYS + 1, #KEYS + more do
  key_of[way], rules[way] = tonumber(ARGV[at]), lists[tonumber(ARGV[at + 1])]
  at = at + 2
end
if #asked > 0 then
  for n, text in ipairs(redis.call('MGET', unpack(asked))) do log[asker[n]] = text or '' end
end
local answers = {}
while at <= #ARGV do
  local now, mark, ways = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  local wait, why, free = 0, 0, false
  local marked = string.sub(mark, 1, 1) ~= '-' and ':' .. mark
  for i = 1, ways do
    local way = tonumber(ARGV[at + i - 1])
    local k = key_of[way]
    local text = log[k]
    if text and marked then
      local found = string.find(text, marked, 1, true)
      if found and now - string.sub(text, found - 13, found - 1) < marked_for then
        free, changed[k] = true, true
        log[k] = string.sub(text, 1, found + 16) .. '!' .. string.sub(text, found + 18)
      end
      marked = false
    end
    for _, rule in ipairs(rules[way]) do
      local nth
      if text then
        local from = (rule.count - 1) * WIDTH
        if #text > from then nth = string.sub(text, from + 1, from + 13) end
      elseif rule.count <= #added[k] then
        nth = added[k][#added[k] - rule.count + 1]
      elseif rule.count <= #added[k] + length[k] then
        nth = redis.call('LINDEX', KEYS[k], rule.count - 1 - #added[k])
      end
      local left = nth and rule.window - (now - nth) or 0
      if left > 0 and wait == 0 then wait, why = left, i - 1 end
    end
  end
  if free then
    wait, why = 0, -1
  elseif wait == 0 then
    for i = 1, ways do
      local k = key_of[tonumber(ARGV[at + i - 1])]
      if log[k] then
        log[k] = string.sub(now .. ':' .. mark .. ';' .. log[k], 1, rules[k].keep * WIDTH)
        changed[k] = true
      else
        added[k][#added[k] + 1] = now
      end
    end
  end
  at = at + ways
  answers[#answers + 1] = {wait, why}
end
for k in pairs(changed) do redis.call('SET', KEYS[k], log[k], 'PX', rules[k].span) end
for k, moments in pairs(added) do
  if #moments > 0 then
    if redis.call('LPUSH', KEYS[k], unpack(moments)) > rules[k].keep then
      redis.call('LTRIM', KEYS[k], 0, rules[k].keep - 1)
    end
    redis.call('PEXPIRE', KEYS[k], rules[k].span)
  end
end
return answers
";

/// Takes a charge out of each log, unless a repeat has passed on it: that one may have been committed. The
/// arguments are its moment, its marker, and for each of `KEYS` 1 for few moments or else 0.
const REFUND: &str = r"
for i = 1, #KEYS do
  local shared = ARGV[1] .. ':' .. ARGV[2] .. '!'
  if ARGV[i + 2] == '1' and string.find(redis.call('GET', KEYS[i]) or '', shared, 1, true) then
    return 0
  end
end
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
    rules: Vec<Rules>,
    answer: oneshot::Sender<Result<Answer, RedisDown>>,
}

/// What one key is judged by, and how its log is kept.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    list: Vec<Rule>,
    reach: Reach,
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
        let rules =
            |charge: &Charge<'_>| Rules { list: charge.rules.to_vec(), reach: charge.reach };
        let rules = charges.iter().map(rules).collect();
        let call = Call { proof: proof.clone(), rules, answer };
        self.waiting.try_send(call).map_err(|_| RedisDown::because("too much waits for it"))?;
        answered.await.map_err(|_| RedisDown::because("the answer was lost"))?
    }

    /// Takes back what was charged, unless a repeat has passed on it.
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
    let run = invocation(script, calls);
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

/// What the charges of one run ask for: keys and lists of rules once each, however many ask for them.
#[derive(Default)]
struct Asked<'a> {
    lists: Vec<&'a Rules>,
    /// With the list that each is first asked for under.
    keys: Vec<(&'a str, usize)>,
    /// Keys that are asked for under another list as well.
    more: Vec<(usize, usize)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Asked<'a> {
    fn list(&mut self, rules: &'a Rules) -> usize {
        let known = self.lists.iter().position(|list| *list == rules);
        known.unwrap_or_else(|| {
            self.lists.push(rules);
            self.lists.len() - 1
        })
    }

    /// The key's place among the keys; with another list than its first, the place behind them in `more`.
    fn way(&mut self, key: &'a str, rules: &'a Rules) -> Way {
        let list = self.list(rules);
        let Some(&key) = self.places.get(key) else {
            self.places.insert(key, self.keys.len());
            self.keys.push((key, list));
            return Way::First(self.keys.len() - 1);
        };
        if self.keys.get(key).is_some_and(|(_, first)| *first == list) {
            return Way::First(key);
        }
        let known = self.more.iter().position(|way| *way == (key, list));
        Way::More(known.unwrap_or_else(|| {
            self.more.push((key, list));
            self.more.len() - 1
        }))
    }
}

/// How a charge asks for a key: under its first list of rules, or under another.
enum Way {
    First(usize),
    More(usize),
}

fn invocation<'a>(script: &'a Script, calls: &[Call]) -> ScriptInvocation<'a> {
    let mut asked = Asked::default();
    let mut ways = Vec::new();
    for call in calls {
        for (key, rules) in call.proof.keys.iter().zip(&call.rules) {
            ways.push(asked.way(key, rules));
        }
    }
    let mut run = script.arg(MARKED_MS);
    run.arg(asked.lists.len());
    for Rules { list, reach } in &asked.lists {
        run.arg(i32::from(reach.is_short()))
            .arg(reach.moments)
            .arg(reach.kept_ms())
            .arg(list.len());
        for rule in list {
            run.arg(rule.count).arg(rule.window_ms);
        }
    }
    for (key, list) in &asked.keys {
        run.key(key).arg(list + 1);
    }
    run.arg(asked.more.len());
    for (key, list) in &asked.more {
        run.arg(key + 1).arg(list + 1);
    }
    let mut ways = ways.into_iter().map(|way| match way {
        Way::First(place) => place + 1,
        Way::More(place) => asked.keys.len() + place + 1,
    });
    for call in calls {
        run.arg(moment(&call.proof)).arg(mark(&call.proof)).arg(call.proof.keys.len());
        for way in ways.by_ref().take(call.proof.keys.len()) {
            run.arg(way);
        }
    }
    run
}

/// Where a charge is counted; how long the log can get is part of it, because its form is.
pub(super) fn key(tenant_id: Uuid, charge: &Charge<'_>) -> String {
    let prefix = if charge.reach.is_short() { FEW_PREFIX } else { "otpost:limit:" };
    format!("{prefix}{}:{tenant_id}:{}", charge.scope.as_str(), charge.key)
}

fn moment(proof: &Charged) -> String {
    format!("{:013}", proof.at)
}

/// Exactly [`MARK`] characters.
fn mark(proof: &Charged) -> String {
    let marker = proof.marker.as_deref().unwrap_or_default();
    marker.chars().chain(UNMARKED.chars()).take(MARK).collect()
}
