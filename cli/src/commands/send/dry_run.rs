//! `--dry-run`: checks every row as if it were sent, and says what it would come to.

use std::{collections::BTreeMap, process::ExitCode};

use otpost_shared::{
    Home,
    message::batch::{self, Checker, NewBatch, SLICE},
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
    let mut plan = Plan {
        sent_before: batch::find_known(home, &new).await?.map(|batch| moment(batch.created_at)),
        room: send_budget::room_today(home, DEFAULT_TENANT).await?,
        ..Plan::default()
    };
    let mut checker = Checker::new(home, DEFAULT_TENANT, new.text).await?;
    let mut progress = Progress::new("checking", scanned.rows, quiet);
    let mut records = people.records()?;
    loop {
        let slice = records.next(SLICE)?;
        if slice.is_empty() {
            break;
        }
        for record in &slice {
            let would = people.row(record).and_then(|row| checker.check(row, home.clock.now()));
            match would {
                Ok(row) if row.is_test => plan.tests += 1,
                Ok(row) => {
                    plan.tally.accepted += 1;
                    *plan.parts.entry(Segments::of(&row.text).count).or_default() += 1;
                    let country = row.to.region().unwrap_or("other").to_owned();
                    *plan.countries.entry(country).or_default() += 1;
                }
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
        if self.tests > 0 {
            say!("{:>11} to test numbers, which nothing is sent to", self.tests);
        }
        say!("{:>11} would be refused", self.tally.refused());
        self.tally.say_refused();
        if let Some(path) = failures {
            say!("{} has the rows to be mended, with their reasons.", path.display());
        }
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
