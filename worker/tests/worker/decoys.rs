//! Decoys: whatever becomes of one, nobody is written to.

use otpost_shared::{
    attempt,
    channel::Channel,
    message,
    queue::Lane,
    recipient::Recipient,
    tenant::DEFAULT_TENANT,
    verification::{self, NewStep, NewVerification, ResendAnswer, ResendRequest},
};
use otpost_testbed::Bed;
use uuid::Uuid;

use crate::{
    Worker,
    delivery::BOTH,
    gateway::{ACCEPTED, Gateway},
    request, until,
};

const BOXES: &str = r#"
[chains]
sms = ["a"]
voice = ["box"]
email = ["box"]
[recipients]
countries = ["*"]
[providers.box]
kind = "console"
print = false
"#;

/// Of a text, a call and an e-mail.
async fn accept(bed: &Bed, number: &str, address: &str, decoy: bool) -> Uuid {
    let to = Recipient::parse(number, None).expect("a valid number");
    let other = Recipient::parse_email(address).expect("an address");
    let step = |channel, to: &Recipient| NewStep { channel, to: to.clone(), after_secs: 60 };
    let then = Some(vec![step(Channel::Voice, &to), step(Channel::Email, &other)]);
    let new = NewVerification { then, decoy, ..request(Channel::Sms, to) };
    verification::accept(&bed.home, new).await.expect("accepted").id
}

async fn resend(bed: &Bed, id: Uuid) {
    let request = ResendRequest {
        tenant_id: DEFAULT_TENANT,
        id,
        channel: None,
        client: None,
        idempotency_key: None,
    };
    let answer = verification::resend(&bed.home, request).await.expect("an answer");
    assert!(matches!(answer, ResendAnswer::Resent(_)), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ever_leaves() {
    for kind in BOTH {
        let gateway = Gateway::start(ACCEPTED).await;
        let bed = Bed::make(kind, &format!("{BOXES}{}", gateway.section("a"))).await;
        let (home, worker) = (&bed.home, Worker::start(&bed.home));
        let decoy = accept(&bed, "+12025550001", "ann@example.org", true).await;
        let real = accept(&bed, "+12025550002", "bob@example.org", false).await;
        until("the other was sent", async || gateway.bodies().len() == 1).await;
        home.clock.advance(31_000);
        resend(&bed, decoy).await;
        resend(&bed, real).await;
        until("it was sent again", async || gateway.bodies().len() == 2).await;
        for arrived in 1..=2 {
            home.clock.advance(60_000);
            until("the next step went out", async || home.inbox.list(None).len() == arrived).await;
        }
        worker.stop().await;
        assert!(gateway.bodies().iter().all(|body| body.contains("+12025550002")));
        for to in ["+12025550001", "ann@example.org"] {
            assert!(home.inbox.list(Some(to)).is_empty());
        }
        let rows = message::list_by_verification(&home.db, decoy).await.expect("an answer");
        assert_eq!(rows.len(), 4, "what a real one has as well");
        for row in rows {
            assert_eq!(row.state, "canceled");
            let attempts = attempt::list_by_message(&home.db, row.id).await.expect("an answer");
            assert!(attempts.is_empty(), "{attempts:?}");
        }
        // Nor does it count for how fast codes go out.
        let ended = message::count_finished_since(&home.db, Lane::Otp, 0).await;
        assert_eq!(ended.expect("an answer").ended, 4);
    }
}
