//! Troubles that begin and end: each can be a row of its own, and three of them at a time are
//! one round of `random`.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::scene::Scene;
use crate::{
    error::Result,
    gateway::{Answer, Rule},
    product,
    proxy::{Act, Mode, Pattern, Toward},
};

/// The paths of the first provider.
pub(super) const FIRST: &str = "/2010-04-01/";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    RedisKilled,
    RedisFrozen,
    RedisFull,
    RedisReadOnly,
    RedisEmptied,
    PostgresCrashed,
    PostgresFrozen,
    /// Every answer of the database comes a little later, to workers as to APIs.
    PostgresSlow,
    CommitAnswersLost,
    ApiKilled,
    WorkerKilled,
    WorkerFrozen,
    ProviderHangs,
    ProviderFails,
    ProviderRefuses,
    ProviderResets,
}

impl Trouble {
    pub(crate) const ALL: [Self; 16] = [
        Self::RedisKilled,
        Self::RedisFrozen,
        Self::RedisFull,
        Self::RedisReadOnly,
        Self::RedisEmptied,
        Self::PostgresCrashed,
        Self::PostgresFrozen,
        Self::PostgresSlow,
        Self::CommitAnswersLost,
        Self::ApiKilled,
        Self::WorkerKilled,
        Self::WorkerFrozen,
        Self::ProviderHangs,
        Self::ProviderFails,
        Self::ProviderRefuses,
        Self::ProviderResets,
    ];

    /// Troubles of one kind would undo each other.
    pub(crate) fn kind(self) -> u8 {
        match self {
            Self::RedisKilled
            | Self::RedisFrozen
            | Self::RedisFull
            | Self::RedisReadOnly
            | Self::RedisEmptied => 0,
            Self::PostgresCrashed | Self::PostgresFrozen => 1,
            Self::PostgresSlow => 7,
            Self::CommitAnswersLost => 2,
            Self::ApiKilled => 3,
            Self::WorkerKilled => 4,
            Self::WorkerFrozen => 5,
            Self::ProviderHangs
            | Self::ProviderFails
            | Self::ProviderRefuses
            | Self::ProviderResets => 6,
        }
    }

    pub(crate) async fn begin(self, scene: &mut Scene) -> Result<()> {
        scene.breaks();
        match self {
            Self::RedisKilled => scene.redis()?.kill(),
            Self::RedisFrozen => scene.redis()?.freeze(),
            Self::RedisFull => {
                let redis = scene.redis()?;
                redis.ask("CONFIG SET maxmemory-policy noeviction").await?;
                redis.ask("CONFIG SET maxmemory 1").await.map(drop)
            }
            // Nobody listens on port 1.
            Self::RedisReadOnly => scene.redis()?.ask("REPLICAOF 127.0.0.1 1").await.map(drop),
            Self::RedisEmptied => scene.redis()?.flush_all().await,
            Self::PostgresCrashed => scene.postgres()?.crash(),
            Self::PostgresFrozen => scene.postgres()?.freeze(),
            Self::PostgresSlow => {
                let late = Mode::Delay(Duration::from_millis(20));
                Self::database_lines(scene, late).await
            }
            Self::CommitAnswersLost => {
                for api in &scene.home.apis {
                    let line = api.lines()?.database()?;
                    let accepting = Pattern::statement(product::ACCEPT);
                    let act = Act::LoseAnswer;
                    scene.traps.push(line.lay_endlessly(5, Toward::Server, accepting, act));
                }
                Ok(())
            }
            Self::ApiKilled => scene.home.kill_api(0),
            Self::WorkerKilled => scene.home.kill_worker(0),
            Self::WorkerFrozen => scene.home.workers[1].child.signal(Signal::SIGSTOP),
            // Half of them really were sent, and nobody can tell which.
            Self::ProviderHangs => {
                let half = Rule::new(FIRST, Answer::Hang { sent: false }).fraction(0.5);
                scene.answer(vec![half, Rule::new(FIRST, Answer::Hang { sent: true })]);
                Ok(())
            }
            Self::ProviderFails => {
                Self::answer(scene, Answer::Http { status: 500, retry_after: None })
            }
            Self::ProviderRefuses => Self::first_line(scene, Mode::Refuse).await,
            Self::ProviderResets => Self::first_line(scene, Mode::CutAfter(40)).await,
        }
    }

    pub(crate) async fn end(self, scene: &mut Scene) -> Result<()> {
        match self {
            Self::RedisKilled => scene.redis()?.restart().await,
            Self::RedisFrozen => scene.redis()?.thaw(),
            Self::RedisFull => scene.redis()?.ask("CONFIG SET maxmemory 0").await.map(drop),
            Self::RedisReadOnly => scene.redis()?.ask("REPLICAOF NO ONE").await.map(drop),
            Self::RedisEmptied => scene.redis()?.flush_all().await,
            Self::PostgresCrashed => scene.postgres()?.restart().await,
            Self::PostgresFrozen => scene.postgres()?.thaw(),
            Self::PostgresSlow => Self::database_lines(scene, Mode::Pass).await,
            Self::CommitAnswersLost => {
                scene.traps.clear();
                Ok(())
            }
            Self::ApiKilled => scene.home.respawn_api(0),
            Self::WorkerKilled => scene.home.respawn_worker(0),
            Self::WorkerFrozen => scene.home.workers[1].child.signal(Signal::SIGCONT),
            Self::ProviderHangs | Self::ProviderFails => {
                scene.answer(Vec::new());
                Ok(())
            }
            Self::ProviderRefuses | Self::ProviderResets => {
                Self::first_line(scene, Mode::Pass).await
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "one arm among others that can fail")]
    fn answer(scene: &Scene, answer: Answer) -> Result<()> {
        scene.answer(vec![Rule::new(FIRST, answer).delay_ms(scene.staging.delay_ms)]);
        Ok(())
    }

    async fn database_lines(scene: &Scene, mode: Mode) -> Result<()> {
        for process in scene.home.apis.iter().chain(&scene.home.workers) {
            process.lines()?.database()?.set(mode).await?;
        }
        Ok(())
    }

    async fn first_line(scene: &Scene, mode: Mode) -> Result<()> {
        for sender in scene.senders() {
            sender.lines()?.first.set(mode).await?;
        }
        Ok(())
    }
}
