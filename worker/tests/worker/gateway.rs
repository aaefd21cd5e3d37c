//! A gateway that answers what it is told to, and writes down what it was asked.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Request line and headers.
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// What a gateway does with every request.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Status line and headers, then a body.
    Http(&'static str, &'static str),
    /// Reads the request and closes.
    Close,
    /// Reads the request and says nothing.
    Silence,
}

pub const ACCEPTED: Answer = Answer::Http("200 OK", r#"{"id":"m-1"}"#);

/// Listens until the test ends.
pub struct Gateway {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    /// Given in turn.
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Gateway {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let answers = Arc::new(Mutex::new(vec![answer]));
        let (seen, say) = (Arc::clone(&requests), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&say), Arc::clone(&seen)));
            }
        });
        Self { url, requests, answers }
    }

    /// From now on it gives these answers in turn.
    pub fn answers(&self, answers: &[Answer]) {
        *self.answers.lock().expect("not poisoned") = answers.to_vec();
    }

    /// The bodies of all requests so far.
    pub fn bodies(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.body).collect()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("not poisoned").clone()
    }

    /// The section of a provider of kind `http` that talks to this gateway.
    pub fn section(&self, name: &str) -> String {
        format!(
            "[providers.{name}]\nkind = \"http\"\nurl = {:?}\nbody = '{{\"to\":\"{{to}}\",\"text\":\"{{text}}\"}}'\n\
             id_json_pointer = \"/id\"\nerror_code_json_pointer = \"/code\"\n\
             errors = {{ bad_number = \"recipient\", stopped = \"opted_out\" }}\n",
            self.url
        )
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<Vec<Answer>>>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let Ok(n @ 1..) = stream.read(&mut chunk).await else { return };
        read.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .filter_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned)
            })
            .find_map(|value| value.trim().parse::<usize>().ok())
            .unwrap_or(0);
        if body.len() < length {
            continue;
        }
        read.clear();
        match next(&answers, &seen, head, body) {
            Answer::Close => return,
            Answer::Silence => {}
            Answer::Http(status, body) => {
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n{body}",
                    body.len()
                );
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Writes a request down and says which answer it gets.
fn next(
    answers: &Mutex<Vec<Answer>>,
    seen: &Mutex<Vec<Request>>,
    head: &str,
    body: &str,
) -> Answer {
    let mut seen = seen.lock().expect("not poisoned");
    let answers = answers.lock().expect("not poisoned");
    let answer = answers[seen.len() % answers.len()];
    seen.push(Request { head: head.to_owned(), body: body.to_owned() });
    answer
}
