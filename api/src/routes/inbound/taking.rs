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

use super::room::Held;
use crate::error::{ApiError, ErrorCode};

/// Reports of one call that are taken at the same time: fewer than there are connections to the database,
/// which codes need too.
const AT_ONCE: usize = 8;

/// For all that one call brings.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes all of it in, each report and each keyword in a time of its own. It goes on when the provider no longer
/// waits for the answer. False when a report is not about a message of ours.
pub(super) async fn take(
    home: &Arc<Home>,
    provider: &str,
    brought: Brought,
    held: Held,
) -> Result<bool, ApiError> {
    let (home, by) = (Arc::clone(home), Arc::<str>::from(provider));
    let taking = tokio::spawn(async move {
        let taken = tokio::time::timeout(PATIENCE, take_each(home, by, brought)).await;
        drop(held);
        taken
    });
    match taking.await {
        Ok(Ok(taken)) => Ok(taken?),
        Ok(Err(_)) => Err(ErrorCode::Unavailable
            .detail("not all of it was taken within a minute; bring it again")
            .retry_after_ms(2_000)),
        // What it said may quote the call; where it was stands in a line of its own.
        Err(_) => {
            tracing::error!(provider, "taking in what it brought failed");
            Err(ErrorCode::Internal.error())
        }
    }
}

/// Keywords in their order, since a person may have written several; then the reports in any, since states only
/// go forward. What fails for good does not keep the others out; what may do better another time ends it.
async fn take_each(home: Arc<Home>, by: Arc<str>, brought: Brought) -> Result<bool, DbError> {
    inbound::note_unreadable(&by, brought.unreadable);
    let (mut all_ours, mut broken) = (true, None);
    for written in brought.written {
        go_on(with_one_patience(take_written(&home, &by, written)).await, &mut broken)?;
    }
    let each = brought.reports.into_iter().map(move |report| {
        with_one_patience(take_report(Arc::clone(&home), Arc::clone(&by), report))
    });
    let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
    while let Some(taken) = each.next().await {
        all_ours &= go_on(taken, &mut broken)?.unwrap_or(true);
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

/// False when we never asked for it.
async fn take_report(home: Arc<Home>, by: Arc<str>, report: Report) -> Result<bool, DbError> {
    let word = report.word.as_str();
    match message::take_report(&home, &by, report).await? {
        Effect::NotGenuine => return Ok(false),
        // Whether it is ours nobody can say any more.
        Effect::Unknown => return Ok(true),
        _ => {}
    }
    let provider = by.to_string();
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
