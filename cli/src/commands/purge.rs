//! `otpost purge`: removes what the retention no longer covers, now.

use std::{path::Path, process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use otpost_shared::{
    Home, clock::Millis, db::DbError, guess_budget, idempotency, message, verification,
};
use serde_json::json;

use crate::{
    args::PurgeOptions,
    output::{Done, print_json, say},
};

/// Rows per statement, few enough not to be felt by those who verify meanwhile.
const BATCH: i64 = 500;

#[derive(Clone, Copy)]
enum Kind {
    Verifications,
    Messages,
    IdempotencyKeys,
    GuessBudgets,
}

impl Kind {
    const ALL: [Self; 4] =
        [Self::Verifications, Self::Messages, Self::IdempotencyKeys, Self::GuessBudgets];

    fn name(self) -> &'static str {
        match self {
            Self::Verifications => "verifications",
            Self::Messages => "messages",
            Self::IdempotencyKeys => "idempotency keys",
            Self::GuessBudgets => "guess budgets",
        }
    }
}

pub async fn run(config: Option<&Path>, options: PurgeOptions) -> Done {
    let home = super::open_ready(config).await?;
    let now = home.clock.now();
    let mut counts = Vec::new();
    for kind in Kind::ALL {
        let expected = step(&home, kind, now, true).await?;
        let count =
            if options.dry_run { expected } else { remove(&home, kind, now, expected).await? };
        counts.push((kind.name(), count));
    }
    if options.print.json {
        let removed: serde_json::Map<_, _> =
            counts.iter().map(|(name, n)| (name.replace(' ', "_"), json!(n))).collect();
        print_json(&json!({ "dry_run": options.dry_run, "removed": removed }));
    } else {
        let verb = if options.dry_run { "would be removed" } else { "removed" };
        for (name, count) in counts {
            say!("{count:>10} {name} {verb}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(home: &Home, kind: Kind, now: Millis, expected: u64) -> Result<u64, DbError> {
    let style = ProgressStyle::with_template("{msg:18} {wide_bar} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(expected).with_style(style).with_message(kind.name());
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut removed = 0;
    loop {
        let now_removed = step(home, kind, now, false).await?;
        removed += now_removed;
        bar.inc(now_removed);
        if now_removed < BATCH.unsigned_abs() {
            bar.finish_and_clear();
            return Ok(removed);
        }
    }
}

async fn step(home: &Home, kind: Kind, now: Millis, dry_run: bool) -> Result<u64, DbError> {
    let db = &home.db;
    let keep = &home.config.retention;
    let before = |days: u32| now - i64::from(days) * 86_400_000;
    match kind {
        Kind::Verifications => {
            verification::purge_finished(db, before(keep.verifications_days), BATCH, dry_run).await
        }
        Kind::Messages => {
            message::purge_finished(db, before(keep.messages_days), BATCH, dry_run).await
        }
        Kind::IdempotencyKeys => idempotency::purge_expired(db, now, BATCH, dry_run).await,
        Kind::GuessBudgets => {
            guess_budget::purge_before(db, guess_budget::day(now) - 1, BATCH, dry_run).await
        }
    }
}
