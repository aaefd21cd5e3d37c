//! The row about clocks: processes whose wall clocks are a day apart. The shift is preloaded: a
//! few lines of C, built with the compiler that Rust itself links with.

use std::{fs, process::Command, sync::Arc, time::Duration};

use tempfile::TempDir;

use super::{
    row::{Act, Judge, Options, ROW, Row, Span},
    scene::{Scene, Staging},
};
use crate::{
    error::Result,
    gateway::now_ms,
    harness::{Process, Skew, Wiring, find},
    numbers::Numbers,
    product::{self, Accepted},
    show::{invariants::Evidence, people::Story},
};

const SOURCE: &str = include_str!("shifted_clock.c");
/// The built library, and what tells it by how many seconds.
const LIBRARY: &str = "clock.so";
const VARIABLE: &str = "BENCH_CLOCK_SHIFT";
const DAY: i64 = 86_400;
const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds a code of the purpose lives here.
const LIFETIME: u32 = 30;
const FIRST: u64 = 470_000_000;

pub(super) const ROWS: &[Row] = &[Row {
    name: "clocks",
    breaks: "of two APIs and two workers one each lives a day ahead, a day behind",
    expects: "the database's clock decides; no code outlives its time, none dies before",
    promises: &[5],
    seconds: Span(44, 40),
    staging,
    act: Act::Harm(|scene| Box::pin(live_and_expire(scene))),
    judge: Judge::Ask(|scene, evidence| Box::pin(async { one_clock(scene, evidence) })),
    ..ROW
}];

fn staging(options: Options) -> Staging {
    let usual = Staging::usual(options);
    let (skew, lacks) = match library() {
        Ok(folder) => {
            let seconds =
                vec![("api-1", DAY), ("api-2", -DAY), ("worker-1", -DAY), ("worker-2", DAY)];
            (Some(Skew { folder, library: LIBRARY, variable: VARIABLE, seconds }), None)
        }
        Err(error) => (None, Some(format!("clocks cannot be shifted here: {error}"))),
    };
    let lifetime = product::lifetime("short", LIFETIME);
    let settings = [usual.wiring.settings.clone(), lifetime.to_vec()].concat();
    let wiring = Wiring { settings, skew, ..Wiring::default() };
    Staging { apis: 2, wiring, lacks, ..usual }
}

/// Builds the library that shifts clocks.
fn library() -> Result<Arc<TempDir>> {
    let cc = find("cc").map_err(|_| "no C compiler (apt-get install gcc libc6-dev)")?;
    let folder = tempfile::Builder::new().prefix("otpost-bench-clock-").tempdir()?;
    let (source, library) = (folder.path().join("clock.c"), folder.path().join(LIBRARY));
    fs::write(&source, SOURCE)?;
    let built = Command::new(cc)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .output()?;
    if built.status.success() {
        return Ok(Arc::new(folder));
    }
    Err(String::from_utf8_lossy(&built.stderr).into_owned().into())
}

/// Codes accepted by one API and checked by the other, shortly before and after their end.
async fn live_and_expire(scene: &mut Scene) -> Result<()> {
    every_clock_is_shifted(scene);
    scene.begin_phase("");
    let numbers = Numbers::new(scene.options.seed);
    let mut started = Vec::new();
    for place in 0..8 {
        let to = numbers.american(FIRST + place);
        let client = scene.home.client(usize::from(!place.is_multiple_of(2)));
        let body = product::create_body_for(&to, "short");
        let answer = client.call(&client.post(product::START, Some(&to), &body), PATIENCE).await?;
        let accepted = Accepted::read(&answer)?;
        let ids = vec![accepted.id.clone()];
        scene.earlier.0.push(Story { to: to.clone(), ids, ..Story::default() });
        started.push((to, accepted, place));
    }
    let lifetime = Duration::from_secs(LIFETIME.into());
    let (mut early, mut late) = (Vec::new(), Vec::new());
    tokio::time::sleep(lifetime.saturating_sub(Duration::from_secs(8))).await;
    for (to, accepted, place) in started.iter().filter(|it| it.2 < 4) {
        early.push(check(scene, to, accepted, *place).await?);
    }
    tokio::time::sleep(Duration::from_secs(9)).await;
    for (to, accepted, place) in started.iter().filter(|it| it.2 >= 4) {
        late.push(check(scene, to, accepted, *place).await?);
    }
    let alive = early.iter().all(|status| *status == 200);
    scene.checks.add("a code of 30 s counts after 22 s", alive, format!("{early:?}"));
    let over = late.iter().all(|status| *status == 410);
    scene.checks.add("and is over after 31 s", over, format!("{late:?}"));
    scene.end_phase();
    Ok(())
}

/// Whether the library was loaded: a program that is linked statically would not notice it.
fn every_clock_is_shifted(scene: &mut Scene) {
    let processes = || scene.home.apis.iter().chain(&scene.home.workers);
    let has_it = |process: &&Process| {
        let maps = fs::read_to_string(format!("/proc/{}/maps", process.child.id()));
        maps.is_ok_and(|maps| maps.contains(LIBRARY))
    };
    let (all, shifted) = (processes().count(), processes().filter(has_it).count());
    let seen = format!("{shifted} of {all} processes");
    scene.checks.add("clocks are shifted", all == 4 && shifted == all, seen);
}

/// Checks at the API that did not accept it.
async fn check(scene: &Scene, to: &str, accepted: &Accepted, place: u64) -> Result<u16> {
    let log = scene.gateway.state.log.of(to);
    let text = log.first().map(|seen| seen.text.clone()).ok_or("a code never came")?;
    let code = product::code_in(&text).ok_or("a text without a code")?;
    let client = scene.home.client(usize::from(place.is_multiple_of(2)));
    let body = product::check_body(&accepted.session_token, code);
    let answer = client.call(&client.post(product::CHECK, None, &body), PATIENCE).await?;
    Ok(answer.status)
}

fn one_clock(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    let phase = scene.phases.first().ok_or("nothing was begun")?;
    let during = phase.from - 2_000..now_ms() + 2_000;
    let rows = evidence.verifications.values();
    let wrong = rows.filter(|row| {
        let lives = row.expires_at - row.created_at;
        !during.contains(&row.created_at) || !matches!(lives, 30_000 | 600_000)
    });
    let wrong = wrong.count();
    let seen = format!("{wrong} of {} rows with another time", evidence.verifications.len());
    scene.checks.add("every row has the database's time", wrong == 0, seen);
    Ok(())
}
