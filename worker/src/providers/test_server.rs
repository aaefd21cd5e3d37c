//! A gateway for tests: it records each request and answers with the bytes it was given.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the server does with one request.
pub(super) enum Reply {
    /// Writes the bytes and keeps the connection.
    Whole(Vec<u8>),
    /// Writes the bytes and closes.
    ThenClose(Vec<u8>),
    /// Writes the bytes and resets the connection.
    ThenReset(Vec<u8>),
    /// Says nothing as long as the client stays.
    Never,
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    /// Request line and headers.
    pub(super) head: String,
    pub(super) body: String,
}

impl Recorded {
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The pairs of a form body, decoded.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        let url = reqwest::Url::parse(&format!("http://form/?{}", self.body)).unwrap();
        url.query_pairs().into_owned().collect()
    }
}

/// The running server; it ends with its test.
pub(super) struct TestServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Recorded>>,
    received: Notify,
    connections: AtomicUsize,
}

impl TestServer {
    /// Answers the requests in their order, over however many connections.
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            replies: Mutex::new(replies.into()),
            requests: Mutex::default(),
            received: Notify::new(),
            connections: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&accepting)));
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections there have been.
    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Returns when a request has come.
    pub(super) async fn received(&self) {
        self.shared.received.notified().await;
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.shared.requests.lock().unwrap().clone()
    }
}

/// An HTTP answer; `headers` are whole lines with their ends.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Said\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(request) = read_request(&mut stream).await {
        shared.requests.lock().unwrap().push(request);
        shared.received.notify_one();
        let reply = shared.replies.lock().unwrap().pop_front();
        match reply.expect("a reply for each request") {
            // The client may leave in the middle; that is its right.
            Reply::Whole(bytes) => drop(stream.write_all(&bytes).await),
            Reply::ThenClose(bytes) => {
                drop(stream.write_all(&bytes).await);
                return;
            }
            Reply::ThenReset(bytes) => {
                drop(stream.write_all(&bytes).await);
                stream.set_zero_linger().unwrap();
                return;
            }
            Reply::Never => {
                drop(stream.read(&mut [0]).await);
                return;
            }
        }
    }
}

/// Reads one request; `None` when the client is gone.
async fn read_request(stream: &mut TcpStream) -> Option<Recorded> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, &mut bytes).await?;
    };
    let mut request = Recorded {
        head: String::from_utf8(bytes[..head_end].to_vec()).unwrap(),
        body: String::new(),
    };
    let length: usize = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head_end + length {
        read_more(stream, &mut bytes).await?;
    }
    request.body = String::from_utf8(bytes.split_off(head_end)).unwrap();
    Some(request)
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(bytes).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
