//! Bytes cut into packets. Of Postgres' protocol (version 3) only as much is understood as it
//! takes to know which statement a packet runs; see "Message Formats" in its manual.

use std::{collections::HashMap, sync::Arc};

/// What is spoken on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Anything: a packet is what one read brought.
    Raw,
    Postgres,
}

/// A piece of what passes, whole as far as the protocol is understood.
#[derive(Clone, Debug, Default)]
pub(super) struct Packet {
    pub(super) bytes: Vec<u8>,
    /// The text of the statement this packet runs.
    pub(super) statement: Option<Arc<str>>,
}

/// Cuts what one client says.
#[derive(Debug)]
pub(super) struct Wire {
    protocol: Protocol,
    /// A packet whose end has not come yet.
    begun: Vec<u8>,
    /// Before the first message with a type: requests for encryption and the greeting.
    greeting: bool,
    statements: HashMap<Vec<u8>, Arc<str>>,
}

impl Wire {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self { protocol, begun: Vec::new(), greeting: true, statements: HashMap::new() }
    }

    pub(super) fn cut(&mut self, bytes: &[u8]) -> Vec<Packet> {
        if self.protocol == Protocol::Raw {
            return vec![Packet { bytes: bytes.to_vec(), statement: None }];
        }
        self.begun.extend_from_slice(bytes);
        let mut packets = Vec::new();
        while let Some(length) = self.whole() {
            let rest = self.begun.split_off(length);
            let bytes = std::mem::replace(&mut self.begun, rest);
            let statement = if self.greeting { None } else { self.statement(&bytes) };
            if self.greeting && bytes.get(4..8) == Some([0, 3, 0, 0].as_slice()) {
                self.greeting = false;
            }
            packets.push(Packet { bytes, statement });
        }
        packets
    }

    /// The length of the first packet, if all of it is there.
    fn whole(&self) -> Option<usize> {
        let before = usize::from(!self.greeting);
        let length = self.begun.get(before..before + 4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let length = before + usize::try_from(length).ok()?.max(4);
        (self.begun.len() >= length).then_some(length)
    }

    /// Remembers what is prepared; says what is run.
    fn statement(&mut self, message: &[u8]) -> Option<Arc<str>> {
        let body = message.get(5..)?;
        match message.first()? {
            b'Q' => Some(text(until_zero(body)?.0)),
            b'P' => {
                let (name, rest) = until_zero(body)?;
                let prepared = text(until_zero(rest)?.0);
                self.statements.insert(name.to_vec(), prepared);
                None
            }
            b'B' => {
                let (_, rest) = until_zero(body)?;
                self.statements.get(until_zero(rest)?.0).cloned()
            }
            _ => None,
        }
    }
}

/// Whether a piece of an answer ends with Postgres being outside of any transaction.
pub(super) fn ends_transaction(answer: &[u8]) -> bool {
    answer.ends_with(&[b'Z', 0, 0, 0, 5, b'I'])
}

fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn text(bytes: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("short");
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn a_bound_statement_is_known_by_its_text_wherever_the_bytes_are_cut() {
        let greeting = [&[0, 0, 0, 13, 0, 3, 0, 0][..], b"user\0"].concat();
        let said = [
            vec![0, 0, 0, 8, 4, 210, 22, 47],
            greeting,
            message(b'P', b"s1\0UPDATE messages\0\0\0"),
            message(b'B', b"\0s1\0\0\0\0\x01value\0\0"),
            message(b'Q', b"COMMIT\0"),
        ]
        .concat();
        for size in 1..said.len() {
            let mut wire = Wire::new(Protocol::Postgres);
            let packets: Vec<Packet> =
                said.chunks(size).flat_map(|piece| wire.cut(piece)).collect();
            let runs: Vec<Option<&str>> =
                packets.iter().map(|packet| packet.statement.as_deref()).collect();
            assert_eq!(runs, [None, None, None, Some("UPDATE messages"), Some("COMMIT")]);
            let passed: Vec<u8> = packets.into_iter().flat_map(|packet| packet.bytes).collect();
            assert_eq!(passed, said);
        }
    }
}
