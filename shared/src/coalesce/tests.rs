//! Who leaves with whom, and when.

use std::sync::Mutex;

use super::*;

/// One call: its batch waits at the gate and then writes down who was in it.
#[derive(Clone)]
struct Knock {
    number: u8,
    key: Option<u8>,
    arrived: Arc<Semaphore>,
    gate: Arc<Semaphore>,
    batches: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn run<'a>(_: &'a Db, batch: &'a [Knock]) -> BoxFuture<'a, Result<Vec<u8>, DbError>> {
    Box::pin(async move {
        batch[0].arrived.add_permits(1);
        let passed = batch[0].gate.acquire().await.expect("an open gate");
        passed.forget();
        let numbers: Vec<u8> = batch.iter().map(|knock| knock.number).collect();
        batch[0].batches.lock().expect("no panic").push(numbers.clone());
        // The number 13 spoils every batch it is in.
        if numbers.contains(&13) {
            return Err(DbError::Broken("thirteen".into()));
        }
        Ok(numbers)
    })
}

async fn knock(calls: &[(u8, Option<u8>)]) -> (Vec<Result<u8, DbError>>, Vec<Vec<u8>>) {
    let db = Db::open("sqlite::memory:", 1).await.expect("a database");
    let key = |knock: &Knock| knock.key.map(|key| [key; 16]);
    let coalescer = Coalescer::start(
        db,
        Kind { name: "knock", turns: 2, key, order: |_, _| Ordering::Equal, patient: false, run },
    );
    let (arrived, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let batches = Arc::default();
    let mut waiting = calls.iter().map(|(number, key)| {
        let (arrived, gate) = (Arc::clone(&arrived), Arc::clone(&gate));
        let batches = Arc::clone(&batches);
        coalescer.call(Knock { number: *number, key: *key, arrived, gate, batches })
    });
    let first = waiting.next().expect("a call");
    // The gate opens once the first one stands before it and all others behind the first.
    let others = async {
        arrived.acquire().await.expect("an open semaphore").forget();
        let open = async { gate.add_permits(100) };
        tokio::join!(join_all(waiting), open).0
    };
    let (first, mut results) = tokio::join!(first, others);
    results.insert(0, first);
    let batches = batches.lock().expect("no panic").clone();
    (results, batches)
}

#[tokio::test]
async fn what_comes_meanwhile_leaves_together() {
    let (results, batches) = knock(&[(1, None), (2, None), (3, None), (4, None)]).await;
    assert_eq!(batches, [vec![1], vec![2, 3, 4]]);
    assert_eq!(results, [Ok(1), Ok(2), Ok(3), Ok(4)]);
}

#[tokio::test]
async fn what_would_meet_one_row_leaves_one_after_the_other() {
    let calls = [(1, None), (2, Some(7)), (3, Some(7)), (4, Some(8)), (5, Some(7))];
    let (results, batches) = knock(&calls).await;
    assert_eq!(batches, [vec![1], vec![2, 4], vec![3], vec![5]]);
    assert!(results.iter().all(Result::is_ok));
}

/// Waits as a batch of three does beside another, while so many calls come and the other comes back or not.
async fn wait(comes_back: bool, come: usize, slow: Duration) {
    let (turns, full) = (Semaphore::new(1), Notify::new());
    let (sender, calls) = mpsc::channel(8);
    let other = turns.acquire().await.expect("an open semaphore");
    let meanwhile = async {
        (0..come).for_each(|call| sender.try_send(call).expect("room"));
        full.notify_one();
        (!comes_back).then_some(other)
    };
    tokio::join!(gather_more(&turns, 1, &full, &calls, 3, slow), meanwhile);
}

#[tokio::test]
async fn beside_another_a_batch_leaves_when_it_is_full_or_the_other_is_back_or_slow() {
    let never = Duration::from_hours(1);
    wait(false, 3, never).await;
    wait(true, 2, never).await;
    wait(false, 2, Duration::ZERO).await;
}

#[tokio::test]
async fn one_bad_row_fails_alone() {
    let (results, batches) = knock(&[(1, None), (12, None), (13, None), (14, None)]).await;
    assert_eq!(batches[..2], [vec![1], vec![12, 13, 14]]);
    assert_eq!((&results[1], &results[3]), (&Ok(12), &Ok(14)));
    assert!(matches!(results[2], Err(DbError::Broken(_))));
}
