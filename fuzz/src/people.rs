//! The file of people that `otpost send --to-file` reads.

use std::{fs, path::Path};

use otpost::people::{People, line_of};
use otpost_shared::message::batch::BatchText;

use super::first_line;

/// First line: the text. Rest: the file.
pub fn file(data: &[u8]) {
    let (text, file) = first_line(data);
    let Ok(text) = BatchText::parse(&String::from_utf8_lossy(text)) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("people.csv");
    fs::write(&path, file).expect("a file");
    match counted(&path, &text, file.len() as u64) {
        Ok(counted) => assert_eq!(counted, counted_again(&path, &text), "the same both times"),
        // It says which file, and on one line.
        Err(said) => assert!(said.contains("people.csv: ") && !said.contains('\n'), "{said}"),
    }
}

/// How many people the file is said to have.
fn counted(path: &Path, text: &BatchText, bytes: u64) -> Result<u64, String> {
    let people = People::open(path, None, text).map_err(|failure| failure.to_string())?;
    let mut last = 0;
    let scanned = people.scan(|seen| {
        // A last line need not be ended.
        assert!(last <= seen && seen <= bytes + 1, "{last} {seen} {bytes}");
        last = seen;
    });
    let scanned = scanned.map_err(|failure| failure.to_string())?;
    assert_eq!(scanned.digest.len(), 64);
    Ok(scanned.rows)
}

/// How many there are; each has every variable, or a reason.
fn counted_again(path: &Path, text: &BatchText) -> u64 {
    let people = People::open(path, None, text).expect("it was opened before");
    let mut records = people.records().expect("records");
    let (mut count, mut line) = (0, 1);
    loop {
        let some = records.next(3).expect("records");
        if some.is_empty() {
            return count;
        }
        for record in &some {
            assert!(line < line_of(record), "each begins after the last");
            line = line_of(record);
            match people.row(record) {
                Ok(row) => assert!(text.variables().all(|name| row.variables.contains_key(name))),
                Err(refused) => assert!(format!("{refused:?}").contains("cells"), "{refused:?}"),
            }
            count += 1;
        }
    }
}
