//! A person writes HELP, and a gateway is given the answer: the whole way through the real binary.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    breaker::metrics_with,
    program::{Place, free_address},
    serve::serve,
};

/// A gateway that takes everything; its address, and the bodies it was given.
fn gateway() -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let (given, bodies) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            // `otpost doctor` connects and says nothing.
            let Some(body) = answer(stream) else { continue };
            if given.send(body).is_err() {
                return;
            }
        }
    });
    (url, bodies)
}

fn answer(stream: TcpStream) -> Option<Value> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let said = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    stream.into_inner().write_all(said.as_bytes()).expect("answered");
    Some(serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn help_and_stop_are_answered() {
    let (url, bodies) = gateway();
    let address = free_address();
    let place = Place::with(&format!(
        "[server]\npublic_url = \"http://{address}\"\n[recipients]\ndefault_region = \"US\"\n\
         [texts]\napp = \"Acme\"\ncontact = \"help@acme.example\"\n[chains]\nsms = [\"main\"]\n\
         [providers.main]\nkind = \"http\"\nurl = \"{url}\"\nreplies = true\n\
         body = '{{\"to\":\"{{to}}\",\"text\":\"{{text}}\"}}'\n\
         [providers.main.inbound]\nfrom = \"/from\"\ntext = \"/text\"\n"
    ))
    .set("OTPOST__SERVER__LISTEN", &address);
    let (running, caller) = serve(&place, address);
    let doctor = place.run(&["doctor", "--show-addresses"]);
    let line = doctor.stdout.lines().find(|line| line.contains("replies to main"));
    let inbound = line.and_then(|line| line.split(' ').next_back()).expect("an address").to_owned();
    let client = Client::builder().no_proxy().build().expect("a client");
    for (text, part) in
        [("Help", "Acme: for help see help@acme.example."), ("STOP", "no more texts")]
    {
        for _ in 0..2 {
            let body = json!({ "from": "+12025550143", "text": text });
            let brought = client.post(&inbound).json(&body).send().await.expect("an answer");
            assert_eq!(brought.status(), 200);
        }
        let told = bodies.recv().expect("an answer");
        assert_eq!(told["to"], "+12025550143");
        assert!(told["text"].as_str().is_some_and(|text| text.contains(part)), "{told}");
    }
    let (status, _) =
        caller.post("/v1/messages", json!({ "to": "+12025550143", "text": "A parcel." })).await;
    assert_eq!(status, 403);
    let lines = [
        r#"otpost_replies_total{provider="main",keyword="help"} 1"#,
        r#"otpost_replies_total{provider="main",keyword="stop"} 1"#,
        r#"otpost_attempts_total{provider="main",outcome="ok"} 2"#,
    ];
    metrics_with(&format!("http://{address}/metrics"), &lines).await;
    // Its id stands in the log; what became of it is seen like that of any message.
    let line = running.stderr.line_with("a keyword is answered");
    let id = line.split("message.id=").nth(1).and_then(|rest| rest.split(' ').next());
    let id = id.expect("an id").to_owned();
    let told = place.run(&["status", &id]).exits(0).stdout;
    for part in ["purpose  reply to HELP over main", "1. main after ", "+1********43"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    running.terminate().exits(0);
    assert!(bodies.try_recv().is_err(), "each keyword was answered once");
}
