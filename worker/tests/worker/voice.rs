//! From an accepted row to a call, to a WhatsApp message, and on to the next provider.

use otpost_shared::{
    attempt,
    channel::Channel,
    message::{Effect, take_report},
    outcome::ErrorClass,
    price::Cost,
    report::{Call, Reference, Report, Word},
    secrets::Code,
    verification,
};
use otpost_testbed::Bed;
use uuid::Uuid;

use crate::{
    Worker, accept_by,
    delivery::BOTH,
    ended,
    gateway::{Answer, Gateway},
    timeline, until,
};

const BOX: &str = r#"
[texts]
app = "Acme & Co"
language = "fr"
voice_languages = { US = "de" }
[chains]
sms = []
voice = ["box"]
whatsapp = ["box"]
[providers.box]
kind = "console"
print = false
[purposes.default]
template = "{code} ({app})"
"#;

const QUEUED: Answer = Answer::Http("201 Created", r#"{"sid":"CA1","status":"queued"}"#);
const BLOCKED: Answer = Answer::Http("400 Bad Request", r#"{"code":21215,"message":"no"}"#);

async fn digits(bed: &Bed, id: Uuid) -> Code {
    let row = verification::find(&bed.home.db, id).await.expect("an answer").expect("a row");
    row.code(&bed.home.keys).expect("a key").expect("a seed")
}

fn spelled(code: &Code) -> String {
    let digits: Vec<String> = code.as_str().chars().map(String::from).collect();
    digits.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_said_and_a_code_is_written() {
    for kind in BOTH {
        let bed = Bed::make(kind, BOX).await;
        let worker = Worker::start(&bed.home);
        let spoken = accept_by(&bed.home, Channel::Voice, "+12025550001").await;
        let row = ended(&bed.home, spoken.id).await;
        assert_eq!((row.state.as_str(), row.channel.as_str()), ("sent", "voice"));
        let code = spelled(&digits(&bed, spoken.id).await);
        let received = bed.home.inbox.list(Some("+12025550001")).remove(0);
        assert_eq!(received.channel, "voice");
        let words = format!("Guten Tag. Hier ist Acme & Co. Ihr Code lautet: {code}.");
        assert_eq!(received.text, words);
        let written = accept_by(&bed.home, Channel::Whatsapp, "+12025550002").await;
        assert_eq!(ended(&bed.home, written.id).await.channel, "whatsapp");
        let received = bed.home.inbox.list(Some("+12025550002")).remove(0);
        assert_eq!(received.channel, "whatsapp");
        let code = digits(&bed, written.id).await;
        assert_eq!(received.text, format!("{} (Acme & Co)", code.as_str()));
        worker.stop().await;
    }
}

/// A chain of voice with Twilio and a second account of it.
fn calls(first: &Gateway, second: &Gateway) -> String {
    let section = |name: &str, gateway: &Gateway| {
        format!(
            "[providers.{name}]\nkind = \"twilio_voice\"\naccount_sid = \"AC1\"\nauth_token = \"t\"\n\
             from = \"+12025550199\"\nbase_url = {:?}\n[providers.{name}.prices]\n\
             currency = \"USD\"\n\"*\" = \"0.02\"\n",
            gateway.url
        )
    };
    format!(
        "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
         [chains]\nvoice = [\"a\", \"b\"]\n{}{}",
        section("a", first),
        section("b", second)
    )
}

fn form(gateway: &Gateway) -> Vec<(String, String)> {
    let body = gateway.bodies().pop().expect("a request");
    let url = reqwest::Url::parse(&format!("http://form/?{body}")).expect("a form");
    url.query_pairs().into_owned().collect()
}

fn field(gateway: &Gateway, name: &str) -> String {
    let form = form(gateway);
    let found = form.into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("there is no {name}")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_called_by_the_next_provider() {
    for kind in BOTH {
        let (first, second) = (Gateway::start(QUEUED).await, Gateway::start(QUEUED).await);
        let bed = Bed::make(kind, &calls(&first, &second)).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept_by(&bed.home, Channel::Voice, "+12025550001").await;
        let row = ended(&bed.home, accepted.id).await;
        let code = digits(&bed, accepted.id).await;
        assert!(field(&first, "Twiml").contains(&spelled(&code)));
        assert_eq!(field(&first, "To"), "+12025550001");
        // What comes back to that address is heard, and sends the code on.
        let url = field(&first, "StatusCallback");
        let body = b"CallSid=CA1&CallStatus=no-answer";
        let call = Call { url: &url, headers: &[], body };
        let hearer = bed.home.hearer("a").expect("a provider");
        assert!(hearer.hear(&call, 0).is_err(), "nobody has signed it");
        let (_, of) = url.split_once("?of=").expect("a reference");
        let of = Reference::parse(of).expect("one of ours");
        let report = Report {
            of,
            word: Word::Undelivered,
            class: Some(ErrorClass::Transient),
            code: Some("no-answer".into()),
            cost: Cost::default(),
        };
        assert_eq!(take_report(&bed.home, "a", report).await, Ok(Effect::GoesOn));
        until("the second one calls", async || second.bodies().len() == 1).await;
        ended(&bed.home, accepted.id).await;
        worker.stop().await;
        assert_eq!(timeline(&bed.home, row.id).await, ["a ok", "b ok"]);
        assert!(field(&second, "Twiml").contains(&spelled(&code)), "the same digits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_that_is_not_enabled_is_called_by_the_next_provider() {
    for kind in BOTH {
        let (first, second) = (Gateway::start(BLOCKED).await, Gateway::start(QUEUED).await);
        let bed = Bed::make(kind, &calls(&first, &second)).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept_by(&bed.home, Channel::Voice, "+12025550001").await;
        let row = ended(&bed.home, accepted.id).await;
        worker.stop().await;
        assert_eq!(row.state, "sent");
        assert_eq!(timeline(&bed.home, row.id).await, ["a region", "b ok"]);
        let attempts = attempt::list_by_message(&bed.home.db, row.id).await;
        let costs: Vec<Option<String>> = attempts
            .expect("an answer")
            .iter()
            .map(|attempt| attempt.charge().map(|charge| charge.to_string()))
            .collect();
        assert_eq!(costs, [None, Some("about 0.02 USD".to_owned())]);
    }
}

/// Its id is the base64 of the number, among other bytes.
const TAKEN: Answer =
    Answer::Http("200 OK", r#"{"messages":[{"id":"wamid.HBgLMTIwMjU1NTAwMDEVAgARGBI="}]}"#);

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_whatsapp_is_reported_by_what_it_carries_back() {
    for kind in BOTH {
        let gateway = Gateway::start(TAKEN).await;
        let config = format!(
            "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
             [chains]\nwhatsapp = [\"wa\"]\n[providers.wa]\nkind = \"whatsapp_cloud\"\n\
             phone_number_id = \"7\"\naccess_token = \"t\"\ntemplate = \"code\"\nlanguage = \"en\"\n\
             languages = {{ US = \"en_US\" }}\napp_secret = \"s\"\nverify_token = \"v\"\n\
             base_url = {:?}\n",
            gateway.url
        );
        let bed = Bed::make(kind, &config).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept_by(&bed.home, Channel::Whatsapp, "+12025550001").await;
        let row = ended(&bed.home, accepted.id).await;
        worker.stop().await;
        assert_eq!((row.state.as_str(), row.channel.as_str()), ("sent", "whatsapp"));
        let body: serde_json::Value = serde_json::from_str(&gateway.bodies()[0]).expect("JSON");
        let code = digits(&bed, accepted.id).await;
        let place = "/template/components/1/parameters/0/text";
        assert_eq!(body.pointer(place).and_then(|text| text.as_str()), Some(code.as_str()));
        assert_eq!(body["template"]["language"]["code"], "en_US");
        let of = body["biz_opaque_callback_data"].as_str().expect("a reference");
        let of = Reference::parse(of).expect("one of ours");
        assert_eq!((of.message_id, of.number), (row.id, 1));
        let attempts = attempt::list_by_message(&bed.home.db, row.id).await.expect("an answer");
        assert_eq!(attempts[0].provider_message_id, None, "it would tell the number");
        let report =
            Report { of, word: Word::Delivered, class: None, code: None, cost: Cost::default() };
        assert_eq!(take_report(&bed.home, "wa", report).await, Ok(Effect::Delivered));
    }
}
