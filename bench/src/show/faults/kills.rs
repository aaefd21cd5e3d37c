//! Killing again and again, and coming back.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    scene::Scene,
    standing::{Stood, claimed_still},
};
use crate::error::Result;

/// How a process that answers people is killed, in milliseconds.
pub(super) struct Killing {
    pub(super) what: &'static str,
    /// It lives for one second, and up to so much more.
    pub(super) lives: u64,
    /// It is away for up to this; not at all when none.
    pub(super) away: Option<u64>,
    /// It is left alone for so long at the end.
    pub(super) rest: u64,
}

/// Kills the first API, which may be the whole product, until the end is near.
pub(super) async fn kill_api(scene: &mut Scene, killing: Killing) -> Result<()> {
    let mut kills = 0;
    scene.until(Duration::from_secs(1)).await;
    scene.breaks();
    while scene.elapsed() + Duration::from_millis(killing.rest) < scene.time {
        let pause = 1_000 + scene.dice.below(killing.lives);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        scene.home.kill_api(0)?;
        kills += 1;
        if let Some(most) = killing.away {
            let away = scene.dice.below(most);
            tokio::time::sleep(Duration::from_millis(away)).await;
        }
        scene.home.respawn_api(0)?;
        scene.home.apis[0].wait_until_ready().await?;
    }
    scene.checks.add(format!("{} was killed", killing.what), kills > 0, format!("{kills} times"));
    scene.healed();
    Ok(())
}

/// Watches what a killed worker held until it has moved, and brings the worker back after a while.
pub(super) async fn bring_back(
    scene: &mut Scene,
    watched: &mut JoinSet<Result<Stood>>,
    which: usize,
    away_ms: u64,
) -> Result<()> {
    watched.spawn(claimed_still(scene.ledger.clone()));
    tokio::time::sleep(Duration::from_millis(away_ms)).await;
    scene.home.revive_worker(which).await
}
