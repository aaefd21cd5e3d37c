//! Which recipients a batch has had, in ten bytes for each.

/// Shards; each stays short enough to insert into its middle.
const SHARDS: usize = 1_024;

/// A set of the first 64 bits of keyed hashes. Two of a million recipients share them once in
/// 40 million batches; the second would be refused as a duplicate.
#[derive(Debug)]
pub(super) struct Seen {
    shards: Vec<Vec<u64>>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { shards: vec![Vec::new(); SHARDS] }
    }

    /// False when it was there before.
    pub(super) fn insert(&mut self, hash: &[u8]) -> bool {
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(hash) {
            *to = *from;
        }
        let value = u64::from_be_bytes(first);
        // The hash is as good as random, so its low bits fill the shards evenly.
        let shard = usize::try_from(value % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get_mut(shard) else { return true };
        match shard.binary_search(&value) {
            Ok(_) => false,
            Err(place) => {
                if shard.len() == shard.capacity() {
                    // Doubling, as a vector does by itself, would waste half of it.
                    shard.reserve_exact(shard.len() / 8 + 8);
                }
                shard.insert(place, value);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn each_counts_once() {
        let mut seen = Seen::new();
        let hash = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes();
        assert!((0..50_000).all(|n| seen.insert(&hash(n))));
        assert!((0..50_000).all(|n| !seen.insert(&hash(n))));
        assert!(seen.insert(&hash(50_000)));
    }
}
