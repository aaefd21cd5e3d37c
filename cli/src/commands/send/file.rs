//! One text to each person of a file: checked as a whole, then stored slice by slice.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use csv::ByteRecord;
use otpost_shared::{
    Home,
    admission::Refused,
    message::batch::{self, Batch, BatchText, Filling, NewBatch, Outcome, SLICE},
    tenant::DEFAULT_TENANT,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    dry_run,
    failures::Failures,
    follow,
    people::{People, Scanned},
    summary::{Stop, Summary, Tally},
};
use crate::{
    args::SendOptions,
    commands::{PATIENCE, open_connected, progress::Progress, stop_signal},
    output::{Done, Failure},
};

pub async fn run(config: Option<&Path>, options: &SendOptions, path: &Path) -> Done {
    let quiet = options.print.json;
    let text = BatchText::parse(&options.text)
        .map_err(|error| Failure::misused(format!("--text: {error}")))?;
    let people = Arc::new(People::open(path, options.column.as_deref(), &text)?);
    let failures = Failures::of(&people, path, options.failures.as_deref())?;
    let scanned = scan(&people, path, quiet)?;
    let home = open_connected(config).await?;
    let key =
        options.idempotency_key.clone().unwrap_or_else(|| key(&people, &scanned, &options.text));
    let new = NewBatch { tenant_id: DEFAULT_TENANT, text, key: Some(key) };
    if options.dry_run {
        return dry_run::run(&home, &people, &scanned, new, failures, quiet).await;
    }
    let stop = stop_signal()?;
    let mut filling = open(&home, new).await?;
    let mut run = Run::new(people, failures, Progress::new("storing", scanned.rows, quiet));
    run.fill(&mut filling, &stop).await;
    if options.wait && run.ended.is_none() {
        run.wait(&home, filling.batch().id, &stop, quiet).await;
    }
    Ok(run.end(filling.batch(), scanned.rows, quiet))
}

async fn open(home: &Home, new: NewBatch) -> Result<Filling, Failure> {
    match batch::open(home, new).await {
        Ok(filling) => Ok(filling.patient(PATIENCE)),
        Err(Refused::KeyReused) => Err(Failure::misused("--key was used with another text")),
        Err(other) => Err(other.into()),
    }
}

fn scan(people: &People, path: &Path, quiet: bool) -> Result<Scanned, Failure> {
    let mut progress = Progress::new("reading", std::fs::metadata(path)?.len(), quiet);
    people.scan(|bytes| progress.set(bytes))
}

/// Stands for this text to these people: the same command again is a repeat of it, wherever the
/// file lies and whatever it is called.
fn key(people: &People, scanned: &Scanned, text: &str) -> String {
    format!("file:{}:{}:{text}", scanned.digest, people.to)
}

struct Run {
    people: Arc<People>,
    failures: Failures,
    tally: Tally,
    progress: Option<Progress>,
    /// The slices whose outcomes are not known yet.
    in_flight: VecDeque<Arc<Vec<ByteRecord>>>,
    /// Why it ended before its end.
    ended: Option<Stop>,
    /// How many messages are in which state, once they were followed.
    states: Option<BTreeMap<String, i64>>,
}

impl Run {
    fn new(people: Arc<People>, failures: Failures, progress: Progress) -> Self {
        Self {
            people,
            failures,
            tally: Tally::default(),
            progress: Some(progress),
            in_flight: VecDeque::new(),
            ended: None,
            states: None,
        }
    }

    /// Stores everybody.
    async fn fill(&mut self, filling: &mut Filling, stop: &CancellationToken) {
        if let Some(progress) = self.progress.as_ref().filter(|_| filling.batch().size > 0) {
            progress.say("A part of this was sent before; it is not repeated.");
        }
        self.ended = self.push(filling, stop).await.unwrap_or_else(|failure| Some(failure.into()));
        let last = filling.settle().await.map_err(Failure::from);
        if let Err(failure) = last.and_then(|outcomes| self.note(outcomes)) {
            self.ended = Some(failure.into());
        }
        self.progress = None;
    }

    async fn push(
        &mut self,
        filling: &mut Filling,
        stop: &CancellationToken,
    ) -> Result<Option<Stop>, Failure> {
        let mut records = self.people.records()?;
        while !stop.is_cancelled() {
            let slice = Arc::new(records.next(SLICE)?);
            if slice.is_empty() {
                return Ok(None);
            }
            let (people, rows) = (Arc::clone(&self.people), Arc::clone(&slice));
            self.in_flight.push_back(slice);
            let read = move || rows.iter().map(|record| people.row(record)).collect::<Vec<_>>();
            let outcomes = filling.push(read).await?;
            self.note(outcomes)?;
        }
        Ok(Some(Stop::Asked))
    }

    fn note(&mut self, outcomes: Vec<Outcome>) -> Result<(), Failure> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let records = self.in_flight.pop_front().unwrap_or_default();
        for (outcome, record) in outcomes.into_iter().zip(records.iter()) {
            match outcome.result {
                Ok(stored) if stored.repeated => self.tally.repeated += 1,
                Ok(_) => self.tally.accepted += 1,
                Err(refused) => self.tally.refuse(refused, record, &mut self.failures)?,
            }
        }
        if let Some(progress) = &mut self.progress {
            progress.set(self.tally.all());
        }
        Ok(())
    }

    /// Follows the messages until the last one is over.
    async fn wait(&mut self, home: &Home, id: Uuid, stop: &CancellationToken, quiet: bool) {
        let followed = match follow::follow(home, id, stop, quiet).await {
            Ok(followed) => followed,
            Err(failure) => {
                self.ended = Some(failure.into());
                return;
            }
        };
        self.states = Some(followed.states);
        if !followed.is_over {
            self.ended = Some(Stop::Asked);
            return;
        }
        let (batch, people) = (&followed.batch, &self.people);
        if let Err(failure) = follow::add_failures(home, batch, people, &mut self.failures).await {
            self.ended = Some(failure.into());
        }
    }

    /// Says what it came to, however it ended.
    fn end(mut self, batch: &Batch, rows: u64, quiet: bool) -> ExitCode {
        let (tally, states) = (&self.tally, self.states);
        let (failures, late) = match self.failures.finish(self.ended.is_none()) {
            Ok(path) => (path, None),
            Err(error) => (None, Some(Failure::from(error).into())),
        };
        let stop = self.ended.or(late);
        Summary { batch, rows, tally, stop, states, failures }.print(quiet)
    }
}
