//! A gateway that is given the bare code: whatever is no code goes to the next provider.

use otpost_shared::{message, verification};
use otpost_testbed::Bed;

use crate::{
    Worker, accept,
    delivery::{BOTH, bulk},
    ended,
    gateway::{ACCEPTED, Gateway},
    timeline, until,
};

/// Both gateways in one chain, the one for codes first.
fn config(codes: &Gateway, texts: &Gateway) -> String {
    format!(
        "[recipients]\ncountries = [\"*\"]\n[texts]\nlanguage = \"pt-BR\"\n\
         [chains]\nsms = [\"codes\", \"texts\"]\n[providers.codes]\nkind = \"http\"\nurl = {:?}\n\
         body = '{{\"to\":\"{{to}}\",\"code\":\"{{code}}\",\"locale\":\"{{language}}\"}}'\n{}",
        codes.url,
        texts.section("texts")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_codes_is_passed_over_by_what_is_no_code() {
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

        // More of them than calls that may fail before a provider is left alone.
        for n in 2..14 {
            let id = bulk(&bed.home, n).await;
            let row = async || message::find(&bed.home.db, id).await.expect("an answer");
            let is_sent = async || row().await.is_some_and(|row| row.state == "sent");
            until("it is sent", is_sent).await;
            assert_eq!(timeline(&bed.home, id).await, ["codes sender", "texts ok"]);
        }
        assert_eq!(codes.bodies().len(), 1, "nothing of that has reached it");
        let next = accept(&bed.home, 20).await;
        let row = ended(&bed.home, next.id).await;
        assert_eq!(timeline(&bed.home, row.id).await, ["codes ok"]);
        worker.stop().await;
    }
}
