//! `POST /v1/messages/batch` as JSON and line by line, and what is shown of a batch.

use std::{io, time::Duration};

use otpost_shared::{Home, message, queue::Lane};
use otpost_testbed::on_both_homes;
use reqwest::Body;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::mpsc::{Receiver, Sender, channel},
};
use uuid::Uuid;

use crate::{
    answer::Answer,
    service::{BATCHES, Service, Stored, number},
};

const LINES: &str = "application/x-ndjson";

const TEXT: &str = "Hi {name}";

fn row(n: u32) -> Value {
    json!({ "to": number(n), "variables": { "name": "Ann" } })
}

fn batch(rows: impl IntoIterator<Item = Value>) -> Value {
    json!({ "text": TEXT, "messages": rows.into_iter().collect::<Vec<_>>() })
}

fn lines(rows: impl IntoIterator<Item = Value>) -> String {
    let rows = rows.into_iter().map(|row| row.to_string() + "\n");
    format!("{}\n{}", json!({ "text": TEXT }), rows.collect::<String>())
}

/// The outcomes of an answer in lines, and its last line.
fn read(answer: &Answer) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let last = lines.pop().expect("a last line");
    (lines, last)
}

fn tally(of: &Value) -> [u64; 3] {
    ["accepted", "refused", "repeated"].map(|name| of[name].as_u64().expect("a count"))
}

/// A call that is still being sent while its answer is read.
struct Feed {
    lines: Sender<Result<String, io::Error>>,
    answer: reqwest::Response,
    text: String,
}

impl Feed {
    /// With the key `k`.
    async fn begin(service: &Service, first: String) -> Self {
        let (lines, receive) = channel(1);
        let stream = futures_util::stream::unfold(receive, |mut receive: Receiver<_>| async {
            Some((receive.recv().await?, receive))
        });
        let call = reqwest::Client::builder().no_proxy().build().expect("a client");
        let call = call.post(format!("http://{}{BATCHES}", service.address));
        let call = call.bearer_auth(&service.key).header("idempotency-key", "k");
        let call = call.header("content-type", LINES).body(Body::wrap_stream(stream));
        lines.send(Ok(first)).await.expect("taken");
        Self { lines, answer: call.send().await.expect("an answer"), text: String::new() }
    }

    async fn send(&self, text: &str) {
        self.lines.send(Ok(text.to_owned())).await.expect("taken");
    }

