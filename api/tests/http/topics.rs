//! Reports that come by way of a topic: its certificate is fetched once, its subscription confirmed.

use futures_util::future::join_all;
use otpost_shared::{clock::rfc3339, queue::Lane, suppression, tenant::DEFAULT_TENANT};
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    reports::{sent, state},
    service::Service,
    sns::Sns,
};

const CONFIG: &str = r#"
[server]
public_url = "https://codes.example/otp/"
[recipients]
countries = ["*"]
[chains]
sms = ["aws", "local"]
[providers.aws]
kind = "aws_sms"
region = "eu-west-1"
access_key_id = "k"
secret_access_key = "s"
configuration_set = "codes"
topic_arn = "arn:aws:sns:eu-west-1:123456789012:codes"
[providers.local]
kind = "sandbox"
"#;

const PATH: &str = "/v1/inbound/aws/reports";

fn event(kind: &str, of: &str) -> Value {
    json!({ "eventType": kind, "isFinal": true, "context": { "message_id": "7", "report": of } })
}

fn reference(path: &str) -> &str {
    path.split_once("?of=").expect("a reference").1
}

on_both_homes! {
    async fn a_signed_event_is_taken(bed, CONFIG) {
        let sns = Sns::start().await;
        let service = Service::start_with(&bed, sns.topics()).await;
        let (message, path) = sent(&service, 1, "aws").await;
        let at = rfc3339(service.home.clock.now());
        let post = |body: String| {
            service.call(Method::POST, PATH).by_nobody().raw("text/plain; charset=UTF-8", body)
        };
        let delivered = sns.notification(&at, &event("TEXT_DELIVERED", reference(&path)));
        post(delivered.replace("DELIVERED", "PENDING")).await.refused(401, "report_not_genuine");
        assert_eq!(state(&service, message.id).await, "sent");
        post(sns.notification(&at, &event("TEXT_QUEUED", reference(&path)))).any().await.is(200);
        post(delivered.clone()).any().await.is(200);
        post(delivered).any().await.is(200);
        assert_eq!(state(&service, message.id).await, "delivered");
        assert_eq!(sns.asked(), (1, 0), "the certificate is kept");

        let (message, path) = sent(&service, 2, "aws").await;
        let blocked = sns.notification(&at, &event("TEXT_CARRIER_BLOCKED", reference(&path)));
        post(blocked).any().await.is(200);
        let shown = service.show(message.verification_id.expect("a code")).await.is(200);
        let attempt = &shown.json["messages"][0]["attempts"][0];
        let said = (&attempt["report_class"], &attempt["report_code"]);
        assert_eq!(said, (&json!("content"), &json!("TEXT_CARRIER_BLOCKED")));
        assert_eq!(state(&service, message.id).await, "queued", "another provider is asked");
    }

    async fn what_people_write_comes_by_the_topic(bed, CONFIG) {
        let sns = Sns::start().await;
        let service = Service::start_with(&bed, sns.topics()).await;
        let now = service.home.clock.now();
        let write_at = async |text: &str, at: i64| {
            let message = json!({
                "originationNumber": "+12025550123", "destinationNumber": "+12025550199",
                "messageKeyword": "KEYWORD_2", "messageBody": text, "inboundMessageId": "1",
            });
            let call = service.call(Method::POST, PATH).by_nobody();
            let body = sns.notification(&rfc3339(at), &message);
            call.raw("text/plain", body).any().await.is(200);
        };
        let to = service.home.parse_recipient("+12025550123", None).expect("a number");
        let keeps_back = async || {
            let kept = suppression::keeps_back(&service.home, DEFAULT_TENANT, &to, Lane::Bulk).await;
            kept.expect("an answer")
        };
        let address = service.home.inbound_url("aws").expect("an address");
        assert_eq!(address, format!("https://codes.example/otp{PATH}"));
        write_at("Stop", now - 2_000).await;
        assert!(keeps_back().await);
        write_at("Start", now - 1_000).await;
        assert!(!keeps_back().await);
        write_at("Stop", now - 2_000).await;
        assert!(!keeps_back().await, "SNS brings it again");
    }

    async fn a_burst_fetches_one_certificate(bed, CONFIG) {
        let sns = Sns::start().await;
        let service = Service::start_with(&bed, sns.topics()).await;
        let at = rfc3339(service.home.clock.now());
        let body = sns.notification(&at, &event("TEXT_QUEUED", "none"));
        let post = |_| {
            let call = service.call(Method::POST, PATH).by_nobody();
            call.raw("text/plain", body.clone()).any()
        };
        for answer in join_all((0..16).map(post)).await {
            answer.is(200);
        }
        assert_eq!(sns.asked(), (1, 0));
    }

    async fn a_subscription_is_confirmed(bed, CONFIG) {
        let sns = Sns::start().await;
        let service = Service::start_with(&bed, sns.topics()).await;
        let at = rfc3339(service.home.clock.now());
        let post = |body: String| service.call(Method::POST, PATH).by_nobody().raw("text/plain", body);
        let confirmation = sns.confirmation(&at);
        let elsewhere = confirmation.replace("/?Action", ".evil.example/?Action");
        post(elsewhere).await.refused(401, "report_not_genuine");
        post(confirmation.replace("2336412f", "2336412e")).await.refused(401, "report_not_genuine");
        assert_eq!(sns.asked(), (1, 0));
        sns.is_down(true);
        post(confirmation.clone()).await.refused(503, "certificate_unavailable");
        sns.is_down(false);
        post(confirmation).any().await.is(200);
        assert_eq!(sns.asked(), (1, 2));
    }

    async fn a_subscription_that_was_ended_stays_ended(bed, CONFIG) {
        let sns = Sns::start().await;
        let service = Service::start_with(&bed, sns.topics()).await;
        let at = rfc3339(service.home.clock.now());
        let call = service.call(Method::POST, PATH).by_nobody();
        call.raw("text/plain", sns.unsubscription(&at)).any().await.is(200);
        assert_eq!(sns.asked(), (1, 0), "its address would subscribe again");
        let hint = service.home.hint_on_reports("aws");
        assert!(hint.contains("https://codes.example/otp/v1/inbound/aws/reports"), "{hint}");
    }

    async fn made_up_certificates_are_not_looked_for_without_end(bed, CONFIG) {
        let sns = Sns::start().await;
        let service = Service::start_with(&bed, sns.topics()).await;
        let clock = &service.home.clock;
        let genuine = || sns.notification(&rfc3339(clock.now()), &event("TEXT_QUEUED", "none"));
        let made_up = |n: u32| genuine().replace("0123456789abcdef", &format!("{n:016x}"));
        let post = |body: String| {
            service.call(Method::POST, PATH).by_nobody().raw("text/plain", body).any()
        };
        for _ in 0..5 {
            post(made_up(1)).await.refused(503, "certificate_unavailable");
        }
        assert_eq!(sns.tried(), 1, "it is not there a moment later either");
        clock.advance(10_000);
        post(made_up(1)).await.refused(503, "certificate_unavailable");
        assert_eq!(sns.tried(), 2);
        for answer in join_all((2..60).map(|n| post(made_up(n)))).await {
            answer.refused(503, "certificate_unavailable");
        }
        assert_eq!(sns.tried(), 12, "a minute's worth");
        post(genuine()).await.refused(503, "certificate_unavailable");
        clock.advance(60_000);
        post(genuine()).await.is(200);
        assert_eq!(sns.tried(), 13);
    }

    async fn without_the_certificate_nothing_is_believed(bed, CONFIG) {
        let sns = Sns::start().await;
        let service = Service::start_with(&bed, sns.topics()).await;
        let (message, path) = sent(&service, 1, "aws").await;
        let now = service.home.clock.now();
        let post = |body: String| service.call(Method::POST, PATH).by_nobody().raw("text/plain", body);
        let notify = |at: i64, of: &str| sns.notification(&rfc3339(at), &event("TEXT_DELIVERED", of));
        let good = notify(now, reference(&path));
        // None of these is worth a certificate.
        let old = notify(now - 2 * 3_600_000, reference(&path));
        post(old).await.refused(401, "report_not_genuine");
        let other = good.replace(":codes\"", ":other\"");
        post(other).await.refused(401, "report_not_genuine");
        let foreign = good.replace("sns.eu-west-1.amazonaws.com", "sns.example");
        post(foreign).await.refused(401, "report_not_genuine");
        let raw = service.call(Method::POST, PATH).by_nobody();
        let raw = raw.header("x-amz-sns-rawdelivery", "true").raw("text/plain", good.clone());
        raw.await.refused(401, "report_not_genuine");
        post(event("TEXT_DELIVERED", reference(&path)).to_string()).await.refused(422, "invalid_field");
        assert_eq!(sns.asked(), (0, 0));

        sns.is_down(true);
        post(good.clone()).await.refused(503, "certificate_unavailable");
        assert_eq!(state(&service, message.id).await, "sent");
        sns.is_down(false);
        service.home.clock.advance(10_000);
        // Signed, and of an attempt that there is not, or that is not theirs.
        post(notify(now, &"A".repeat(46))).any().await.is(200);
        let swapped = reference(&path).to_owned();
        let swapped = format!("{}AAAAAA", &swapped[..swapped.len() - 6]);
        post(notify(now, &swapped)).await.refused(401, "report_not_genuine");
        post(good).any().await.is(200);
        assert_eq!(state(&service, message.id).await, "delivered");
        assert_eq!(sns.asked(), (2, 0));
    }
}
