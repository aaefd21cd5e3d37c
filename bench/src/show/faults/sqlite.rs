//! Rows about the embedded home: one `otpost serve` over `SQLite`. What was acknowledged is in
//! the file, and the file is whole.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    kills::{Killing, kill_api},
    row::{Act, Answers, Judge, ROW, Row, Span},
    scene::{Scene, Staging},
    told::something_refused,
};
use crate::{error::Result, product::Ledger, show::invariants::Evidence};

const EXPECTS: &str = "acknowledged rows are visible rows; the integrity check passes";

const KILLING: Killing = Killing { what: "`otpost serve`", lives: 2_000, away: None, rest: 4_000 };

const SQLITE: Row = Row {
    promises: &[1, 2],
    expects: EXPECTS,
    answers: Answers::Refused,
    staging: Staging::sqlite,
    judge: Judge::Ask(|scene, evidence| Box::pin(whole(scene, evidence))),
    ..ROW
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "sqlite-disk-full",
        breaks: "the disk under the database file is full",
        seconds: Span(24, 14),
        // Room for all who come before it is full and after it is healed.
        staging: |options| {
            let mb = if options.short { 24 } else { 128 };
            Staging::sqlite(options).on_small_disk(mb)
        },
        act: Act::Harm(|scene| Box::pin(full_disk(scene))),
        judge: Judge::Ask(|scene, evidence| {
            Box::pin(async {
                something_refused(scene, evidence);
                whole(scene, evidence).await
            })
        }),
        ..SQLITE
    },
    Row {
        name: "sqlite-kill",
        breaks: "`otpost serve` is killed (-9), again and again",
        seconds: Span(40, 14),
        answers: Answers::Cut,
        act: Act::Harm(|scene| Box::pin(kill_api(scene, KILLING))),
        ..SQLITE
    },
    Row {
        name: "sqlite-locked",
        breaks: "another program holds the write lock of the database file",
        seconds: Span(24, 16),
        act: Act::Harm(|scene| Box::pin(lock(scene))),
        ..SQLITE
    },
];

async fn full_disk(scene: &mut Scene) -> Result<()> {
    let disk = || "this home has no small disk";
    scene.until(Duration::from_secs(3)).await;
    scene.breaks();
    scene.home.disk.as_ref().ok_or_else(disk)?.fill()?;
    tokio::time::sleep(scene.options.span(Span(10, 4))).await;
    scene.home.disk.as_ref().ok_or_else(disk)?.empty()?;
    scene.healed();
    Ok(())
}

async fn lock(scene: &mut Scene) -> Result<()> {
    let file = scene.home.data_dir().join("otpost.db");
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(9));
    let mut other = SqliteConnection::connect_with(&options).await?;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.breaks();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await?;
        tokio::time::sleep(scene.options.span(Span(6, 4))).await;
        sqlx::query("ROLLBACK").execute(&mut other).await?;
        scene.healed();
    }
    other.close().await?;
    Ok(())
}

async fn whole(scene: &mut Scene, evidence: &Evidence) -> Result<()> {
    let Ledger::Sqlite(pool) = &scene.ledger else { return Err("this is no SQLite".into()) };
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(pool).await?;
    let ok = found == ["ok"];
    scene.checks.add("the integrity check passes", ok, found.first().cloned().unwrap_or_default());
    let told = evidence.stories.iter().flat_map(|story| &story.ids);
    let missing = told.filter(|id| !evidence.verifications.contains_key(*id)).count();
    let seen = format!("{missing} missing of {}", evidence.verifications.len());
    scene.checks.add("acknowledged rows are visible rows", missing == 0, seen);
    Ok(())
}
