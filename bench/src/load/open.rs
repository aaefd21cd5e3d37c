//! Requests on a schedule: each is due at its own moment, whether or not earlier ones were
//! answered, and its latency counts from that moment (no coordinated omission).

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{Tally, apart, unwrap_cell};
use crate::{
    error::Result,
    http::{Answer, Connection},
};

/// A schedule: so many per second, for so long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Per second, not 0.
    pub(crate) rate: u32,
    pub(crate) time: Duration,
}

impl Pace {
    pub(crate) fn count(self) -> u64 {
        let millis = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        u64::from(self.rate).saturating_mul(millis) / 1000
    }

    fn due(self, began: Instant, number: u64) -> Instant {
        began + Duration::from_secs_f64(number as f64 / f64::from(self.rate))
    }
}

/// The numbers 0, 1, 2, … each at its moment. A thread of its own sleeps between them: the
/// runtime's timers are a millisecond coarse, which is too much for latencies of two.
pub(crate) fn on_schedule(pace: Pace) -> mpsc::UnboundedReceiver<(u64, Instant)> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let began = Instant::now() + Duration::from_millis(20);
        for number in 0..pace.count() {
            let due = pace.due(began, number);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if sender.send((number, due)).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Sends what `make` makes of each number and its moment, when it is due; `keep` sees the answers.
pub(crate) async fn open<K: Default + Send + 'static>(
    address: SocketAddr,
    pace: Pace,
    make: impl Fn(u64, Instant) -> Vec<u8> + Send + 'static,
    keep: impl Fn(&mut K, u64, &Answer) + Send + 'static,
) -> Result<(Tally, K)> {
    apart(move || async move {
        let tally = Rc::new(RefCell::new(Tally::new()?));
        let kept = Rc::new(RefCell::new(K::default()));
        let idle = Rc::new(RefCell::new(Vec::new()));
        let keep = Rc::new(keep);
        for _ in 0..16 {
            let connection = Connection::open(address).await?;
            idle.borrow_mut().push((Instant::now(), connection));
        }
        let began = Instant::now();
        let mut schedule = on_schedule(pace);
        let mut running = tokio::task::JoinSet::new();
        while let Some((number, due)) = schedule.recv().await {
            let request = make(number, due);
            let (tally, kept) = (Rc::clone(&tally), Rc::clone(&kept));
            let (idle, keep) = (Rc::clone(&idle), Rc::clone(&keep));
            running.spawn_local(async move {
                let answer = over_idle(&idle, address, &request).await;
                tally.borrow_mut().count(due.elapsed(), &answer);
                if let Ok(answer) = answer {
                    keep(&mut kept.borrow_mut(), number, &answer);
                }
            });
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
        tally.borrow_mut().elapsed = began.elapsed();
        Ok((unwrap_cell(tally)?, unwrap_cell(kept)?))
    })
    .await
}

/// Servers close what is idle for longer, perhaps in the moment in which it is used again.
const IDLE: Duration = Duration::from_secs(5);

async fn over_idle(
    idle: &RefCell<Vec<(Instant, Connection)>>,
    address: SocketAddr,
    request: &[u8],
) -> Result<Answer> {
    let kept = idle.borrow_mut().pop();
    let mut connection = match kept {
        Some((since, connection)) if since.elapsed() < IDLE => connection,
        _ => {
            // What lies deeper is older still.
            idle.borrow_mut().clear();
            Connection::open(address).await?
        }
    };
    let called = tokio::time::timeout(Duration::from_secs(30), connection.call(request));
    let answer = called.await.map_err(|_| "no answer within 30 s")?;
    if connection.usable {
        idle.borrow_mut().push((Instant::now(), connection));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gateway::Gateway, http::Client};

    #[tokio::test]
    async fn a_schedule_is_kept_and_latency_counts_from_it() {
        let gateway = Gateway::on_free_port().await.expect("a gateway");
        let address = gateway.address;
        let key = gateway.state.plain.token.clone();
        let client = Client { address, key };
        let pace = Pace { rate: 200, time: Duration::from_millis(500) };
        let body = r#"{"to":"+12025550100","text":"hello"}"#;
        let made = open(
            address,
            pace,
            move |_, _| client.post("/http/send", None, body),
            |seen: &mut u64, _, _| *seen += 1,
        );
        let (tally, seen) = made.await.expect("the load ran");
        assert_eq!((tally.of(200), seen), (100, 100));
        assert!(tally.elapsed >= Duration::from_millis(495));
        assert_eq!(gateway.state.log.counts().accepted, 100);
    }
}
