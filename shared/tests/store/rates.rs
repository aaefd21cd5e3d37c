//! Rates against a real Redis: two processes together, and the same as one by itself. Time is the
//! test's own, so that a minute takes no minute.

use std::time::{Duration, Instant};

use otpost_shared::{
    limits::Rule,
    rate::{Given, Meter, Rate, Rates, Share, Wanted},
};
use otpost_testbed::{Bed, Kind};

const MINUTE_US: i64 = 60_000_000;

fn rate(text: &str, burst: u32) -> Rate {
    Rate::new(Rule::parse(text).expect("a rule"), burst, 80)
}

/// What two processes are that share a Redis.
fn two(bed: &Bed, name: &str, rate: Rate) -> [Meter; 2] {
    [(); 2].map(|()| Rates::new(bed.home.redis.clone()).meter(name, rate))
}

async fn take(meter: &Meter, otp: u32, bulk: u32, at: i64) -> Given {
    meter.take_shared(Wanted { otp, bulk }, Some(at)).await.expect("an answer")
}

fn us(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("no centuries")
}

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i64::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

/// When each token of a minute may be used, taken by two processes as soon as they come and a
/// little late. How often they asked as well.
async fn a_minute(meters: &[Meter; 2], share_of: fn(&Given) -> &Share) -> (Vec<i64>, usize) {
    let (mut uses, mut asked, mut dice) = (Vec::new(), 0, Dice(7));
    let mut next = [1_000_000, 1_003_000];
    loop {
        let which = usize::from(next[1] < next[0]);
        let now = next[which];
        if now >= 1_000_000 + MINUTE_US {
            return (uses, asked);
        }
        let given = take(&meters[which], 64, 64, now).await;
        let share = share_of(&given);
        uses.extend(share.due.iter().map(|due| now + us(*due)));
        asked += 1;
        // A process sleeps at least 10 ms, and wakes up when it does.
        next[which] = now + us(share.wait).max(10_000) + dice.below(3_000);
    }
}

