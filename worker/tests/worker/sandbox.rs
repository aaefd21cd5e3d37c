//! A sandbox: whatever is sent in it ends in its inbox, and no gateway hears of it.

use otpost_shared::{
    Home, attempt,
    channel::Channel,
    message::{
        self, Message, NewMessage,
        batch::{self, BatchText, NewBatch, Row},
    },
    provider_state,
    queue::Lane,
    recipient::Recipient,
    retention::{Kind, Removal},
    sandbox::inbox::{self, KEPT_MS, MOST, Received, Wanted},
    spend,
    suppression::{self, NewSuppression, Reason, Scope},
    tenant::{self, DEFAULT_TENANT, Tenant},
    verification::{self, Accepted, NewStep, NewVerification, ResendAnswer, ResendRequest, Status},
};
use otpost_testbed::{self as testbed, Bed};
use uuid::Uuid;

use crate::{
    Worker, accept,
    delivery::BOTH,
    ended,
    gateway::{ACCEPTED, Answer, Gateway},
    request, until,
};

const BUSY: Answer = Answer::Http("503 Service Unavailable", "{}");

const CHANNELS: &str = r#"
[recipients]
countries = ["US"]
[limits]
recipient = ["1000/1s"]
[chains]
sms = ["a", "b"]
voice = ["box"]
whatsapp = ["box"]
email = ["box"]
[providers.box]
kind = "console"
print = false
"#;

/// A home with a chain of two gateways that count, a sandbox in it, and a worker.
struct Yard {
    bed: Bed,
    gateways: [Gateway; 2],
    tenant: Uuid,
    worker: Worker,
}

impl Yard {
    async fn open(kind: testbed::Kind) -> Self {
        let gateways = [Gateway::start(BUSY).await, Gateway::start(BUSY).await];
        let sections = [gateways[0].section("a"), gateways[1].section("b")].concat();
        let bed = Bed::make(kind, &format!("{CHANNELS}{sections}")).await;
        let tenant = make(&bed.home, "ci").await;
        let worker = Worker::start(&bed.home);
        Self { bed, gateways, tenant, worker }
    }

    fn home(&self) -> &Home {
        &self.bed.home
    }

    async fn accept(&self, channel: Channel, to: &str) -> Accepted {
        accept_with(self.home(), self.tenant, channel, to, Vec::new()).await
    }

    async fn received(&self, to: Option<&str>) -> Vec<Received> {
        received(self.home(), self.tenant, to).await
    }

    /// Once so many have come to this address.
    async fn receive(&self, to: &str, count: usize) -> Vec<Received> {
        until("it has come", async || self.received(Some(to)).await.len() >= count).await;
        self.received(Some(to)).await
    }

    async fn code(&self, id: Uuid) -> String {
        let row = verification::find(&self.home().db, id).await.expect("an answer").expect("a row");
        row.code(&self.home().keys).expect("a key").expect("a seed").as_str().to_owned()
    }

    /// Nobody was called, and no provider is the worse for it.
    async fn close(self) {
        self.worker.stop().await;
        for gateway in &self.gateways {
            assert_eq!(gateway.bodies(), [""; 0]);
        }
        assert!(self.bed.home.inbox.list(None).is_empty());
        assert!(provider_state::list(&self.bed.home.db).await.expect("an answer").is_empty());
        let page = spend::list(&self.bed.home.db, spend::Place::before(0), i64::MAX, 999).await;
        assert!(page.expect("an answer").spent.is_empty());
    }
}

async fn make(home: &Home, name: &str) -> Uuid {
    let tenant = Tenant::sandbox(Uuid::now_v7(), name, home.clock.now());
    assert!(tenant::insert_if_missing(&home.db, &tenant).await.expect("an answer"));
    tenant.id
}

fn recipient(to: &str) -> Recipient {
    let read =
        if to.contains('@') { Recipient::parse_email(to) } else { Recipient::parse(to, None) };
    read.expect("a recipient")
}

async fn accept_with(
    home: &Home,
    tenant_id: Uuid,
    channel: Channel,
    to: &str,
    then: Vec<NewStep>,
) -> Accepted {
    let new = NewVerification { tenant_id, then: Some(then), ..request(channel, recipient(to)) };
    verification::accept(home, new).await.expect("accepted")
}

async fn received(home: &Home, tenant_id: Uuid, to: Option<&str>) -> Vec<Received> {
    let wanted = Wanted { to: to.map(recipient), ..Wanted::default() };
    let found = inbox::list(home, tenant_id, &wanted, 9_999, home.clock.now()).await;
    found.expect("an answer")
}

async fn first(home: &Home, id: Uuid) -> Message {
    message::list_by_verification(&home.db, id).await.expect("an answer").remove(0)
}

