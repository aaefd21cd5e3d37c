//! From one accepted request to a text, a call and an e-mail, each when the one before did not help.

use otpost_shared::{
    channel::Channel,
    message::{self, take_report},
    price::Cost,
    recipient::Recipient,
    report::{Reference, Report, Word},
    secrets::Handle,
    tenant::DEFAULT_TENANT,
    texts::Asked,
    verification::{self, CheckAnswer, CheckRequest, NewStep, NewVerification, Variables},
    verify_service::{self, Inserted, Options, Service, Start},
};
use otpost_testbed::Bed;
use uuid::Uuid;

use crate::{
    Worker,
    delivery::BOTH,
    gateway::{ACCEPTED, Answer, Gateway},
    request, until,
};

const BOXES: &str = r#"
[recipients]
countries = ["*"]
[chains]
sms = ["a"]
voice = ["box"]
email = ["box"]
[providers.box]
kind = "console"
print = false
"#;

fn ann() -> Recipient {
    Recipient::parse_email("ann@example.org").expect("an address")
}

async fn accept(bed: &Bed) -> Uuid {
    let to = Recipient::parse("+12025550001", None).expect("a valid number");
    let step = |channel, to: &Recipient| NewStep { channel, to: to.clone(), after_secs: 60 };
    let then = Some(vec![step(Channel::Voice, &to), step(Channel::Email, &ann())]);
    let new = NewVerification { then, ..request(Channel::Sms, to) };
    verification::accept(&bed.home, new).await.expect("accepted").id
}

/// Which channels have arrived in the inbox.
fn arrived(bed: &Bed) -> Vec<String> {
    let inbox = bed.home.inbox.list(None);
    inbox.into_iter().rev().map(|message| message.channel.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_help_is_followed_by_the_next() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = Bed::make(kind, &format!("{BOXES}{}", gateway.section("a"))).await;
        let worker = Worker::start(&bed.home);
        let id = accept(&bed).await;
        until("it was sent", async || gateway.bodies().len() == 1).await;
        assert_eq!(arrived(&bed), [""; 0]);
        bed.home.clock.advance(60_000);
        until("it was said", async || arrived(&bed) == ["voice"]).await;
        bed.home.clock.advance(60_000);
        until("it was mailed", async || arrived(&bed) == ["voice", "email"]).await;
        let of = verification::find(&bed.home.db, id).await.expect("an answer").expect("a row");
        let code = of.code(&bed.home.keys).expect("a key").expect("a seed");
        assert!(gateway.bodies()[0].contains(code.as_str()));
        let letter = bed.home.inbox.list(Some("ann@example.org")).remove(0);
        assert!(!letter.text.contains(code.as_str()), "each address has its own code");
        worker.stop().await;
        assert_eq!(gateway.bodies().len(), 1);
    }
}

/// Starts in this Service as Twilio's libraries do: by SMS, to a number that they name alone.
async fn start(bed: &Bed, of: &Service, to: &str) -> Uuid {
    let start = Start {
        service: of,
        to: Recipient::parse(to, None).expect("a valid number"),
        channel: Channel::Sms,
        app: None,
        code: None,
        subject: None,
        variables: Variables::new(),
        metadata: serde_json::Value::Null,
        locale: Asked::default(),
        client: None,
        counted: Vec::new(),
        recipient_rules: &[],
    };
    verify_service::start(&bed.home, &start).await.expect("started").id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_policy_follow_a_start_in_a_service() {
    let then = "[purposes.default]\nthen = [{ channel = \"voice\", after_secs = 60 }]\n";
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = Bed::make(kind, &format!("{BOXES}{then}{}", gateway.section("a"))).await;
        let options = Options {
            friendly_name: "Shop".to_owned(),
            code_length: 6,
            custom_codes: false,
            payments: false,
        };
        let now = bed.home.clock.now();
        let of = Service::new(Uuid::now_v7(), DEFAULT_TENANT, "default", options, now);
        let inserted = verify_service::insert(&bed.home.db, &of).await;
        assert_eq!(inserted, Ok(Inserted::Yes));
        let worker = Worker::start(&bed.home);
        let (answered, silent) = ("+12025550001", "+12025550002");
        let id = start(&bed, &of, answered).await;
        start(&bed, &of, silent).await;
        until("both were sent", async || gateway.bodies().len() == 2).await;
        let row = verification::find(&bed.home.db, id).await.expect("an answer").expect("a row");
        let request = CheckRequest {
            tenant_id: DEFAULT_TENANT,
            token: Handle::generate(id),
            code: row.code(&bed.home.keys).expect("a key").expect("a seed"),
            to: None,
            subject: None,
            idempotency_key: None,
        };
        let answer = verification::check_known(&bed.home, request).await.expect("an answer");
        assert!(matches!(answer, CheckAnswer::Verified { .. }), "{answer:?}");
        bed.home.clock.advance(60_000);
        until("it was said", async || arrived(&bed) == ["voice"]).await;
        worker.stop().await;
        assert_eq!(bed.home.inbox.list(Some(silent)).len(), 1);
        let rows = message::list_by_verification(&bed.home.db, id).await.expect("an answer");
        assert_eq!(rows[1].state, "canceled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_is_followed_at_once() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = Bed::make(kind, &format!("{BOXES}{}", gateway.section("a"))).await;
        let worker = Worker::start(&bed.home);
        let id = accept(&bed).await;
        let rows =
            async || message::list_by_verification(&bed.home.db, id).await.expect("an answer");
        until("it was sent", async || rows().await[0].state == "sent").await;
        let (row, keys) = (rows().await.remove(0), &bed.home.keys);
        let of = Reference::new(keys, keys.active_kid(), "a", row.id, 1).expect("a key");
        let (word, cost) = (Word::Undelivered, Cost::default());
        let report = Report { of, word, class: None, code: None, cost };
        take_report(&bed.home, "a", report).await.expect("an answer");
        until("it was said", async || arrived(&bed) == ["voice"]).await;
        assert_eq!(rows().await[0].state, "undelivered");
        worker.stop().await;
        assert_eq!(gateway.bodies().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_takes_no_text_is_called_at_once() {
    for kind in BOTH {
        let unknown = Answer::Http("400 Bad Request", r#"{"code":"bad_number"}"#);
        let gateway = Gateway::start(unknown).await;
        let bed = Bed::make(kind, &format!("{BOXES}{}", gateway.section("a"))).await;
        let worker = Worker::start(&bed.home);
        accept(&bed).await;
        until("it was said", async || arrived(&bed) == ["voice"]).await;
        worker.stop().await;
        assert_eq!(gateway.bodies().len(), 1);
    }
}
