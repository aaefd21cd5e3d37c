//! The texts as this process knows them: read again when the revision says that they are others.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Texts, rows};
use crate::{
    clock::Millis,
    db::{Db, DbError},
};

/// What was read counts for so long: a change elsewhere is felt within a second.
const TRUSTED_FOR_MS: i64 = 500;
/// A text that is about to be sent waits no longer for the question whether its words are others now.
const PATIENCE: Duration = Duration::from_millis(200);

/// What this process knows; clones share it.
#[derive(Clone, Debug)]
pub struct KnownTexts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Of the configuration.
    language: String,
    known: Mutex<Known>,
    /// Whose turn it is to ask: the others go on with what is known.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Known {
    texts: Arc<Texts>,
    /// None as long as nothing was read.
    revision: Option<i64>,
    asked_at: Option<Millis>,
    /// How often it was forgotten: what was asked before that does not count as asked.
    forgotten: u64,
}

impl Known {
    /// The clock may have been set back since.
    fn is_fresh(&self, now: Millis) -> bool {
        self.asked_at.is_some_and(|at| (0..TRUSTED_FOR_MS).contains(&(now - at)))
    }
}

impl KnownTexts {
    /// Knows the sentences of the languages and nothing else.
    #[must_use]
    pub fn new(language: &str) -> Self {
        let texts = Arc::new(Texts::load(rows::Rows::default(), language));
        let known = Known { texts, revision: None, asked_at: None, forgotten: 0 };
        Self(Arc::new(Inner {
            language: language.to_owned(),
            known: Mutex::new(known),
            turn: tokio::sync::Mutex::new(()),
        }))
    }

    /// What counts now. While the database does not answer, what counted last does.
    ///
    /// # Errors
    /// It does not answer, and never has.
    pub async fn now(&self, db: &Db, now: Millis) -> Result<Arc<Texts>, DbError> {
        let (fresh, is_known) = {
            let known = self.lock();
            (known.is_fresh(now).then(|| Arc::clone(&known.texts)), known.revision.is_some())
        };
        if let Some(texts) = fresh {
            return Ok(texts);
        }
        let _turn = if is_known {
            match self.0.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(self.last()),
            }
        } else {
            self.0.turn.lock().await
        };
        // Somebody may have asked meanwhile.
        if self.lock().is_fresh(now) {
            return Ok(self.last());
        }
        match self.ask(db, now).await {
            Ok(()) => Ok(self.last()),
            Err(error) if self.lock().revision.is_none() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "whether texts have changed is not known; the last ones count");
                self.lock().asked_at = Some(now);
                Ok(self.last())
            }
        }
    }

    /// The same where something must be said, and soon: what counted last does as well, and if nothing was
    /// ever read the sentences of the languages.
    pub async fn now_or_last(&self, db: &Db, now: Millis) -> Arc<Texts> {
        if self.lock().revision.is_none() {
            return self.now(db, now).await.unwrap_or_else(|_| self.last());
        }
        match tokio::time::timeout(PATIENCE, self.now(db, now)).await {
            Ok(Ok(texts)) => texts,
            Ok(Err(_)) => self.last(),
            Err(_) => {
                self.lock().asked_at = Some(now);
                self.last()
            }
        }
    }

    /// What counted when it was last asked for.
    #[must_use]
    pub fn last(&self) -> Arc<Texts> {
        Arc::clone(&self.lock().texts)
    }

    /// Asks again the next time.
    pub(super) fn forget(&self) {
        let mut known = self.lock();
        known.asked_at = None;
        known.forgotten += 1;
    }

    async fn ask(&self, db: &Db, now: Millis) -> Result<(), DbError> {
        let (before, forgotten) = {
            let known = self.lock();
            (known.revision, known.forgotten)
        };
        // Read before the texts: a change that comes between is seen the next time.
        let revision = rows::revision(db).await?;
        let texts = if before == Some(revision) {
            None
        } else {
            Some(Arc::new(Texts::load(rows::read_all(db).await?, &self.0.language)))
        };
        let mut known = self.lock();
        if let Some(texts) = texts {
            known.texts = texts;
            known.revision = Some(revision);
        }
        if known.forgotten == forgotten {
            known.asked_at = Some(now);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
