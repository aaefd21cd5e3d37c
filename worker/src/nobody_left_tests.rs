//! What is said when nobody is left: of each provider why, and which key to change.

use otpost_shared::{
    attempt::Attempt, channel::Channel, config::Traits, outcome::ErrorClass as C, queue::Lane,
};
use otpost_testbed::{Bed, Kind};

use crate::{
    breaker::Availability,
    chain::{Chain, Situation, Step},
};

/// `a` sends anything, `b` codes alone, `c` takes what goes to Great Britain.
async fn chain() -> (Bed, Chain) {
    let extra = "routes = [{ countries = ['GB'], chain = ['c'] }]\n\
                 [recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\", \"b\"]\n\
                 [providers.a]\nkind = \"sandbox\"\n[providers.c]\nkind = \"sandbox\"\n\
                 [providers.b]\nkind = \"http\"\nurl = \"http://localhost/?p={to}&c={code}\"\n";
    let bed = Bed::make(Kind::Embedded, extra).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    (bed, chain)
}

fn attempts(history: &[(&str, C, &str)]) -> Vec<Attempt> {
    let attempt = |(number, (provider, class, detail)): (i32, &(&str, C, &str))| {
        let mut attempt = Attempt::of(number, provider, Some(*class), 0);
        attempt.detail = (!detail.is_empty()).then(|| (*detail).to_owned());
        attempt
    };
    (1..).zip(history).map(attempt).collect()
}

/// Why a message of this lane to this country ends.
fn failure(chain: &Chain, lane: Lane, country: &str, history: &[(&str, C, &str)]) -> String {
    let channel = Channel::Sms;
    let (number, tenant, purpose) = (None, None, None);
    let message = Traits { channel, lane, country: Some(country), number, tenant, purpose };
    let providers = vec![Availability::Free; chain.links().len()];
    let situation = Situation {
        lane,
        channel,
        chain: Some(chain.routes().chain_of(&message)),
        route: chain.routes().of(&message),
        refusing: &[],
        attempts: &attempts(history),
        providers: &providers,
        now: 0,
        deadline: 600_000,
        jitter: 0.0,
    };
    match chain.decide(&situation) {
        Step::End(end) => end.failure,
        step => panic!("{step:?}"),
    }
}

#[tokio::test]
async fn each_provider_says_why_and_what_would_change_it() {
    let (_bed, chain) = chain().await;
    for (lane, country, history, said) in [
        (
            Lane::Bulk,
            "US",
            &[("a", C::Region, "E5: not there")][..],
            "no provider of chains.sms takes it: a refused its country (E5: not there), b takes codes \
             only; open the country at a, or name a provider for it in chains.sms or in a route, or \
             name a provider that takes texts in chains.sms",
        ),
        (
            Lane::Otp,
            "US",
            &[("a", C::Account, ""), ("b", C::Sender, "who?")],
            "no provider of chains.sms takes it: a refused the account, b refused the sender (who?); \
             mend providers.a, which `otpost doctor` checks, or change the sender in providers.b",
        ),
        (
            Lane::Otp,
            "GB",
            &[("c", C::Transient, "busy"), ("c", C::Content, "spam")],
            "no provider of routes[0].chain takes it: c refused the text (spam); name another \
             provider in routes[0].chain",
        ),
    ] {
        assert_eq!(failure(&chain, lane, country, history), said);
    }
}

#[tokio::test]
async fn a_reply_goes_by_one_provider_alone() {
    let (_bed, chain) = chain().await;
    let providers = vec![Availability::Free; chain.links().len()];
    let refused = attempts(&[("a", C::Region, "")]);
    for (route, attempts, said) in [
        (&[][..], &[][..], "the provider that it was to go by is no longer in use"),
        (&[0], &refused[..], "no provider takes it: a refused its country; open the country at a"),
    ] {
        let situation = Situation {
            lane: Lane::Bulk,
            channel: Channel::Sms,
            chain: None,
            route,
            refusing: &[],
            attempts,
            providers: &providers,
            now: 0,
            deadline: 600_000,
            jitter: 0.0,
        };
        let Step::End(end) = chain.decide(&situation) else { panic!("it ends") };
        assert_eq!(end.failure, said);
    }
}
