//! A file of people: CSV with a header, one column of numbers, the others variables.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use otpost_shared::{
    message::batch::{BatchText, Row, RowRefused},
    template::RESERVED,
};
use sha2::{Digest, Sha256};

use crate::output::Failure;

/// Names of the column of numbers, the surest first.
const NUMBERS: [&str; 6] = ["to", "phone", "number", "msisdn", "phone_number", "mobile"];
const BOM: &[u8] = b"\xef\xbb\xbf";
/// A longer row is one whose quote was not closed.
const LONGEST_ROW: usize = 256 * 1024;
/// Bytes that are read at once.
const READ_AHEAD: usize = 1 << 20;

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
        let mut header = people.reader(begin);
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

    fn reader<R: Read>(&self, source: R) -> Rows<R> {
        let plain = Plain { inner: source, after_return: false, added: 0, passed: 0 };
        let reader = ReaderBuilder::new()
            .delimiter(self.delimiter)
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(READ_AHEAD)
            .from_reader(plain);
        Rows { reader }
    }

    /// The people, from the first.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn records(&self) -> io::Result<Records> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut rows = self.reader(file);
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
        let hashing = Hashing { inner: file, hash: Sha256::new(), since: 0 };
        let mut reader = self.reader(hashing);
        let (mut record, mut rows) = (ByteRecord::new(), 0);
        loop {
            let line = reader.line();
            match reader.read(&mut record) {
                Ok(true) if record.as_slice().len() <= LONGEST_ROW && !reader.is_open() => {}
                Ok(false) => break,
                Err(error) if !reader.source().is_endless() => return Err(at(error.to_string())),
                Ok(true) | Err(_) => return Err(at(endless(line))),
            }
            reader.source().since = 0;
            if std::str::from_utf8(record.as_slice()).is_err() {
                return Err(at(not_utf8(line_of(&record))));
            }
            rows += u64::from(!is_blank(&record));
            seen(reader.reader.position().byte());
        }
        let digest = reader.reader.into_inner().inner.hash.finalize();
        let digest = digest.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
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

/// A CSV reader whose records know the line they begin in.
struct Rows<R> {
    reader: Reader<Plain<R>>,
}

impl<R: Read> Rows<R> {
    /// Reads the next row; false at the end.
    fn read(&mut self, record: &mut ByteRecord) -> Result<bool, csv::Error> {
        let found = self.reader.read_byte_record(record)?;
        // The reader's own idea of where it begins is before the blank lines it passed over.
        if found && let Some(mut at) = record.position().cloned() {
            let within = record.as_slice().split(|byte| *byte == b'\n').count() as u64 - 1;
            at.set_line(self.line() - within - u64::from(!self.is_open()));
            record.set_position(Some(at));
        }
        Ok(found)
    }

    /// The line that comes next.
    fn line(&self) -> u64 {
        self.reader.position().line()
    }

    /// The row that was read last has swallowed even what was added to the end.
    fn is_open(&self) -> bool {
        let plain = self.reader.get_ref();
        plain.added == ADDED && self.reader.position().byte() == plain.passed
    }

    fn source(&mut self) -> &mut R {
        &mut self.reader.get_mut().inner
    }
}

/// Every line ends with one line feed, however it did, and two more come at the end: the first ends
/// a last line without one, the second is left over unless a quote is open.
struct Plain<R> {
    inner: R,
    after_return: bool,
    /// Of the line feeds at the end.
    added: u8,
    /// Bytes that were handed on.
    passed: u64,
}

/// Line feeds that come after the end.
const ADDED: u8 = 2;

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut kept = 0;
        while kept == 0 && !buffer.is_empty() {
            let read = self.inner.read(buffer)?;
            if read == 0 {
                if self.added < ADDED
                    && let Some(first) = buffer.first_mut()
                {
                    *first = b'\n';
                    self.added += 1;
                    kept = 1;
                }
                break;
            }
            if !self.after_return && !buffer[..read].contains(&b'\r') {
                kept = read;
                break;
            }
            for at in 0..read {
                let byte = buffer[at];
                if byte != b'\n' || !self.after_return {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
                self.after_return = byte == b'\r';
            }
        }
        self.passed += kept as u64;
        Ok(kept)
    }
}

/// The line a row begins in, counted from 1.
#[must_use]
pub fn line_of(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// Spreadsheets like to end with rows of nothing but separators.
fn is_blank(record: &ByteRecord) -> bool {
    record.iter().all(|cell| cell.trim_ascii().is_empty())
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

/// Hashes what passes through, and ends where a row does not.
struct Hashing {
    inner: File,
    hash: Sha256,
    /// Bytes since the end of a row.
    since: usize,
}

impl Hashing {
    fn is_endless(&self) -> bool {
        self.since > LONGEST_ROW + READ_AHEAD
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.since += read;
        if self.is_endless() {
            return Err(io::Error::other("a row does not end"));
        }
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