    /// The next lines of the answer.
    async fn read(&mut self, count: usize) -> Vec<Value> {
        while self.text.lines().count() < count {
            let piece = self.answer.chunk().await.expect("more").expect("not the end");
            self.text.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
        }
        let text = std::mem::take(&mut self.text);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn code(outcome: &Value) -> &str {
    outcome["code"].as_str().unwrap_or_default()
}

on_both_homes! {
    async fn each_recipient_has_its_own_outcome(bed, "") {
        let service = Service::start(&bed).await;
        let mut rows: Vec<Value> = (0..3).map(row).collect();
        rows[1] = json!({ "to": "+4915", "variables": { "name": "Bob" }, "reference": "b-7" });
        rows.extend([
            json!({ "to": number(4) }),
            json!({ "to": number(5), "variables": { "name": "Eve", "code": "1" } }),
            row(0),
            json!({ "to": number(6), "name": "Eve" }),
            json!({ "variables": {} }),
            json!("+12025550108"),
            json!({ "to": number(9), "variables": { "name": "x".repeat(1_600) } }),
            json!({ "to": number(10), "variables": { "name": "Zoe", "other": "" }, "reference": "z" }),
        ]);
        let answer = service.post(BATCHES, &batch(rows)).await.is(200);
        assert_eq!(tally(&answer.json), [3, 8, 0]);
        let results = answer.json["results"].as_array().expect("results");
        let codes: Vec<&str> = results.iter().map(code).collect();
        assert_eq!(codes, [
            "", "recipient_invalid", "", "variable_missing", "variable_reserved",
            "duplicate_recipient", "invalid_field", "invalid_field", "invalid_field",
            "invalid_field", "",
        ]);
        assert!(results.iter().zip(0..).all(|(r, n)| r["index"] == n && r["reference"].is_string() == (n == 1 || n == 10)));
        assert!(results.iter().all(|r| r["id"].is_string() != r["detail"].is_string()));
        assert_eq!((&results[0]["state"], &results[0]["to"]), (&json!("queued"), &json!("+1********00")));
        assert_eq!(service.stored().await, Stored { texts: 3, ..Stored::default() });
        let path = format!("{BATCHES}/{}", answer.str("id"));
        assert_eq!(answer.header("location"), path);
        let shown = service.get(&path).await.is(200);
        assert_eq!((&shown.json["rows"], &shown.json["states"]["queued"]), (&json!(11), &json!(3)));
        assert_eq!((&shown.json["refused"], &shown.json["over"]), (&json!(8), &json!(false)));
        let one = service.get(&format!("/v1/messages/{}", results[0]["id"].as_str().expect("an id"))).await;
        assert_eq!(one.is(200).str("lane"), "bulk");
    }

    async fn what_is_wrong_with_the_whole_is_refused_as_a_whole(bed, "") {
        let service = Service::start(&bed).await;
        for (body, field) in [
            (json!({ "text": "Hi {name", "messages": [row(1)] }), "text"),
            (json!({ "text": "Hi {{name}}", "messages": [row(1)] }), "text"),
            (json!({ "text": "Hi {Name}", "messages": [row(1)] }), "text"),
            (json!({ "text": "{code}", "messages": [row(1)] }), "text"),
            (json!({ "text": "", "messages": [row(1)] }), "text"),
            (json!({ "text": "x" }), "messages"),
            (json!({ "text": "x", "messages": [] }), "messages"),
            (json!({ "text": "x", "messages": vec![row(1); 10_001] }), "messages"),
            (json!({ "text": "x", "messages": {} }), "messages"),
            (json!({ "text": "x", "messages": [row(1)], "to": "" }), "to"),
        ] {
            service.post(BATCHES, &body).await.refused(422, "invalid_field").names(field);
        }
        let large = json!({ "text": "x".repeat(8 * 1_024 * 1_024), "messages": [row(1)] });
        service.post(BATCHES, &large).await.refused(413, "body_too_large");
        let call = service.post(&format!("{BATCHES}?outcomes=none"), &batch([row(1)]));
        let refused = call.await.refused(422, "invalid_field").names("outcomes");
        assert_eq!(refused.str("detail"), "outcomes is `all` or `refused`");
        for query in ["limit=3", "outcomes=all&outcomes=all"] {
            let call = service.post(&format!("{BATCHES}?{query}"), &batch([row(1)])).await;
            let name = query.split('=').next().expect("a name");
            call.refused(422, "invalid_field").names(name);
        }
        for (body, status, code) in [
            ("", 400, "malformed_body"), ("nonsense\n", 400, "malformed_body"),
            ("{}\n", 422, "invalid_field"), ("{\"text\": \"{code}\"}\n", 422, "invalid_field"),
        ] {
            service.call(reqwest::Method::POST, BATCHES).raw(LINES, body).await.refused(status, code);
        }
        let call = service.call(reqwest::Method::POST, BATCHES).raw("text/csv", "to\n");
        call.await.refused(415, "media_type_unsupported");
        assert_eq!(service.stored().await, Stored::default());
    }

    async fn a_repeat_goes_on_where_the_first_ended(bed, "") {
        let service = Service::start(&bed).await;
        let first = service.post(BATCHES, &batch((0..3).map(row))).once("k").await.is(200);
        let again = service.post(BATCHES, &batch((0..5).map(row))).once("k").await.is(200);
        assert_eq!((tally(&first.json), tally(&again.json)), ([3, 0, 0], [2, 0, 3]));
        assert_eq!(first.str("id"), again.str("id"));
        let id = |answer: &Answer, n: usize| answer.json["results"][n]["id"].clone();
        assert!((0..3).all(|n| id(&first, n) == id(&again, n)));
        assert_eq!(again.json["results"][0]["repeated"], true);
        // As lines it is the same batch; another recipient in an old place is no repeat.
        let body = lines([row(0), row(77), row(2)]);
        let call = service.call(reqwest::Method::POST, BATCHES).raw(LINES, body).once("k");
        let (outcomes, last) = read(&call.await.is(200));
        assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), ["", "idempotency_key_reused", ""]);
        assert_eq!(tally(&last), [0, 1, 2]);
        let other = json!({ "text": "other", "messages": [row(1)] });
        service.post(BATCHES, &other).once("k").await.refused(422, "idempotency_key_reused");
        assert_eq!(service.stored().await.texts, 5);
        // Keys belong to their tenant.
        let foreign = service.foreign_key().await;
        let answer = service.post(BATCHES, &batch([row(0)])).once("k").by(&foreign).await.is(200);
        assert_eq!(tally(&answer.json), [1, 0, 0]);
    }

