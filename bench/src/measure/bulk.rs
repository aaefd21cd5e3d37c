//! Getting a bulk send in: through the product, since nobody else can seal a message.

use std::{sync::Arc, time::Duration};

use super::Effort;
use crate::{
    error::Result,
    harness::Home,
    load::{Streamed, closed, stream},
    numbers::Numbers,
    product,
};

const NAMES: [&str; 8] = ["Ana", "Chidi", "Fatima", "Jonas", "Mei", "Noor", "Ravi", "Zoe"];

/// More than these would take too long without the streamed call.
pub(crate) const ONE_BY_ONE: u64 = 50_000;

/// Whether the product takes many messages in one call; it answers an empty one anyhow.
pub(crate) async fn has_batch(home: &Home) -> Result<bool> {
    let client = home.client(0);
    let request = client.post(product::BATCH, None, "{}");
    let answer = client.call(&request, Duration::from_secs(10)).await?;
    Ok(!matches!(answer.status, 404 | 405))
}

fn recipients(effort: Effort, count: u64) -> impl Iterator<Item = (String, &'static str)> {
    let numbers = Numbers::new(effort.seed);
    let mut names = NAMES.into_iter().cycle();
    (0..count).map(move |place| (numbers.worldwide(place), names.next().unwrap_or_default()))
}

/// The body of a streamed batch to so many recipients of 64 countries.
pub(crate) fn ndjson(effort: Effort, count: u64) -> Arc<Vec<u8>> {
    let mut body = product::text_ndjson().into_bytes();
    for (to, name) in recipients(effort, count) {
        body.extend_from_slice(product::recipient_ndjson(&to, name).as_bytes());
    }
    Arc::new(body)
}

/// The same recipients as a file for `otpost send --to-file`.
pub(crate) fn csv(effort: Effort, count: u64) -> String {
    let mut text = product::recipient_csv(None);
    for (to, name) in recipients(effort, count) {
        text.push_str(&product::recipient_csv(Some((&to, name))));
    }
    text
}

/// Streams a batch in; an error unless all of it was taken.
pub(crate) async fn import(home: &Home, body: Arc<Vec<u8>>) -> Result<Streamed> {
    let streamed = stream(&home.client(0), product::BATCH, product::NDJSON, body).await?;
    if (200..300).contains(&streamed.status) {
        return Ok(streamed);
    }
    Err(format!("a batch was answered with {}: {}", streamed.status, streamed.last).into())
}

/// Makes so many bulk messages wait and returns how many do.
pub(crate) async fn enqueue(home: &Home, effort: Effort, count: u64) -> Result<u64> {
    let pool = home.pool().await?;
    let before = product::count_bulk(&pool).await?;
    if has_batch(home).await? {
        let done = import(home, ndjson(effort, count)).await?;
        note!("{count} bulk messages in {:.1?}: {}", done.elapsed, done.last);
    } else if count > ONE_BY_ONE {
        let batch = product::BATCH;
        return Err(format!(
            "this build has no {batch}; up to {ONE_BY_ONE} recipients go in one by one"
        )
        .into());
    } else {
        note!("no {}: {count} bulk messages one by one", product::BATCH);
        one_by_one(home, effort, count).await?;
    }
    let waiting = product::count_bulk(&pool).await? - before;
    pool.close().await;
    if waiting == 0 {
        return Err("no bulk message is waiting after a batch was taken".into());
    }
    Ok(waiting)
}

/// In the embedded home nobody can look into the database; the rest is the same.
pub(crate) async fn one_by_one(home: &Home, effort: Effort, count: u64) -> Result<()> {
    let client = home.client(0);
    let (address, numbers) = (client.address, Numbers::new(effort.seed));
    let make = move |place: u64| {
        let name = NAMES[usize::try_from(place % 8).unwrap_or(0)];
        let body = product::send_body(&numbers.worldwide(place), name);
        (place < count).then(|| client.post(product::MESSAGES, None, &body))
    };
    let (time, connections) = (Duration::from_mins(10), effort.connections);
    let (tally, ()) = closed(address, connections, time, make, |(): &mut (), _, _| {}).await?;
    tally.only(&[202])
}
