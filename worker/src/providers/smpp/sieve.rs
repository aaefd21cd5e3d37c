//! What an SMSC sends, PDU by PDU, before the library reads it. Answers reach the library with nothing
//! in them but what is needed; what the SMSC asks of us is taken out. So one PDU that breaks the
//! specification does not end the session, whose SMSC would bring it again at once, and how much waits
//! to be read is bounded.
//!
//! Source: SMPP 3.4, 3.2 (the header) and 5.1.2.1 (`command_id`).

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};

const HEADER: usize = 16;
/// A payload has at most 64 KiB.
const LONGEST: usize = 128 * 1024;

const GENERIC_NACK: u32 = 0x8000_0000;
const SUBMIT_SM_RESP: u32 = 0x8000_0004;
const UNBIND_RESP: u32 = 0x8000_0006;
const BIND_TRANSCEIVER_RESP: u32 = 0x8000_0009;
const ENQUIRE_LINK: u32 = 0x0000_0015;
const ENQUIRE_LINK_RESP: u32 = 0x8000_0015;
const DELIVER_SM: u32 = 0x0000_0005;
const UNBIND: u32 = 0x0000_0006;
const OUTBIND: u32 = 0x0000_000b;
const ALERT_NOTIFICATION: u32 = 0x0000_0102;
const IS_ANSWER: u32 = 0x8000_0000;

/// Of a message, and of an SMSC.
const LONGEST_MESSAGE_ID: usize = 64;
const LONGEST_SYSTEM_ID: usize = 15;

/// What an SMSC asks of us.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) sequence: u32,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The body of a `deliver_sm`.
    Deliver(Vec<u8>),
    Unbind,
    /// Something that an ESME like this one does not do.
    Unknown,
}

/// Where a PDU goes.
#[derive(Debug, PartialEq, Eq)]
enum Sorted {
    Library(Vec<u8>),
    Us(Asked),
    Nobody,
}

struct Header {
    length: usize,
    id: u32,
    status: u32,
    sequence: u32,
}

impl Header {
    fn read([a, b, c, d]: [u32; 4]) -> Self {
        Self { length: usize::try_from(a).unwrap_or(usize::MAX), id: b, status: c, sequence: d }
    }

    fn sort(&self, body: Vec<u8>) -> Sorted {
        let ask = |what| Sorted::Us(Asked { sequence: self.sequence, what });
        match self.id {
            DELIVER_SM => ask(What::Deliver(body)),
            UNBIND => ask(What::Unbind),
            SUBMIT_SM_RESP => self.with_text(&body, LONGEST_MESSAGE_ID),
            BIND_TRANSCEIVER_RESP => self.with_text(&body, LONGEST_SYSTEM_ID),
            ENQUIRE_LINK | ENQUIRE_LINK_RESP | UNBIND_RESP | GENERIC_NACK => self.with(&[]),
            OUTBIND | ALERT_NOTIFICATION => Sorted::Nobody,
            id if id & IS_ANSWER != 0 => Sorted::Nobody,
            _ => ask(What::Unknown),
        }
    }

    /// The answer with the text at its beginning and nothing else.
    fn with_text(&self, body: &[u8], longest: usize) -> Sorted {
        let text = body.split(|octet| *octet == 0).next().unwrap_or_default();
        let text = text.iter().copied().filter(|octet| (b' '..=b'~').contains(octet)).take(longest);
        self.with(&text.chain([0]).collect::<Vec<u8>>())
    }

    fn with(&self, body: &[u8]) -> Sorted {
        let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        let words = [length, self.id, self.status, self.sequence].map(u32::to_be_bytes);
        Sorted::Library([words.as_flattened(), body].concat())
    }
}

/// Reads until the SMSC closes, or sends what is no PDU, and says which.
pub(super) async fn sort(
    mut from: impl AsyncRead + Unpin,
    mut library: impl AsyncWrite + Unpin,
    us: mpsc::Sender<Asked>,
) -> String {
    loop {
        let (header, body) = match read(&mut from).await {
            Ok(pdu) => pdu,
            Err(said) => return said,
        };
        let goes_on = match header.sort(body) {
            Sorted::Library(pdu) => library.write_all(&pdu).await.is_ok(),
            Sorted::Us(asked) => us.send(asked).await.is_ok(),
            Sorted::Nobody => true,
        };
        if !goes_on {
            return "the session has ended".to_owned();
        }
    }
}

