//! One connection: two directions, each read, cut into packets, judged and passed on.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use super::{
    Act, Line, Mode, Toward,
    trap::Fate,
    wire::{Packet, Protocol, Wire, ends_transaction},
};

/// How a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// One side closed it.
    Closed,
    Reset,
}

/// Carries bytes both ways until one side closes, or a rule ends it.
pub(super) async fn relay(client: TcpStream, server: TcpStream, line: &Line) {
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let losing = AtomicBool::new(false);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asking = Pump::new(line, &losing, Toward::Server, to_server);
    let answering = Pump::new(line, &losing, Toward::Client, to_client);
    let (ending, halves) = {
        let (mut asking, mut answering) = (asking, answering);
        let (mut from_client, mut from_server) = (from_client, from_server);
        let ending = tokio::select! {
            ending = asking.run(&mut from_client) => ending,
            ending = answering.run(&mut from_server) => ending,
        };
        (ending, (from_client, answering.to, asking.to, from_server))
    };
    let (from_client, mut to_client, mut to_server, from_server) = halves;
    if ending == Ending::Reset {
        if let Ok(client) = from_client.reunite(to_client) {
            let _ = client.set_zero_linger();
        }
        if let Ok(server) = from_server.reunite(to_server) {
            let _ = server.set_zero_linger();
        }
    } else {
        let (_, _) = (to_client.shutdown().await, to_server.shutdown().await);
    }
}

/// One direction of a connection.
struct Pump<'a> {
    line: &'a Line,
    /// Set when the answer that comes next is to be lost.
    losing: &'a AtomicBool,
    toward: Toward,
    to: OwnedWriteHalf,
    wire: Wire,
    mode: watch::Receiver<Mode>,
    passed: usize,
}

impl<'a> Pump<'a> {
    fn new(line: &'a Line, losing: &'a AtomicBool, toward: Toward, to: OwnedWriteHalf) -> Self {
        let protocol = if toward == Toward::Server { line.protocol } else { Protocol::Raw };
        let (wire, mode) = (Wire::new(protocol), line.mode.subscribe());
        Self { line, losing, toward, to, wire, mode, passed: 0 }
    }

    async fn run(&mut self, from: &mut OwnedReadHalf) -> Ending {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let mode = *self.mode.borrow_and_update();
            if mode == Mode::Refuse {
                return Ending::Reset;
            }
            let read = tokio::select! {
                biased;
                changed = self.mode.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Ending::Reset,
                },
                read = from.read(&mut bytes), if mode != Mode::Hang => read,
            };
            let Ok(read @ 1..) = read else { return Ending::Closed };
            if mode == Mode::Reset && self.toward == Toward::Server {
                return Ending::Reset;
            }
            let packets = self.wire.cut(&bytes[..read]);
            if let Err(ending) = self.pass(packets, mode).await {
                return ending;
            }
        }
    }

    async fn pass(&mut self, packets: Vec<Packet>, mode: Mode) -> Result<(), Ending> {
        let mut ready = Vec::new();
        for packet in packets {
            if self.toward == Toward::Client && self.is_lost(&packet) {
                return Err(Ending::Reset);
            }
            let caught = self.line.traps.catch(self.toward, &packet);
            match caught.as_ref().map(|lair| lair.act) {
                Some(Act::Swallow) => continue,
                Some(Act::LoseAnswer) => self.losing.store(true, Ordering::Relaxed),
                Some(Act::Hold) => {
                    self.write(&std::mem::take(&mut ready), mode).await?;
                    let mut fate = caught.ok_or(Ending::Reset)?.fate.subscribe();
                    let decided = fate.wait_for(|fate| *fate != Fate::Waits).await;
                    if !decided.is_ok_and(|fate| *fate == Fate::Goes) {
                        return Err(Ending::Reset);
                    }
                }
                None => {}
            }
            ready.extend_from_slice(&packet.bytes);
        }
        self.write(&ready, mode).await
    }

    fn is_lost(&self, answer: &Packet) -> bool {
        self.losing.load(Ordering::Relaxed)
            && (self.line.protocol != Protocol::Postgres || ends_transaction(&answer.bytes))
    }

    async fn write(&mut self, bytes: &[u8], mode: Mode) -> Result<(), Ending> {
        let answers = self.toward == Toward::Client;
        match mode {
            Mode::Delay(pause) if answers => {
                tokio::time::sleep(pause).await;
                self.send(bytes).await
            }
            Mode::Drip(pause) if answers => self.drip(bytes, pause).await,
            Mode::CutAfter(most) if answers && self.passed + bytes.len() > most => {
                self.send(&bytes[..most.saturating_sub(self.passed)]).await?;
                Err(Ending::Reset)
            }
            _ => self.send(bytes).await,
        }
    }

    async fn drip(&mut self, bytes: &[u8], pause: Duration) -> Result<(), Ending> {
        let mut healed = self.mode.clone();
        for (place, byte) in bytes.iter().enumerate() {
            self.send(&[*byte]).await?;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = healed.changed() => return self.send(&bytes[place + 1..]).await,
            }
        }
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        self.to.write_all(bytes).await.map_err(|_| Ending::Closed)?;
        self.passed += bytes.len();
        if self.toward == Toward::Client {
            self.line.answered.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}
