//! Limits in both homes, and without the Redis they usually live in.

use std::time::Duration;

use otpost_shared::limits::{Charge, Limited, Limiter, Reach, Rule, Scope};
use otpost_shared::redis_link::RedisLink;
use otpost_shared::strangers::{Surface, count_client};
use otpost_testbed::on_both_homes;
use uuid::Uuid;

const RULES: [Rule; 2] =
    [Rule { count: 1, window_ms: 30_000 }, Rule { count: 3, window_ms: 600_000 }];

/// Of somebody else who counts the same.
const SURFACE: [Rule; 1] = [Rule { count: 2, window_ms: 60_000 }];

fn charge(key: &str) -> [Charge<'_>; 1] {
    [Charge::new(Scope::Recipient, key.into(), &RULES)]
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
        assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 1).await.is_err());
        limiter.refund(charged).await;
        assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 2).await.is_ok());
    }

    async fn strangers_are_counted_where_they_call(bed, "") {
        let rules = [Rule { count: 1, window_ms: 60_000 }];
        let client = "198.51.100.7".parse().expect("an address");
        let count = |at| count_client(&bed.home, at, Uuid::nil(), client, &rules);
        assert!(count(Surface::Django).await.is_ok());
        assert!(count(Surface::Page).await.is_ok());
        let limited = count(Surface::Page).await.expect_err("one a minute");
        assert_eq!(limited.scope, Scope::Client);
    }

    async fn what_a_repeat_has_passed_on_stays_charged(bed, "") {
        let limiter = &bed.home.limiter;
        let many = [Rule { count: 17, window_ms: 30_000 }];
        let charges = || {
            let [recipient] = charge("a");
            [Charge::new(Scope::Tenant, "t".into(), &many), recipient]
        };
        let at = |marker, now| async move {
            limiter.charge(Uuid::nil(), &charges(), marker, now).await
        };
        let first = at(Some("k"), 0).await.expect("free");
        // The same key is not charged twice, and its commit may be the one that counts.
        let second = at(Some("k"), 1).await.expect("passes");
        limiter.refund(first).await;
        assert!(at(None, 2).await.is_err());
        limiter.refund(second).await;
        assert!(at(None, 3).await.is_err());
        assert!(at(Some("k"), 4).await.is_ok(), "it goes on passing");
        let tenant = [Charge::new(Scope::Tenant, "t".into(), &many)];
        for nth in 2..=17 {
            assert!(limiter.charge(Uuid::nil(), &tenant, None, 5).await.is_ok(), "{nth}");
        }
        assert!(limiter.charge(Uuid::nil(), &tenant, None, 5).await.is_err());
    }

    async fn a_repeat_is_known_by_the_first_charge_that_counts_few(bed, "") {
        let ten = [Rule { count: 10, window_ms: 3_600_000 }];
        let many = [Rule { count: 17, window_ms: 30_000 }];
        let at = async |limiter: &Limiter, who: &str, client: &str, marker: &str, now| {
            let charges = [
                Charge::new(Scope::Tenant, "t".into(), &many),
                Charge::new(Scope::Recipient, who.into(), &RULES),
                Charge::new(Scope::Client, client.into(), &ten),
            ];
            limiter.charge(Uuid::nil(), &charges, Some(marker), now).await
        };
        let alone = Limiter::new(None);
        for limiter in [&bed.home.limiter, &alone] {
            for nth in 0..10_i64 {
                let who = nth.to_string();
                assert!(at(limiter, &who, "x", &who, nth).await.is_ok(), "{nth}");
            }
            let refused = at(limiter, "b", "x", "5", 20).await.expect_err("another's marker");
            assert_eq!(refused.scope, Scope::Client);
            // The same recipient again is a repeat, from wherever it comes.
            for client in ["x", "y"] {
                assert!(at(limiter, "5", client, "5", 21).await.is_ok(), "{client}");
            }
            assert!(at(limiter, "5", "x", "6", 22).await.is_err());
            assert!(at(limiter, "5", "x", "5", 59_999).await.is_ok());
            assert!(at(limiter, "5", "x", "5", 60_005).await.is_err(), "a minute is over");
        }
    }

    async fn a_marker_counts_for_a_minute_also_where_windows_are_short(bed, "") {
        let second = [Rule { count: 2, window_ms: 1_000 }];
        let charge = [Charge::new(Scope::Recipient, "a".into(), &second)];
        let alone = Limiter::new(None);
        for limiter in [&bed.home.limiter, &alone] {
            let at = |marker, now| limiter.charge(Uuid::nil(), &charge, marker, now);
            let first = at(Some("k"), 0).await.expect("free");
            assert!(at(Some("k"), 50_000).await.is_ok());
            limiter.refund(first).await;
            assert!(at(None, 50_000).await.is_ok());
            assert!(at(None, 50_000).await.is_ok(), "the repeat was not charged");
            assert!(at(None, 50_000).await.is_err());
        }
    }

    async fn everywhere_the_counts_are_the_same(bed, "") {
        let (here, alone) = (&bed.home.limiter, Limiter::new(None));
        let many = [Rule { count: 20, window_ms: 300_000 }];
        // Of all, so that markers meet there that were charged with other keys.
        let few = [Rule { count: 16, window_ms: 90_000 }];
        let reach = Reach::of(RULES.iter().chain(&SURFACE));
        let (mut state, mut now, mut refused) = (7_u64, 0, 0);
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for step in 0..600 {
            now += i64::try_from(random(9_000)).expect("small");
            let recipient = random(12).to_string();
            let marker = (random(3) == 0).then(|| format!("{:x}", random(40)));
            // Half of them come by another surface.
            let rules = if random(2) == 0 { &RULES[..] } else { &SURFACE };
            let mut charges = vec![
                Charge::new(Scope::Recipient, recipient, rules).reaching(reach),
                Charge::new(Scope::Client, random(2).to_string(), &many),
                Charge::new(Scope::Tenant, "t".into(), &few),
            ];
            charges.drain(..usize::try_from(random(3)).expect("small"));
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

    async fn each_surface_judges_by_its_own_rules_and_none_forgets_for_another(bed, "") {
        const MINUTE: i64 = 60_000;
        let surface = [Rule { count: 5, window_ms: 10 * MINUTE }];
        // A log of few moments and one of many.
        for count in [10_u8, 20] {
            let native = [Rule { count: count.into(), window_ms: 24 * 60 * MINUTE }];
            let reach = Reach::of(native.iter().chain(&surface));
            let by = |rules| [Charge::new(Scope::Recipient, count.to_string(), rules).reaching(reach)];
            let (native, surface) = (by(&native[..]), by(&surface[..]));
            let limiter = &bed.home.limiter;
            let mut now = 0;
            for nth in 1..i64::from(count) {
                assert!(limiter.charge(Uuid::nil(), &native, None, now).await.is_ok(), "{nth}");
                now += 3 * MINUTE;
            }
            assert!(limiter.charge(Uuid::nil(), &surface, None, now).await.is_ok(), "{count}");
            now += 20 * MINUTE;
            let refused = limiter.charge(Uuid::nil(), &native, None, now).await;
            let limited = Limited { scope: Scope::Recipient, wait_ms: 24 * 60 * MINUTE - now };
            assert_eq!(refused.expect_err("as many as in a day"), limited, "{count}");
            assert!(limiter.charge(Uuid::nil(), &surface, None, now).await.is_ok(), "{count}");
        }
    }

    async fn charges_of_one_key_at_once_are_judged_by_their_own_rules(bed, "") {
        const RULES: [&[Rule]; 2] =
            [&[Rule { count: 10, window_ms: 60_000 }], &[Rule { count: 2, window_ms: 60_000 }]];
        let tasks: Vec<_> = (0..64)
            .map(|n| {
                let limiter = bed.home.limiter.clone();
                tokio::spawn(async move {
                    let reach = Reach::of(RULES.into_iter().flatten());
                    let charge = Charge::new(Scope::Tenant, "t".into(), RULES[n % 2]);
                    limiter.charge(Uuid::nil(), &[charge.reaching(reach)], None, 5).await.is_ok()
                })
            })
            .collect();
        let mut taken = [0, 0];
        for (n, task) in tasks.into_iter().enumerate() {
            taken[n % 2] += u32::from(task.await.expect("no panic"));
        }
        assert_eq!(taken.iter().sum::<u32>(), 10);
        assert!(taken[1] <= 2, "{taken:?}");
    }

    async fn a_limit_is_exact_under_concurrency(bed, "") {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let limiter = bed.home.limiter.clone();
                tokio::spawn(async move {
                    let rules = [Rule { count: 10, window_ms: 60_000 }];
                    let charge = [Charge::new(Scope::Tenant, "t".into(), &rules)];
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
    let link = RedisLink::open("redis://127.0.0.1:1", Duration::from_millis(50)).expect("a URL");
    let limiter = Limiter::new(Some(link));
    assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 0).await.is_ok());
    assert!(limiter.charge(Uuid::nil(), &charge("a"), None, 1).await.is_err());
}
