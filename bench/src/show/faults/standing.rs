//! How long messages stand still: after something healed, and until nothing is on its way.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use crate::{
    error::Result,
    gateway::now_ms,
    product::{Ledger, Standing},
};

/// Longer than this is not waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// What is under way anyhow has moved by then.
const A_MOMENT: Duration = Duration::from_millis(700);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stood {
    /// How many had not moved after a moment.
    pub(crate) held: usize,
    /// When the last of those on their way had moved.
    pub(crate) longest: Duration,
}

/// Watches what is on its way now until all of it has moved.
pub(crate) async fn still(ledger: Ledger) -> Result<Stood> {
    let began = Instant::now();
    let on_their_way = first_look(&ledger, began).await?;
    watch(&ledger, on_their_way, began).await
}

/// The same for claimed messages only, which another worker must take over.
pub(crate) async fn claimed_still(ledger: Ledger) -> Result<Stood> {
    let began = Instant::now();
    let claimed = ledger.claimed().await?;
    watch(&ledger, claimed, began).await
}

async fn watch(ledger: &Ledger, held: Vec<Standing>, began: Instant) -> Result<Stood> {
    let mut stood = Stood::default();
    loop {
        // An outage beside this one counts: nothing moves while nobody can tell.
        if let Ok(now) = ledger.on_their_way(now_ms()).await {
            let now: HashSet<(&str, &str, i32)> = now.iter().map(key).collect();
            let still = held.iter().filter(|it| now.contains(&key(it))).count();
            let before = stood.longest;
            stood.longest = began.elapsed();
            if before < A_MOMENT && stood.longest >= A_MOMENT {
                stood.held = still;
            }
            if still == 0 {
                return Ok(stood);
            }
        }
        if began.elapsed() > PATIENCE {
            stood.longest = began.elapsed();
            return Ok(stood);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn key(standing: &Standing) -> (&str, &str, i32) {
    (&standing.id, &standing.state, standing.epoch)
}

async fn first_look(ledger: &Ledger, began: Instant) -> Result<Vec<Standing>> {
    loop {
        match ledger.on_their_way(now_ms()).await {
            Ok(found) => return Ok(found),
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Until no message is on its way; `None` when nothing has moved for so long.
pub(crate) async fn until_quiet(ledger: &Ledger, patience: Duration) -> Result<Option<Duration>> {
    let began = Instant::now();
    let (mut least, mut moved) = (i64::MAX, Instant::now());
    loop {
        let pending = ledger.count_pending("").await?;
        if pending == 0 {
            return Ok(Some(began.elapsed()));
        }
        if pending < least {
            (least, moved) = (pending, Instant::now());
        }
        if moved.elapsed() > patience {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
