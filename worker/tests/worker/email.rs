//! From an accepted row to an e-mail: what it says, and what is kept of what is said about it.

use otpost_shared::{
    Home, attempt,
    channel::Channel,
    message::{self, NewMessage, Title},
    recipient::Recipient,
    tenant::DEFAULT_TENANT,
    texts::Asked,
    verification::{self, NewVerification},
};
use otpost_testbed::Bed;
use uuid::Uuid;

use crate::{
    Worker,
    delivery::BOTH,
    ended,
    gateway::{Answer, Gateway},
    until,
};

const BOX: &str = r#"
[chains]
sms = ["box"]
email = ["box"]
[providers.box]
kind = "console"
print = false
[purposes.default]
template = "{code}"
email_subject = "{name}, {code}"
email_template = "Hi {name}\n\n{code}\n\n{minutes} minutes"
"#;

fn ann() -> Recipient {
    Recipient::parse_email("Ann@example.org").expect("an address")
}

async fn code(home: &Home, name: &str) -> Uuid {
    let new = NewVerification {
        tenant_id: DEFAULT_TENANT,
        to: ann(),
        channel: Channel::Email,
        purpose: "default".into(),
        subject: None,
        variables: [("name".to_owned(), name.to_owned())].into(),
        metadata: None,
        locale: Asked::default(),
        client: None,
        code: None,
        then: None,
        decoy: false,
        idempotency_key: None,
    };
    verification::accept(home, new).await.expect("accepted").id
}

async fn letter(home: &Home) -> Uuid {
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to: ann(),
        title: Title::of(Channel::Email, Some("A parcel".to_owned())).expect("a title"),
        text: "It is {here}.".into(),
        language: None,
        client: None,
        idempotency_key: None,
    };
    message::accept(home, new).await.expect("accepted").id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_and_a_message_arrive_with_their_titles() {
    for kind in BOTH {
        let bed = Bed::make(kind, BOX).await;
        let worker = Worker::start(&bed.home);
        let id = code(&bed.home, "Ann\r\nBcc: bob@example.org").await;
        assert_eq!(ended(&bed.home, id).await.state, "sent");
        let row = verification::find(&bed.home.db, id).await.expect("an answer").expect("a row");
        let digits = row.code(&bed.home.keys).expect("a key").expect("a seed");
        let digits = digits.as_str();
        let received = bed.home.inbox.list(Some("ann@example.org")).remove(0);
        assert_eq!((received.to.as_str(), received.channel), ("Ann@example.org", "email"));
        assert_eq!(received.title, Some(format!("Ann Bcc: bob@example.org, {digits}")));
        let text = format!("Hi Ann\nBcc: bob@example.org\n\n{digits}\n\n15 minutes");
        assert_eq!(received.text, text);
        let id = letter(&bed.home).await;
        let row = async || message::find(&bed.home.db, id).await.expect("an answer");
        until("it is sent", async || row().await.is_some_and(|row| row.state == "sent")).await;
        let received = bed.home.inbox.list(None).remove(0);
        assert_eq!(received.title.as_deref(), Some("A parcel"));
        assert_eq!(received.text, "It is {here}.");
        worker.stop().await;
    }
}

/// A mailing service with an API.
fn config(gateway: &Gateway) -> String {
    format!(
        "[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\"]\nemail = [\"a\"]\n[providers.a]\n\
         kind = \"http\"\nurl = {:?}\nid_json_pointer = \"/id\"\nerror_code_json_pointer = \"/code\"\n\
         error_text_json_pointer = \"/text\"\n\
         body = '{{\"to\":\"{{to}}\",\"title\":\"{{title}}\",\"text\":\"{{text}}\",\"html\":\"{{html}}\"}}'\n",
        gateway.url
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_looks_like_an_address_is_kept_whole() {
    let said = r#"{"id":"<20261128101500.1.4F1C2A@mg.example.com>"}"#;
    let gateway = Gateway::start(Answer::Http("200 OK", said)).await;
    for kind in BOTH {
        let bed = Bed::make(kind, &config(&gateway)).await;
        let worker = Worker::start(&bed.home);
        let id = letter(&bed.home).await;
        let row = async || message::find(&bed.home.db, id).await.expect("an answer");
        until("it is sent", async || row().await.is_some_and(|row| row.state == "sent")).await;
        let attempts = attempt::list_by_message(&bed.home.db, id).await.expect("an answer");
        let kept = attempts[0].provider_message_id.as_deref();
        assert_eq!(kept, Some("<20261128101500.1.4F1C2A@mg.example.com>"));
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_says_of_an_address_is_not_kept() {
    let said =
        r#"{"code":"ann@example.org","text":"no mailbox ANN@example.org for Ann: Ann, 123456"}"#;
    let gateway = Gateway::start(Answer::Http("400 Bad Request", said)).await;
    for kind in BOTH {
        let bed = Bed::make(kind, &config(&gateway)).await;
        let worker = Worker::start(&bed.home);
        let id = letter(&bed.home).await;
        let row = async || message::find(&bed.home.db, id).await.expect("an answer");
        until("it is over", async || row().await.is_some_and(|row| row.finished_at.is_some()))
            .await;
        let failure = row().await.expect("a row").failure.expect("a reason");
        let attempts = attempt::list_by_message(&bed.home.db, id).await.expect("an answer");
        assert_eq!(attempts[0].error_code.as_deref(), Some("[address]"));
        let detail = attempts[0].detail.as_deref().expect("words");
        assert_eq!(detail, "no mailbox [address] for [name]: [name], 123456");
        assert!(failure.contains(detail), "{failure}");
        worker.stop().await;
    }
    let bodies = gateway.bodies();
    assert!(bodies.iter().all(|body| body.contains("\"Ann@example.org\"")), "{bodies:?}");
    assert!(bodies[0].contains("<!doctype html>") && bodies[0].contains("A parcel"), "{bodies:?}");
}
