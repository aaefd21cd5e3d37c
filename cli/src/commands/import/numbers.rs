//! `otpost import django-numbers`: of a table of django-phone-verify, the numbers that were verified.
//!
//! Nothing else of it is worth taking over: codes and tokens end within minutes, and whoever has none begins
//! anew. A file that still holds codes is refused, for codes have no business in files.

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path, process::ExitCode};

use otpost_shared::recipient::Recipient;
use serde_json::{Map, Value, json};

use super::is_json;
use crate::{
    args::ImportNumbers,
    output::{Done, Failure, print_json, say},
};

/// What an export must not hold.
const CODE: &str = "security_code";
/// What it must hold, and what is used if it is there.
const NUMBER: &str = "phone_number";
const VERIFIED: &str = "is_verified";
const MOMENTS: [&str; 2] = ["modified_at", "created_at"];

const TRUE: [&str; 4] = ["t", "true", "1", "yes"];

pub(super) fn django_numbers(options: &ImportNumbers) -> Done {
    let mut numbers = Numbers::default();
    if is_json(&options.file) {
        of_json(&options.file, &mut numbers)?;
    } else {
        of_csv(&options.file, &mut numbers)?;
    }
    if options.print.json {
        let rows = numbers.verified.iter().map(|(to, at)| json!({ "to": to, "verified_at": at }));
        print_json(&rows.collect::<Vec<_>>().into());
    } else {
        for number in numbers.verified.keys() {
            say!("{number}");
        }
    }
    eprintln!(
        "{} numbers were verified. Of {} rows {} were not, and {} have no valid number.",
        numbers.verified.len(),
        numbers.rows,
        numbers.unverified,
        numbers.invalid
    );
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Default)]
struct Numbers {
    /// With the last moment that a row names.
    verified: BTreeMap<String, Option<String>>,
    rows: u64,
    unverified: u64,
    invalid: u64,
}

impl Numbers {
    /// Takes one row, whose fields `get` finds by name.
    fn take(&mut self, get: impl Fn(&str) -> Option<String>) -> Result<(), Failure> {
        self.rows += 1;
        if get(CODE).is_some_and(|code| !code.is_empty()) {
            return Err(Failure::new(format!(
                "row {} holds a code. Export the table without {CODE}, such as: SELECT {NUMBER}, \
                 {VERIFIED}, modified_at FROM sms_verification; and delete this file",
                self.rows
            )));
        }
        let (Some(number), Some(verified)) = (get(NUMBER), get(VERIFIED)) else {
            let said = format!("row {} has no {NUMBER} or no {VERIFIED}", self.rows);
            return Err(Failure::new(said));
        };
        if !TRUE.contains(&verified.to_ascii_lowercase().as_str()) {
            self.unverified += 1;
            return Ok(());
        }
        let Ok(to) = Recipient::parse(&number, None) else {
            self.invalid += 1;
            return Ok(());
        };
        let at = MOMENTS.into_iter().find_map(&get).filter(|at| !at.is_empty());
        let last = self.verified.entry(to.address().to_owned()).or_default();
        // Moments of one database are written alike, and sort as texts.
        *last = last.take().max(at);
        Ok(())
    }
}

fn of_csv(path: &Path, numbers: &mut Numbers) -> Result<(), Failure> {
    let wrong = |error: csv::Error| Failure::new(format!("{}: {error}", path.display()));
    let mut reader = csv::Reader::from_path(path).map_err(wrong)?;
    let names = reader.headers().map_err(wrong)?.clone();
    for row in reader.records() {
        let row = row.map_err(wrong)?;
        numbers.take(|name| {
            let place = names.iter().position(|column| column.trim() == name)?;
            row.get(place).map(|field| field.trim().to_owned())
        })?;
    }
    Ok(())
}

/// A list of rows, as `dumpdata` writes it or without its frame.
fn of_json(path: &Path, numbers: &mut Numbers) -> Result<(), Failure> {
    let wrong = |said: String| Failure::new(format!("{}: {said}", path.display()));
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let rows: Vec<Map<String, Value>> = serde_json::from_reader(BufReader::new(file))
        .map_err(|error| wrong(format!("not a list of JSON objects: {error}")))?;
    for row in &rows {
        let fields = match (row.get("model"), row.get("fields")) {
            (None, _) => row,
            (Some(Value::String(model)), Some(Value::Object(fields)))
                if model.eq_ignore_ascii_case("phone_verify.smsverification") =>
            {
                fields
            }
            // A dump may hold other tables.
            (Some(_), _) => continue,
        };
        numbers.take(|name| match fields.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })?;
    }
    Ok(())
}