/// The most that were used in any span of this length.
fn most_within(uses: &mut [i64], span: i64) -> usize {
    uses.sort_unstable();
    let within = |(n, from): (usize, &i64)| uses[n..].partition_point(|at| *at < from + span);
    uses.iter().enumerate().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn two_processes_keep_to_a_rate_together() {
    let bed = Bed::make(Kind::Production, "").await;
    for (name, text, burst) in
        [("a", "50/s", 0), ("b", "50/s", 1), ("c", "1000/s", 20), ("d", "90/m", 1)]
    {
        let rate = rate(text, burst);
        let meters = two(&bed, name, rate);
        // Beyond what the rule allows there is the burst, and the one at the edge.
        let (mut uses, asked) = a_minute(&meters, |given| &given.otp).await;
        let expected = rate.per_second() * 60.0;
        let off = (f64::from(u32::try_from(uses.len()).expect("few")) / expected - 1.0).abs();
        assert!(off <= 0.01 + 1.0 / expected, "{text}, burst {burst}: {} uses", uses.len());
        for span_us in [20_000, 1_000_000, 10_000_000] {
            let most = most_within(&mut uses, span_us);
            let span = Duration::from_micros(span_us.unsigned_abs()).as_secs_f64();
            let allowed = f64::from(rate.burst) + rate.per_second() * span + 1.0;
            assert!(
                f64::from(u32::try_from(most).expect("few")) <= allowed,
                "{text}: {most} in {span} s"
            );
        }
        assert!(asked <= 2 * 6_000, "{text}: asked {asked} times");
    }
}

#[tokio::test]
async fn what_other_messages_take_is_bounded_while_codes_are_sent() {
    let bed = Bed::make(Kind::Production, "").await;
    let meters = two(&bed, "a", rate("50/s", 0));
    let start = 1_000_000;
    // Codes alone filled it, as one does that was at rest.
    take(&meters[0], 1, 0, start).await;
    let rested = start + 5_000_000;
    assert_eq!(take(&meters[0], 0, 99, rested).await.bulk.due.len(), 40, "of 50");
    let (mut bulk, mut codes, mut late) = (0, 0, 0);
    for step in 1..=2_000 {
        let now = rested + step * 10_000;
        let wanted = u32::from(step % 50 == 0);
        let given = take(&meters[usize::from(step % 2 == 0)], wanted, 32, now).await;
        bulk += given.bulk.due.len();
        codes += given.otp.due.len();
        late += given.otp.due.iter().filter(|due| !due.is_zero()).count();
    }
    assert!((780..=801).contains(&bulk), "{bulk} of 1,000 tokens");
    assert_eq!((codes, late), (40, 0), "every code at once");
    // When none was sent for ten seconds, others have all of it.
    let (meters, now) = (two(&bed, "b", rate("50/s", 0)), 1_000_000);
    take(&meters[0], 1, 0, now).await;
    let mut bulk = 0;
    for step in 0..2_000 {
        bulk += take(&meters[0], 0, 32, now + 11_000_000 + step * 10_000).await.bulk.due.len();
    }
    assert!((1_000..=1_042).contains(&bulk), "{bulk}");
}

#[tokio::test]
async fn a_code_has_the_next_token_whoever_asks_first() {
    let bed = Bed::make(Kind::Production, "").await;
    let [here, there] = two(&bed, "a", rate("2/s", 1));
    assert_eq!(take(&here, 0, 9, 1_000_000).await.bulk.due.len(), 1);
    let refused = take(&there, 1, 0, 1_100_000).await;
    assert_eq!((refused.otp.due.len(), refused.otp.wait), (0, Duration::from_millis(380)));
    let given = take(&here, 0, 9, 1_490_000).await;
    assert!(given.bulk.due.is_empty(), "it waits for the code");
    assert_eq!(take(&there, 1, 0, 1_495_000).await.otp.due, [Duration::from_millis(5)]);
}

#[tokio::test]
async fn a_redis_that_forgot_gives_no_second_burst() {
    let bed = Bed::make(Kind::Production, "").await;
    let [meter, _] = two(&bed, "a", rate("50/s", 0));
    take(&meter, 1, 0, 1_000_000).await;
    let link = bed.home.redis.as_ref().expect("a Redis");
    let flushed = link
        .run(|mut connection| async move {
            redis::cmd("FLUSHDB").query_async::<()>(&mut connection).await
        })
        .await;
    assert_eq!(flushed, Ok(()));
    let given = take(&meter, 99, 0, 9_000_000).await;
    assert_eq!(given.otp.due.len(), 2, "one, and one that is about to come");
}

#[tokio::test]
async fn whoever_counted_by_itself_owes_what_others_may_still_take() {
    let bed = Bed::make(Kind::Production, "").await;
    let [here, there] = two(&bed, "a", rate("50/s", 0));
    take(&there, 1, 0, 1_000_000).await;
    let counting = Rates::new(bed.home.redis.clone());
    counting.set_live_processes(2);
    let returning = counting.meter("a", rate("50/s", 0));
    returning.take_alone(Wanted { otp: 9, bulk: 0 }, 1);
    // It would be full. The other one may go on by itself for a second, with half of the rate.
    let given = take(&returning, 99, 0, 9_000_000).await;
    assert_eq!((given.otp.due.len(), given.left), (0, -24.0));
    assert_eq!(take(&here, 99, 0, 9_520_000).await.otp.due.len(), 3, "-24 and 26, and one ahead");
    // Only once.
    assert_eq!(take(&returning, 99, 0, 19_000_000).await.otp.due.len(), 51);
}

#[tokio::test]
async fn everywhere_it_is_counted_the_same() {
    let bed = Bed::make(Kind::Production, "").await;
    for (name, rate) in [("a", rate("50/s", 7)), ("b", rate("7/3s", 1)), ("c", rate("300/s", 40))] {
        let [shared, _] = two(&bed, name, rate);
        let alone = Rates::new(None).meter(name, rate);
        let (mut now, mut dice) = (0, Dice(11));
        // Both begin with one token at their first moment.
        for step in 0..600 {
            let wanted = [3, 2].map(|chance| {
                let many = if dice.below(chance) == 0 { 1 + dice.below(9) } else { 0 };
                u32::try_from(many).expect("few")
            });
            let wanted = Wanted { otp: wanted[0].max(u32::from(step == 0)), bulk: wanted[1] };
            if wanted == Wanted::default() {
                continue;
            }
            let of_redis = shared.take_shared(wanted, Some(now)).await.expect("an answer");
            assert_eq!(of_redis, alone.take_alone(wanted, now), "{rate} in step {step}");
            now += dice.below(if step % 40 == 0 { 12_000_000 } else { 60_000 });
        }
    }
}

#[tokio::test]
async fn by_its_own_clock_redis_never_gives_more() {
    let bed = Bed::make(Kind::Production, "").await;
    let rate = rate("200/s", 5);
    let meters = two(&bed, "a", rate);
    let (began, mut given) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(1) {
        for meter in &meters {
            let taken = meter.take_shared(Wanted { otp: 9, bulk: 9 }, None).await;
            let taken = taken.expect("an answer");
            given += taken.otp.due.len() + taken.bulk.due.len();
        }
        tokio::task::yield_now().await;
    }
    // What is due within the next 20 ms may have been given as well.
    let most = 5.0 + 200.0 * (began.elapsed().as_secs_f64() + 0.02);
    assert!(f64::from(u32::try_from(given).expect("few")) <= most, "{given} of {most}");
    assert!(given > 5, "{given}");
}
