//! `--dry-run`: checks every row as if it were sent, and says what it would come to.

use std::{collections::BTreeMap, process::ExitCode};

use otpost_shared::{
    Home,
    message::batch::{self, Checker, Foreseen, NewBatch, SLICE},
    segments::Segments,
    send_budget,
    tenant::DEFAULT_TENANT,
};
use serde_json::json;

use super::{
    failures::Failures,
    people::{People, Scanned},
    summary::Tally,
};
use crate::{
    commands::progress::Progress,
    output::{Done, moment, print_json, say},
};

/// What would be sent.
#[derive(Default)]
struct Plan {
    tally: Tally,
    tests: u64,
    /// Messages by the number of parts they have on the air.
    parts: BTreeMap<usize, u64>,
    countries: BTreeMap<String, u64>,
    /// When the same was sent before.
    sent_before: Option<String>,
    /// How many more the cap of the day allows.
    room: Option<i64>,
}

pub async fn run(
    home: &Home,
    people: &People,
    scanned: &Scanned,
    new: NewBatch,
    mut failures: Failures,
    quiet: bool,
) -> Done {
    let known = batch::find_known(home, &new).await?;
    let mut plan = Plan {
        sent_before: known.as_ref().map(|batch| moment(batch.created_at)),
        room: send_budget::room_today(home, DEFAULT_TENANT).await?,
        ..Plan::default()
    };
    let mut checker = Checker::new(home, DEFAULT_TENANT, new.text).await?;
    let mut progress = Progress::new("checking", scanned.rows, quiet);
    let (mut records, mut first) = (people.records()?, 0);
    loop {
        let slice = records.next(SLICE)?;
        if slice.is_empty() {
            break;
        }
        let now = home.clock.now();
        let check = |record| people.row(record).and_then(|row| checker.check(row, now));
        let rows = slice.iter().map(check).collect();
        let foreseen = checker.foresee(known.as_ref(), first, rows).await?;
        first += u32::try_from(slice.len()).unwrap_or(u32::MAX);
        for (would, record) in foreseen.into_iter().zip(&slice) {
            match would {
                Ok(foreseen) => plan.add(&foreseen),
                Err(refused) => plan.tally.refuse(refused, record, &mut failures)?,
            }
        }
        progress.set(plan.tally.all() + plan.tests);
    }
    drop(progress);
    let path = failures.finish(true)?;
    if quiet {
        print_json(&plan.json(scanned.rows, path));
    } else {
        plan.say(path);
    }
    Ok(if plan.tally.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Plan {
    fn add(&mut self, Foreseen { row, is_stored }: &Foreseen) {
        if *is_stored {
            self.tally.repeated += 1;
        } else if row.is_test {
            self.tests += 1;
        } else {
            self.tally.accepted += 1;
            *self.parts.entry(Segments::of(&row.text).count).or_default() += 1;
            let country = row.to.region().unwrap_or("other").to_owned();
            *self.countries.entry(country).or_default() += 1;
        }
    }

    fn all_parts(&self) -> u64 {
        self.parts.iter().map(|(parts, count)| *parts as u64 * count).sum()
    }

    fn json(&self, rows: u64, failures: Option<&std::path::Path>) -> serde_json::Value {
        json!({
            "dry_run": true,
            "rows": rows,
            "would_send": self.tally.accepted,
            "segments": self.all_parts(),
            "messages_by_segments": self.parts,
            "countries": self.countries,
            "stored_before": self.tally.repeated,
            "test_numbers": self.tests,
            "refused": self.tally.refused(),
            "refused_by_code": self.tally.refused,
            "left_out": self.tally.left_out.to_json(),
            "sent_before": self.sent_before,
            "daily_cap_leaves": self.room,
            "failures": failures,
        })
    }

    fn say(&self, failures: Option<&std::path::Path>) {
        say!("{:>11} would be sent, as {} SMS", self.tally.accepted, self.all_parts());
        for (parts, count) in &self.parts {
            say!("  {count:>9} of {parts} SMS each");
        }
        for (country, count) in &self.countries {
            say!("  {count:>9} to {country}");
        }
        if self.tally.repeated > 0 {
            say!("{:>11} stored before, and not sent again", self.tally.repeated);
        }
        if self.tests > 0 {
            say!("{:>11} to test numbers, which nothing is sent to", self.tests);
        }
        say!("{:>11} would be refused", self.tally.refused());
        self.tally.say_refused();
        if let Some(path) = failures {
            say!("{} has the rows to be mended, with their reasons.", path.display());
        }
        self.tally.say_suppressed();
        self.tally.left_out.say();
        if let Some(room) = self.room {
            say!("The daily cap leaves room for {room}.");
        }
        if let Some(at) = &self.sent_before {
            say!("This was sent before, at {at}: only what is not stored yet would be sent.");
        }
        say!("Nothing was sent.");
    }
}
