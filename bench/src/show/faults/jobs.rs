//! Many rows, some at the same time: each in a process of its own, so that what one of them
//! blocks, uses or leaves behind is nobody else's.

use std::{collections::VecDeque, env, fs, path::PathBuf, process::Command, time::Duration};

use super::{
    report::{Report, Verdict, from_json},
    row::{Options, Row},
};
use crate::{
    error::Result,
    harness::{Child, Otpost},
};

/// A row stops its own processes first.
const GOODBYE: Duration = Duration::from_secs(45);

#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) row: Row,
    pub(crate) options: Options,
}

struct Running {
    place: usize,
    child: Child,
    file: PathBuf,
}

/// Plays all of them, at most `most` at a time; results are in the order of the asking.
pub(crate) async fn play_all(
    otpost: &Otpost,
    jobs: &[Job],
    most: usize,
    aloud: bool,
) -> Result<Vec<Report>> {
    let folder = tempfile::Builder::new().prefix("otpost-faults-").tempdir()?;
    let mut waiting: VecDeque<usize> = (0..jobs.len()).collect();
    let mut running: Vec<Running> = Vec::new();
    let mut reports: Vec<Option<Report>> = vec![None; jobs.len()];
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < most.max(1)
            && let Some(place) = waiting.pop_front()
        {
            let name = format!("{}-{place}", jobs[place].row.name);
            let file = folder.path().join(format!("{name}.json"));
            let mut command = jobs[place].command(otpost)?;
            command.arg("--report").arg(&file);
            let child = Child::start(command, &name, folder.path())?.waits(GOODBYE);
            running.push(Running { place, child, file });
        }
        let mut place = 0;
        while place < running.len() {
            if running[place].child.is_alive() {
                place += 1;
                continue;
            }
            let ended = running.swap_remove(place);
            let report = jobs[ended.place].report(&ended);
            if aloud {
                report.print();
            }
            reports[ended.place] = Some(report);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(reports.into_iter().flatten().collect())
}

impl Job {
    fn command(&self, otpost: &Otpost) -> Result<Command> {
        let mut command = Command::new(env::current_exe()?);
        let Options { seconds, rate, seed, untimed, short, kills } = self.options;
        command.arg("--otpost").arg(otpost.path()).args(["faults", self.row.name]);
        command.args(["--seconds", &seconds.to_string(), "--rate", &rate.to_string()]);
        command.args(["--seed", &seed.to_string(), "--rounds", "1"]);
        if let Some(kills) = kills {
            command.args(["--kills", &kills.to_string()]);
        }
        command.args(untimed.then_some("--untimed")).args(short.then_some("--short"));
        Ok(command)
    }

    /// What the process left behind, or its last words as a failure.
    fn report(&self, ended: &Running) -> Report {
        let left = fs::read_to_string(&ended.file).map_err(Into::into);
        let read = left.and_then(|text| from_json(&text));
        if let Some(report) = read.ok().and_then(|mut reports| reports.pop()) {
            return report;
        }
        Report {
            verdict: Verdict::Failed,
            why: Some(format!("it did not come to its end: {}", ended.child.last_words())),
            ..Report::of(&self.row, self.options)
        }
    }
}
