//! Taking in what one call brings, however much that is. What is taken stays taken: a provider that brings the
//! call again, because it was told or because it heard nothing, repeats it.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use otpost_shared::{
    Home,
    db::{DbError, with_one_patience},
    inbound::{self, Written},
    message::{self, Effect},
    report::{Brought, Report},
};
use tokio::sync::Semaphore;

use super::room::Held;
use crate::{
    error::{ApiError, ErrorCode},
    put_off::PUT_OFF_MS,
};

/// A process takes one report at the same time for so many connections to the database, which codes need too.
const CONNECTIONS_EACH: u32 = 4;

/// For all that one call brings.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a process takes reports, however many calls bring them; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: usize,
    free: Arc<Semaphore>,
}

impl Places {
    pub(super) fn beside(connections: u32) -> Self {
        let all = usize::try_from(connections / CONNECTIONS_EACH).unwrap_or(1).max(1);
        Self { all, free: Arc::new(Semaphore::new(all)) }
    }
}

/// Takes all of it in, each report and each keyword in a time of its own. It goes on when the provider no longer
/// waits for the answer. False when a report is not about a message of ours.
pub(super) async fn take(
    home: &Arc<Home>,
    provider: &str,
    brought: Brought,
    places: Places,
    held: Held,
) -> Result<bool, ApiError> {
    let (home, by) = (Arc::clone(home), Arc::<str>::from(provider));
    let taking = tokio::spawn(async move {
        let taken = tokio::time::timeout(PATIENCE, take_each(home, by, brought, places)).await;
        drop(held);
        taken
    });
    match taking.await {
        Ok(Ok(taken)) => Ok(taken?),
        Ok(Err(_)) => Err(ErrorCode::Unavailable
            .detail("not all of it was taken within a minute; bring it again")
            .retry_after_ms(PUT_OFF_MS)),
        // What it said may quote the call; where it was stands in a line of its own.
        Err(_) => {
            tracing::error!(provider, "taking in what it brought failed");
            Err(ErrorCode::Internal.error())
        }
    }
}

/// Keywords in their order, since a person may have written several; then the reports in any, since states only
/// go forward. What fails for good does not keep the others out; what may do better another time ends it.
async fn take_each(
    home: Arc<Home>,
    by: Arc<str>,
    brought: Brought,
    places: Places,
) -> Result<bool, DbError> {
    inbound::note_unreadable(&by, brought.unreadable);
    let (mut all_ours, mut broken) = (true, None);
    for written in brought.written {
        go_on(with_one_patience(take_written(&home, &by, written)).await, &mut broken)?;
    }
    let Places { all, free } = places;
    let each = brought.reports.into_iter().map(move |report| {
        let (free, taking) =
            (Arc::clone(&free), take_report(Arc::clone(&home), Arc::clone(&by), report));
        async move {
            // Nobody closes it.
            let _place = free.acquire().await;
            with_one_patience(taking).await
        }
    });
    let mut each = stream::iter(each).buffer_unordered(all);
    while let Some(taken) = each.next().await {
        all_ours &= taken?;
    }
    broken.map_or(Ok(all_ours), Err)
}

/// Keeps an error that another time would be the same, and lets the others go on.
fn go_on<T>(taken: Result<T, DbError>, broken: &mut Option<DbError>) -> Result<Option<T>, DbError> {
    match taken {
        Ok(done) => Ok(Some(done)),
        Err(error @ DbError::Broken(_)) => {
            *broken = Some(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// False when we never asked for it. One that would fail another time too is lost, and only told of: for its sake
/// the provider would bring all that came with it again, for days.
async fn take_report(home: Arc<Home>, by: Arc<str>, report: Report) -> Result<bool, DbError> {
    let (id, word, provider) = (report.of.message_id, report.word.as_str(), by.to_string());
    match message::take_report(&home, &by, report).await {
        Ok(Effect::NotGenuine) => return Ok(false),
        // Whether it is ours nobody can say any more.
        Ok(Effect::Unknown) => return Ok(true),
        Ok(_) => {}
        Err(error @ DbError::Broken(_)) => {
            tracing::warn!(message.id = %id, provider, %error, "a report is lost");
            metrics::counter!("otpost_reports_refused_total", "provider" => provider).increment(1);
            return Ok(true);
        }
        Err(error) => return Err(error),
    }
    metrics::counter!("otpost_reports_total", "provider" => provider, "word" => word).increment(1);
    Ok(true)
}

async fn take_written(home: &Home, by: &str, written: Written) -> Result<(), DbError> {
    let wish = written.wish.as_str();
    inbound::take(home, by, written).await?;
    let provider = by.to_owned();
    metrics::counter!("otpost_inbound_total", "provider" => provider, "wish" => wish).increment(1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_connections_are_left_to_others() {
        for (connections, most) in [(2, 1), (7, 1), (8, 2), (16, 4), (100, 25)] {
            let places = Places::beside(connections);
            assert_eq!((places.all, places.free.available_permits()), (most, most));
        }
    }

    #[test]
    fn only_what_may_pass_ends_it() {
        let mut broken = None;
        assert_eq!(go_on(Ok(7), &mut broken), Ok(Some(7)));
        let odd = DbError::Broken("a seal".into());
        assert_eq!(go_on::<u8>(Err(odd.clone()), &mut broken), Ok(None));
        assert_eq!(go_on(Ok(8), &mut broken), Ok(Some(8)));
        assert_eq!(broken, Some(odd));
        assert_eq!(go_on::<u8>(Err(DbError::Locked), &mut broken), Err(DbError::Locked));
    }
}
