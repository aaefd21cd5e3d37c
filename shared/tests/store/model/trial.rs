//! One history, run on a home and on the model side by side.

use std::sync::Arc;

use otpost_shared::{Home, clock::Millis, message, secrets::Handle};
use proptest::test_runner::TestCaseError;
use uuid::Uuid;

use super::{
    expected::{Model, Moment},
    operation::{Operation, Policy, Wait},
    tables::Tables,
};

pub type Verdict = Result<(), TestCaseError>;

/// Longer than any operation takes: nothing changes by itself while one is under way.
const UNDER_WAY_MS: i64 = 4_000;

pub struct Trial<'a> {
    pub home: &'a Home,
    pub now: Millis,
    pub model: Model,
    /// Everything that was ever given out, oldest first.
    pub held: Vec<Held>,
    pub messages: Vec<Uuid>,
    pub claims: Vec<Arc<message::Message>>,
}

/// What a caller has of a verification, whatever became of it.
pub struct Held {
    pub id: Uuid,
    pub token: Handle,
    pub policy: Policy,
    pub receipt: Option<String>,
}

/// Runs a history and says where it first leaves the model.
pub async fn run(home: &Home, history: &[Operation]) -> Verdict {
    Tables::clear(&home.db).await;
    let mut trial = Trial {
        home,
        now: home.clock.now(),
        model: Model::default(),
        held: Vec::new(),
        messages: Vec::new(),
        claims: Vec::new(),
    };
    for (place, operation) in history.iter().enumerate() {
        let at = |failed: TestCaseError| {
            TestCaseError::fail(format!("after operation {place}, {operation:?}: {failed}"))
        };
        trial.apply(operation).await.map_err(at)?;
        trial.compare().await.map_err(at)?;
    }
    Ok(())
}

/// What `back` points at, counted from the newest.
pub fn nth<T>(list: &[T], back: usize) -> Option<usize> {
    (!list.is_empty()).then(|| list.len() - 1 - back % list.len())
}

impl Trial<'_> {
    async fn apply(&mut self, operation: &Operation) -> Verdict {
        use Operation as O;
        match operation {
            O::Accept { person, policy, ways, key } => {
                self.accept(*person, *policy, ways, *key).await
            }
            O::AcceptText { person, key } => self.accept_text(*person, *key).await,
            O::Check { of, guess, names, by, key } => {
                self.check(*of, (*guess, *names), *by, *key).await
            }
            O::Resend { of, by_way, by, key } => self.resend(*of, *by_way, *by, *key).await,
            O::Cancel { of, by } => self.cancel(*of, *by).await,
            O::Consume { of, by } => self.consume(*of, *by).await,
            O::Wait(wait) => {
                self.wait(*wait);
                Ok(())
            }
            O::Claim { of } => self.claim(of).await,
            O::ClaimDue { lane, limit } => self.claim_due(*lane, *limit).await,
            O::Record { steps } => self.record(steps).await,
            O::Release { of } => self.release(*of).await,
            O::Report { of, attempt, word } => self.report(*of, *attempt, *word).await,
            O::RecoverLeases { limit } => self.recover_leases(*limit).await,
            O::MarkOverdue { limit } => self.mark_overdue(*limit).await,
            O::MarkExpired { limit } => self.mark_expired(*limit).await,
            O::PurgeVerifications { age_secs, limit } => {
                self.purge_verifications(*age_secs, *limit).await
            }
            O::PurgeMessages { age_secs, limit } => self.purge_messages(*age_secs, *limit).await,
            O::PurgeRecords => {
                self.purge_records().await;
                Ok(())
            }
        }
    }

    fn wait(&mut self, wait: Wait) {
        self.now = match wait {
            Wait::Millis(ms) => self.now + ms,
            Wait::Secs(secs) => self.now + secs * 1_000,
            Wait::Minutes(minutes) => self.now + minutes * 60_000,
            Wait::Day => self.now + 86_400_000,
            Wait::Moment { which, off_by } => {
                let moments = self.model.moments_after(self.now);
                let moment = moments.get(which.min(moments.len().saturating_sub(1)));
                moment.map_or(self.now, |moment| self.now.max(moment + off_by))
            }
        };
    }

    /// Sets the home's clock for something that reads it, and which goes on meanwhile: a moment
    /// that changes an answer and is near is gone to, so that it cannot pass unseen.
    pub fn start(&mut self) {
        while let Some(near) = self
            .model
            .moments_of_answers(self.now)
            .filter(|moment| (self.now + 1..=self.now + UNDER_WAY_MS).contains(moment))
            .min()
        {
            self.now = near;
        }
        self.home.clock.set(self.now);
    }

    /// When it happened that was started.
    pub fn done(&mut self) -> Moment {
        let began = self.now;
        self.now = self.home.clock.now();
        began..=self.now
    }
}
