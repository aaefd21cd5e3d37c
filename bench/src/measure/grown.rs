//! Tables as they are after years: filled with copies of real rows within the server.

use nix::sys::statvfs::statvfs;

use super::{
    Effort, check::deliver_known, footprint::verify, progress::Progress, station::Station,
};
use crate::{
    error::Result,
    harness::Home,
    product::{self, Filling},
};

/// The place of their numbers: no round gets so far.
const ROUND: usize = 90;

/// Makes the rows to copy: some verifications accepted and delivered, half of them verified.
pub(crate) async fn patterns(home: &mut Home, station: &Station, effort: Effort) -> Result<()> {
    let few = Effort { count: 100, ..effort };
    let mut known = deliver_known(home, station, few, ROUND).await?;
    known.truncate(known.len() / 2);
    verify(home, few, known).await?;
    let pool = home.pool().await?;
    product::keep_patterns(&pool).await?;
    pool.close().await;
    Ok(())
}

/// Fills the tables of `guest`, or else of `host`, whose Postgres it is. Meanwhile no API runs:
/// for many rows the server is started without a log for new tables.
pub(crate) async fn grow(
    host: &mut Home,
    mut guest: Option<&mut Home>,
    filling: Filling,
) -> Result<()> {
    let is_big = filling.is_big();
    if is_big {
        enough_disk(host, filling)?;
        host.end_apis()?;
        if let Some(guest) = &mut guest {
            guest.end_apis()?;
        }
        let settings = ["wal_level=minimal", "max_wal_senders=0"];
        postgres(host)?.restart_with(&settings).await?;
    }
    let pool = guest.as_deref().unwrap_or(host).pool().await?;
    let total = product::rows_of_all_tables(filling.rows());
    let mut progress = Progress::new("filling the tables", total);
    product::fill(&pool, filling, |rows| progress.at(rows)).await?;
    drop(progress);
    pool.close().await;
    if is_big {
        postgres(host)?.restart_with(&[]).await?;
        host.start_api().await?;
        if let Some(guest) = guest {
            guest.start_api().await?;
        }
    }
    Ok(())
}

fn postgres(home: &mut Home) -> Result<&mut crate::harness::Postgres> {
    home.postgres.as_mut().ok_or_else(|| "this home has no Postgres".into())
}

fn enough_disk(home: &Home, filling: Filling) -> Result<()> {
    let there = statvfs(home.folder())?;
    let free = there.blocks_available() * there.fragment_size();
    let wanted = filling.rows() * product::BYTES_OF_ONE;
    if free < wanted {
        let (free, wanted) = (free >> 30, wanted >> 30);
        let folder = home.folder().display();
        return Err(format!(
            "{} verifications need about {wanted} GB in {folder}, where {free} are free: \
             set TMPDIR, or measure fewer with --rows",
            filling.rows()
        )
        .into());
    }
    Ok(())
}
