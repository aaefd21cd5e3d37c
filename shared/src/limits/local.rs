//! The counts of one process, for homes without Redis and while it is away. They stay small: past
//! a bound, whoever asked longest ago is forgotten.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
};

use super::{Charge, Charged, Limited, MARKED_MS};
use crate::clock::Millis;

/// Keys that are counted at the same time: some 10 MB. One key is forgotten before its windows end
/// only if half as many others ask after it.
const MOST_KEPT: usize = 100_000;
/// Between two looks for what no rule needs any more.
const CLEAN_EVERY_MS: i64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Local {
    /// By hashes of the keys, which are long: two of 100,000 that meet are less likely than one in
    /// a billion, and would only share a limit.
    logs: HashMap<u64, Log>,
    hasher: RandomState,
    cleaned_at: Millis,
}

/// The last charges of one key, newest first.
#[derive(Debug)]
struct Log {
    taken: VecDeque<Taken>,
    /// The last charge or refusal: whoever keeps asking is not forgotten.
    asked_at: Millis,
    idle_after: Millis,
}

#[derive(Debug)]
struct Taken {
    at: Millis,
    /// Lets repeats of the charge pass.
    mark: Option<u64>,
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
        let hashes: Vec<u64> = proof.keys.iter().map(|key| self.hasher.hash_one(key)).collect();
        let mark = self.mark(&proof);
        if mark.is_some() && self.lets_pass(charges, &hashes, mark, now) {
            return Ok(Charged::default());
        }
        for (charge, hash) in charges.iter().zip(&hashes) {
            for rule in charge.rules {
                let count = (rule.count / share).max(1) as usize;
                let Some(log) = self.logs.get_mut(hash) else { continue };
                if let Some(nth) = log.taken.get(count - 1)
                    && now - nth.at < rule.window_ms
                {
                    log.asked_at = now;
                    let wait_ms = rule.window_ms - (now - nth.at);
                    return Err(Limited { scope: charge.scope, wait_ms });
                }
            }
        }
        for (charge, hash) in charges.iter().zip(hashes) {
            // Most are charged once.
            let new = || Log { taken: VecDeque::with_capacity(1), asked_at: 0, idle_after: 0 };
            let log = self.logs.entry(hash).or_insert_with(new);
            log.taken.truncate((charge.reach.moments as usize).saturating_sub(1));
            log.taken.push_front(Taken { at: now, mark, has_passed: false });
            log.asked_at = now;
            log.idle_after = now + charge.reach.kept_ms();
        }
        Ok(proof)
    }

    /// True for a repeat, which is noted with the charge that it passes on.
    fn lets_pass(
        &mut self,
        charges: &[Charge<'_>],
        hashes: &[u64],
        mark: Option<u64>,
        now: Millis,
    ) -> bool {
        // Logs of other keys may be shared with other requests, and long ones do not know markers.
        let first = charges.iter().zip(hashes).find(|(charge, _)| charge.reach.is_short());
        let Some(log) = first.and_then(|(_, hash)| self.logs.get_mut(hash)) else { return false };
        let taken = log.taken.iter_mut().find(|taken| taken.mark == mark);
        let Some(taken) = taken.filter(|taken| now - taken.at < MARKED_MS) else { return false };
        taken.has_passed = true;
        true
    }

    pub(super) fn refund(&mut self, charged: &Charged) {
        let mark = self.mark(charged);
        let is_it = |taken: &Taken| taken.at == charged.at && taken.mark == mark;
        let hashes: Vec<u64> = charged.keys.iter().map(|key| self.hasher.hash_one(key)).collect();
        let mut logs = hashes.iter().filter_map(|hash| self.logs.get(hash));
        if logs.any(|log| log.taken.iter().any(|taken| taken.has_passed && is_it(taken))) {
            return;
        }
        for hash in hashes {
            if let Some(log) = self.logs.get_mut(&hash)
                && let Some(place) = log.taken.iter().position(is_it)
            {
                log.taken.remove(place);
            }
        }
    }

    fn mark(&self, proof: &Charged) -> Option<u64> {
        proof.marker.as_ref().map(|marker| self.hasher.hash_one(marker))
    }

    /// Now and then drops what no rule looks at any more; past the bound, the older half.
    fn stay_small(&mut self, now: Millis) {
        if now - self.cleaned_at >= CLEAN_EVERY_MS {
            self.cleaned_at = now;
            self.logs.retain(|_, log| log.idle_after > now);
        }
        keep_newer_half(&mut self.logs);
    }
}

/// Does nothing up to [`MOST_KEPT`].
fn keep_newer_half(logs: &mut HashMap<u64, Log>) {
    if logs.len() >= MOST_KEPT {
        let mut ages: Vec<Millis> = logs.values().map(|log| log.asked_at).collect();
        let (_, &mut middle, _) = ages.select_nth_unstable(MOST_KEPT / 2);
        logs.retain(|_, log| log.asked_at > middle);
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
            assert!(local.logs.len() <= MOST_KEPT);
        }
        assert!(local.logs.len() >= MOST_KEPT / 2, "most of an hour's are known");
        assert_eq!(insistent, 4, "of 20 tries within the hour");
    }
}