    async fn lines_come_and_go_in_order(bed, "") {
        let service = Service::start(&bed).await;
        let mut body = lines((0..2_500).map(row));
        body.push_str("\n  \nno JSON\n[]\n");
        body.push_str(&(json!({ "to": "1".repeat(70_000) }).to_string() + "\n"));
        body.push_str(&row(0).to_string());
        let call = service.call(reqwest::Method::POST, BATCHES).raw(LINES, body).once("k");
        let answer = call.await.is(200);
        assert_eq!(answer.header("content-type"), LINES);
        let (outcomes, last) = read(&answer);
        assert!(outcomes.iter().zip(0..).all(|(outcome, n)| outcome["index"] == n));
        assert!(outcomes[..2_500].iter().all(|outcome| outcome["state"] == "queued"));
        assert_eq!(outcomes[2_500..].iter().map(code).collect::<Vec<_>>(), [
            "malformed_body", "invalid_field", "malformed_body", "duplicate_recipient",
        ]);
        assert_eq!((&last["done"], tally(&last)), (&json!(true), [2_500, 4, 0]));
        assert_eq!(answer.header("location"), format!("{BATCHES}/{}", last["id"].as_str().expect("an id")));
        // Only what was refused, on request.
        let call = service.call(reqwest::Method::POST, &format!("{BATCHES}?outcomes=refused"));
        let (outcomes, last) =
            read(&call.raw(LINES, lines([row(0), json!({}), row(2)])).once("k").await.is(200));
        assert_eq!((outcomes.len(), tally(&last)), (1, [0, 1, 2]));
    }

    async fn a_client_that_goes_away_goes_on_later(bed, "") {
        let service = Service::start(&bed).await;
        let mut feed = Feed::begin(&service, lines([row(0), row(1)])).await;
        // Outcomes are written while lines still come.
        assert_eq!(feed.read(2).await.len(), 2);
        // In the middle of the third line it is gone.
        feed.send("{\"to\": ").await;
        drop(feed);
        let call = service.call(reqwest::Method::POST, BATCHES).raw(LINES, lines((0..3).map(row)));
        assert_eq!(tally(&read(&call.once("k").await.is(200)).1), [1, 0, 2]);
    }

