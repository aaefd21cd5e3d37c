//! The rows that were not sent, with their reasons, in a file that can be mended and sent again.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use csv::{ByteRecord, ReaderBuilder, Writer, WriterBuilder};

use super::people::{People, line_of};
use crate::output::Failure;

/// What is added to a row. Where a file has these columns already, they are written anew.
const ADDED: [&str; 3] = ["refused_line", "refused_code", "refused_reason"];

/// Writes the file once there is something to write. Until it is whole it has another name, so
/// that what had its name before stays whole too.
pub struct Failures {
    path: PathBuf,
    part: PathBuf,
    delimiter: u8,
    header: ByteRecord,
    /// Columns of the file that are kept.
    kept: usize,
    writer: Option<Writer<BufWriter<File>>>,
}

impl Failures {
    /// Into `path`; by default beside the file, `people.csv` giving `people.refused.csv`.
    pub fn of(people: &People, file: &Path, path: Option<&Path>) -> Result<Self, Failure> {
        let path = path.map_or_else(|| file.with_extension("refused.csv"), Path::to_owned);
        let wrong = |said| Err(Failure::misused(format!("{}: {said}", path.display())));
        match (fs::canonicalize(&path), fs::canonicalize(file)) {
            (Ok(path), Ok(file)) if path == file => {
                return wrong("is the file that is sent; name another one with --failures");
            }
            (Ok(path), _) if !path.is_file() => return wrong("--failures must name a file"),
            _ => {}
        }
        let mut part = path.clone().into_os_string();
        part.push(format!(".{}.part", std::process::id()));
        let header = people.header.clone();
        let kept = header.len() - if is_marked(&header) { ADDED.len() } else { 0 };
        let (part, delimiter) = (part.into(), people.delimiter);
        Ok(Self { path, part, delimiter, header, kept, writer: None })
    }

    /// Adds a row as it stood in the file, and why.
    pub fn add(&mut self, record: &ByteRecord, code: &str, reason: &str) -> io::Result<()> {
        let (kept, line) = (self.kept, line_of(record).to_string());
        let writer = self.writer()?;
        let cells = (0..kept).map(|at| record.get(at).unwrap_or_default());
        let added = [line.as_bytes(), code.as_bytes(), reason.as_bytes()];
        writer.write_record(cells.chain(added)).map_err(io::Error::other)
    }

    fn writer(&mut self) -> io::Result<&mut Writer<BufWriter<File>>> {
        if self.writer.is_none() {
            let file = BufWriter::new(self.create()?);
            let mut writer =
                WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_writer(file);
            let names = self.header.iter().take(self.kept);
            let added = ADDED.iter().map(|name| name.as_bytes());
            writer.write_record(names.chain(added)).map_err(io::Error::other)?;
            self.writer = Some(writer);
        }
        // It was made a line before.
        self.writer.as_mut().ok_or_else(|| io::Error::other("no file"))
    }

    /// True when what stands there was written here, and is no file of somebody's own.
    fn is_of_earlier_run(&self) -> bool {
        let reader = ReaderBuilder::new().delimiter(self.delimiter).from_path(&self.path);
        let names = reader.and_then(|mut reader| reader.byte_headers().cloned());
        names.is_ok_and(|names| is_marked(&names))
    }

    fn create(&self) -> io::Result<File> {
        let _ = fs::remove_file(&self.part);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It holds what the file held: numbers.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let at = |error: io::Error| io::Error::other(format!("{}: {error}", self.path.display()));
        options.open(&self.part).map_err(at)
    }

    /// Writes everything down; where it is, if there was anything. When the file was gone through to its
    /// end and there was nothing, what an earlier run wrote there is no longer true and goes.
    pub fn finish(&mut self, is_whole: bool) -> io::Result<Option<&Path>> {
        let Some(mut writer) = self.writer.take() else {
            if is_whole && self.is_of_earlier_run() {
                let at = |error| io::Error::other(format!("{}: {error}", self.path.display()));
                fs::remove_file(&self.path).map_err(at)?;
            }
            return Ok(None);
        };
        let done = writer.flush().and_then(|()| fs::rename(&self.part, &self.path));
        match done {
            Ok(()) => Ok(Some(&self.path)),
            Err(error) => {
                let _ = fs::remove_file(&self.part);
                Err(io::Error::other(format!("{}: {error}", self.path.display())))
            }
        }
    }
}

/// True when these are the columns of a file that was written here.
fn is_marked(names: &ByteRecord) -> bool {
    names.iter().rev().take(ADDED.len()).eq(ADDED.iter().rev().map(|name| name.as_bytes()))
}

impl Drop for Failures {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            let _ = fs::remove_file(&self.part);
        }
    }
}
