//! Rows of CSV out of a file that anything may have written: line ends of every kind, blank lines,
//! a quote that is never closed.

use std::{
    fs::File,
    io::{self, Read},
};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use otpost_shared::secrets;
use sha2::{Digest, Sha256};

/// A longer row is one whose quote was not closed.
pub(super) const LONGEST_ROW: usize = 256 * 1024;
/// Bytes that are read at once.
const READ_AHEAD: usize = 1 << 20;

/// A CSV reader whose records know the line they begin in.
pub(super) struct Rows<R> {
    reader: Reader<Plain<R>>,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(source: R, delimiter: u8) -> Self {
        let plain = Plain { inner: source, after_return: false, added: 0, passed: 0 };
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(READ_AHEAD)
            .from_reader(plain);
        Self { reader }
    }

    /// Reads the next row; false at the end.
    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<bool, csv::Error> {
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
    pub(super) fn line(&self) -> u64 {
        self.reader.position().line()
    }

    /// The row that was read last has swallowed even what was added to the end.
    pub(super) fn is_open(&self) -> bool {
        let plain = self.reader.get_ref();
        plain.added == ADDED && self.reader.position().byte() == plain.passed
    }

    /// Bytes of the source that rows were made of, as far as they are known to be whole.
    pub(super) fn passed(&self) -> u64 {
        self.reader.position().byte()
    }

    pub(super) fn source(&mut self) -> &mut R {
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

/// Hashes what passes through, and ends where a row does not.
pub(super) struct Hashing {
    inner: File,
    hash: Sha256,
    /// Bytes since the end of a row.
    since: usize,
}

impl Hashing {
    pub(super) fn new(inner: File) -> Self {
        Self { inner, hash: Sha256::new(), since: 0 }
    }

    pub(super) fn end_row(&mut self) {
        self.since = 0;
    }

    /// Of all that has passed, in hexadecimal digits.
    pub(super) fn digest(&mut self) -> String {
        secrets::hex(&self.hash.finalize_reset())
    }

    pub(super) fn is_endless(&self) -> bool {
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

/// The line a row begins in, counted from 1.
#[must_use]
pub fn line_of(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// Spreadsheets like to end with rows of nothing but separators.
pub(super) fn is_blank(record: &ByteRecord) -> bool {
    record.iter().all(|cell| cell.trim_ascii().is_empty())
}
