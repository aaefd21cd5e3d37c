//! `--wait`: follows the messages of a batch until the last one is over.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use csv::ByteRecord;
use otpost_shared::{
    Home,
    db::patiently,
    message::{
        Message, State,
        batch::{self, Batch, Which},
    },
    tenant::DEFAULT_TENANT,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    failures::Failures,
    people::{People, Records},
};
use crate::{
    commands::{PATIENCE, progress::Progress},
    output::Failure,
};

/// Between two looks, at least.
const PAUSE: Duration = Duration::from_millis(500);
/// Nothing moving for so long is worth a word.
const STUCK: Duration = Duration::from_secs(15);
const PAGE: usize = 1_000;

/// Where the messages stand.
pub struct Followed {
    pub batch: Batch,
    pub states: BTreeMap<String, i64>,
    /// False when it was stopped before.
    pub is_over: bool,
}

pub async fn follow(
    home: &Home,
    id: Uuid,
    stop: &CancellationToken,
    quiet: bool,
) -> Result<Followed, Failure> {
    let gone = || Failure::new("the batch was removed meanwhile");
    let found = patiently(PATIENCE, || batch::find(&home.db, DEFAULT_TENANT, id)).await?;
    let batch = found.ok_or_else(gone)?;
    let mut progress = None;
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let looked = Instant::now();
        let states = patiently(PATIENCE, || batch::count_by_state(&home.db, &batch)).await?;
        let open: i64 = ["queued", "sending"].iter().filter_map(|s| states.get(*s)).sum();
        let all = states.values().sum::<i64>().unsigned_abs();
        let over = all - open.unsigned_abs();
        let progress = progress.get_or_insert_with(|| Progress::new("sending", all, quiet));
        progress.set(over);
        if open == 0 || stop.is_cancelled() {
            return Ok(Followed { batch, states, is_over: open == 0 });
        }
        if over != last {
            (last, moved) = (over, Instant::now());
        } else if moved.elapsed() > STUCK {
            progress.say("Nothing moves: is `otpost worker` or `otpost serve` running?");
            moved = Instant::now();
        }
        // A large batch takes a while to count, and should not be counted all the time.
        let pause = PAUSE.max(looked.elapsed() * 5);
        let _ = tokio::time::timeout(pause, stop.cancelled()).await;
    }
}

/// Adds those that were not sent, as they stood in the file, to the failures. Those that may have
/// been sent are none: whoever sends that file again would send to them twice.
pub async fn add_failures(
    home: &Home,
    batch: &Batch,
    people: &People,
    failures: &mut Failures,
) -> Result<(), Failure> {
    let mut rows = Rows { records: people.records()?, next: 0 };
    let mut after = batch.id;
    loop {
        let list = || batch::list(&home.db, batch, Which::NotSent, after, PAGE);
        let page = patiently(PATIENCE, list).await?;
        let not_sent = page.messages.iter().filter(|m| m.state != State::Unknown.as_str());
        for message in not_sent {
            if let Some(record) = rows.skip_to(batch::index_of(message.id))? {
                failures.add(&record, &message.state, reason(message))?;
            }
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

fn reason(message: &Message) -> &str {
    message.failure.as_deref().unwrap_or_default()
}

/// The file once more, in step with the messages.
struct Rows {
    records: Records,
    next: u32,
}

impl Rows {
    fn skip_to(&mut self, index: u32) -> Result<Option<ByteRecord>, std::io::Error> {
        loop {
            let record = self.records.next(1)?.pop();
            self.next += 1;
            if record.is_none() || self.next > index {
                return Ok(record);
            }
        }
    }
}
