//! A gateway that is given the bare code: whatever is no code goes by it.

use std::sync::Arc;

use otpost_shared::{
    config::Config,
    message::{self, Message},
    verification,
};
use otpost_testbed::Bed;
use uuid::Uuid;

use crate::{
    Worker, accept,
    delivery::{BOTH, bulk},
    ended,
    gateway::{ACCEPTED, Gateway},
    timeline, until,
};

/// Both gateways in one chain, the one for codes first.
fn config(codes: &Gateway, texts: &Gateway) -> String {
    let of_codes = format!(
        "[recipients]\ncountries = [\"*\"]\n[texts]\nlanguage = \"pt-BR\"\n\
         [chains]\nsms = [\"codes\", \"texts\"]\n[providers.codes]\nkind = \"http\"\nurl = {:?}\n\
         body = '{{\"to\":\"{{to}}\",\"code\":\"{{code}}\",\"locale\":\"{{language}}\"}}'\n",
        codes.url
    );
    of_codes + &texts.section("texts")
}

async fn over(bed: &Bed, id: Uuid) -> Message {
    let row = async || message::find(&bed.home.db, id).await.expect("an answer").expect("a row");
    until("it is over", async || row().await.finished_at.is_some()).await;
    row().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_code_is_not_given_to_a_gateway_of_codes() {
    for kind in BOTH {
        let (codes, texts) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let bed = Bed::make(kind, &config(&codes, &texts)).await;
        let worker = Worker::start(&bed.home);
        let accepted = accept(&bed.home, 1).await;
        let row = ended(&bed.home, accepted.id).await;
        assert_eq!(timeline(&bed.home, row.id).await, ["codes ok"]);
        let of = verification::find(&bed.home.db, accepted.id).await.expect("an answer");
        let code = of.expect("a row").code(&bed.home.keys).expect("a key").expect("a seed");
        let body: serde_json::Value = serde_json::from_str(&codes.bodies()[0]).expect("JSON");
        let expected =
            serde_json::json!({"to": "+12025550001", "code": code.as_str(), "locale": "pt-BR"});
        assert_eq!(body, expected);

        let id = bulk(&bed.home, 2).await;
        assert_eq!(over(&bed, id).await.state, "sent");
        assert_eq!(timeline(&bed.home, id).await, ["texts ok"]);
        worker.stop().await;
        assert_eq!((codes.bodies().len(), texts.bodies().len()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_takes_it_a_message_ends_and_says_so() {
    for kind in BOTH {
        let (codes, texts) = (Gateway::start(ACCEPTED).await, Gateway::start(ACCEPTED).await);
        let mut bed = Bed::make(kind, &config(&codes, &texts)).await;
        let id = bulk(&bed.home, 1).await;
        // Who would have taken it is taken out before a worker starts.
        let mut without = Config::clone(&bed.home.config);
        without.chains.sms.retain(|name| name == "codes");
        bed.home.config = Arc::new(without);
        let worker = Worker::start(&bed.home);
        let row = over(&bed, id).await;
        assert_eq!(row.state, "failed");
        assert_eq!(row.failure_class.as_deref(), Some("account"), "no use in trying again");
        let said = "no provider of chains.sms takes it: codes takes codes only; name a provider that \
                    takes texts in chains.sms";
        assert_eq!(row.failure.as_deref(), Some(said));
        assert_eq!(timeline(&bed.home, id).await, [""; 0]);
        let accepted = accept(&bed.home, 2).await;
        assert_eq!(ended(&bed.home, accepted.id).await.state, "sent");
        worker.stop().await;
        assert_eq!(codes.bodies().len(), 1);
    }
}