async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<(Header, Vec<u8>), String> {
    let ended = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the SMSC closed the connection".to_owned(),
        _ => format!("the connection was lost: {error}"),
    };
    let mut words = [0; 4];
    for word in &mut words {
        *word = from.read_u32().await.map_err(ended)?;
    }
    let header = Header::read(words);
    if !(HEADER..=LONGEST).contains(&header.length) {
        return Err(format!("the SMSC sent what is no PDU: its length is {}", header.length));
    }
    // As it comes, not as it was announced.
    let length = u64::try_from(header.length - HEADER).unwrap_or_default();
    let mut body = Vec::new();
    let read = from.take(length).read_to_end(&mut body).await.map_err(ended)?;
    if read < header.length - HEADER {
        return Err("the SMSC closed the connection".to_owned());
    }
    Ok((header, body))
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, sync::mpsc};

    use super::{Asked, LONGEST, What, sort};

    fn pdu(id: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap();
        let words = [length, id, 7, sequence].map(u32::to_be_bytes);
        [words.as_flattened(), body].concat()
    }

    /// What the library gets, what we get, and why it ended.
    async fn sorted(bytes: &[u8]) -> (Vec<u8>, Vec<Asked>, String) {
        let (mut read, library) = tokio::io::duplex(1 << 20);
        let (us, mut asked) = mpsc::channel(64);
        let said = sort(bytes, library, us).await;
        let (mut passed, mut all) = (Vec::new(), Vec::new());
        read.read_to_end(&mut passed).await.unwrap();
        while let Some(one) = asked.recv().await {
            all.push(one);
        }
        (passed, all, said)
    }

    #[tokio::test]
    async fn answers_go_to_the_library_without_what_may_break_it() {
        for (id, body, kept) in [
            (0x8000_0004, &b"1A2B\0\x14\0\0\x03abc"[..], &b"1A2B\0"[..]),
            (0x8000_0004, b"no zero", b"no zero\0"),
            (0x8000_0004, b"", b"\0"),
            (0x8000_0004, &[b'9'; 99], &[&[b'9'; 64][..], b"\0"].concat()),
            (0x8000_0009, b"A system with a long name\0\x02\x10\0\x01\x34", b"A system with a\0"),
            (0x8000_0015, b"odd", b""),
            (0x15, b"odd", b""),
            (0x8000_0006, b"", b""),
            (0x8000_0000, b"", b""),
        ] {
            let (passed, asked, said) = sorted(&pdu(id, 5, body)).await;
            assert_eq!(passed, pdu(id, 5, kept), "{id:#x}");
            assert_eq!((asked, said.as_str()), (vec![], "the SMSC closed the connection"));
        }
    }

    #[tokio::test]
    async fn what_is_asked_comes_to_us() {
        let bytes = [
            pdu(5, 1, b"anything"),
            pdu(0x103, 2, b"x"),
            pdu(0x102, 3, b"x"),
            pdu(0x8000_0103, 4, b"x"),
            pdu(6, 5, b""),
        ];
        let (passed, asked, _) = sorted(&bytes.concat()).await;
        let all = [(1, What::Deliver(b"anything".to_vec())), (2, What::Unknown), (5, What::Unbind)];
        assert_eq!(asked, all.map(|(sequence, what)| Asked { sequence, what }));
        assert_eq!(passed, b"");
    }

    #[tokio::test]
    async fn what_is_no_pdu_ends_it() {
        for length in [0, 15, u32::try_from(LONGEST).unwrap() + 1, u32::MAX] {
            let mut bytes = pdu(5, 1, b"x");
            bytes[..4].copy_from_slice(&length.to_be_bytes());
            let (passed, asked, said) = sorted(&bytes).await;
            assert!(said.contains(&format!("its length is {length}")), "{said}");
            assert!(passed.is_empty() && asked.is_empty());
        }
        for cut in [3, 15, 20] {
            let (.., said) = sorted(&pdu(5, 1, b"a body")[..cut]).await;
            assert_eq!(said, "the SMSC closed the connection");
        }
    }
}
