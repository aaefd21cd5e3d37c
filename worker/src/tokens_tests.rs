//! Waiting for tokens, counted in the process: what the bucket does is tested where it lives.

use std::sync::Arc;

use otpost_shared::{limits::Rule, rate::Rates};
use tokio::task::JoinHandle;

use super::*;

/// One provider's, with somebody to ask for it; it begins with one token.
struct Asked {
    tokens: Arc<Tokens>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Asked {
    fn start(text: &str, burst: u32) -> Self {
        let rate = Rate::new(Rule::parse(text).unwrap(), burst, 80);
        let tokens = Arc::new(Tokens::new("a", Rates::new(None).meter("a", rate)));
        let (asked, stop) = (Arc::clone(&tokens), CancellationToken::new());
        let until = stop.clone();
        let task = tokio::spawn(async move { asked.run(&until).await });
        Self { tokens, stop, task }
    }

    /// When it has its token.
    fn wait(&self, lane: Lane, patience: Duration) -> JoinHandle<Result<Instant, Duration>> {
        let tokens = Arc::clone(&self.tokens);
        let of = if lane == Lane::Otp { Line::Codes } else { Line::Texts };
        let give_up = Instant::now() + patience;
        tokio::spawn(async move { tokens.take(of, give_up).await.map(|()| Instant::now()) })
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_code_passes_others_that_wait() {
    let asked = Asked::start("10/s", 1);
    let texts: Vec<_> = (0..6).map(|_| asked.wait(Lane::Bulk, LONG)).collect();
    tokio::time::sleep(Duration::from_millis(120)).await;
    let ended = texts.iter().filter(|text| text.is_finished()).count();
    let code = asked.wait(Lane::Otp, LONG).await.unwrap().unwrap();
    let mut before = 0;
    for text in texts {
        before += usize::from(text.await.unwrap().unwrap() < code);
    }
    // One may have been given its token already, and one have just had it.
    assert!(before <= ended + 2 && ended < 4, "{before} of 6 came first, {ended} had before");
    asked.end().await;
}

#[tokio::test]
async fn a_reply_passes_texts_that_wait() {
    let rate = Rate::new(Rule::parse("1/s").unwrap(), 1, 80);
    let tokens = Tokens::new("a", Rates::new(None).meter("a", rate));
    let stand = |line| tokens.stand_in_line(line, Instant::now() + LONG).unwrap();
    let mut waiting = [Line::Texts, Line::Replies, Line::Texts, Line::Replies].map(stand);
    let mut state = tokens.lock();
    let now = Instant::now();
    let [code, reply, text] = [Line::Codes, Line::Replies, Line::Texts]
        .map(|line| state.expected(line, &tokens.meter, now));
    assert!(code < reply && reply < text, "{code:?} {reply:?} {text:?}");
    for next in [1, 3, 0, 2] {
        let one = Share { due: vec![Duration::ZERO], wait: Duration::ZERO };
        give(&mut state.bulk, &one, now);
        assert!(waiting[next].try_recv().is_ok(), "{next}");
    }
}

#[tokio::test]
async fn what_takes_too_long_is_said_at_once() {
    let asked = Asked::start("1/m", 1);
    assert!(asked.wait(Lane::Otp, LONG).await.unwrap().is_ok());
    assert!(!asked.tokens.is_used_up());
    let began = Instant::now();
    let refused = asked.wait(Lane::Otp, Duration::from_secs(5)).await.unwrap();
    assert!(refused.is_err_and(|wait| wait > Duration::from_secs(50)), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(4));
    assert!(asked.tokens.is_used_up());
    asked.end().await;
}

#[tokio::test]
async fn what_turns_out_to_take_too_long_is_said_with_the_answer() {
    let asked = Asked::start("1/s", 9);
    // There seem to be nine; there is one, the second comes in time, and the others don't.
    let waiting: Vec<_> =
        (0..4).map(|_| asked.wait(Lane::Otp, Duration::from_millis(1_500))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ended = waiting.iter().map(JoinHandle::is_finished);
    assert_eq!(ended.collect::<Vec<_>>(), [true, false, true, true]);
    assert!(waiting.into_iter().nth(1).unwrap().await.unwrap().is_ok());
    asked.end().await;
}

#[tokio::test]
async fn whoever_gives_up_takes_no_token() {
    let asked = Asked::start("2/s", 1);
    assert!(asked.wait(Lane::Otp, LONG).await.unwrap().is_ok());
    let impatient = asked.wait(Lane::Otp, LONG);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (patient, began) = (asked.wait(Lane::Otp, LONG), Instant::now());
    impatient.abort();
    let got = patient.await.unwrap().unwrap();
    assert!(got - began < Duration::from_millis(900), "the first token is its own");
    asked.end().await;
}

#[tokio::test]
async fn no_more_is_claimed_than_there_will_be_tokens_for() {
    let asked = Asked::start("10/s", 5);
    // Two seconds' worth, and what is there; a fifth of a burst is for codes.
    let room = |unbegun| [Lane::Otp, Lane::Bulk].map(|lane| asked.tokens.room(lane, unbegun));
    assert_eq!((room(0), room(20), room(99)), ([25, 24], [5, 4], [0, 0]));
    let waiting: Vec<_> = (0..12).map(|_| asked.wait(Lane::Otp, LONG)).collect();
    tokio::time::sleep(Duration::from_millis(40)).await;
    let (codes, others) = (asked.tokens.room(Lane::Otp, 12), asked.tokens.room(Lane::Bulk, 0));
    assert!((7..=9).contains(&codes) && (7..=12).contains(&others), "{codes} {others}");
    waiting.iter().for_each(JoinHandle::abort);
    asked.end().await;
    let slow = Asked::start("1/m", 1);
    assert!(slow.wait(Lane::Otp, LONG).await.unwrap().is_ok());
    assert_eq!((slow.tokens.room(Lane::Otp, 0), slow.tokens.room(Lane::Bulk, 0)), (0, 0));
    assert!(slow.tokens.is_used_up());
    slow.end().await;
}

#[tokio::test]
async fn a_token_that_nobody_wants_for_a_while_lies_idle() {
    let asked = Asked::start("1/s", 5);
    let idle_in = |ms| {
        let at = Instant::now() + Duration::from_millis(ms);
        Lane::ALL.map(|lane| asked.tokens.is_idle_at(lane, at))
    };
    assert_eq!(idle_in(0), [false; 2], "it has just come");
    assert_eq!(idle_in(300), [true; 2]);
    assert!(asked.wait(Lane::Otp, LONG).await.unwrap().is_ok());
    // The bucket begins with one. A fifth of a burst is for codes: a text may have the second.
    assert_eq!(idle_in(900), [false, false]);
    assert_eq!(idle_in(1_600), [true, false]);
    assert_eq!(idle_in(2_600), [true; 2]);
    let text = asked.wait(Lane::Bulk, LONG);
    tokio::task::yield_now().await;
    assert_eq!(idle_in(100), [false; 2], "somebody wants it");
    text.abort();
    asked.end().await;
}

#[test]
fn the_pace_is_that_of_one_process() {
    for (text, processes, ms) in [("4/s", 1, 250), ("4/s", 2, 500), ("1/m", 1, 60_000)] {
        let rates = Rates::new(None);
        rates.set_live_processes(processes);
        let rate = Rate::new(Rule::parse(text).unwrap(), 1, 80);
        let tokens = Tokens::new("a", rates.meter("a", rate));
        assert_eq!(tokens.pace(), Duration::from_millis(ms), "{text} of {processes}");
    }
}
