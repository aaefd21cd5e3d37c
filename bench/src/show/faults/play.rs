//! Playing one row: set the stage, let people come, break and mend, wait until it is quiet, then
//! compare what the clients, the gateway and the database know.

use std::{collections::BTreeMap, time::Duration};

use tokio::sync::watch;

use super::{
    memory::{Memory, Track},
    report::{Report, Verdict},
    row::{Act, Answers, Judge, Options, Row, Span},
    scene::Scene,
    standing::until_quiet,
    told,
    trouble::Trouble,
};
use crate::{
    error::Result,
    harness::Otpost,
    show::{bulk::Offer, invariants::Evidence, people::Story},
};

/// Moving again after healing; three times as long where the machine may be busy.
const MOVING: Duration = Duration::from_secs(10);
/// What a process may hold, in megabytes: judged in release builds on a quiet machine only.
const API_MB: f64 = 60.0;
const SENDER_MB: f64 = 80.0;

/// Plays a row; what keeps it from being played to its end is a failure of the row.
pub(crate) async fn play(otpost: &Otpost, row: &Row, options: Options) -> Report {
    let mut report = Report::of(row, options);
    if !row.is_there() {
        return report;
    }
    let staging = (row.staging)(options);
    if let Some(lacks) = &staging.lacks {
        report.verdict = Verdict::Skipped;
        report.why = Some(lacks.clone());
        return report;
    }
    let played = async {
        let mut scene = Scene::set(otpost, staging, options, row.time(options)).await?;
        let played = run(row, &mut scene, &mut report).await;
        if !matches!(played, Ok(true)) {
            report.logs = scene.home.last_words();
        }
        played
    };
    report.verdict = match Box::pin(played).await {
        Ok(true) => Verdict::Passed,
        Ok(false) => Verdict::Failed,
        Err(error) => {
            report.why = Some(error.to_string());
            Verdict::Failed
        }
    };
    report
}

/// True if every check passed.
async fn run(row: &Row, scene: &mut Scene, report: &mut Report) -> Result<bool> {
    (row.prepare)(scene).await?;
    let memory = Memory::watch(scene.home.roster.clone());
    let (mut stories, mut offers) = perform(row, scene).await?;
    let patience = if scene.options.short { 30 } else { 90 };
    let quiet = until_quiet(&scene.ledger, Duration::from_secs(patience)).await?;
    told::judge(row, scene, &stories, &offers);
    let lacks_texts = scene.staging.bulk > 0 && offers.iter().all(|offer| offer.id.is_none());
    stories.append(&mut scene.earlier.0);
    offers.append(&mut scene.earlier.1);
    (report.people, report.texts) = (stories.len(), offers.len());
    let seen = scene.gateway.state.log.after(0, usize::MAX);
    let mut evidence = Evidence::gather(&scene.ledger, stories, offers, seen).await?;
    evidence.tolerates_untried = row.poisons;
    evidence.lacks_texts = lacks_texts;
    report.repeats = evidence.repeats();
    evidence.check(&mut scene.checks);
    report.recovery_secs = moving(scene, quiet, patience).await?;
    match row.judge {
        Judge::Nothing => {}
        Judge::Look(look) => look(scene, &evidence),
        Judge::Ask(ask) => ask(scene, &evidence).await?,
    }
    report.memory_mb = memory.tracks();
    flat(scene, &report.memory_mb);
    scene.ledger.close().await;
    report.courses = std::mem::take(&mut scene.courses);
    report.checks = std::mem::take(&mut scene.checks).into_rows();
    Ok(report.checks.iter().all(|check| check.passed))
}

/// The load, and the harm in the middle of it: people come until it is over.
async fn perform(row: &Row, scene: &mut Scene) -> Result<(Vec<Story>, Vec<Offer>)> {
    let (close, closed) = watch::channel(false);
    let (stop, stopped) = watch::channel(false);
    let feeding = Scene::feed(scene.feeder(), stopped);
    let people = scene.crowd().come(closed);
    let acting = async {
        act(row, scene).await?;
        close.send_replace(true);
        Ok(())
    };
    let performing = async {
        let (stories, ()) = tokio::try_join!(people, acting)?;
        stop.send_replace(true);
        Ok(stories)
    };
    tokio::try_join!(performing, feeding)
}

async fn act(row: &Row, scene: &mut Scene) -> Result<()> {
    match row.act {
        Act::Trouble(trouble, span) => trouble_for(scene, trouble, span).await?,
        Act::Harm(harm) => harm(scene).await?,
        Act::NotYet(_) => {}
    }
    scene.until(scene.time).await;
    if row.answers != Answers::Accepted {
        scene.linger(row.again + Duration::from_secs(3)).await;
    }
    Ok(())
}

async fn trouble_for(scene: &mut Scene, trouble: Trouble, span: Span) -> Result<()> {
    scene.until(Duration::from_secs(4)).await;
    trouble.begin(scene).await?;
    scene.begin_phase("");
    tokio::time::sleep(scene.options.span(span)).await;
    trouble.end(scene).await?;
    scene.end_phase();
    scene.healed();
    Ok(())
}

/// Sorts them on the way.
pub(crate) fn p99(durations: &mut [Duration]) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() * 99 / 100).copied().unwrap_or_default()
}

/// I7: after healing, and at the end. Returns the longest standstill in seconds.
async fn moving(scene: &mut Scene, quiet: Option<Duration>, patience: u64) -> Result<Option<f64>> {
    let stood = scene.stood().await?;
    if let Some(stood) = stood {
        let limit = if scene.options.untimed { MOVING * 3 } else { MOVING };
        let seen =
            format!("{} stood still, the last moved after {:.1?}", stood.held, stood.longest);
        let what = format!("I7 moving again within {} s", limit.as_secs());
        scene.checks.add(what, stood.longest <= limit, seen);
    }
    let seen = quiet.map_or_else(
        || format!("messages still pending, none of them moved for {patience} s"),
        |waited| format!("nothing pending {waited:.1?} after the last person left"),
    );
    scene.checks.add("I7 quiet soon after", quiet.is_some(), seen);
    Ok(stood.map(|stood| stood.longest.as_secs_f64()))
}

/// I8: shown always, judged where the figures mean something.
fn flat(scene: &mut Scene, tracks: &BTreeMap<String, Track>) {
    let limit = |name: &str| if name.starts_with("api") { API_MB } else { SENDER_MB };
    let shown = tracks.iter().map(|(name, it)| {
        format!("{name} {:.0} → {:.0}, at most {:.0}", it.first, it.last, it.peak)
    });
    let shown = shown.collect::<Vec<_>>().join("; ") + " MB";
    let kept = tracks.iter().all(|(name, it)| it.peak <= limit(name));
    scene.add_timed("I8 memory within 60 MB (api), 80 MB (worker, serve)", kept, shown);
}
