//! A TCP proxy between one process of the product and one of its servers. It can be told to
//! refuse, hang, reset, delay, drip or cut, and to lay in wait for a packet: to hold it, to
//! swallow it, or to lose the answer to it.
//!
//! * [`mode`]: how everything that passes is treated
//! * [`trap`]: what happens to the packets that match a pattern
//! * [`wire`]: bytes cut into packets, with the statement that a Postgres packet runs
//! * [`relay`]: one connection and its two directions

mod mode;
mod relay;
mod trap;
mod wire;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use self::trap::{Lair, Traps};
pub(crate) use self::{
    mode::Mode,
    trap::{Act, Pattern, Toward, Trap},
    wire::Protocol,
};
use crate::error::{Result, while_doing};

/// What all connections of one proxy share.
#[derive(Debug)]
struct Line {
    protocol: Protocol,
    mode: watch::Sender<Mode>,
    traps: Traps,
    /// Bytes of answers that were passed on.
    answered: AtomicU64,
}

/// A running proxy; dropping it closes its port and cuts its connections.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    target: SocketAddr,
    line: Arc<Line>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`, which need not be up.
    pub(crate) async fn start(target: SocketAddr, protocol: Protocol) -> Result<Self> {
        let listener = TcpListener::bind((target.ip(), 0)).await?;
        let address = listener.local_addr()?;
        let (mode, _) = watch::channel(Mode::Pass);
        let line = Line { protocol, mode, traps: Traps::default(), answered: AtomicU64::new(0) };
        let line = Arc::new(line);
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&line)));
        Ok(Self { address, target, line, accepting: Mutex::new(Some(accepting)) })
    }

    /// Treats everything in this way from now on, open connections included.
    pub(crate) async fn set(&self, mode: Mode) -> Result<()> {
        self.line.mode.send_replace(mode);
        if mode == Mode::Refuse {
            let accepting = self.accepting().take();
            if let Some(accepting) = accepting {
                // Awaited, so that the port is closed when this returns.
                accepting.abort();
                let _ = accepting.await;
            }
            return Ok(());
        }
        let refuses = self.accepting().is_none();
        if refuses {
            let listener = listen_again(self.address).await?;
            let accepting = tokio::spawn(accept(listener, self.target, Arc::clone(&self.line)));
            *self.accepting() = Some(accepting);
        }
        Ok(())
    }

    /// Lays a trap for the next packet that matches; it is taken away when the result is dropped.
    pub(crate) fn lay(&self, toward: Toward, pattern: Pattern, act: Act) -> Trap {
        self.add(Lair::new(toward, pattern, act).once())
    }

    /// Lays a trap that takes one of `every` packets that match, again and again.
    pub(crate) fn lay_endlessly(
        &self,
        every: u64,
        toward: Toward,
        pattern: Pattern,
        act: Act,
    ) -> Trap {
        self.add(Lair::new(toward, pattern, act).every(every))
    }

    fn add(&self, lair: Lair) -> Trap {
        let lair = Arc::new(lair);
        self.line.traps.add(Arc::clone(&lair));
        Trap { lair }
    }

    /// Bytes of answers passed on so far.
    pub(crate) fn answered(&self) -> u64 {
        self.line.answered.load(Ordering::Relaxed)
    }

    fn accepting(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.accepting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting().take() {
            accepting.abort();
        }
    }
}

/// The port was ours a moment ago; another program may have taken it.
async fn listen_again(address: SocketAddr) -> Result<TcpListener> {
    let mut tries = 0;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(_) if tries < 50 => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => {
                let busy = format!("the proxy's port {} is busy", address.port());
                return Err(while_doing(&busy)(error));
            }
        }
        tries += 1;
    }
}

/// Aborting this closes the port and every connection.
async fn accept(listener: TcpListener, target: SocketAddr, line: Arc<Line>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connect(client, target, Arc::clone(&line)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(client: TcpStream, target: SocketAddr, line: Arc<Line>) {
    let Ok(server) = TcpStream::connect(target).await else {
        // As if the server itself had not been there.
        let _ = client.set_zero_linger();
        return;
    };
    relay::relay(client, server, &line).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A server that says back what it hears, behind a proxy.
    async fn echo() -> (Proxy, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = listener.local_addr().expect("its address");
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        (Proxy::start(target, Protocol::Raw).await.expect("a proxy"), serving)
    }

    async fn said(stream: &mut TcpStream, words: &str) -> std::io::Result<String> {
        stream.write_all(words.as_bytes()).await?;
        heard(stream, words.len()).await
    }

    async fn heard(stream: &mut TcpStream, length: usize) -> std::io::Result<String> {
        let mut answer = vec![0; length];
        let within = Duration::from_millis(500);
        match tokio::time::timeout(within, stream.read_exact(&mut answer)).await {
            Ok(read) => read.map(|_| String::from_utf8_lossy(&answer).into_owned()),
            Err(_) => Ok("nothing".to_owned()),
        }
    }

    async fn open(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(proxy.address).await.expect("a connection")
    }

    #[tokio::test]
    async fn what_hangs_moves_on_when_it_heals() {
        let (proxy, _serving) = echo().await;
        let mut stream = open(&proxy).await;
        assert_eq!(said(&mut stream, "one").await.expect("an answer"), "one");
        proxy.set(Mode::Hang).await.expect("set");
        assert_eq!(said(&mut stream, "two").await.expect("silence"), "nothing");
        proxy.set(Mode::Pass).await.expect("set");
        assert_eq!(heard(&mut stream, 3).await.expect("an answer"), "two");
    }

    #[tokio::test]
    async fn a_refusing_proxy_is_not_there_and_comes_back() {
        let (proxy, _serving) = echo().await;
        let mut stream = open(&proxy).await;
        assert_eq!(said(&mut stream, "one").await.expect("an answer"), "one");
        proxy.set(Mode::Refuse).await.expect("set");
        assert!(said(&mut stream, "two").await.is_err());
        assert!(TcpStream::connect(proxy.address).await.is_err());
        proxy.set(Mode::Pass).await.expect("set");
        let mut stream = open(&proxy).await;
        assert_eq!(said(&mut stream, "three").await.expect("an answer"), "three");
    }

    #[tokio::test]
    async fn answers_are_cut_and_connections_reset() {
        let (proxy, _serving) = echo().await;
        proxy.set(Mode::CutAfter(4)).await.expect("set");
        let mut stream = open(&proxy).await;
        assert!(said(&mut stream, "seventeen").await.is_err());
        proxy.set(Mode::Reset).await.expect("set");
        let mut stream = open(&proxy).await;
        assert!(said(&mut stream, "hello").await.is_err());
    }

    #[tokio::test]
    async fn a_held_packet_waits_to_be_let_go() {
        let (proxy, _serving) = echo().await;
        let trap = proxy.lay(Toward::Server, Pattern::Bytes(b"cret".to_vec()), Act::Hold);
        let mut stream = open(&proxy).await;
        assert_eq!(said(&mut stream, "open").await.expect("an answer"), "open");
        assert_eq!(said(&mut stream, "secret").await.expect("silence"), "nothing");
        assert!(trap.sprung(Duration::from_secs(1)).await);
        trap.release();
        assert_eq!(heard(&mut stream, 6).await.expect("an answer"), "secret");
        // It was for one packet only.
        assert_eq!(said(&mut stream, "secret").await.expect("an answer"), "secret");
    }

    #[tokio::test]
    async fn an_answer_is_swallowed_and_a_dropped_trap_cuts_what_it_holds() {
        let (proxy, _serving) = echo().await;
        let mut stream = open(&proxy).await;
        let trap = proxy.lay(Toward::Client, Pattern::Bytes(b"two".to_vec()), Act::Swallow);
        assert_eq!(said(&mut stream, "one").await.expect("an answer"), "one");
        assert_eq!(said(&mut stream, "two").await.expect("silence"), "nothing");
        assert_eq!(said(&mut stream, "three").await.expect("an answer"), "three");
        assert_eq!(trap.count(), 1);
        let trap = proxy.lay(Toward::Server, Pattern::Bytes(b"four".to_vec()), Act::Hold);
        assert_eq!(said(&mut stream, "four").await.expect("silence"), "nothing");
        drop(trap);
        assert!(said(&mut stream, "five").await.is_err());
    }
}
