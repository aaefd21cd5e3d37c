//! Limits in both homes, and without the Redis they usually live in.

use otpost_shared::limits::{Charge, Limited, Limiter, Rule, Scope};
use otpost_shared::redis_link::RedisLink;
use otpost_testbed::on_both_homes;
use uuid::Uuid;

const RULES: [Rule; 2] =
    [Rule { count: 1, window_ms: 30_000 }, Rule { count: 3, window_ms: 600_000 }];

fn charge(key: &str) -> [Charge<'_>; 1] {
    [Charge { scope: Scope::Recipient, key: key.into(), rules: &RULES }]
}

on_both_homes! {
    async fn windows_slide_exactly(bed, "") {
        let limiter = &bed.home.limiter;
        let a = charge("a");
        let at = |now| limiter.charge(Uuid::nil(), &a, None, now);
        let limited = |wait_ms| Limited { scope: Scope::Recipient, wait_ms };
        assert!(at(0).await.is_ok());
        assert_eq!(at(29_999).await.expect_err("too soon"), limited(1));
        assert!(at(30_000).await.is_ok());
        assert!(at(60_000).await.is_ok());
        assert_eq!(at(90_000).await.expect_err("three in ten minutes"), limited(510_000));
        assert!(at(600_000).await.is_ok());
    }

    async fn what_came_to_nothing_is_given_back(bed, "") {
        let limiter = &bed.home.limiter;
        let charged = limiter.charge(Uuid::nil(), &charge("a"), Some("k"), 0).await.expect("free");
        // The same key is not charged twice.
        assert!(limiter.charge(Uuid::nil(), &charge("a"), Some("k"), 1).await.is_ok());
        assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 1).await.is_err());
        limiter.refund(charged).await;
        assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 2).await.is_ok());
    }

    async fn everywhere_the_counts_are_the_same(bed, "") {
        let (here, alone) = (&bed.home.limiter, Limiter::new(None));
        let many = [Rule { count: 20, window_ms: 300_000 }];
        let (mut state, mut now, mut refused) = (7_u64, 0, 0);
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for step in 0..600 {
            now += i64::try_from(random(9_000)).expect("small");
            let recipient = random(12).to_string();
            let marker = (random(3) == 0).then(|| format!("{:x}", random(40)));
            let charges = [
                Charge { scope: Scope::Recipient, key: recipient, rules: &RULES },
                Charge { scope: Scope::Client, key: random(2).to_string(), rules: &many },
            ];
            let answers = [
                here.charge(Uuid::nil(), &charges, marker.as_deref(), now).await,
                alone.charge(Uuid::nil(), &charges, marker.as_deref(), now).await,
            ];
            let [of_home, of_process] = answers;
            assert_eq!(of_home.as_ref().err(), of_process.as_ref().err(), "step {step}");
            refused += u32::from(of_home.is_err());
            if let (Ok(a), Ok(b), 0) = (of_home, of_process, random(8)) {
                here.refund(a).await;
                alone.refund(b).await;
            }
        }
        assert!((100..500).contains(&refused), "{refused} of 600");
    }

    async fn a_limit_is_exact_under_concurrency(bed, "") {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let limiter = bed.home.limiter.clone();
                tokio::spawn(async move {
                    let rules = [Rule { count: 10, window_ms: 60_000 }];
                    let charge = [Charge { scope: Scope::Tenant, key: "t".into(), rules: &rules }];
                    limiter.charge(Uuid::nil(), &charge, None, 5).await.is_ok()
                })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            taken += u32::from(task.await.expect("no panic"));
        }
        assert_eq!(taken, 10);
    }
}

#[tokio::test]
async fn without_redis_this_process_counts() {
    let link =
        RedisLink::open("redis://127.0.0.1:1", otpost_shared::redis_link::PATIENCE).expect("a URL");
    let limiter = Limiter::new(Some(link));
    assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 0).await.is_ok());
    assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 1).await.is_err());
}
