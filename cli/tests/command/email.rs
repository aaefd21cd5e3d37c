//! E-mail from end to end: a code that is proven, a message from the terminal, and who is kept back.

use serde_json::json;

use crate::{
    program::{Place, free_address},
    serve::serve,
};

const BOTH: &str = "[chains]\nemail = [\"console\"]\n";

#[tokio::test]
async fn an_address_is_proven() {
    let address = free_address();
    let place = Place::with(BOTH).set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve(&place, address);
    let body = json!({ "to": "Ann@example.org", "channel": "email" });
    let (status, created) = caller.post("/v1/verifications", body).await;
    assert_eq!((status, &created["to"]), (202, &json!("A**@example.org")), "{created}");
    let line = running.stdout.line_with("E-mail to Ann@example.org : ");
    let parts: Vec<&str> = line.splitn(3, " : ").collect();
    let code = parts[1].strip_suffix(" is your Otpost code").expect("a title").to_owned();
    let text = format!("Your Otpost code is:\\n\\n{code}\\n\\nIt is valid for 15 minutes.");
    assert!(parts[2].starts_with(&text), "{line}");
    let inbox = caller
        .get_until("/inbox.json?to=ann@example.org", |list| {
            list.as_array().is_some_and(|list| !list.is_empty())
        })
        .await;
    assert_eq!((&inbox[0]["channel"], &inbox[0]["title"]), (&json!("email"), &json!(parts[1])));

    let id = created["id"].as_str().expect("an id");
    let path = format!("/v1/verifications/{id}");
    let shown = caller.get_until(&path, |shown| shown["messages"][0]["state"] == "sent").await;
    let channels = [&shown["channel"], &shown["messages"][0]["channel"]];
    assert_eq!(channels, ["email", "email"]);
    let told = place.run(&["status", id]).exits(0).stdout;
    for part in ["A**@example.org", "channel  email", "otp, email", "1. console after "] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.to_lowercase().contains("ann@"), "{told}");

    let body = json!({
        "session_token": created["session_token"], "code": code, "to": "ann@example.org",
    });
    let (status, checked) = caller.post("/v1/verifications/check", body).await;
    assert_eq!((status, checked["status"].as_str()), (200, Some("verified")), "{checked}");
    running.terminate().exits(0);
}

#[tokio::test]
async fn one_message_is_sent_from_the_terminal() {
    let address = free_address();
    let place = Place::with(BOTH).set("OTPOST__SERVER__LISTEN", &address);
    let (running, _) = serve(&place, address);
    let send = |to: &str, more: &[&str]| {
        place.run(&[&["send", "--to", to, "--text", "It is here.", "--json"], more].concat())
    };
    let told = send("ann@example.org", &["--title", "A parcel"]).exits(0).json();
    assert_eq!(
        (&told["state"], &told["channel"], &told["to"]),
        (&json!("sent"), &json!("email"), &json!("a**@example.org"))
    );
    running.stdout.line_with("E-mail to ann@example.org : A parcel : It is here.");
    for (to, more, said) in [
        ("ann@example.org", &[][..], "--title: an e-mail needs a title"),
        ("ann@example.org", &["--title", "a\nb"], "--title: the title must be one line"),
        ("+12025550143", &["--title", "A parcel"], "--title: an SMS has no title"),
        ("ann@localhost", &["--title", "A parcel"], "--to: after the @"),
    ] {
        let misused = send(to, more).exits(2);
        assert!(misused.stderr.contains(said), "{said}: {misused:?}");
    }
    let added = place.run(&["suppression", "add", "bob@example.org", "--json"]).exits(0).json();
    assert_eq!(added["to"], "b**@example.org");
    send("Bob@example.org", &["--title", "A parcel"]).fails_with(&["not to be sent to"]);
    let listed = place.run(&["suppression", "list", "--to", "BOB@example.org", "--json"]);
    assert_eq!(listed.exits(0).json()[0]["id"], added["id"]);
    running.terminate().exits(0);
}

