//! The counts of one process, for homes without Redis and while it is away. They stay small: past
//! a bound, whoever asked longest ago is forgotten.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
};

use super::{Charge, Charged, Limited};
use crate::clock::Millis;

/// Keys that are counted, and markers, at the same time: some 10 MB. One key is forgotten before
/// its windows end only if half as many others ask after it.
const MOST_KEPT: usize = 100_000;
/// Between two looks for what no rule needs any more.
const CLEAN_EVERY_MS: i64 = 10_000;
/// How long a marker lets repeats pass free.
const MARKED_MS: i64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Local {
    /// By hashes of the keys, which are long: two of 100,000 that meet are less likely than one in
    /// a billion, and would only share a limit.
    logs: HashMap<u64, Log>,
    markers: HashMap<u64, Mark>,
    hasher: RandomState,
    cleaned_at: Millis,
}

/// The moments of the last charges of one key, newest first.
#[derive(Debug)]
struct Log {
    moments: VecDeque<Millis>,
    /// The last charge or refusal: whoever keeps asking is not forgotten.
    asked_at: Millis,
    idle_after: Millis,
}

/// Lets repeats of one charge pass.
#[derive(Debug)]
struct Mark {
    until: Millis,
    /// One has: it may have been committed, whatever became of the first.
    has_passed: bool,
}

impl Local {
    /// Charges everything or nothing; `share` processes count the same.
    pub(super) fn charge(
        &mut self,
        charges: &[Charge<'_>],
        proof: Charged,
        share: u32,
    ) -> Result<Charged, Limited> {
        let now = proof.at;
        self.stay_small(now);
        let mark = self.mark(&proof);
        if let Some(mark) = mark.and_then(|hash| self.markers.get_mut(&hash))
            && mark.until > now
        {
            mark.has_passed = true;
            return Ok(Charged::default());
        }
        let hashes: Vec<u64> = proof.keys.iter().map(|key| self.hasher.hash_one(key)).collect();
        for (charge, hash) in charges.iter().zip(&hashes) {
            for rule in charge.rules {
                let count = (rule.count / share).max(1) as usize;
                let Some(log) = self.logs.get_mut(hash) else { continue };
                if let Some(nth) = log.moments.get(count - 1)
                    && now - nth < rule.window_ms
                {
                    log.asked_at = now;
                    let wait_ms = rule.window_ms - (now - nth);
                    return Err(Limited { scope: charge.scope, wait_ms });
                }
            }
        }
        for (charge, hash) in charges.iter().zip(hashes) {
            // Most are charged once.
            let new = || Log { moments: VecDeque::with_capacity(1), asked_at: 0, idle_after: 0 };
            let log = self.logs.entry(hash).or_insert_with(new);
            log.moments.truncate((charge.reach.moments as usize).saturating_sub(1));
            log.moments.push_front(now);
            log.asked_at = now;
            log.idle_after = now + charge.reach.span_ms;
        }
        if let Some(mark) = mark {
            self.markers.insert(mark, Mark { until: now + MARKED_MS, has_passed: false });
        }
        Ok(proof)
    }

    pub(super) fn refund(&mut self, charged: &Charged) {
        let mark = self.mark(charged);
        if mark.and_then(|hash| self.markers.get(&hash)).is_some_and(|mark| mark.has_passed) {
            return;
        }
        for key in &charged.keys {
            if let Some(log) = self.logs.get_mut(&self.hasher.hash_one(key))
                && let Some(place) = log.moments.iter().position(|at| *at == charged.at)
            {
                log.moments.remove(place);
            }
        }
        if let Some(mark) = mark {
            self.markers.remove(&mark);
        }
    }

    fn mark(&self, proof: &Charged) -> Option<u64> {
        proof.marker.as_ref().map(|marker| self.hasher.hash_one((proof.keys.first(), marker)))
    }

    /// Now and then drops what no rule looks at any more; past the bound, the older half.
    fn stay_small(&mut self, now: Millis) {
        if now - self.cleaned_at >= CLEAN_EVERY_MS {
            self.cleaned_at = now;
            self.logs.retain(|_, log| log.idle_after > now);
            self.markers.retain(|_, mark| mark.until > now);
        }
        keep_newer_half(&mut self.logs, |log| log.asked_at);
        keep_newer_half(&mut self.markers, |mark| mark.until);
    }
}

/// Does nothing up to [`MOST_KEPT`].
fn keep_newer_half<T>(kept: &mut HashMap<u64, T>, age: impl Fn(&T) -> Millis) {
    if kept.len() >= MOST_KEPT {
        let mut ages: Vec<Millis> = kept.values().map(&age).collect();
        let (_, &mut middle, _) = ages.select_nth_unstable(MOST_KEPT / 2);
        kept.retain(|_, one| age(one) > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Rule, Scope};

    fn charge(local: &mut Local, who: &str, now: Millis, share: u32) -> bool {
        let rules = [Rule { count: 4, window_ms: 3_600_000 }];
        let charges = [Charge::new(Scope::Recipient, who.into(), &rules)];
        let marker = Some(format!("{who}-{now}"));
        let proof = Charged { keys: vec![who.into()], at: now, marker };
        local.charge(&charges, proof, share).is_ok()
    }

    #[test]
    fn processes_share_a_limit() {
        let mut local = Local::default();
        let taken = [0, 1, 2].map(|now| charge(&mut local, "a", now, 2));
        assert_eq!(taken, [true, true, false]);
    }

    #[test]
    fn a_crowd_fills_no_memory_and_frees_nobody_who_keeps_asking() {
        let mut local = Local::default();
        let (mut insistent, mut now) = (0, 0);
        for n in 0..200_000 {
            now += 1;
            assert!(charge(&mut local, &n.to_string(), now, 1), "each comes once");
            if n % 10_000 == 0 {
                now += 1;
                insistent += i32::from(charge(&mut local, "insistent", now, 1));
            }
            assert!(local.logs.len() <= MOST_KEPT && local.markers.len() <= MOST_KEPT);
        }
        assert!(local.logs.len() >= MOST_KEPT / 2, "most of an hour's are known");
        assert_eq!(insistent, 4, "of 20 tries within the hour");
    }
}
