//! From a report to the next provider: asked for, heard, gone on with.

use otpost_shared::{
    attempt::{self, Attempt},
    message::{Effect, take_report},
    outcome::ErrorClass,
    price::{Cost, Currency, Price},
    report::{Reference, Report, Word},
    verification,
};
use otpost_testbed::Bed;
use uuid::Uuid;

use crate::{
    Worker, accept, accept_for,
    delivery::BOTH,
    ended,
    gateway::{ACCEPTED, Answer, Gateway},
    metrics, timeline, until,
};

pub const TAKEN: Answer = Answer::Http(
    "200 OK",
    r#"{"messages":[{"status":"0","message-id":"v-1","message-price":"0.03330000"}]}"#,
);

/// What each attempt costs.
async fn costs(bed: &Bed, message: Uuid) -> Vec<String> {
    let attempts = attempt::list_by_message(&bed.home.db, message).await.expect("an answer");
    let cost = |attempt: &Attempt| attempt.charge().map_or("nothing".into(), |c| c.to_string());
    attempts.iter().map(cost).collect()
}

/// What the gateway of kind `vonage` was given as the address for its report, as the provider `a`.
pub fn asked_for(gateway: &Gateway) -> Reference {
    asked_for_as(gateway, "a")
}

fn asked_for_as(gateway: &Gateway, name: &str) -> Reference {
    let body = gateway.bodies().pop().expect("a request");
    let url = reqwest::Url::parse(&format!("http://form/?{body}")).expect("a form");
    let (_, callback) = url.query_pairs().find(|(name, _)| name == "callback").expect("a callback");
    let callback = reqwest::Url::parse(&callback).expect("an address");
    assert_eq!(callback.path(), format!("/v1/inbound/{name}/reports"));
    let (_, of) = callback.query_pairs().find(|(name, _)| name == "of").expect("a reference");
    Reference::parse(&of).expect("a reference of ours")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_not_delivered_goes_to_the_next_provider_with_the_same_digits() {
    for kind in BOTH {
        let (first, second) = (Gateway::start(TAKEN).await, Gateway::start(ACCEPTED).await);
        let extra = format!(
            "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
             [chains]\nsms = [\"a\", \"b\"]\n[providers.a]\nkind = \"vonage\"\napi_key = \"k\"\n\
             api_secret = \"s\"\nfrom = \"Otpost\"\nbase_url = {:?}\n{}\
             [providers.b.prices]\ncurrency = \"USD\"\n\"*\" = \"0.0075\"\n",
            first.url,
            second.section("b")
        );
        let bed = Bed::make(kind, &extra).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(row.state, "sent");
        let of = asked_for(&first);
        assert_eq!((of.message_id, of.number), (row.id, 1));
        assert_eq!(costs(&bed, row.id).await, ["0.0333 EUR"]);
        let (word, class) = (Word::Undelivered, Some(ErrorClass::Transient));
        let price = Some(Price { micros: 40_000, currency: Currency::EUR });
        let cost = Cost { price, ..Cost::default() };
        let report = Report { of, word, class, code: Some("8".into()), cost };
        assert_eq!(take_report(&bed.home, "a", report).await, Ok(Effect::GoesOn));
        until("the second provider has it", async || second.bodies().len() == 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(row.state, "sent");
        assert_eq!(timeline(&bed.home, row.id).await, ["a ok", "b ok"]);
        assert_eq!(costs(&bed, row.id).await, ["0.04 EUR", "about 0.0075 USD"]);
        let of = verification::find(&bed.home.db, accepted.id).await.expect("an answer");
        let code = of.expect("a row").code(&bed.home.keys).expect("a key").expect("a seed");
        for gateway in [&first, &second] {
            assert!(gateway.bodies()[0].contains(code.as_str()));
        }
        worker.stop().await;
        assert_eq!((first.bodies().len(), second.bodies().len()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_that_is_refused_in_a_report_is_counted() {
    metrics();
    for kind in BOTH {
        let first = Gateway::start(TAKEN).await;
        let extra = format!(
            "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
             [chains]\nsms = [\"strict\"]\n[providers.strict]\nkind = \"vonage\"\napi_key = \"k\"\n\
             api_secret = \"s\"\nfrom = \"Otpost\"\nbase_url = {:?}\n",
            first.url
        );
        let bed = Bed::make(kind, &extra).await;
        let worker = Worker::start(&bed.home);
        for (to, class) in [
            ("+12025550101", ErrorClass::Transient),
            ("+4915112345678", ErrorClass::Region),
            ("+12025550143", ErrorClass::Sender),
        ] {
            let accepted = accept_for(&bed.home, to).await;
            assert_eq!(ended(&bed.home, accepted.id).await.state, "sent");
            let (of, word, cost) =
                (asked_for_as(&first, "strict"), Word::Undelivered, Cost::default());
            let report = Report { of, word, class: Some(class), code: None, cost };
            for _ in 0..2 {
                take_report(&bed.home, "strict", report.clone()).await.expect("taken in");
            }
        }
        worker.stop().await;
    }
    // All tests of the process count in one place.
    let refusals = r#"otpost_reported_refusals_total{provider="strict","#;
    let all = metrics();
    let mut counted: Vec<&str> = all.lines().filter(|line| line.starts_with(refusals)).collect();
    counted.sort_unstable();
    let labels = [
        r#"country="DE",lane="otp",outcome="region""#,
        r#"country="US",lane="otp",outcome="sender""#,
    ];
    let once_each = labels.map(|of| format!("{refusals}{of}}} 2"));
    assert_eq!(counted, once_each, "in each home once");
}

/// Says nothing that can be read first, and that it has taken it when it is asked again.
const AT_LAST: [Answer; 2] =
    [Answer::Http("200 OK", "{}"), Answer::Http("200 OK", r#"{"data":{"id":"t-1"}}"#)];

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_knows_a_repeat_by_its_bytes_is_given_the_same_address_again() {
    for kind in BOTH {
        let gateway = Gateway::start(AT_LAST[0]).await;
        gateway.answers(&AT_LAST);
        let extra = format!(
            "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
             [chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"telnyx\"\napi_key = \"k\"\n\
             from = \"+12025550101\"\npublic_key = \"TqtRzDsTXOYGQR8wzDrwty8Fsl+B4fZusGVpDVL36uE=\"\n\
             base_url = {:?}\n",
            gateway.url
        );
        let bed = Bed::make(kind, &extra).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        worker.stop().await;
        assert_eq!(timeline(&bed.home, row.id).await, ["a unknown", "a ok"]);
        let bodies = gateway.bodies();
        assert_eq!(bodies[0], bodies[1]);
        let body: serde_json::Value = serde_json::from_str(&bodies[0]).expect("JSON");
        let (_, of) =
            body["webhook_url"].as_str().and_then(|url| url.split_once("?of=")).expect("it");
        let of = Reference::parse(of).expect("a reference of ours");
        let cost = Cost::default();
        let report = Report { of, word: Word::Delivered, class: None, code: None, cost };
        assert_eq!(take_report(&bed.home, "a", report).await, Ok(Effect::Delivered));
        let attempts = attempt::list_by_message(&bed.home.db, row.id).await.expect("an answer");
        let reported: Vec<_> = attempts.iter().map(|a| a.report.as_deref()).collect();
        assert_eq!(reported, [None, Some("delivered")]);
    }
}

/// What the section `a` needs, what its gateway answers, and where in the request the reference stands.
const GIVE_BACK: [(&str, &str, &str); 2] = [
    (
        "kind = 'aws_sms'\nregion = 'eu-west-1'\naccess_key_id = 'k'\nsecret_access_key = 's'\n\
         configuration_set = 'codes'\ntopic_arn = 'arn:aws:sns:eu-west-1:123456789012:codes'\n\
         base_url = 'URL'",
        r#"{"MessageId":"m-1"}"#,
        "/Context/report",
    ),
    (
        "kind = 'http'\nurl = 'URL'\n\
         body = '{\"to\":\"{to}\",\"text\":\"{text}\",\"ref\":\"{report_reference}\"}'\n\
         report = { status = '/s', delivered = ['1'], reference = '/ref' }",
        r#"{"id":"m-1"}"#,
        "/ref",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_gives_back_finds_the_attempt() {
    for kind in BOTH {
        for (keys, answer, place) in GIVE_BACK {
            let gateway = Gateway::start(Answer::Http("200 OK", answer)).await;
            let extra = format!(
                "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
                 [chains]\nsms = [\"a\"]\n[providers.a]\n{}",
                keys.replace("URL", &gateway.url)
            );
            let bed = Bed::make(kind, &extra).await;
            let worker = Worker::start(&bed.home);
            let accepted = accept(&bed.home, 1).await;
            let row = ended(&bed.home, accepted.id).await;
            let body: serde_json::Value = serde_json::from_str(&gateway.bodies()[0]).expect("JSON");
            let text = body.pointer(place).and_then(|text| text.as_str()).expect("a text");
            let of = Reference::parse(text).expect("a reference of ours");
            assert_eq!((of.message_id, of.number), (row.id, 1));
            let cost = Cost::default();
            let report = Report { of, word: Word::Delivered, class: None, code: None, cost };
            assert_eq!(take_report(&bed.home, "a", report).await, Ok(Effect::Delivered));
            worker.stop().await;
        }
    }
}
