//! A fixed number of requests in flight: each connection sends its next request when the last
//! one was answered. Finds the rate a server sustains; says little about latency.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Tally, apart, unwrap_cell};
use crate::{
    error::{Error, Result},
    http::{Answer, Connection},
};

/// One call that takes longer counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends what `next` makes of 0, 1, 2, … over `connections` until it makes nothing more or the
/// time is over; `keep` sees each answer, in no particular order. Returns what `keep` gathered.
pub(crate) async fn closed<K: Default + Send + 'static>(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    next: impl Fn(u64) -> Option<Vec<u8>> + Send + 'static,
    keep: impl Fn(&mut K, u64, &Answer) + Send + 'static,
) -> Result<(Tally, K)> {
    apart(move || async move {
        let tally = Rc::new(RefCell::new(Tally::new()?));
        let kept = Rc::new(RefCell::new(K::default()));
        let number = Rc::new(Cell::new(0));
        let (next, keep) = (Rc::new(next), Rc::new(keep));
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(Connection::open(address).await?);
        }
        let began = Instant::now();
        let mut lanes = tokio::task::JoinSet::new();
        for mut connection in opened {
            let (tally, kept) = (Rc::clone(&tally), Rc::clone(&kept));
            let (next, keep, number) = (Rc::clone(&next), Rc::clone(&keep), Rc::clone(&number));
            lanes.spawn_local(async move {
                while began.elapsed() < time {
                    let mine = number.replace(number.get() + 1);
                    let Some(request) = next(mine) else { break };
                    if !connection.usable {
                        connection = Connection::open(address).await?;
                    }
                    let sent = Instant::now();
                    let called = tokio::time::timeout(PATIENCE, connection.call(&request)).await;
                    let answer = called.unwrap_or_else(|_| Err("no answer within 30 s".into()));
                    // What comes after that would be taken for the next one's.
                    connection.usable &= answer.is_ok();
                    tally.borrow_mut().count(sent.elapsed(), &answer);
                    if let Ok(answer) = answer {
                        keep(&mut kept.borrow_mut(), mine, &answer);
                    }
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(ended) = lanes.join_next().await {
            ended??;
        }
        tally.borrow_mut().elapsed = began.elapsed();
        drop((next, keep));
        Ok((unwrap_cell(tally)?, unwrap_cell(kept)?))
    })
    .await
}
