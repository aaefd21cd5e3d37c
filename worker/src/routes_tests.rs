//! From the routes of a configuration to places in the chain, and to what is claimed.

use std::time::Duration;

use otpost_shared::{
    attempt::Attempt, channel::Channel, config::Traits, outcome::ErrorClass, provider_state,
    queue::Lane,
};
use otpost_testbed::{Bed, Kind};

use crate::chain::Chain;

/// Three providers, of which `chains.sms` names the first two.
const CHAINS: &str = "[chains]\nsms = [\"a\", \"b\"]\n[providers.a]\nkind = \"sandbox\"\n\
                      [providers.b]\nkind = \"sandbox\"\n[providers.c]\nkind = \"sandbox\"\n";

/// A chain with these routes, each in braces.
async fn chain(routes: &str) -> (Bed, Chain) {
    let bed = Bed::make(Kind::Embedded, &format!("routes = [{routes}]\n{CHAINS}")).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    (bed, chain)
}

fn code(country: &str) -> Traits<'_> {
    Traits {
        channel: Channel::Sms,
        lane: Lane::Otp,
        country: Some(country),
        number: None,
        tenant: Some("default"),
        purpose: Some("default"),
    }
}

fn text(country: &str) -> Traits<'_> {
    Traits { lane: Lane::Bulk, purpose: None, ..code(country) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_that_fits_decides_and_else_the_chain() {
    let (_bed, chain) = chain(
        "{ countries = ['GB', 'FR'], chain = ['c', 'a'] }, \
         { countries = ['FR', 'DE'], lanes = ['bulk'], chain = ['b'] }",
    )
    .await;
    let names: Vec<&str> = chain.links().iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let routes = chain.routes();
    assert_eq!(routes.of(&code("GB")), [2, 0]);
    assert_eq!(routes.of(&text("FR")), [2, 0]);
    assert_eq!(routes.of(&text("DE")), [1]);
    assert_eq!(routes.of(&code("DE")), [0, 1]);
    let mail = Traits { channel: Channel::Email, country: None, ..code("GB") };
    assert!(routes.of(&mail).is_empty(), "nobody sends it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_codes_only_is_left_out_for_others() {
    let of_codes = "kind = \"http\"\nurl = \"http://localhost/?p={to}&c={code}\"";
    let config = CHAINS.replacen("kind = \"sandbox\"", of_codes, 1);
    let routes = "{ countries = ['GB'], chain = ['a', 'c'] }";
    let all = format!("routes = [{routes}]\n[recipients]\ncountries = [\"*\"]\n{config}");
    let bed = Bed::make(Kind::Embedded, &all).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    let names: Vec<&str> = chain.links().iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let routes = chain.routes();
    assert_eq!((routes.of(&code("GB")), routes.of(&text("GB"))), (&[0, 2][..], &[2][..]));
    assert_eq!((routes.of(&code("DE")), routes.of(&text("DE"))), (&[0, 1][..], &[1][..]));
    assert_eq!(routes.in_lane(Lane::Otp), [vec![0, 1], vec![0, 2]]);
    assert_eq!(routes.in_lane(Lane::Bulk), [vec![1], vec![2]]);
}

/// What is said against a chain whose first provider takes codes only; else what it keeps for codes alone.
async fn for_codes_alone(routes: &str, sms: &str) -> Result<Vec<String>, String> {
    let of_codes = "kind = \"http\"\nurl = \"http://localhost/?p={to}&c={code}\"";
    let config = CHAINS.replacen("kind = \"sandbox\"", of_codes, 1);
    let config = config.replacen("sms = [\"a\", \"b\"]", &format!("sms = {sms}"), 1);
    let all = format!("routes = [{routes}]\n[recipients]\ncountries = [\"*\"]\n{config}");
    let bed = Bed::make(Kind::Embedded, &all).await;
    let chain = crate::build_chain(&bed.home).map_err(|error| error.to_string())?;
    Ok(chain.routes().for_codes_alone().map(|of| of.to_string()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_other_messages_would_be_lost_on_is_a_mistake() {
    for (routes, place) in [
        ("{ countries = ['GB'], chain = ['a'] }", 0),
        ("{ lanes = ['otp', 'bulk'], countries = ['GB'], chain = ['a'] }", 0),
        ("{ countries = ['GB'], chain = ['b'] }, { tenants = ['acme'], chain = ['a'] }", 1),
    ] {
        let said = for_codes_alone(routes, "['b']").await.expect_err("a mistake");
        assert!(said.contains(&format!("routes[{place}].chain: its providers all")), "{said}");
        assert!(said.contains("write lanes = [\"otp\"]"), "{said}");
    }
    for routes in [
        "{ countries = ['GB'], lanes = ['otp'], chain = ['a'] }",
        "{ countries = ['GB'], purposes = ['default'], chain = ['a'] }",
        "{ countries = ['GB'], chain = ['a', 'c'] }",
        "{ lanes = ['bulk'], chain = ['b'] }, { countries = ['GB'], chain = ['a'] }",
    ] {
        assert_eq!(for_codes_alone(routes, "['b']").await, Ok(vec![]), "{routes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_may_be_for_codes_alone() {
    let all = Ok(vec!["chains.sms".to_owned()]);
    assert_eq!(for_codes_alone("", "['a']").await, all);
    let london = "{ countries = ['GB'], lanes = ['bulk'], chain = ['b'] }";
    assert_eq!(for_codes_alone(london, "['a']").await, all);
    for (routes, sms) in [("{ lanes = ['bulk'], chain = ['b'] }", "['a']"), ("", "['a', 'b']")] {
        assert_eq!(for_codes_alone(routes, sms).await, Ok(vec![]), "{routes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_for_codes_alone() {
    let config = CHAINS.replace("[chains]", "[chains]\nvoice = [\"c\"]");
    let routes = "{ channel = 'voice', countries = ['FR'], chain = ['b', 'c'] }";
    let bed = Bed::make(Kind::Embedded, &format!("routes = [{routes}]\n{config}")).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    let names: Vec<&str> = chain.links().iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let routes = chain.routes();
    let call = |country| Traits { channel: Channel::Voice, ..code(country) };
    assert_eq!(routes.of(&call("FR")), [1, 2]);
    assert_eq!(routes.of(&call("DE")), [2]);
    assert_eq!(routes.of(&code("FR")), [0, 1]);
    assert_eq!(routes.in_lane(Lane::Otp), [vec![0, 1], vec![1, 2], vec![2]]);
    assert_eq!(routes.in_lane(Lane::Bulk), [vec![0, 1]]);
    assert_eq!(routes.of_every_code(), Some(&[0, 1][..]), "codes by SMS all go one way");
}

/// Routes, what codes and other messages can come to, and whether all codes go one way.
type Case = (&'static str, Vec<Vec<usize>>, Vec<Vec<usize>>, bool);

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lane_can_come_to_is_known_beforehand() {
    let general = || vec![0, 1];
    let gb_texts = "{ lanes = ['bulk'], countries = ['GB'], chain = ['c'] }";
    let cases: [Case; 6] = [
        ("", vec![general()], vec![general()], true),
        (gb_texts, vec![general()], vec![general(), vec![2]], true),
        ("{ lanes = ['bulk'], chain = ['c'] }", vec![general()], vec![vec![2]], true),
        (
            "{ purposes = ['default'], chain = ['c'] }",
            vec![general(), vec![2]],
            vec![general()],
            false,
        ),
        ("{ countries = ['GB'], chain = ['a', 'b'] }", vec![general()], vec![general()], false),
        ("{ chain = ['c', 'b'] }", vec![vec![2, 1]], vec![vec![2, 1]], false),
    ];
    for (own, codes, others, is_one_way) in cases {
        let (_bed, chain) = chain(own).await;
        let routes = chain.routes();
        assert_eq!(routes.in_lane(Lane::Otp), codes, "{own}");
        assert_eq!(routes.in_lane(Lane::Bulk), others, "{own}");
        assert_eq!(routes.of_every_code().is_some(), is_one_way, "{own}");
        assert_eq!(routes.differ_in(Lane::Bulk), others.len() > 1, "{own}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_may_go_where_nothing_else_can() {
    let more = "[server]\npublic_url = \"https://codes.example\"\n[texts]\ncontact = \"x\"\n\
                [recipients]\ncountries = [\"*\"]\n[providers.d]\nkind = \"vonage\"\n\
                api_key = \"k\"\napi_secret = \"s\"\nfrom = \"Otpost\"\nreplies = true\n";
    let bed = Bed::make(Kind::Embedded, &format!("{CHAINS}{more}")).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    let routes = chain.routes();
    assert_eq!(routes.in_lane(Lane::Bulk), [vec![0, 1]], "nothing but replies goes there");
    assert_eq!(
        (routes.of_replies(), routes.of_one(Some(2))),
        ([vec![2]].as_slice(), [2].as_slice())
    );
    assert!(routes.of_one(None).is_empty());
    let now = bed.home.clock.now();
    let most = || Lane::ALL.map(|lane| chain.most_to_claim(lane, 0, now));
    let all = usize::MAX;
    for (fails, claimed) in [("d", [all, all]), ("a", [all, all]), ("b", [0, 0])] {
        fail(&bed, &chain, fails).await;
        assert_eq!(most(), claimed, "{fails}");
    }
    let bed = Bed::make(Kind::Embedded, &format!("{CHAINS}{more}")).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    fail(&bed, &chain, "a").await;
    fail(&bed, &chain, "b").await;
    let now = bed.home.clock.now();
    assert_eq!(Lane::ALL.map(|lane| chain.most_to_claim(lane, 0, now)), [0, 1]);
}

/// A provider that is left alone from now on.
async fn fail(bed: &Bed, chain: &Chain, name: &str) {
    let (db, now) = (&bed.home.db, bed.home.clock.now());
    assert_eq!(provider_state::mark_open(db, name, now, "it failed").await, Ok(true));
    chain.health().step(db).await.expect("an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_asked_for_only_where_it_matters() {
    let (_bed, plain) = chain("{ countries = ['GB'], chain = ['c'] }").await;
    let (_other, by_tenant) = chain("{ tenants = ['acme'], chain = ['c'] }").await;
    assert!(!plain.routes().ask_for_tenants() && by_tenant.routes().ask_for_tenants());
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_begin_with_their_claim_only_where_all_go_one_way() {
    for (own, first) in [
        ("", Some("a")),
        ("{ lanes = ['bulk'], countries = ['GB'], chain = ['c'] }", Some("a")),
        ("{ countries = ['GB'], chain = ['c'] }", None),
    ] {
        let (bed, chain) = chain(own).await;
        let now = bed.home.clock.now();
        assert_eq!(chain.first_at_once(now), None, "nothing is known of it yet");
        for number in 1..=20 {
            let pass = chain.health().enter("a", None, now).expect("let through");
            pass.note(&Attempt::of(number, "a", Some(ErrorClass::Ok), now), None);
        }
        assert_eq!(chain.first_at_once(now), first, "{own}");
    }
}

/// A chain of `a` for everybody and of `c` for Great Britain, each with its rate.
async fn rated(a: &str, c: &str, routes: &str) -> (Bed, Chain) {
    let extra = format!(
        "routes = [{routes}]\n[chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"sandbox\"\nrate = {a:?}\n\
         burst = 1\n[providers.c]\nkind = \"sandbox\"\nrate = {c:?}\nburst = 1\n"
    );
    let bed = Bed::make(Kind::Embedded, &extra).await;
    let chain = crate::build_chain(&bed.home).expect("a chain");
    (bed, chain)
}

const GB_BY_C: &str = "{ countries = ['GB'], chain = ['c'] }";

#[tokio::test]
async fn as_many_are_claimed_as_the_route_with_the_most_room_asks_for() {
    for (a, c) in [("2/s", "4/s"), ("4/s", "2/s")] {
        let (bed, chain) = rated(a, c, GB_BY_C).await;
        let (now, most) = (bed.home.clock.now(), |unbegun, at| {
            Lane::ALL.map(|lane| chain.most_to_claim(lane, unbegun, at))
        });
        // Two seconds' worth and the token that is there.
        assert_eq!(most(0, now), [9; 2]);
        assert_eq!(most(7, now), [2; 2]);
        assert_eq!(most(9, now), [0; 2]);
    }
}

#[tokio::test]
async fn a_token_that_lies_idle_is_worth_any_number_of_claims_where_routes_part_a_lane() {
    for (routes, most) in [(GB_BY_C, usize::MAX), ("", 0)] {
        let (bed, chain) = rated("4/s", "1/m", routes).await;
        let now = bed.home.clock.now();
        let tokens = chain.links()[0].tokens.as_ref().expect("a rate");
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !tokens.is_idle(Lane::Bulk) || !tokens.is_idle(Lane::Otp) {
            ticks.tick().await;
        }
        for lane in Lane::ALL {
            assert_eq!(chain.most_to_claim(lane, 99, now), most, "{routes}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_for_a_probe_may_stand_behind_others_who_go_another_way() {
    for (routes, most) in [(GB_BY_C, usize::MAX), ("", 1)] {
        let (bed, chain) = rated("4/s", "4/s", routes).await;
        let now = bed.home.clock.now();
        for name in ["a", "c"] {
            let opened = provider_state::mark_open(&bed.home.db, name, now, "it failed").await;
            assert_eq!(opened, Ok(true));
        }
        chain.health().step(&bed.home.db).await.expect("an answer");
        for lane in Lane::ALL {
            assert_eq!(chain.most_to_claim(lane, 0, now), 0, "nobody is called");
            assert_eq!(chain.most_to_claim(lane, 0, now + 5_000), most, "{routes}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_claimed_from_as_long_as_one_of_its_routes_has_somebody() {
    let (bed, chain) = chain("{ countries = ['GB'], chain = ['c'] }").await;
    let now = bed.home.clock.now();
    let most = || Lane::ALL.map(|lane| chain.most_to_claim(lane, 0, now));
    let all = usize::MAX;
    for (fails, claimed) in [("c", all), ("a", all), ("b", 0)] {
        let opened = provider_state::mark_open(&bed.home.db, fails, now, "it failed").await;
        assert_eq!(opened, Ok(true));
        chain.health().step(&bed.home.db).await.expect("an answer");
        assert_eq!(most(), [claimed; 2], "{fails}");
    }
}
