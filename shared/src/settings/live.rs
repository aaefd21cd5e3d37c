//! The snapshot of this process. One small row tells whether it is still the newest, twice a second at
//! most, however many ask.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Settings, revision};
use crate::{
    clock::Millis,
    config::Config,
    db::{Db, DbError, Ears},
    policy, texts, webhook,
};

/// What was read counts for so long: a change elsewhere is felt within a second.
const TRUSTED_FOR_MS: i64 = 500;

/// What this process knows; clones share it.
#[derive(Clone, Debug)]
pub struct Live {
    config: Arc<Config>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    settings: Arc<Settings>,
    /// When somebody last set out to ask.
    asked_at: Option<Millis>,
    /// How often somebody did.
    asked: u64,
    /// Which of them brought the settings; 0 as long as nothing but the configuration was read.
    brought: u64,
}

impl Live {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        let settings = Arc::new(Settings::of_file(&config));
        let known = Known { settings, asked_at: None, asked: 0, brought: 0 };
        Self { config, known: Arc::new(Mutex::new(known)) }
    }

    /// The settings as of half a second ago or later. While one caller asks for newer ones, the others take
    /// the last ones; while the database is away all do.
    ///
    /// # Errors
    /// The database does not answer, and never has.
    pub async fn now(&self, db: &Db, now: Millis) -> Result<Arc<Settings>, DbError> {
        let (last, asked) = {
            let mut known = self.lock();
            let is_read = known.brought > 0;
            // The clock may have been set back since.
            let is_fresh =
                known.asked_at.is_some_and(|at| (0..TRUSTED_FOR_MS).contains(&(now - at)));
            if is_read && is_fresh {
                return Ok(Arc::clone(&known.settings));
            }
            known.asked_at = Some(now);
            known.asked += 1;
            (is_read.then(|| Arc::clone(&known.settings)), known.asked)
        };
        match self.read(db, last.as_deref()).await {
            Ok(Some(read)) => Ok(self.install(read, asked, db.ears())),
            Ok(None) => Ok(self.last()),
            Err(error) if last.is_some() => {
                tracing::debug!(%error, "the settings were not read again");
                Ok(self.last())
            }
            Err(error) => Err(error),
        }
    }

    /// The settings as they were last read, without a question; before that, as the configuration has them.
    #[must_use]
    pub fn last(&self) -> Arc<Settings> {
        Arc::clone(&self.lock().settings)
    }

    /// Asks again the next time.
    pub(crate) fn forget(&self) {
        self.lock().asked_at = None;
    }

    /// None when nothing has changed since the last ones.
    async fn read(&self, db: &Db, last: Option<&Settings>) -> Result<Option<Settings>, DbError> {
        // Before the rows: a change between the two is read now, and once more the next time.
        let revision = revision(db).await?;
        if last.is_some_and(|last| last.revision == revision) {
            return Ok(None);
        }
        let changes = policy::list_current(db).await?;
        let texts = texts::list_current(db).await?;
        let listeners = webhook::list_listeners(db).await?;
        let settings = Settings::new(&self.config, revision, &changes, texts);
        let log_is_kept = self.config.events.log;
        Ok(Some(Settings { listeners, log_is_kept, ..settings }))
    }

    /// What was asked for last counts, also when it comes before what was asked for earlier.
    fn install(&self, read: Settings, asked: u64, ears: &Ears) -> Arc<Settings> {
        let mut known = self.lock();
        if asked < known.brought {
            return Arc::clone(&known.settings);
        }
        for trouble in &read.troubles {
            let key = trouble.mistake.fields.join(", ");
            tracing::warn!(policy.purpose = %trouble.purpose, policy.key = %key, "{trouble}");
        }
        ears.set(read.log_is_kept, &read.listeners);
        known.brought = asked;
        known.settings = Arc::new(read);
        Arc::clone(&known.settings)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_with;

    #[test]
    fn an_answer_that_comes_late_takes_nothing_back() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let config = load_with(Some(file.path()), std::iter::empty()).expect("the defaults");
        let live = Live::new(Arc::new(config));
        let ears = Ears::default();
        let read = |revision| Settings { revision, ..Settings::default() };
        assert_eq!(live.install(read(2), 2, &ears).revision, 2);
        assert_eq!(live.install(read(1), 1, &ears).revision, 2);
        assert_eq!(live.last().revision, 2);
        assert_eq!(live.install(read(3), 3, &ears).revision, 3);
    }
}
