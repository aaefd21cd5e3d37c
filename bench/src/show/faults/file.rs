//! The row about `otpost send --to-file`: the command as people run it, with a list as people have
//! it, and a worker that is killed when half of it is sent.
//!
//! * [`list`]: whom the file names, and which of its lines nobody can be sent to
//! * [`said`]: what the command said of it, compared with what is so

mod list;
mod said;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use self::{list::List, said::Said};
use super::{
    backlog::{in_time, many_slots},
    kills::bring_back,
    row::{Act, Judge, ROW, Row, Running, Span},
    scene::Scene,
    worker::rescued,
};
use crate::{
    error::{Result, while_doing},
    harness::Child,
    product,
    show::{bulk::Offer, invariants::Evidence},
};

const RECIPIENTS: Span = Span(100_000, 4_000);
/// Longer than this a command is not waited for.
const PATIENCE: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_millis(5);

pub(super) const ROWS: &[Row] = &[Row {
    name: "file-worker-kill",
    breaks: "`otpost send --to-file` with 100,000 people and some lines that nobody can be sent to; \
             a worker is killed (-9) when half of it is sent",
    expects: "everybody is sent to once or ends as `unknown`; the command's summary is what is so, \
              its refused file the wrong lines; codes leave within 100 ms at p99",
    promises: &[1, 3, 4, 8],
    seconds: Span(20, 10),
    staging: many_slots,
    act: Act::Harm(|scene| Box::pin(send(scene))),
    judge: Judge::Ask(judge),
    ..ROW
}];

/// The command, and where its files are.
struct Sending {
    child: Child,
    file: PathBuf,
}

impl Sending {
    fn start(scene: &Scene, list: &List) -> Result<Self> {
        let file = scene.home.folder().join("people.csv");
        std::fs::write(&file, &list.text).map_err(while_doing(&file.display().to_string()))?;
        let mut command = scene.home.command("send");
        command.arg("--to-file").arg(&file).args(["--text", product::TEXT, "--wait", "--json"]);
        let child = Child::start(command, "send", scene.home.folder())?;
        Ok(Self { child, file })
    }

    /// Until `done`, or until the command has ended; false when it never came to that.
    async fn until(&mut self, done: impl Fn() -> bool) -> bool {
        let began = Instant::now();
        while !done() && self.child.is_alive() && began.elapsed() < PATIENCE {
            tokio::time::sleep(PAUSE).await;
        }
        done()
    }
}

async fn send(scene: &mut Scene) -> Result<()> {
    let list = List::new(scene.options.seed, scene.options.pick(RECIPIENTS));
    scene.until(Duration::from_secs(1)).await;
    scene.begin_phase("");
    let began = Instant::now();
    let mut sending = Sending::start(scene, &list)?;
    kill_half_way(scene, &mut sending, list.people.len() as u64).await?;
    sending.until(|| false).await;
    let took = began.elapsed();
    scene.end_phase();
    let code = sending.child.exit_code();
    let code = code.ok_or_else(|| format!("the command did not end within {PATIENCE:?}"))?;
    let rate = list.people.len() as f64 / took.as_secs_f64();
    let seen = format!("exit code {code} after {took:.1?}, {rate:.0} people a second");
    scene.checks.add("the command ends by itself, with 1 as some were refused", code == 1, seen);
    let said = Said::read(&sending.child, &sending.file)?;
    said.check(scene, &list).await?;
    scene.earlier.1 = offers(scene, &list, said.batch())?;
    scene.healed();
    Ok(())
}

/// One of the two workers is killed when the gateway has half of the texts, and comes back.
async fn kill_half_way(scene: &mut Scene, sending: &mut Sending, people: u64) -> Result<()> {
    let state = std::sync::Arc::clone(&scene.gateway.state);
    let texts = move || state.log.counts().bulk();
    sending.until(|| texts() >= people / 2).await;
    scene.home.kill_worker(1)?;
    let had = texts();
    let seen = format!("the gateway had {had} of {people} texts");
    let half = people * 2 / 5..=people * 3 / 5;
    scene.checks.add("the worker is killed half-way", half.contains(&had), seen);
    let mut watched = JoinSet::new();
    bring_back(scene, &mut watched, 1, 500).await?;
    rescued(scene, watched, "1 kill").await
}

/// Which message is whose, as `otpost status` lists them: for the checker, which knows texts by their
/// recipients.
fn offers(scene: &Scene, list: &List, batch: &str) -> Result<Vec<Offer>> {
    let mut command = scene.home.command("status");
    let listed = command.args(["--batch", batch, "--csv"]).output()?;
    let text = String::from_utf8(listed.stdout)?;
    let mut ids: Vec<Option<String>> = vec![None; list.rows];
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        let place: Option<usize> = cells.next().and_then(|index| index.parse().ok());
        if let Some(id) = place.and_then(|place| ids.get_mut(place)) {
            *id = cells.next().map(str::to_owned);
        }
    }
    let offer = |person: &list::Person| Offer { to: person.to.clone(), id: ids[person.row].take() };
    Ok(list.people.iter().map(offer).collect())
}

fn judge<'a>(scene: &'a mut Scene, evidence: &'a Evidence) -> Running<'a> {
    Box::pin(async move {
        one_outcome_each(scene, evidence);
        in_time(scene, evidence, 100)
    })
}

/// The gateway's account against ours: an outcome that is unknown may have been a send or not.
fn one_outcome_each(scene: &mut Scene, evidence: &Evidence) {
    let texts = evidence.texts();
    let seen = format!(
        "{} texts: {} ok, {} unknown, {} otherwise",
        texts.rows, texts.ok, texts.unknown, texts.otherwise
    );
    let all = usize::try_from(scene.options.pick(RECIPIENTS)).unwrap_or(0);
    let each = texts.otherwise == 0 && texts.ok + texts.unknown == all && texts.rows == all;
    scene.checks.add("everybody has exactly one outcome", each, seen);
    let got = usize::try_from(scene.gateway.state.log.counts().bulk()).unwrap_or(0);
    let arrived = got.saturating_sub(texts.ok);
    let seen = format!(
        "the gateway got {got}: {} ok, and {arrived} of {} unknown",
        texts.ok, texts.unknown
    );
    let agree = (texts.ok..=texts.ok + texts.unknown).contains(&got);
    scene.checks.add("the gateway got as many as were sent", agree, seen);
    let (repeats, unknown) = (evidence.repeats() + texts.repeats, evidence.unknown());
    let seen = format!("{repeats} repeats, {} of them of texts; {unknown} unknown", texts.repeats);
    scene.checks.add("no more repeats than unknown outcomes", repeats <= unknown, seen);
}
