//! `otpost send --to-file`: everybody of a file once, whatever the file looks like.

use std::{fmt::Write, fs::Permissions, os::unix::fs::PermissionsExt, sync::Arc};

use otpost_shared::{
    clock::Millis,
    message::{self, Next, Recording},
    queue::Lane,
};
use otpost_testbed::on_both_homes;
use serde_json::{Value, json};

use crate::program::{Finished, Place};

const TEXT: &str = "Hi {name}";

/// A day, after which texts are no longer worth sending.
const DAY: Millis = 86_400_000;

impl Place {
    fn file(&self, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join("people.csv"), content).expect("written");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("a file")
    }

    /// Sends the file with these options besides.
    fn send(&self, options: &[&str]) -> Finished {
        self.run(&[&["send", "--to-file", "people.csv", "--text", TEXT], options].concat())
    }
}

fn counts(answer: &Value) -> [u64; 3] {
    ["accepted", "repeated", "refused"].map(|name| answer[name].as_u64().expect("a count"))
}

/// A file of so many people.
fn people(count: u32) -> String {
    (0..count).fold("to,name\n".into(), |mut text, n| {
        writeln!(text, "+1202555{n:04},Ann {n}").expect("memory");
        text
    })
}

on_both_homes! {
    async fn everybody_is_sent_to_once(bed, "") {
        let place = Place::in_folder(bed.dir);
        let mut file = people(2_500);
        file.push_str("+4915,Bad\n,\n+12025550000,\"Twice,\nonce\"\n+12025559999,too,many\n");
        place.file(&file);
        let sent = place.send(&["--json"]).exits(1).json();
        assert_eq!(counts(&sent), [2_500, 0, 3]);
        assert_eq!(sent["refused_by_code"], json!({
            "duplicate_recipient": 1, "malformed_body": 1, "recipient_invalid": 1,
        }));
        assert_eq!((&sent["done"], &sent["rows"]), (&json!(true), &json!(2_503)));
        let waiting = message::count_waiting(&bed.home.db, Lane::Bulk, 9_999).await;
        assert_eq!(waiting, Ok(2_500));
        let refused = place.read("people.refused.csv");
        let lines: Vec<&str> = refused.lines().collect();
        assert_eq!(lines[0], "to,name,refused_line,refused_code,refused_reason");
        assert!(lines[1].starts_with("+4915,Bad,2502,recipient_invalid,"), "{refused}");
        assert!(lines[2].starts_with("+12025559999,too,2506,malformed_body,"), "{refused}");
        assert_eq!(lines.len(), 3, "who is in a row before is not to be sent to again");
        assert_eq!(sent["left_out"], json!({ "rows": 1, "first_lines": [2_504] }));
        // Again, and from elsewhere under another name: nothing is sent twice.
        std::fs::create_dir(place.path().join("elsewhere")).expect("a folder");
        std::fs::copy(place.path().join("people.csv"), place.path().join("elsewhere/p.txt")).expect("copied");
        let again = place.run(&["send", "--to-file", "elsewhere/p.txt", "--text", TEXT, "--json"]);
        let again = again.exits(1).json();
        assert_eq!((counts(&again), &again["batch"]), ([0, 2_500, 3], &sent["batch"]));
        // The refused ones, mended, are a batch of their own.
        place.file(refused.replace("+4915,", "+12025558888,"));
        assert_eq!(counts(&place.send(&["--json"]).exits(0).json()), [2, 0, 0]);
        let said = place.send(&[]).exits(0).stdout;
        assert!(said.contains("was sent with this text before"), "{said}");
        let once_more = place.send(&["--json", "--key", "2"]).exits(0).json();
        assert_eq!(counts(&once_more), [2, 0, 0]);
        let other = ["send", "--to-file", "people.csv", "--text", "Bye", "--key", "2"];
        let misused = place.run(&other).exits(2);
        assert!(misused.stderr.contains("another text"), "{misused:?}");
    }

    async fn an_interrupted_one_goes_on(bed, "[limits]\nsends_per_tenant_and_day = 1200") {
        let place = Place::in_folder(bed.dir);
        // The cap ends the first run as an outage would: some are stored, some are not.
        place.file(people(2_000));
        let first = place.send(&["--json"]).exits(1).json();
        assert_eq!(counts(&first), [1_200, 0, 800]);
        let plan = place.send(&["--dry-run", "--json"]).exits(0).json();
        assert!(plan["sent_before"].is_string() && plan["daily_cap_leaves"] == 0, "{plan}");
        assert_eq!((&plan["would_send"], &plan["stored_before"]), (&json!(800), &json!(1_200)));
        std::fs::write(place.path().join("otpost.toml"),
            place.read("otpost.toml").replace("1200", "0")).expect("written");
        let second = place.send(&["--json"]).exits(0).json();
        assert_eq!((counts(&second), &second["batch"]), ([800, 1_200, 0], &first["batch"]));
    }

    async fn what_became_of_it_is_shown(bed, "") {
        let place = Place::in_folder(bed.dir);
        place.file("number;first name\n+12025550001;Ann\n+12025550002;Bob\n+12025550003;Eve\n");
        let send = ["send", "--to-file", "people.csv", "--text", "Hi {first_name}", "--json"];
        let batch = place.run(&send).exits(0).json()["batch"].as_str().expect("an id").to_owned();
        let status = |options: &[&str]| place.run(&[&["status", "--batch", &batch], options].concat());
        let shown = status(&["--json"]).exits(0).json();
        assert_eq!((&shown["rows"], &shown["states"]), (&json!(3), &json!({ "queued": 3 })));
        let late = bed.home.clock.now() + DAY;
        message::mark_overdue(&bed.home.db, late, 1, None).await.expect("an answer");
        let csv = status(&["--failed", "--csv"]).exits(0).stdout;
        assert_eq!(csv.lines().count(), 2, "{csv}");
        // The table is that of the API.
        let columns = "index,id,state,to,failure_class,failure,created_at,finished_at";
        assert_eq!(csv.lines().next(), Some(columns));
        assert!(csv.contains(",its time was over before a provider accepted it,20"), "{csv}");
        assert!(csv.contains(",expired,'+1********0"), "{csv}");
        assert_eq!(status(&["--csv"]).exits(0).stdout.lines().count(), 4);
        assert!(status(&["--failed"]).exits(0).stdout.contains("its time was over"));
        // Waiting for those that are over writes them beside the file.
        message::mark_overdue(&bed.home.db, late, 9, None).await.expect("an answer");
        let waited = place.run(&[&send[..], &["--wait"]].concat()).exits(1).json();
        assert_eq!(waited["states"], json!({ "expired": 3 }));
        let refused = place.read("people.refused.csv");
        assert!(refused.contains("+12025550002;Bob;3;expired;its time was over"), "{refused}");
    }

    async fn who_may_have_been_sent_to_is_not_to_be_sent_again(bed, "") {
        let place = Place::in_folder(bed.dir);
        place.file(people(2) + "+4915,Bad\n");
        place.send(&["--json"]).exits(1);
        // A worker was lost with the first, and the second was never tried.
        let (db, now) = (&bed.home.db, bed.home.clock.now());
        let claimed = message::claim_due(db, Lane::Bulk, 1, None, now).await.expect("an answer");
        let next = Next::Try { number: 1, provider: "p".into(), suppression_hash: Vec::new() };
        let message = Arc::clone(&claimed[0].message);
        message::record(db, &[Recording { message, ended: None, next, now }]).await.expect("taken");
        message::recover_leases(db, now + DAY, 9).await.expect("an answer");
        message::mark_overdue(db, now + DAY, 9, None).await.expect("an answer");
        let waited = place.send(&["--wait"]).exits(1).stdout;
        assert!(waited.contains("1 may have been sent or not"), "{waited}");
        let refused = place.read("people.refused.csv");
        assert_eq!(refused.lines().count(), 3, "{refused}");
        assert!(refused.contains(",expired,") && refused.contains("+4915,Bad,4,"), "{refused}");
        let batch = place.send(&["--json"]).exits(1).json()["batch"].as_str().expect("an id").to_owned();
        let shown = place.run(&["status", "--batch", &batch, "--json"]).exits(0).json();
        assert_eq!((&shown["rows"], &shown["refused"]), (&json!(3), &json!(1)));
    }

    async fn a_dry_run_counts_and_sends_nothing(bed, "") {
        let place = Place::in_folder(bed.dir);
        place.file(format!("to,name\n+12025550001,Ann\n+4915112345678,{}\n1,Eve\n", "x".repeat(200)));
        let plan = place.send(&["--dry-run", "--json"]).exits(1).json();
        assert_eq!((&plan["would_send"], &plan["segments"], &plan["refused"]), (&json!(2), &json!(3), &json!(1)));
        assert!(plan["sent_before"].is_null() && plan["daily_cap_leaves"].is_null());
        assert_eq!(plan["countries"], json!({ "DE": 1, "US": 1 }));
        assert_eq!(plan["messages_by_segments"], json!({ "1": 1, "2": 1 }));
        let said = place.send(&["--dry-run", "--failures", "no.csv"]).exits(1).stdout;
        assert!(said.contains("2 would be sent, as 3 SMS") && said.contains("Nothing was sent"), "{said}");
        assert!(place.read("no.csv").contains("1,Eve,4,recipient_invalid,"));
        assert_eq!(message::count_waiting(&bed.home.db, Lane::Bulk, 9).await, Ok(0));
    }

    async fn a_dry_run_knows_who_has_it_and_who_is_not_to_be_sent_to(bed, "") {
        let place = Place::in_folder(bed.dir);
        place.run(&["suppression", "add", "+12025550001"]).exits(0);
        place.file(people(3));
        let said = place.send(&["--dry-run"]).exits(1).stdout;
        for part in ["2 would be sent", "1 recipient_suppressed", "1 of these rows cannot be mended"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(counts(&place.send(&["--json"]).exits(1).json()), [2, 0, 1]);
        let plan = place.send(&["--dry-run", "--json"]).exits(1).json();
        let seen = ["would_send", "stored_before", "refused"].map(|name| plan[name].clone());
        assert_eq!(seen, [0, 2, 1]);
        let said = place.send(&["--dry-run"]).exits(1).stdout;
        assert!(said.contains("0 would be sent, as 0 SMS") && said.contains("2 stored before"), "{said}");
        // With the same key for other people, those who are in the places of others are not sent to.
        place.send(&["--key", "k", "--json"]).exits(1);
        place.file(people(2).replace("0000,Ann 0", "7777,Ann 0"));
        let plan = place.send(&["--key", "k", "--dry-run", "--json"]).exits(1).json();
        let codes = json!({ "idempotency_key_reused": 1, "recipient_suppressed": 1 });
        assert_eq!(plan["refused_by_code"], codes, "{plan}");
    }
}

#[test]
fn files_are_read_however_they_were_saved() {
    let place = Place::empty().migrated();
    for (content, options) in [
        ("to,name\n+12025550001,Ann\n", &[][..]),
        ("\u{feff}to,name\r\n+12025550001,Ann\r\n", &[]),
        ("name;Phone;other\nAnn;+12025550001;a,b,c\n\n;;\n", &[]),
        ("Name\tMSISDN\nAnn\t+12025550001", &[]),
        ("to,name\r+12025550001,Ann\r", &[]),
        ("\"to\",\"name\"\n\"+12025550001\",\"Ann\"\"s \nhome\"\n", &[]),
        ("tel,name,to\n+12025550001,Ann,x\n", &["--column", "Tel"]),
        ("to,name,code\n+12025550001,Ann,7\n", &[]),
        ("to,name,tel,tel,,\n+12025550001,Ann,x,y,,\n", &[]),
    ] {
        place.file(content);
        let sent = place.send(&[&["--json", "--dry-run"], options].concat()).exits(0).json();
        assert_eq!(sent["would_send"], 1, "{content}");
    }
}

#[test]
fn a_refused_row_has_the_line_it_begins_in() {
    let place = Place::empty().migrated();
    for (end, blank) in [("\n", ""), ("\r\n", "\r\n"), ("\r", ""), ("\n", "\n\n")] {
        let good = format!("+12025550001,\"Ann{end}Lee\"{end}");
        place.file(format!("to,name{end}{good}{blank}+4915,Bad"));
        place.send(&["--dry-run"]).exits(1);
        let line = 4 + blank.matches('\n').count();
        let refused = place.read("people.refused.csv");
        assert!(refused.contains(&format!("+4915,Bad,{line},")), "{end:?}: {refused}");
    }
}

#[test]
fn what_was_refused_before_is_not_said_again() {
    let place = Place::empty().migrated();
    place.file("to,name\n+12025550001,Ann\n+4915,Bad\n");
    place.send(&["--json"]).exits(1);
    assert!(place.read("people.refused.csv").contains("+4915,Bad,3,"));
    let good = "to,name\n+12025550001,Ann\n+12025550002,Bad\n";
    place.file(good);
    place.send(&["--json"]).exits(0);
    assert!(!place.path().join("people.refused.csv").exists());
    // A file of somebody's own stays.
    std::fs::write(place.path().join("own.csv"), good).expect("written");
    place.send(&["--json", "--failures", "own.csv"]).exits(0);
    assert_eq!(place.read("own.csv"), good);
}

#[test]
fn who_is_in_a_row_before_is_counted_and_stands_in_no_file_that_is_sent_again() {
    let place = Place::empty().migrated();
    let twice = |more: &str| format!("to,name\n+12025550001,Ann\n+1 202 555 0001,Ann\n{more}");
    let codes = json!({ "duplicate_recipient": 1 });
    let left_out = json!({ "rows": 1, "first_lines": [3] });
    for options in [&["--dry-run"][..], &[]] {
        place.file(twice(""));
        let told = place.send(&[options, &["--json"]].concat()).exits(0).json();
        assert_eq!((&told["refused"], &told["refused_by_code"]), (&json!(1), &codes));
        assert_eq!((&told["left_out"], &told["failures"]), (&left_out, &json!(null)));
        assert!(!place.path().join("people.refused.csv").exists(), "everybody was sent to");
    }
    let said = place.send(&["--dry-run"]).exits(0).stdout;
    assert!(said.contains("1 duplicate_recipient"), "{said}");
    assert!(said.contains("Not to be mended") && said.contains("line 3.\n"), "{said}");
    // Beside a row that is to be mended, and many of them.
    place.file(twice("+4915,Bad\n") + &"+12025550001,Ann\n".repeat(30));
    let said = place.send(&[]).exits(1).stdout;
    assert!(
        said.contains("31 duplicate_recipient") && said.contains(", 23 and 11 more."),
        "{said}"
    );
    let refused = place.read("people.refused.csv");
    assert_eq!(refused.lines().count(), 2, "{refused}");
    assert!(refused.contains("+4915,Bad,4,recipient_invalid,"), "{refused}");
}

#[test]
fn what_nobody_takes_is_told_before_it_is_sent() {
    let config = |routes: &str| {
        format!(
            "routes = [{routes}]\n[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"codes\"]\n\
             [providers.codes]\nkind = \"http\"\nurl = \"http://127.0.0.1:1/?to={{to}}&code={{code}}\"\n\
             [providers.texts]\nkind = \"sandbox\"\n"
        )
    };
    let said = "chains.sms has nobody for what is no code, since codes takes codes only";
    let file = "to,name\n+12025550001,Ann\n+4915112345678,Bob\n";
    let place = Place::with(&config("")).migrated();
    place.file(file);
    for command in [
        &["send", "--to-file", "people.csv", "--text", TEXT, "--dry-run"][..],
        &["send", "--to-file", "people.csv", "--text", TEXT],
        &["send", "--to", "+12025550001", "--text", "hello"],
    ] {
        let refused = place.run(command).exits(1);
        assert!(refused.stderr.contains(said) && refused.stdout.is_empty(), "{refused:?}");
    }
    let place = Place::with(&config("{ countries = ['DE'], chain = ['texts'] }")).migrated();
    place.file(file);
    let plan = place.send(&["--dry-run", "--json"]).exits(1).json();
    assert_eq!(plan["would_send"], 1);
    assert_eq!(plan["refused_by_code"], json!({ "channel_unavailable": 1 }));
    assert!(place.read("people.refused.csv").contains(said));
}

#[test]
fn who_cannot_be_sent_to_is_told_in_the_same_words_alone_and_in_a_file() {
    let place = Place::with(
        "[recipients]\ndefault_region = \"DE\"\n[chains]\nsms = [\"a\"]\n[providers.a]\n\
         kind = \"http\"\nurl = \"http://127.0.0.1:1/?to={to}&text={text}\"\n",
    )
    .migrated();
    for to in ["+4915", "hello", "+004915112345678", "+1 900 234 5678", "+12025550001"] {
        place.file(format!("to,name\n{to},Ann\n"));
        place.send(&["--dry-run"]).exits(1);
        let refused = place.read("people.refused.csv");
        let mut rows = csv::Reader::from_reader(refused.as_bytes());
        let row = rows.records().next().expect("a row").expect("CSV");
        let alone = place.run(&["send", "--to", to, "--text", "hello"]).stderr;
        assert!(alone.trim_end().ends_with(&row[4]), "{}: {alone}", &row[4]);
    }
}

#[test]
fn failures_never_take_the_place_of_the_file() {
    let place = Place::empty().migrated();
    let file = "to,name\n+4915,Bad\n";
    place.file(file);
    std::os::unix::fs::symlink("people.csv", place.path().join("link.csv")).expect("a link");
    for name in ["people.csv", "./people.csv", "link.csv"] {
        let misused = place.send(&["--dry-run", "--failures", name]).exits(2);
        assert!(misused.stderr.contains("is the file that is sent"), "{misused:?}");
    }
    place.send(&["--dry-run", "--failures", "/dev/null"]).exits(2);
    assert_eq!(place.read("people.csv"), file);
    // What was open to others is closed.
    let path = place.path().join("people.refused.csv");
    std::fs::write(&path, "old").expect("written");
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("set");
    place.send(&["--dry-run"]).exits(1);
    assert!(place.read("people.refused.csv").contains("+4915,Bad,2,"));
    assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    let parts = std::fs::read_dir(place.path()).expect("a folder").filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|e| e == "part"))
    });
    assert_eq!(parts.count(), 0);
}

