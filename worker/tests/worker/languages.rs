//! From what a person asks for to the words that arrive, and the lines under them.

use otpost_shared::{
    Home,
    channel::Channel,
    message::{self, NewMessage, Title},
    recipient::Recipient,
    tenant::DEFAULT_TENANT,
    texts::{self, Asked, Draft, Locale, Owner, Place},
    verification::{self, NewVerification, Variables},
};
use otpost_testbed::Bed;
use uuid::Uuid;

use crate::{Worker, delivery::BOTH, ended};

const BOX: &str = r#"
[chains]
sms = ["box"]
email = ["box"]
voice = ["box"]
[providers.box]
kind = "console"
print = false
[purposes.web]
sms_web_host = "login.example.org"
sms_app_hash = "FA+9qCX9VSu"
"#;

async fn ask(home: &Home, channel: Channel, to: &str, purpose: &str, header: &str) -> Uuid {
    let to = match channel {
        Channel::Email => Recipient::parse_email(to).expect("an address"),
        _ => Recipient::parse(to, None).expect("a number"),
    };
    let new = NewVerification {
        tenant_id: DEFAULT_TENANT,
        to,
        channel,
        purpose: purpose.into(),
        subject: None,
        variables: Variables::new(),
        metadata: None,
        locale: Asked::new(None, Some(header)),
        client: None,
        code: None,
        then: None,
        decoy: false,
        idempotency_key: None,
    };
    verification::accept(home, new).await.expect("accepted").id
}

/// What arrived there, with the code out of it.
async fn arrived(home: &Home, id: Uuid, to: &str) -> String {
    assert_eq!(ended(home, id).await.state, "sent");
    let row = verification::find(&home.db, id).await.expect("an answer").expect("a row");
    let code = row.code(&home.keys).expect("a key").expect("a seed");
    home.inbox.list(Some(to)).remove(0).text.replace(code.as_str(), "CODE")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_arrives_in_the_language_that_was_asked_for() {
    for kind in BOTH {
        let bed = Bed::make(kind, BOX).await;
        let (home, worker) = (&bed.home, Worker::start(&bed.home));
        for (to, header, text) in [
            ("+12025550001", "", "CODE is your Otpost code. It is valid for 10 minutes."),
            ("+12025550002", "ja, en;q=0.5", "Otpostの認証コード: CODE（10分間有効）"),
            ("+12025550003", "zh-TW", "【Otpost】您的驗證碼是CODE，10分鐘內有效。"),
            ("+12025550004", "ru-RU", "Код для Otpost: CODE. Действует 10 минут."),
            ("+12025550005", "../../etc", "CODE is your Otpost code. It is valid for 10 minutes."),
        ] {
            let id = ask(home, Channel::Sms, to, "default", header).await;
            assert_eq!(arrived(home, id, to).await, text);
        }
        let to = "+12025550006";
        let id = ask(home, Channel::Sms, to, "web", "de").await;
        let text = "CODE ist Ihr Code für Otpost. Er gilt 10 Minuten.\nFA+9qCX9VSu\n\
                    @login.example.org #CODE";
        assert_eq!(arrived(home, id, to).await, text);

        let place = Place {
            purpose: "default".into(),
            channel: Channel::Sms,
            locale: Locale::parse("de").expect("a language"),
        };
        let draft = Draft { text: "Servus! {code}".into(), ..Draft::default() };
        texts::save(home, Owner::Everyone, place, draft, "cli").await.expect("saved");
        let to = "+12025550007";
        let id = ask(home, Channel::Sms, to, "default", "de-AT").await;
        assert_eq!(arrived(home, id, to).await, "Servus! CODE");
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_and_a_call_are_in_it_too() {
    for kind in BOTH {
        let bed = Bed::make(kind, BOX).await;
        let (home, worker) = (&bed.home, Worker::start(&bed.home));
        let id = ask(home, Channel::Email, "ann@example.org", "default", "fr").await;
        let text = arrived(home, id, "ann@example.org").await;
        assert!(
            text.starts_with("Votre code Otpost est :\n\nCODE\n\nIl est valable 15 minutes."),
            "{text}"
        );
        let title = home.inbox.list(Some("ann@example.org")).remove(0).title.expect("a title");
        assert!(title.ends_with(" est votre code Otpost"), "{title}");
        let id = ask(home, Channel::Voice, "+12025550001", "default", "it-CH").await;
        assert_eq!(ended(home, id).await.state, "sent");
        let said = home.inbox.list(Some("+12025550001")).remove(0).text;
        assert!(said.starts_with("Buongiorno. La chiama Otpost. Il suo codice è: "), "{said}");
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_ones_own_says_its_language() {
    for kind in BOTH {
        let bed = Bed::make(kind, BOX).await;
        let new = NewMessage {
            tenant_id: DEFAULT_TENANT,
            to: Recipient::parse_email("ann@example.org").expect("an address"),
            title: Title::of(Channel::Email, Some("A parcel".to_owned())).expect("a title"),
            text: "It is here.".into(),
            language: Locale::parse("he"),
            client: None,
            idempotency_key: None,
        };
        let id = message::accept(&bed.home, new).await.expect("accepted").id;
        let row = message::find(&bed.home.db, id).await.expect("an answer").expect("a row");
        let body = row.body(&bed.home.keys).expect("a key").expect("a body");
        assert_eq!(body.language.as_deref(), Some("he"));
    }
}
