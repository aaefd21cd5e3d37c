//! Rate limits: whom they count, and whom they never do.

use otpost_testbed::on_both_homes;
use serde_json::json;

use crate::service::{Created, MESSAGES, Service, VERIFICATIONS, number};

const TWO_PER_CLIENT: &str = "[limits]\nclient_ip = [\"2/1m\"]\n";
const BEHIND_A_PROXY: &str = r#"
[limits]
client_ip = ["2/1m"]
[server]
trusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]
"#;

/// Verifications that may be sent again, made by a caller without a client address.
async fn resendable<const N: usize>(service: &Service) -> [Created; N] {
    let mut all = Vec::new();
    for n in 0..N {
        all.push(service.create(u32::try_from(n).expect("few")).await);
    }
    service.home.clock.advance(30_001);
    all.try_into().expect("as many")
}

async fn resend(service: &Service, created: &Created, forwarded: &str) -> u16 {
    let path = format!("{VERIFICATIONS}/{}/resend", created.id);
    let mut call = service.post(&path, &json!({ "session_token": created.token })).by_nobody();
    if !forwarded.is_empty() {
        call = call.header("x-forwarded-for", forwarded);
    }
    let answer = call.await;
    if answer.status == 429 {
        assert_eq!(answer.str("limit"), "client", "{}", answer.text);
    }
    answer.status
}

on_both_homes! {
    async fn a_number_is_limited_and_told_how_long(bed, "") {
        let service = Service::start(&bed).await;
        service.create(1).await;
        let before = service.stored().await;
        let limited = service.post(VERIFICATIONS, &json!({ "to": number(1) })).await;
        let limited = limited.refused(429, "rate_limited");
        assert_eq!(limited.str("limit"), "recipient");
        assert!((1..=30).contains(&limited.retry_after()));
        assert_eq!(service.stored().await, before);
        // Texts are counted apart from codes.
        let text = json!({ "to": number(1), "text": "hello" });
        service.post(MESSAGES, &text).await.is(202);
        service.post(MESSAGES, &text).await.refused(429, "rate_limited");
        for _ in 0..4 {
            service.home.clock.advance(30_001);
            service.create(1).await;
        }
        service.home.clock.advance(30_001);
        let limited = service.post(VERIFICATIONS, &json!({ "to": number(1) })).await;
        assert!(limited.refused(429, "rate_limited").retry_after() > 400, "five in ten minutes");
    }

    async fn with_a_key_only_client_ip_is_limited(bed, TWO_PER_CLIENT) {
        let service = Service::start(&bed).await;
        let create = |n: u32, client: &'static str| {
            let body = json!({ "to": number(n), "client_ip": client });
            service.post(VERIFICATIONS, &body).header("x-forwarded-for", "203.0.113.1")
        };
        // The connection is the customer's server: it is never counted.
        for n in 0..5 {
            service.create(n).await;
        }
        for n in 10..12 {
            create(n, "203.0.113.1").await.is(202);
        }
        let limited = create(12, "203.0.113.1").await.refused(429, "rate_limited");
        assert_eq!(limited.str("limit"), "client");
        assert!((1..=60).contains(&limited.retry_after()));
        create(13, "::ffff:203.0.113.1").await.refused(429, "rate_limited");
        create(14, "203.0.113.2").await.is(202);
        // IPv6 is counted by its network of 64 bits.
        create(15, "2001:db8:0:1::1").await.is(202);
        create(16, "2001:db8:0:1:ffff::2").await.is(202);
        create(17, "2001:db8:0:1::3").await.refused(429, "rate_limited");
        create(18, "2001:db8:0:2::1").await.is(202);
        // Texts count too, and what was refused did not charge the number.
        let text = json!({ "to": number(19), "text": "hello", "client_ip": "203.0.113.1" });
        service.post(MESSAGES, &text).await.refused(429, "rate_limited");
        create(12, "203.0.113.3").await.is(202);
    }

    async fn a_resend_with_a_key_counts_client_ip_too(bed, TWO_PER_CLIENT) {
        let service = Service::start(&bed).await;
        let [a, b, c] = resendable(&service).await;
        let resend = |created: &Created, body| {
            service.post(&format!("{VERIFICATIONS}/{}/resend", created.id), &body)
        };
        let body = json!({ "client_ip": "203.0.113.1" });
        resend(&a, body.clone()).await.is(202);
        resend(&b, body.clone()).await.is(202);
        resend(&c, body).await.refused(429, "rate_limited");
        resend(&c, json!({})).await.is(202);
    }

    async fn without_a_key_the_connection_is_limited(bed, TWO_PER_CLIENT) {
        let service = Service::start(&bed).await;
        let [a, b, c] = resendable(&service).await;
        assert_eq!(resend(&service, &a, "").await, 202);
        assert_eq!(resend(&service, &b, "203.0.113.1").await, 202);
        // Nothing an untrusted peer says about itself is believed.
        for forwarded in ["", "203.0.113.1", "203.0.113.2", "127.0.0.1"] {
            assert_eq!(resend(&service, &c, forwarded).await, 429, "{forwarded}");
        }
        // Neither is the body.
        let path = format!("{VERIFICATIONS}/{}/resend", c.id);
        let body = json!({ "session_token": c.token, "client_ip": "203.0.113.3" });
        service.post(&path, &body).by_nobody().await.refused(429, "rate_limited");
        service.home.clock.advance(60_001);
        assert_eq!(resend(&service, &c, "").await, 202);
    }

    async fn a_trusted_proxy_is_believed(bed, BEHIND_A_PROXY) {
        let service = Service::start(&bed).await;
        let [a, b, c, d] = resendable(&service).await;
        assert_eq!(resend(&service, &a, "203.0.113.1").await, 202);
        assert_eq!(resend(&service, &b, "198.51.100.7, 203.0.113.1, 10.1.2.3").await, 202);
        // What a client puts in front of its own address changes nothing.
        for before in ["", "192.0.2.1, ", "192.0.2.2,127.0.0.1,"] {
            let forwarded = &format!("{before}203.0.113.1");
            assert_eq!(resend(&service, &c, forwarded).await, 429, "{forwarded}");
        }
        assert_eq!(resend(&service, &c, "203.0.113.2").await, 202);
        assert_eq!(resend(&service, &d, "nonsense").await, 202);
    }

    async fn a_tenant_is_limited_apart_from_others(bed, "[limits]\ntenant = [\"2/1m\"]") {
        let service = Service::start(&bed).await;
        let foreign = service.foreign_key().await;
        service.create(1).await;
        service.create(2).await;
        let body = json!({ "to": number(3) });
        let limited = service.post(VERIFICATIONS, &body).await.refused(429, "rate_limited");
        assert_eq!(limited.str("limit"), "tenant");
        service.post(VERIFICATIONS, &body).by(&foreign).await.is(202);
    }
}