    async fn a_batch_is_stored_to_its_end_whoever_waits_for_it(bed, "") {
        let service = Service::start(&bed).await;
        let body = batch((0..5_000).map(row)).to_string();
        let head = format!(
            "POST {BATCHES} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            service.address, service.key, body.len()
        );
        let mut stream = TcpStream::connect(service.address).await.expect("a connection");
        stream.write_all((head + &body).as_bytes()).await.expect("written");
        // Gone as soon as a part is committed.
        while message::count_waiting(&bed.home.db, Lane::Bulk, 9_999).await == Ok(0) {}
        drop(stream);
        let all = async {
            while message::count_waiting(&bed.home.db, Lane::Bulk, 9_999).await != Ok(5_000) {}
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("all of it");
    }

    async fn a_tenant_may_stream_beside_its_other_calls(bed, "") {
        let service = Service::start(&bed).await;
        let mut feed = Feed::begin(&service, lines([row(0)])).await;
        feed.read(1).await;
        service.post(BATCHES, &batch([row(1)])).await.is(200);
        let second = service.call(reqwest::Method::POST, BATCHES).raw(LINES, lines([row(2)]));
        second.await.refused(503, "batches_busy");
        let foreign = service.foreign_key().await;
        let other = service.call(reqwest::Method::POST, BATCHES).raw(LINES, lines([row(2)]));
        assert_eq!(tally(&read(&other.by(&foreign).await.is(200)).1), [1, 0, 0]);
    }

    async fn a_lost_database_is_said_in_the_last_line(bed, "") {
        let service = Service::start(&bed).await;
        let mut feed = Feed::begin(&service, lines([row(0), row(1)])).await;
        feed.read(2).await;
        bed.home.db.close().await;
        feed.send(&(row(2).to_string() + "\n")).await;
        let last = feed.read(1).await.remove(0);
        assert_eq!((&last["done"], code(&last)), (&json!(false), "unavailable"));
        assert_eq!(tally(&last), [2, 0, 0]);
        assert!(last["detail"].as_str().is_some_and(|said| said.contains("same Idempotency-Key")));
        let home = Home::open((*bed.home.config).clone()).await.expect("a home");
        let service = Service::serve(&home, service.key.clone()).await;
        let call = service.call(reqwest::Method::POST, BATCHES).raw(LINES, lines((0..3).map(row)));
        let (_, again) = read(&call.once("k").await.is(200));
        assert_eq!((&again["id"], tally(&again)), (&last["id"], [1, 0, 2]));
    }

    async fn the_daily_cap_refuses_row_by_row(bed, "[limits]\nsends_per_tenant_and_day = 4") {
        let service = Service::start(&bed).await;
        for expected in [[4, 2, 0], [0, 2, 4]] {
            let answer = service.post(BATCHES, &batch((0..6).map(row))).once("k").await.is(200);
            assert_eq!(tally(&answer.json), expected);
            assert_eq!(code(&answer.json["results"][5]), "daily_cap_reached");
        }
    }

    async fn messages_are_listed_by_pages_and_as_csv(bed, "") {
        let service = Service::start(&bed).await;
        let answer = service.post(BATCHES, &batch((0..7).map(row))).await.is(200);
        let path = format!("{BATCHES}/{}/messages", answer.str("id"));
        let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
        for expected in [3, 3, 1] {
            let page = service.get(&format!("{path}?{query}")).await.is(200);
            let messages = page.json["messages"].as_array().expect("messages");
            assert_eq!((messages.len(), page.json["next"].is_string()), (expected, expected == 3));
            seen.extend(messages.iter().map(|message| message["index"].clone()));
            query = format!("limit=3&after={}", page.str("next"));
        }
        assert_eq!(seen, (0..7).map(|n| json!(n)).collect::<Vec<_>>());
        bed.home.clock.advance(86_400_001);
        message::mark_overdue(&bed.home.db, bed.home.clock.now(), 2, None).await.expect("an answer");
        for (state, count) in [("expired", 2), ("not_sent", 2), ("queued", 5), ("failed", 0)] {
            let page = service.get(&format!("{path}?state={state}")).await.is(200);
            assert_eq!(page.json["messages"].as_array().map(Vec::len), Some(count), "{state}");
        }
        let csv = service.get(&format!("{path}?state=expired")).header("accept", "text/csv").await;
        let csv = csv.is(200);
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
        let lines: Vec<&str> = csv.text.lines().collect();
        assert_eq!(lines[0], "index,id,state,to,failure_class,failure,created_at,finished_at");
        assert!(lines.len() == 3 && lines[1].contains(",expired,'+1********0"), "{}", csv.text);
        assert!(lines[1].contains("its time was over"), "{}", csv.text);
        let page = service.get(&format!("{path}?limit=2")).header("accept", "text/csv").await;
        assert_eq!(page.text.lines().count(), 3);
        let number = "limit must be 1 to 1000";
        let states = "state is one of queued, sending, sent, delivered, undelivered, failed, unknown, \
                      expired, canceled, not_sent";
        for (query, field, said) in [
            ("state=lost", "state", states),
            ("after=x", "after", "after must be next of the page before"),
            ("after=00000000-0000-0000-0000-000000000001", "after", "after must be next of the page before"),
            ("limit=0", "limit", number), ("limit=1001", "limit", number), ("limit=x", "limit", number),
            ("limit=-1", "limit", number), ("limit=", "limit", number),
            ("limit=1&limit=2", "limit", "limit stands there twice; write it once"),
            ("page=2", "page", "there is no such parameter; there are state, after, limit"),
        ] {
            let refused = service.get(&format!("{path}?{query}")).await.refused(422, "invalid_field");
            assert_eq!(refused.names(field).str("detail"), said, "{query}");
        }
    }

    async fn a_foreign_batch_is_as_unknown_as_none(bed, "") {
        let service = Service::start(&bed).await;
        let answer = service.post(BATCHES, &batch([row(1)])).await.is(200);
        let foreign = service.foreign_key().await;
        for path in ["", "/messages"] {
            let none = service.get(&format!("{BATCHES}/{}{path}", Uuid::now_v7())).await;
            let none = none.refused(404, "batch_not_found");
            let own = format!("{BATCHES}/{}{path}", answer.str("id"));
            let refused = service.get(&own).by(&foreign).await;
            assert_eq!((refused.status, &refused.text), (404, &none.text));
            service.get(&own).await.is(200);
        }
    }
}