#[test]
fn an_http_gateway_of_emails_needs_a_title() {
    let section = |body: &str| {
        format!(
            "[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\"]\nemail = [\"a\"]\n[providers.a]\n\
             kind = \"http\"\nurl = \"http://127.0.0.1:1/\"\nbody = '{body}'\n"
        )
    };
    let said = "providers.a.body: url, headers or body must hold {to}";
    for body in [
        r#"{"to":"{to}","text":"{text}"}"#,
        r#"{"to":"{to_digits}","text":"{text}","subject":"{title}"}"#,
    ] {
        let report = Place::with(&section(body)).migrated().run(&["doctor"]).exits(1);
        assert!(report.stdout.contains(said), "{report:?}");
    }
    for good in [
        r#"{"to":"{to}","text":"{text}","subject":"{title}","html":"{html}"}"#,
        r#"{"to":"{to}","template":"code","code":"{code}"}"#,
    ] {
        let report = Place::with(&section(good)).migrated().run(&["doctor"]).exits(1);
        assert!(report.stdout.contains("does not connect"), "{report:?}");
    }
}

#[test]
fn an_http_gateway_that_is_given_the_code_is_for_nothing_else() {
    let config = |more: &str| {
        format!(
            "[server]\npublic_url = \"https://codes.example\"\n[recipients]\ncountries = [\"*\"]\n\
             [texts]\ncontact = \"help@example.org\"\n[chains]\nsms = [\"a\"]\n[providers.a]\n\
             kind = \"http\"\nurl = \"http://127.0.0.1:1/?to={{to}}&code={{code}}\"\n{more}"
        )
    };
    let doctor = |more: &str| {
        let place = Place::with(&config(more));
        // Which fails where the configuration does.
        place.run(&["migrate"]);
        place.run(&["doctor"]).exits(1).stdout
    };
    let said = "providers.a.url: {code} stands here, so nothing but codes can go this way, and";
    for (wrong, why) in [
        (
            "[[routes]]\nlanes = [\"bulk\"]\nchain = [\"a\"]\n",
            "routes[0].chain names it for the lane bulk;",
        ),
        (
            "replies = true\ninbound = { from = \"from\", text = \"text\" }\n",
            "providers.a.replies lets it answer what people write;",
        ),
    ] {
        let report = doctor(wrong);
        assert!(report.contains(&format!("{said} {why}")), "{wrong}: {report}");
    }
    let lost = doctor("[[routes]]\ncountries = [\"GB\"]\nchain = [\"a\"]\n");
    let said =
        "routes[0].chain: its providers all take codes only, and other messages come here too";
    assert!(lost.contains(said) && lost.contains("write lanes = [\"otp\"]"), "{lost}");
    let text =
        "[providers.b]\nkind = \"sandbox\"\n[[routes]]\nlanes = [\"bulk\"]\nchain = [\"b\"]\n";
    for (right, is_noted) in
        [("", true), ("[[routes]]\nlanes = [\"otp\"]\nchain = [\"a\"]\n", true), (text, false)]
    {
        let report = doctor(right);
        assert!(report.contains("does not connect"), "{right}: {report}");
        let mut notes = report.lines().filter(|line| line.starts_with("note chains.sms "));
        let is_told = notes.any(|line| line.contains("its providers all take codes only"));
        assert_eq!(is_told, is_noted, "{right}: {report}");
    }
}

#[tokio::test]
async fn a_start_warns_of_a_channel_for_codes_alone() {
    let address = free_address();
    let place = Place::with(
        "[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\"]\n[providers.a]\nkind = \"http\"\n\
         url = \"http://127.0.0.1:1/?to={to}&code={code}\"\n",
    )
    .set("OTPOST__SERVER__LISTEN", &address);
    let (running, _caller) = serve(&place, address);
    running.stderr.line_with("chains.sms: its providers all take codes only");
    running.terminate().exits(0);
}
