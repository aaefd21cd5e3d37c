//! `otpost template` beside a service that runs: what is set is what people read.

use std::time::{Duration, Instant};

use reqwest::{Client, header};
use serde_json::{Value, json};

use crate::{
    program::{Place, free_address},
    serve::{Caller, place_at, serve},
};

/// The code's text as it came to this number, for somebody whose browser asks for these languages.
async fn arrives(caller: &Caller, to: &str, languages: &str) -> String {
    let client = Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}/v1/verifications", caller.address);
    let request = client.post(url).bearer_auth(&caller.key);
    let request = request.header(header::ACCEPT_LANGUAGE, languages).json(&json!({ "to": to }));
    assert_eq!(request.send().await.expect("an answer").status(), 202);
    let path = format!("/inbox.json?to=%2B{}", to.trim_start_matches('+'));
    let inbox = caller.get_until(&path, |list| list.as_array().is_some_and(|l| !l.is_empty()));
    inbox.await[0]["text"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn what_is_set_is_what_people_read() {
    let address = free_address();
    let place = place_at(address);
    let (running, caller) = serve(&place, address);
    let text = arrives(&caller, "+12025550141", "de-AT, en;q=0.5").await;
    assert!(text.ends_with(" ist Ihr Code für Otpost. Er gilt 10 Minuten."), "{text}");

    let empty = place.run(&["template", "list"]).exits(0).stdout;
    assert!(empty.contains("otpost template set"), "{empty}");
    let set = |text: &str, more: &[&str]| {
        place
            .run(&[&["template", "set", "--locale", "de", "--text", text, "--json"], more].concat())
    };
    let saved = set("Servus! {code}", &[]).exits(0).json();
    assert_eq!((&saved["version"], &saved["owner"]), (&json!(1), &json!("tenant")));
    assert_eq!(saved["changed_by"], "cli");
    set("Alle: {code}", &["--everyone"]).exits(0);
    // The service asks twice a second whether something has changed.
    let (started, mut n) = (Instant::now(), 2_000);
    let text = loop {
        n += 1;
        let text = arrives(&caller, &format!("+1202555{n}"), "de").await;
        if text.starts_with("Servus! ") || started.elapsed() > Duration::from_secs(5) {
            break text;
        }
    };
    assert!(text.starts_with("Servus! "), "{text}");

    let listed: Value = place.run(&["template", "list", "--json"]).exits(0).json();
    let texts: Vec<&Value> =
        listed.as_array().expect("a list").iter().map(|row| &row["text"]).collect();
    assert_eq!(texts, ["Servus! {code}", "Alle: {code}"]);
    place.run(&["template", "delete", "--locale", "de"]).exits(0);
    place.run(&["template", "delete", "--locale", "de"]).fails_with(&["no such text"]);
    let shown = place.run(&["template", "show", "--locale", "de"]).exits(0).stdout;
    assert!(shown.contains("version 2") && shown.contains("taken away"), "{shown}");
    assert!(shown.contains("  Servus! {code}"), "{shown}");
    running.terminate().exits(0);
}

#[test]
fn a_text_is_looked_at_before_it_is_saved() {
    let place = Place::with("[purposes.web]\nsms_web_host = \"login.example.org\"\n").migrated();
    let preview = |more: &[&str]| place.run(&[&["template", "preview", "--json"], more].concat());
    let shown = preview(&["--locale", "th"]).exits(0).json();
    assert_eq!((&shown["source"], &shown["segments"]), (&json!("built_in"), &json!(1)));
    let shown =
        preview(&["--text", "{name}: {code}", "--variable", "name=Ann=Lee"]).exits(0).json();
    assert_eq!(shown["text"], "Ann=Lee: 123456");
    let shown = preview(&["--purpose", "web", "--locale", "fr"]).exits(0).json();
    let text = shown["text"].as_str().expect("a text");
    assert!(text.ends_with("\n@login.example.org #123456"), "{text}");
    let shown = place.run(&["template", "preview", "--locale", "pl"]).exits(0);
    assert_eq!(shown.stdout, "Kod Otpost: 123456. Wygasa za 10 min.\n");
    assert!(shown.stderr.contains("GSM-7, 1 segment"), "{shown:?}");
    assert!(!shown.stderr.contains("note: "), "{shown:?}");
    for (channel, language) in [("sms", "en"), ("voice", "en-US")] {
        let shown = preview(&["--locale", "klingon", "--channel", channel]).exits(0).json();
        let said = format!("there are no words in klingon: these are in {language}");
        assert_eq!(shown["notes"], json!([said]));
    }
    for (more, said) in [
        (&["--text", "{code"][..], "--text: \"{code\" at character 1 is no placeholder"),
        (&["--text", "{code} {0}"], "--text: \"{0}\" at character 8"),
        (&["--text", "hello"], "--text: must contain {code}"),
        (&["--locale", "../../etc"], "--locale: is no language"),
        (&["--country", "de"], "--country: is no country"),
        (&["--channel", "fax"], "--channel: is sms, email or voice"),
        (&["--purpose", "nothing"], "--purpose: there is no such one; there are: default, login, "),
        (&["--channel", "email", "--text", "{code}"], "--title: an e-mail needs one"),
    ] {
        let misused = preview(more).exits(2);
        assert!(misused.stderr.contains(said), "{said}: {misused:?}");
    }
}

#[test]
fn a_tenant_has_a_language() {
    let place = Place::empty().migrated();
    let language = |args: &[&str]| {
        place.run(&[&["template", "language", "--json"], args].concat()).exits(0).json()["language"]
            .clone()
    };
    assert_eq!(language(&[]), Value::Null);
    assert_eq!(language(&["pt-br"]), "pt-BR");
    assert_eq!(language(&[]), "pt-BR");
    let unspoken = place.run(&["template", "language", "qq"]).exits(0);
    assert!(
        unspoken.stderr.contains("no words in qq, so people still get those in en"),
        "{unspoken:?}"
    );
    let text =
        ["template", "set", "--locale", "qq", "--text", "{name}: {code}", "--variable", "name"];
    let saved = place.run(&text).exits(0).stderr;
    assert!(saved.contains("by sms that reach somebody in qq must bring name"), "{saved}");
    let text =
        ["template", "set", "--locale", "de", "--text", "{name} {who}: {code}", "--variable"];
    let saved = place.run(&[&text[..], &["name", "--variable", "who"]].concat()).exits(0).stderr;
    assert!(
        saved.contains("must bring name, who") && saved.contains("your texts in qq and"),
        "{saved}"
    );
    let spoken = place.run(&["template", "language", "qq"]).exits(0).stderr;
    assert!(!spoken.contains("note: "), "{spoken}");
    assert_eq!(language(&["--unset"]), Value::Null);
    let misused = place.run(&["template", "language", "*"]).exits(2);
    assert!(misused.stderr.contains("is no language"), "{misused:?}");
}
