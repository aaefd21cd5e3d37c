//! One message on its way: composed, attempted along the chain, recorded under its epoch.

use std::{fmt, time::Duration};

use otpost_shared::{
    Home,
    attempt::{self, Attempt, Ending},
    clock::Millis,
    db::DbError,
    message::{self, Message, Next, Recording},
    outcome::ErrorClass,
    recipient::Recipient,
    secrets::{Code, SecretError},
    verification::{self, Status},
};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{Chain, Situation, Step},
    jobs::send_message::Work,
    provider::{Outcome, Outgoing},
};

/// What one attempt may take, from first byte to last.
const ATTEMPT: Duration = Duration::from_secs(5);
/// No first byte leaves with less lease than this.
const LEAST_LEASE_MS: i64 = 5_500;
/// How long a message waits that could not be begun.
const PUT_OFF_MS: i64 = 1_000;
/// How long an outcome is held on to while the database is away.
const RECORD_FOR: Duration = Duration::from_secs(30);

/// Why a delivery stopped short; the row is taken up again when its lease runs out.
#[derive(Debug)]
pub enum CourierError {
    Db(DbError),
    Secret(SecretError),
}

impl fmt::Display for CourierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Db(error) => error.fmt(f),
            Self::Secret(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CourierError {}

impl From<DbError> for CourierError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<SecretError> for CourierError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

/// Delivers messages; shared by all jobs of a process.
pub struct Courier {
    home: Home,
    chain: Chain,
    stop: CancellationToken,
}

/// What a person is to read, and where.
struct Letter {
    to: Recipient,
    text: String,
    /// The code in the text, which no provider's words may carry back to us.
    code: Option<Code>,
}

/// Which attempt comes next.
#[derive(Clone, Copy)]
struct Plan {
    number: i32,
    /// Index into the chain.
    place: usize,
}

/// An attempt whose row is written, and which may begin.
struct Begun {
    letter: Letter,
    plan: Plan,
    lease_until: Millis,
}

/// What kept a message from being sent before anything was.
struct Stopped {
    error: CourierError,
    /// The attempt whose row may or may not have been written.
    number: Option<i32>,
}

impl Courier {
    #[must_use]
    pub fn new(home: Home, chain: Chain, stop: CancellationToken) -> Self {
        Self { home, chain, stop }
    }

    /// Delivers one message as far as it gets now.
    ///
    /// # Errors
    /// The database or a key is missing; the row is then taken up again by itself.
    pub async fn deliver(&self, work: Work) -> Result<(), CourierError> {
        let row = match work {
            Work::Claimed(row) => *row,
            Work::Hint(id) => {
                let claimed = message::claim(&self.home.db, &[id], self.now()).await?;
                // Nothing returned: the hint is stale.
                let Some(row) = claimed.into_iter().next() else { return Ok(()) };
                row
            }
        };
        let (begun, mut attempts) = match self.begin(&row).await {
            Ok(Some(begun)) => begun,
            Ok(None) => return Ok(()),
            Err(stopped) => return self.put_off(&row, stopped).await,
        };
        let Begun { letter, mut plan, mut lease_until } = begun;
        loop {
            let (ended, ending) = self.attempt(&row, &letter, plan, lease_until).await;
            attempts.push(ended);
            let (next, planned) = self.next(&row, &attempts);
            let lease = self.settle(&row, Some((plan.number, ending)), next).await?;
            // What was planned is in the row by now, so it is what happens.
            let (Some(planned), Some(until)) = (planned, lease) else { return Ok(()) };
            plan = planned;
            lease_until = until;
        }
    }

    /// Everything before the first byte: the text, the decision, the attempt's row. None when
    /// there is nothing to send, or not now; that is written down already.
    async fn begin(&self, row: &Message) -> Result<Option<(Begun, Vec<Attempt>)>, Stopped> {
        let stopped = |error: CourierError| Stopped { error, number: None };
        let Some(letter) = self.compose(row).await.map_err(stopped)? else {
            self.settle(row, None, Next::Cancel).await.map_err(|e| stopped(e.into()))?;
            return Ok(None);
        };
        let mut attempts = Vec::new();
        if row.epoch > 1 {
            let list = attempt::list_by_message(&self.home.db, row.id).await;
            attempts = list.map_err(|e| stopped(e.into()))?;
        }
        let (next, planned) = self.next(row, &attempts);
        let Some(plan) = planned else {
            self.settle(row, None, next).await.map_err(|e| stopped(e.into()))?;
            return Ok(None);
        };
        let step = Recording { message: row, ended: None, next, now: self.now() };
        let written = message::record(&self.home.db, &[step]).await;
        let leases = written.map_err(|e| Stopped { error: e.into(), number: Some(plan.number) })?;
        // None: it ended meanwhile, and that is written down too.
        let Some(lease_until) = leases.into_iter().next().flatten() else { return Ok(None) };
        Ok(Some((Begun { letter, plan, lease_until }, attempts)))
    }

    /// Nothing was sent: the message goes back into the queue instead of waiting for its lease.
    async fn put_off(&self, row: &Message, stopped: Stopped) -> Result<(), CourierError> {
        tracing::warn!(message.id = %row.id, error = %stopped.error, "put off");
        // Its commit may have landed although its answer did not.
        let ended = stopped.number.map(|number| {
            let detail = "the database did not answer in time; nothing was sent".to_owned();
            let ending = Ending {
                outcome: ErrorClass::Transient,
                provider_message_id: None,
                error_code: None,
                detail: Some(detail),
                retry_at: None,
            };
            (number, ending)
        });
        let not_before = self.now() + PUT_OFF_MS;
        self.settle(row, ended, Next::Wait { not_before }).await?;
        Ok(())
    }

    fn now(&self) -> Millis {
        self.home.clock.now()
    }

    /// What the message says and to whom; none when there is nothing to say any more.
    async fn compose(&self, row: &Message) -> Result<Option<Letter>, CourierError> {
        let keys = &self.home.keys;
        let Some(verification_id) = row.verification_id else {
            let (to, text) = (row.recipient(keys)?, row.body(keys)?);
            return Ok(to.zip(text).map(|(to, text)| Letter { to, text, code: None }));
        };
        let Some(of) = verification::find(&self.home.db, verification_id).await? else {
            return Ok(None);
        };
        if of.status(self.now()) != Status::Pending || of.generation != row.generation {
            return Ok(None);
        }
        let Some(code) = of.code(keys)? else { return Ok(None) };
        let config = &self.home.config;
        let Some(policy) =
            config.purposes.get(&of.purpose).or_else(|| config.purposes.get("default"))
        else {
            return Ok(None);
        };
        let mut values = of.variables(keys)?;
        let minutes = (of.expires_at - of.created_at) / 60_000;
        values.insert("code".into(), code.as_str().to_owned());
        values.insert("app".into(), config.texts.app.clone());
        values.insert("minutes".into(), minutes.max(1).to_string());
        let text = policy.template.render(&values);
        Ok(Some(Letter { to: of.recipient(keys)?, text, code: Some(code) }))
    }

    /// What comes next, by the chain's rule; a process that stops begins nothing new.
    fn next(&self, row: &Message, attempts: &[Attempt]) -> (Next, Option<Plan>) {
        if attempts.last().and_then(Attempt::outcome) == Some(ErrorClass::Ok) {
            return (Next::Sent, None);
        }
        let now = self.now();
        let step = self.chain.decide(&Situation {
            lane: row.lane(),
            attempts,
            now,
            deadline: row.deadline,
            jitter: rand::random::<f64>(),
        });
        match step {
            Step::Try(_) if self.stop.is_cancelled() => (Next::Wait { not_before: now }, None),
            Step::Try(place) => {
                let number = attempts.last().map_or(1, |a| a.number + 1);
                let provider = self.chain.links()[place].name.clone();
                (Next::Try { number, provider }, Some(Plan { number, place }))
            }
            Step::Wait { until } => (Next::Wait { not_before: until }, None),
            Step::End(end) => (Next::End(end), None),
        }
    }

    /// One attempt, whose row is written already. Nothing is sent with too little lease left.
    async fn attempt(
        &self,
        row: &Message,
        letter: &Letter,
        plan: Plan,
        lease_until: Millis,
    ) -> (Attempt, Ending) {
        let number = plan.number;
        let link = &self.chain.links()[plan.place];
        let now = self.now();
        let outcome = if lease_until - now < LEAST_LEASE_MS || row.deadline <= now {
            Outcome::refused(ErrorClass::Transient, None, "too little time was left to begin")
        } else {
            let out = Outgoing {
                message_id: row.id,
                attempt: number,
                to: letter.to.clone(),
                text: letter.text.clone(),
                validity: Duration::from_millis((row.deadline - now).unsigned_abs()),
            };
            match tokio::time::timeout(ATTEMPT, link.provider.send(&out)).await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::refused(ErrorClass::Unknown, None, "no answer within 5 s"),
            }
        };
        let finished_at = self.now();
        let retry_at = outcome
            .retry_after
            .map(|wait| finished_at + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2));
        if let Some(until) = retry_at {
            self.chain.pause(&link.name, until);
        }
        self.count(row, &link.name, outcome.class, finished_at - now);
        let ending = Ending {
            outcome: outcome.class,
            provider_message_id: outcome.provider_message_id,
            error_code: outcome.code.map(|code| shortened(&letter.redacted(&code), 32)),
            detail: outcome.detail.map(|detail| shortened(&letter.redacted(&detail), 300)),
            retry_at,
        };
        let mut ended = Attempt::of(number, &link.name, Some(ending.outcome), finished_at);
        ended.error_code.clone_from(&ending.error_code);
        ended.detail.clone_from(&ending.detail);
        ended.retry_at = retry_at;
        (ended, ending)
    }

    fn count(&self, row: &Message, provider: &str, class: ErrorClass, took_ms: i64) {
        let provider = provider.to_owned();
        metrics::counter!("otpost_attempts_total", "provider" => provider.clone(), "outcome" => class.as_str())
            .increment(1);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one attempt")]
        metrics::histogram!("otpost_attempt_seconds", "provider" => provider)
            .record(took_ms as f64 / 1_000.0);
        if class == ErrorClass::Ok {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of one message")]
            metrics::histogram!("otpost_accept_to_sent_seconds", "lane" => row.lane().as_str())
                .record((self.now() - row.created_at) as f64 / 1_000.0);
        }
    }

    /// Writes a step down, and holds on to it for a while when the database is away: an outcome
    /// that is lost costs the person a second SMS.
    async fn settle(
        &self,
        row: &Message,
        ended: Option<(i32, Ending)>,
        next: Next,
    ) -> Result<Option<Millis>, DbError> {
        let give_up = tokio::time::Instant::now() + RECORD_FOR;
        let mut pause = Duration::from_millis(50);
        loop {
            let recording = Recording {
                message: row,
                ended: ended.clone(),
                next: next.clone(),
                now: self.now(),
            };
            match message::record(&self.home.db, &[recording]).await {
                Err(DbError::Unavailable(_) | DbError::Undecided(_) | DbError::Locked)
                    if tokio::time::Instant::now() < give_up =>
                {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                result => return Ok(result?.into_iter().next().flatten()),
            }
        }
    }
}

impl Letter {
    /// A provider's words without the code and without numbers.
    fn redacted(&self, words: &str) -> String {
        match &self.code {
            Some(code) => without_numbers(&words.replace(code.as_str(), "[code]")),
            None => without_numbers(words),
        }
    }
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Takes out runs of seven or more digits, with what people write between them: providers like
/// to repeat the number.
fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() || (!run.is_empty() && matches!(c, ' ' | '-' | '(' | ')' | '.')) {
            run.push(c);
            continue;
        }
        if run.chars().filter(char::is_ascii_digit).count() >= 7 {
            kept.push_str("[number]");
            kept.extend(run.chars().rev().take_while(|c| !c.is_ascii_digit()));
        } else {
            kept.push_str(&run);
        }
        run.clear();
        if c != '\0' {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn numbers_are_taken_out_of_what_providers_say() {
        assert_eq!(
            without_numbers("The 'To' number +15005550001 is not valid."),
            "The 'To' number +[number] is not valid."
        );
        assert_eq!(without_numbers("to 49 (151) 123-456 78 failed"), "to [number] failed");
        assert_eq!(without_numbers("error 21211, see 30003"), "error 21211, see 30003");
    }
}