async fn reaches(home: &Home, id: Uuid, state: &str) {
    until(state, async || first(home, id).await.state == state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_comes_by_each_channel_as_a_person_would_have_it() {
    for kind in BOTH {
        let yard = Yard::open(kind).await;
        for (channel, to) in [
            (Channel::Sms, "+12025550101"),
            (Channel::Voice, "+12025550102"),
            (Channel::Whatsapp, "+12025550103"),
            (Channel::Email, "ann@example.org"),
        ] {
            let accepted = yard.accept(channel, to).await;
            let one = yard.receive(to, 1).await.remove(0);
            let code = yard.code(accepted.id).await;
            assert_eq!((one.channel, one.content.to.as_str()), (channel, to));
            assert_eq!(one.content.code.as_deref(), Some(code.as_str()));
            assert_eq!(one.verification_id, Some(accepted.id));
            assert_eq!(one.content.title.is_some(), channel == Channel::Email);
            let said = if channel == Channel::Voice { &code[..1] } else { code.as_str() };
            assert!(one.content.text.contains(said), "{}", one.content.text);
            reaches(yard.home(), accepted.id, "delivered").await;
            let attempts = attempt::list_by_message(&yard.home().db, one.message_id).await;
            let [attempt] = attempts.expect("an answer").try_into().expect("one attempt");
            assert_eq!((attempt.provider.as_str(), attempt.charge()), ("sandbox", None));
            assert!(attempt.is_delivered());
        }
        yard.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resends_steps_texts_and_batches_stay_inside() {
    for kind in BOTH {
        let yard = Yard::open(kind).await;
        let (home, tenant_id) = (yard.home(), yard.tenant);
        let step =
            NewStep { channel: Channel::Voice, to: recipient("+12025550101"), after_secs: 60 };
        let accepted = accept_with(home, tenant_id, Channel::Sms, "+12025550101", vec![step]).await;
        yard.receive("+12025550101", 1).await;
        home.clock.advance(61_000);
        assert_eq!(yard.receive("+12025550101", 2).await[0].channel, Channel::Voice);
        let again = ResendRequest {
            tenant_id,
            id: accepted.id,
            channel: None,
            client: None,
            idempotency_key: None,
        };
        let again = verification::resend(home, again).await.expect("an answer");
        assert!(matches!(again, ResendAnswer::Resent(_)), "{again:?}");
        let all = yard.receive("+12025550101", 3).await;
        assert!(all.windows(2).all(|pair| pair[0].number > pair[1].number), "newest first");
        assert!(all.iter().all(|one| one.content.code == all[0].content.code));

        let text = NewMessage {
            tenant_id,
            to: recipient("+12025550102"),
            title: None,
            text: "A parcel.".into(),
            language: None,
            client: None,
            idempotency_key: None,
        };
        message::accept(home, text).await.expect("accepted");
        let one = yard.receive("+12025550102", 1).await.remove(0).content;
        assert_eq!((one.text.as_str(), one.code), ("A parcel.", None));

        let text = BatchText::parse("Hi {who}").expect("a text");
        let new = NewBatch { tenant_id, text, key: None };
        let mut filling = batch::open(home, new).await.expect("opened");
        let row = |n: u32| Row {
            to: format!("+1202555{n:04}"),
            variables: [("who".to_owned(), n.to_string())].into(),
            reference: None,
        };
        let rows: Vec<_> = (200..300).map(|n| Ok(row(n))).collect();
        filling.push(move || rows).await.expect("taken");
        assert!(filling.settle().await.expect("committed").iter().all(|row| row.result.is_ok()));
        until("all have come", async || yard.received(None).await.len() == 104).await;
        assert_eq!(yard.received(Some("+12025550299")).await[0].content.text, "Hi 299");
        yard.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_some_numbers_it_goes_wrong_as_a_test_wants_it() {
    for kind in BOTH {
        let yard = Yard::open(kind).await;
        let home = yard.home();
        for (channel, to, state, class, comes) in [
            (Channel::Sms, "+12025550150", "undelivered", Some("transient"), false),
            (Channel::Email, "undelivered+1@example.com", "undelivered", Some("transient"), false),
            (Channel::Sms, "+12025550160", "failed", Some("recipient"), false),
            (Channel::Voice, "+12025550170", "failed", Some("opted_out"), false),
            (Channel::Sms, "+12025550190", "sent", None, true),
        ] {
            let accepted = yard.accept(channel, to).await;
            reaches(home, accepted.id, state).await;
            assert_eq!(first(home, accepted.id).await.failure_class.as_deref(), class, "{to}");
            assert_eq!(yard.received(Some(to)).await.len(), usize::from(comes), "{to}");
            let of = verification::find(&home.db, accepted.id).await.expect("an answer");
            let failed = of.expect("a row").status(home.clock.now()) == Status::Failed;
            assert_eq!(failed, state == "failed", "{to}");
        }
        // Nobody has opted out for real.
        let person = recipient("+12025550170");
        let kept = suppression::keeps_back(home, DEFAULT_TENANT, &person, Lane::Bulk);
        assert!(!kept.await.expect("an answer"));
        let slow = yard.accept(Channel::Sms, "+12025550180").await;
        until("it is put off", async || first(home, slow.id).await.not_before > home.clock.now())
            .await;
        assert!(yard.received(Some("+12025550180")).await.is_empty());
        home.clock.advance(10_000);
        yard.receive("+12025550180", 1).await;
        // A step that fails brings the next one forward.
        let step =
            NewStep { channel: Channel::Voice, to: recipient("+12025550151"), after_secs: 300 };
        let mail =
            NewStep { channel: Channel::Email, to: recipient("ann@example.org"), after_secs: 60 };
        accept_with(home, yard.tenant, Channel::Sms, "+12025550151", vec![step, mail]).await;
        yard.receive("ann@example.org", 1).await;
        yard.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_kept_back_gets_nothing_here_either() {
    for kind in BOTH {
        let yard = Yard::open(kind).await;
        let (home, to) = (yard.home(), "+12025550180");
        let slow = yard.accept(Channel::Sms, to).await;
        until("it is put off", async || first(home, slow.id).await.not_before > home.clock.now())
            .await;
        let new = NewSuppression {
            tenant_id: Some(yard.tenant),
            to: recipient(to),
            scope: Scope::All,
            reason: Reason::Manual,
            provider: None,
        };
        suppression::add(home, new).await.expect("added");
        home.clock.advance(10_000);
        reaches(home, slow.id, "failed").await;
        assert!(yard.received(None).await.is_empty());
        yard.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_live_and_what_is_another_sandboxs_does_not_cross() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let config = format!(
            "[chains]\nsms = [\"a\"]\n[recipients]\ncountries = [\"*\"]\n{}",
            gateway.section("a")
        );
        let bed = Bed::make(kind, &config).await;
        let home = &bed.home;
        let (one, other) = (make(home, "one").await, make(home, "other").await);
        let worker = Worker::start(home);
        let live = accept(home, 143).await;
        accept_with(home, one, Channel::Sms, "+12025550143", Vec::new()).await;
        assert_eq!(ended(home, live.id).await.state, "sent");
        until("it has come", async || received(home, one, None).await.len() == 1).await;
        assert!(received(home, other, None).await.is_empty());
        assert!(received(home, DEFAULT_TENANT, None).await.is_empty());
        worker.stop().await;
        assert_eq!(gateway.bodies().len(), 1, "the live one alone");
        let live = first(home, live.id).await;
        let content =
            inbox::Content { to: String::new(), title: None, text: String::new(), code: None };
        inbox::put(home, &live, &content, home.clock.now()).await.expect("an answer");
        assert!(received(home, DEFAULT_TENANT, None).await.is_empty(), "nothing live is put there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_is_kept_for_a_day_and_has_an_end() {
    for kind in BOTH {
        let bed = Bed::make(kind, "").await;
        let home = &bed.home;
        let tenant = make(home, "ci").await;
        let accepted = accept_with(home, tenant, Channel::Sms, "+12025550101", Vec::new()).await;
        let mut row = first(home, accepted.id).await;
        for n in 0..MOST + 5 {
            row.id = Uuid::now_v7();
            let text = n.to_string();
            let content = inbox::Content { to: String::new(), title: None, text, code: None };
            for _ in 0..2 {
                inbox::put(home, &row, &content, home.clock.now()).await.expect("put");
            }
        }
        let all = received(home, tenant, None).await;
        assert_eq!(i64::try_from(all.len()), Ok(MOST), "each once, and the oldest fell out");
        assert_eq!(all[0].content.text, (MOST + 4).to_string());
        assert_eq!((all[0].number, all[all.len() - 1].number), (MOST + 5, 6));
        assert_eq!(Kind::Inboxes.count(home, home.clock.now()).await, Ok(0));
        home.clock.advance(KEPT_MS);
        assert!(received(home, tenant, None).await.is_empty());
        let mut removal = Removal::new(Kind::Inboxes, home, home.clock.now());
        while removal.step(&home.db).await.expect("an answer") > 0 {}
        assert_eq!(Kind::Inboxes.count_before(&home.db, i64::MAX).await, Ok(0));
    }
}
