//! The resident memory of the product's processes, sampled once a second.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::harness::{Roster, Usage};

/// Megabytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) first: f64,
    pub(crate) peak: f64,
    pub(crate) last: f64,
}

/// Samples until it is dropped.
pub(crate) struct Memory {
    tracks: Arc<Mutex<BTreeMap<String, Track>>>,
    sampling: JoinHandle<()>,
}

impl Memory {
    pub(crate) fn watch(roster: Roster) -> Self {
        let tracks = Arc::<Mutex<BTreeMap<String, Track>>>::default();
        let kept = Arc::clone(&tracks);
        let sampling = tokio::spawn(async move {
            loop {
                for (name, id) in roster.list() {
                    let now = Usage::of(&name, id).now_mb;
                    // Gone, or about to be.
                    if now > 0.0 {
                        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                        let track =
                            kept.entry(name).or_insert(Track { first: now, peak: now, last: now });
                        track.peak = track.peak.max(now);
                        track.last = now;
                    }
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        Self { tracks, sampling }
    }

    pub(crate) fn tracks(&self) -> BTreeMap<String, Track> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.sampling.abort();
    }
}
