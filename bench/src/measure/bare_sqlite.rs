//! The bare limit of the embedded home: a loop of one-row commits into a table like the product's,
//! in a file beside the product's, as durable as it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};

use crate::{
    error::{Result, while_doing},
    gateway::now_us,
};

/// One connection on the thread that waits for it: through the product's driver, which hands each
/// statement to a thread of its own, the loop was a tenth slower.
pub(crate) struct BareSqlite {
    connection: Connection,
    insert: String,
    next: u128,
}

impl BareSqlite {
    /// Needs at least one verification in the product's database.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self> {
        let theirs = sqlite_file(data_dir)?;
        let theirs = Connection::open_with_flags(theirs, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let texts = |sql: &str| -> rusqlite::Result<Vec<String>> {
            theirs.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let made = texts(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'verifications' AND sql IS NOT NULL
             ORDER BY type DESC",
        )?;
        let (mut names, mut values) = ("id".to_owned(), "$1".to_owned());
        let columns = texts("SELECT name FROM pragma_table_info('verifications')")?;
        for column in columns.iter().filter(|column| *column != "id") {
            let literal = texts(&format!("SELECT quote({column}) FROM verifications LIMIT 1"))?;
            let literal = literal.first().ok_or("no verification to take the row width from")?;
            write!(names, ", {column}")?;
            write!(values, ", {literal}")?;
        }
        let connection = Connection::open(data_dir.join("bare.sqlite"))?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        for statement in made {
            connection.execute_batch(&statement)?;
        }
        let insert = format!("INSERT INTO verifications ({names}) VALUES ({values})");
        let next = u128::from(now_us()) << 64;
        Ok(Self { connection, insert, next })
    }

    /// Inserts per second; blocks this thread, which has nothing else to do.
    pub(crate) fn inserts(&mut self, time: Duration) -> Result<f64> {
        tokio::task::block_in_place(|| {
            let mut insert = self.connection.prepare(&self.insert)?;
            let (began, mut count) = (Instant::now(), 0_u64);
            while began.elapsed() < time {
                self.next += 1;
                insert.execute([self.next.to_be_bytes()])?;
                count += 1;
            }
            Ok(count as f64 / began.elapsed().as_secs_f64())
        })
    }
}

/// The one file in the folder that begins as `SQLite` files do.
fn sqlite_file(folder: &Path) -> Result<PathBuf> {
    let files = std::fs::read_dir(folder).map_err(while_doing(&folder.display().to_string()))?;
    let is_database = |path: &PathBuf| {
        let begin = std::fs::File::open(path).and_then(|mut file| {
            let mut begin = [0; 15];
            std::io::Read::read_exact(&mut file, &mut begin)?;
            Ok(begin)
        });
        begin.is_ok_and(|begin| begin == *b"SQLite format 3")
            && path.file_name().is_some_and(|name| name != "bare.sqlite")
    };
    let found = files.flatten().map(|entry| entry.path()).find(is_database);
    found.ok_or_else(|| format!("no SQLite file in {}", folder.display()).into())
}
