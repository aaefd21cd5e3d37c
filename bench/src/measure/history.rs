//! Runs that were kept, one line of JSON each, oldest first.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, macros::format_description};

use super::{Effort, row::Row};
use crate::error::{Result, while_doing};

/// One kept run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// `2026-11-20`, in UTC.
    pub(crate) date: String,
    /// Which version was measured, where git can say; with a `+` when files were changed.
    pub(crate) commit: Option<String>,
    pub(crate) cores: usize,
    pub(crate) processor: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) rows: Vec<Row>,
}

impl Kept {
    /// This run on this machine; rows that could not be measured are left out.
    pub(crate) fn now(effort: Effort, rows: &[Row]) -> Result<Self> {
        let day = format_description!("[year]-[month]-[day]");
        Ok(Self {
            date: OffsetDateTime::now_utc().format(&day)?,
            commit: commit(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor(),
            note: None,
            rounds: effort.rounds,
            seconds: effort.seconds,
            rows: rows.iter().filter(|row| row.missing.is_none()).cloned().collect(),
        })
    }
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let asked = Command::new("git").args(arguments).current_dir(docs()).output().ok()?;
        asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    };
    let short = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", "..", ":!../docs"])?;
    Some(if changed.is_empty() { short } else { format!("{short}+") })
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The folder of the documentation.
pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Every kept run; none if none was kept yet.
pub(crate) fn load(file: &Path) -> Result<Vec<Kept>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file).map_err(while_doing(&file.display().to_string()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).map_err(while_doing("reading the history")))
        .collect()
}

/// Replaces what was kept.
pub(crate) fn save(file: &Path, runs: &[Kept]) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut text = String::new();
    for kept in runs {
        text.push_str(&serde_json::to_string(kept)?);
        text.push('\n');
    }
    fs::write(file, text).map_err(while_doing(&file.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::{super::targets, *};

    #[test]
    fn what_is_kept_can_be_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deeper/history.jsonl");
        let row = Row::alone(&targets::START_API, &[0.1], &super::super::watch::Watch::default());
        let lost = Row::missing(&targets::ACCEPT, "no time");
        let effort = Effort {
            rounds: 1,
            seconds: 1,
            connections: 1,
            count: 1,
            recipients: 1,
            rows: None,
            seed: 1,
        };
        let kept = Kept::now(effort, &[row, lost]).expect("a run");
        save(&file, &[kept.clone(), kept]).expect("written");
        let read = load(&file).expect("read");
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].rows.len(), read[1].rows[0].name.as_str()), (1, "start of api"));
    }

    #[test]
    fn the_history_of_the_documentation_is_readable() {
        let kept = load(&docs().join("benchmarks/history.jsonl")).expect("read");
        assert!(!kept.is_empty());
        for row in kept.iter().flat_map(|kept| &kept.rows) {
            assert!(targets::ALL.iter().any(|target| target.name == row.name), "{}", row.name);
        }
    }
}
