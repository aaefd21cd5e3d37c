//! Limits that a start names, with their buckets.

use futures_util::future::join_all;
use otpost_testbed::on_both_homes;
use serde_json::json;

use super::*;

/// A limit of this name with a bucket; its id.
async fn limit(caller: &Caller<'_>, name: &str, most: &str) -> String {
    let made = caller.post(&caller.at("/RateLimits"), &[("UniqueName", name)]).await.is(201);
    let sid = made.str("sid").to_owned();
    let buckets = caller.at(&format!("/RateLimits/{sid}/Buckets"));
    caller.post(&buckets, &[("Max", most), ("Interval", "60")]).await.is(201);
    sid
}

on_both_homes! {
    async fn limits_and_buckets_are_made_changed_and_removed(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let sid = limit(&caller, "end_user", "2").await;
        let at = caller.at(&format!("/RateLimits/{sid}"));
        let twice = caller.post(&caller.at("/RateLimits"), &[("UniqueName", "end_user")]).await;
        assert_fault(&twice, 400, 60_200);
        let described = caller.post(&at, &[("Description", "by address")]).await.is(200);
        assert_eq!(described.str("description"), "by address");
        assert_eq!(caller.get(&at).await.is(200).str("unique_name"), "end_user");
        let listed = caller.get(&caller.at("/RateLimits")).await.is(200);
        assert_eq!(listed.json["rate_limits"][0]["sid"], json!(sid));

        let buckets = caller.get(&format!("{at}/Buckets")).await.is(200);
        let bucket = buckets.json["buckets"][0]["sid"].as_str().expect("a sid").to_owned();
        let bucket = format!("{at}/Buckets/{bucket}");
        let changed = caller.post(&bucket, &[("Max", "3")]).await.is(200);
        assert_eq!((&changed.json["max"], &changed.json["interval"]), (&json!(3), &json!(60)));
        for wrong in [("Max", "0"), ("Max", "100001"), ("Interval", "0"), ("Interval", "x")] {
            assert_fault(&caller.post(&bucket, &[wrong]).await, 400, 60_200);
        }
        let half = caller.post(&format!("{at}/Buckets"), &[("Max", "1")]).await;
        assert_fault(&half, 400, 60_200);
        caller.call(Method::DELETE, &bucket).await.is(204);
        assert_fault(&caller.get(&bucket).await, 404, 20_404);
        caller.call(Method::DELETE, &at).await.is(204);
        assert_fault(&caller.get(&at).await, 404, 20_404);
        assert_fault(&caller.get(&format!("{at}/Buckets")).await, 404, 20_404);
    }

    async fn each_bucket_that_is_made_counts(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let sid = limit(&caller, "end_user", "100").await;
        let buckets = caller.at(&format!("/RateLimits/{sid}/Buckets"));
        for _ in 0..18 {
            caller.post(&buckets, &[("Max", "100"), ("Interval", "60")]).await.is(201);
        }
        let last = [("Max", "1"), ("Interval", "60")];
        let last = join_all((0..4).map(|_| caller.post(&buckets, &last))).await;
        let made = last.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1, "{last:?}");
        for answer in last.iter().filter(|answer| answer.status != 201) {
            assert_fault(answer, 400, 60_200);
        }
        let by = [("RateLimits", r#"{"end_user":"a"}"#)];
        caller.start(&number(1), &by).await.is(201);
        assert_fault(&caller.start(&number(2), &by).await, 429, 20_429);
    }

    async fn a_value_is_counted_over_all_numbers(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        limit(&caller, "end_user", "2").await;
        let of = |who: &str| json!({ "end_user": who }).to_string();
        let one = of("203.0.113.9");
        for n in 1..=2 {
            caller.start(&number(n), &[("RateLimits", &one)]).await.is(201);
        }
        let third = caller.start(&number(3), &[("RateLimits", &one)]).await;
        assert_fault(&third, 429, 20_429);
        assert!(third.retry_after() >= 1);
        caller.start(&number(3), &[("RateLimits", &of("203.0.113.10"))]).await.is(201);
        let unknown = json!({ "nobody": "x" }).to_string();
        assert_fault(&caller.start(&number(4), &[("RateLimits", &unknown)]).await, 400, 60_200);
        assert_fault(&caller.start(&number(4), &[("RateLimits", "x")]).await, 400, 60_200);
    }

    async fn what_is_not_sent_is_not_counted(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        limit(&caller, "end_user", "6").await;
        let by = [("RateLimits", r#"{"end_user":"a"}"#)];
        for _ in 0..5 {
            caller.start(&number(1), &by).await.is(201);
        }
        for _ in 0..3 {
            assert_fault(&caller.start(&number(1), &by).await, 429, 60_203);
        }
        caller.start(&number(2), &by).await.is(201);
        assert_fault(&caller.start(&number(3), &by).await, 429, 20_429);
    }
}
