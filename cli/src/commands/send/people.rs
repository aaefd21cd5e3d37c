//! A file of people: CSV with a header, one column of numbers, the others variables.

mod rows;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use csv::ByteRecord;
use otpost_shared::{
    message::batch::{BatchText, Row, RowRefused},
    template::RESERVED,
};

pub use self::rows::line_of;
use self::rows::{Hashing, LONGEST_ROW, Rows, is_blank};
use crate::output::Failure;

/// Names of the column of numbers, the surest first.
const NUMBERS: [&str; 6] = ["to", "phone", "number", "msisdn", "phone_number", "mobile"];
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What is known of the file before the first person is read.
#[derive(Debug)]
pub struct People {
    path: PathBuf,
    /// Where the header begins: after the byte order mark, if there is one.
    start: u64,
    pub delimiter: u8,
    pub header: ByteRecord,
    /// The column of the numbers.
    pub to: usize,
    /// The columns that the text names, and their names.
    variables: Vec<(usize, String)>,
}

/// What a walk through the whole file tells.
#[derive(Debug)]
pub struct Scanned {
    pub rows: u64,
    /// Stands for the content of the file and nothing else.
    pub digest: String,
}

impl People {
    /// Reads the header.
    ///
    /// # Errors
    /// What cannot be read, or lacks what `text` needs; the sentence names the file and the way out.
    pub fn open(path: &Path, column: Option<&str>, text: &BatchText) -> Result<Self, Failure> {
        let at = |said: String| Failure::misused(format!("{}: {said}", path.display()));
        let mut file = File::open(path).map_err(|error| at(error.to_string()))?;
        if !file.metadata().map_err(|error| at(error.to_string()))?.is_file() {
            return Err(at("must be a file, because it is read twice".into()));
        }
        let mut begin = Vec::new();
        file.by_ref().take(64 * 1024).read_to_end(&mut begin).map_err(|e| at(e.to_string()))?;
        if begin.starts_with(b"\xff\xfe") || begin.starts_with(b"\xfe\xff") {
            return Err(at("is UTF-16; save it as CSV in UTF-8".into()));
        }
        let start = if begin.starts_with(BOM) { BOM.len() } else { 0 };
        let begin = begin.get(start..).unwrap_or_default();
        let delimiter = delimiter(begin);
        let mut people = Self {
            path: path.to_owned(),
            start: start as u64,
            delimiter,
            header: ByteRecord::new(),
            to: 0,
            variables: Vec::new(),
        };
        let mut header = Rows::new(begin, delimiter);
        if !header.read(&mut people.header).map_err(|e| at(e.to_string()))? {
            return Err(at("is empty; its first line names the columns, such as: to,name".into()));
        }
        if header.is_open() {
            return Err(at(endless(1)));
        }
        people.choose(column, text).map_err(at)?;
        Ok(people)
    }

    /// Finds the column of numbers, and those that the text names.
    fn choose(&mut self, column: Option<&str>, text: &BatchText) -> Result<(), String> {
        let names: Vec<String> = self
            .header
            .iter()
            .map(|name| std::str::from_utf8(name).map(name_of))
            .collect::<Result<_, _>>()
            .map_err(|_| not_utf8(1))?;
        let listed = names.join(", ");
        if names
            .iter()
            .any(|name| name.len() > 5 && name.bytes().all(|b| b"0123456789_".contains(&b)))
        {
            return Err(
                "has no header: its first line must name the columns, such as: to,name".into()
            );
        }
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        self.to = match column {
            Some(column) => find(&name_of(column))
                .ok_or_else(|| format!("has no column {column:?}; there are: {listed}"))?,
            None => NUMBERS.iter().find_map(|name| find(name)).ok_or_else(|| {
                format!("has no column to, phone, number or msisdn; say which one holds the numbers with --column; there are: {listed}")
            })?,
        };
        // Which of them is meant nobody can tell, and the other one's people would be left out.
        let chosen = &names[self.to];
        if names.iter().filter(|name| *name == chosen).count() > 1 {
            return Err(format!(
                "two columns are called {chosen}; rename the one that does not hold the numbers"
            ));
        }
        if let Some(name) = RESERVED
            .iter()
            .find(|n| find(n).is_some() && text.template_names().any(|named| named == **n))
        {
            return Err(format!(
                "{{{name}}} is filled in by the service; rename the column {name} and the placeholder"
            ));
        }
        for name in text.variables() {
            let mut places = names.iter().enumerate().filter(|(_, n)| *n == name).map(|(at, _)| at);
            match (places.next(), places.next()) {
                (Some(at), None) => self.variables.push((at, name.to_owned())),
                (None, _) => {
                    return Err(format!(
                        "the text names {{{name}}}, but the columns are: {listed}"
                    ));
                }
                (Some(_), Some(_)) => {
                    return Err(format!("two columns are called {name}, which the text names"));
                }
            }
        }
        Ok(())
    }