#[test]
fn a_file_that_cannot_be_meant_is_refused_as_a_whole() {
    let place = Place::empty();
    let missing = place.send(&[]).exits(2);
    assert!(missing.stderr.contains("people.csv"), "{missing:?}");
    for (content, said) in [
        (b"".as_slice(), "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"to,name\n", "nobody else"),
        (b"to,name\n,\n", "nobody else"),
        (b"mail,name\nann@example.org,Ann\n", "--column; there are: mail, name"),
        (b"to,first\n+12025550001,Ann\n", "names {name}, but the columns are: to, first"),
        (b"to,name,Name\n+12025550001,Ann,Bob\n", "two columns are called name"),
        (b"to,name,To\n+12025550001,Ann,+12025550002\n", "two columns are called to; rename"),
        (b"name,Phone,phone\nAnn,+12025550001,+12025550002\n", "two columns are called phone"),
        (b"+12025550001,Ann\n+12025550002,Bob\n", "has no header"),
        (b"to,name\n+12025550001,Ann\n+12025550002,J\xfcrgen\n", "line 3 is not UTF-8"),
        (b"to,name\r\n\r\n+12025550001,Ann\r\n+12025550002,J\xfcrgen\r\n", "line 4 is not UTF-8"),
        (b"to,\"name\n+12025550001,Ann\n", "line 1 does not end"),
        (b"\xff\xfet\0o\0", "UTF-16"),
    ] {
        place.file(content);
        let misused = place.send(&[]).exits(2);
        assert!(misused.stderr.contains(said), "{said}: {misused:?}");
    }
    place.file("to,name,tel,Tel\n+12025550001,Ann,+12025550002,+12025550003\n");
    let misused = place.send(&["--column", "tel"]).exits(2);
    assert!(misused.stderr.contains("two columns are called tel"), "{misused:?}");
    for rows in [0, 1, 20_000, 200_000] {
        place.file("to,name\n+12025550001,\"Ann\n".to_owned() + &"+12025550002,Bob\n".repeat(rows));
        let misused = place.send(&[]).exits(2);
        assert!(misused.stderr.contains("line 2 does not end"), "{misused:?}");
    }
    place.file("to,app,code\n+12025550001,Shop,7\n");
    for (text, said) in [
        ("{app}", "rename the column app"),
        ("{code}", "belongs to verifications"),
        ("Hi {Name}", "is no placeholder"),
        ("", "1 to 1600"),
    ] {
        let misused = place.run(&["send", "--to-file", "people.csv", "--text", text]).exits(2);
        assert!(misused.stderr.contains(said), "{said}: {misused:?}");
    }
    assert!(!place.path().join("otpost-data").exists(), "misuse leaves nothing behind");
}