    /// The people, from the first.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn records(&self) -> io::Result<Records> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut rows = Rows::new(file, self.delimiter);
        rows.read(&mut ByteRecord::new())?;
        Ok(Records(rows))
    }

    /// Walks through the whole file: it must be readable to its end before anything is sent. `seen`
    /// is told how many bytes it has come past.
    ///
    /// # Errors
    /// It cannot be read to its end; the sentence names the line. Nobody is in it.
    pub fn scan(&self, mut seen: impl FnMut(u64)) -> Result<Scanned, Failure> {
        let at = |said: String| Failure::misused(format!("{}: {said}", self.path.display()));
        let mut file = File::open(&self.path).map_err(|e| at(e.to_string()))?;
        file.seek(SeekFrom::Start(self.start)).map_err(|e| at(e.to_string()))?;
        let mut reader = Rows::new(Hashing::new(file), self.delimiter);
        let (mut record, mut rows) = (ByteRecord::new(), 0);
        loop {
            let line = reader.line();
            match reader.read(&mut record) {
                Ok(true) if record.as_slice().len() <= LONGEST_ROW && !reader.is_open() => {}
                Ok(false) => break,
                Err(error) if !reader.source().is_endless() => return Err(at(error.to_string())),
                Ok(true) | Err(_) => return Err(at(endless(line))),
            }
            reader.source().end_row();
            if std::str::from_utf8(record.as_slice()).is_err() {
                return Err(at(not_utf8(line_of(&record))));
            }
            rows += u64::from(!is_blank(&record));
            seen(reader.passed());
        }
        let digest = reader.source().digest();
        // The header is no person.
        match rows.checked_sub(1) {
            Some(0) | None => Err(at("has a header and nobody else".into())),
            Some(rows) => Ok(Scanned { rows, digest }),
        }
    }

    /// A person as a row of the batch.
    ///
    /// # Errors
    /// It has more or fewer cells than the header.
    pub fn row(&self, record: &ByteRecord) -> Result<Row, RowRefused> {
        if record.len() != self.header.len() {
            return Err(RowRefused::Malformed(format!(
                "this row has {} cells and the header {}; quote cells that hold a separator",
                record.len(),
                self.header.len()
            )));
        }
        let cell = |at: usize| String::from_utf8_lossy(record.get(at).unwrap_or_default());
        let variables: BTreeMap<_, _> = self
            .variables
            .iter()
            .map(|(at, name)| (name.clone(), cell(*at).trim().to_owned()))
            .collect();
        Ok(Row { to: cell(self.to).trim().to_owned(), variables, reference: None })
    }
}

/// The rows of a file that are not blank.
pub struct Records(Rows<File>);

impl Records {
    /// Up to `most` more; none at the end.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn next(&mut self, most: usize) -> io::Result<Vec<ByteRecord>> {
        let mut records = Vec::new();
        while records.len() < most {
            let mut record = ByteRecord::new();
            if !self.0.read(&mut record)? {
                break;
            }
            if !is_blank(&record) {
                records.push(record);
            }
        }
        Ok(records)
    }
}

fn not_utf8(line: u64) -> String {
    format!(
        "line {line} is not UTF-8, perhaps Latin-1; save the file as UTF-8, or: \
         iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv"
    )
}

fn endless(line: u64) -> String {
    format!("the row of line {line} does not end; is a quote missing?")
}

/// The separator that the first line has most of.
fn delimiter(begin: &[u8]) -> u8 {
    let first = begin.split(|byte| *byte == b'\n' || *byte == b'\r').next().unwrap_or_default();
    let count = |wanted: u8| first.split(|byte| *byte == wanted).count();
    // Of equals the last one counts.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// How a column is named in a text: `First Name` as `first_name`.
fn name_of(header: &str) -> String {
    let lower = header.trim().to_lowercase();
    let mut name = String::with_capacity(lower.len());
    for character in lower.chars() {
        if character.is_alphanumeric() {
            name.push(character);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_matches('_').to_owned()
}
