//! What a person's server receives.

use otpost_shared::outcome::ErrorClass;

use super::{
    outgoing, provider,
    server::{MailServer, Security},
};

/// The values of a header, each in one line.
fn headers(letter: &str, name: &str) -> Vec<String> {
    let head = letter.split("\r\n\r\n").next().unwrap_or_default();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let value = |line: &str| {
        let (of, value) = line.split_once(':')?;
        of.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    unfolded.split("\r\n").filter_map(value).collect()
}

/// The type and the decoded content of each part.
fn parts(letter: &str) -> Vec<(String, String)> {
    let kind = headers(letter, "Content-Type").remove(0);
    let (_, boundary) = kind.split_once("boundary=\"").expect("a boundary");
    let boundary = format!("--{}", boundary.trim_end_matches('"'));
    let (_, body) = letter.split_once("\r\n\r\n").expect("a body");
    let mut pieces: Vec<&str> = body.split(boundary.as_str()).skip(1).collect();
    assert_eq!(pieces.pop().map(str::trim), Some("--"), "the last boundary closes");
    let part = |piece: &str| {
        let piece = piece.strip_prefix("\r\n").expect("a line of its own");
        let encoding = headers(piece, "Content-Transfer-Encoding").remove(0);
        assert_eq!(encoding, "quoted-printable");
        let (_, content) = piece.split_once("\r\n\r\n").expect("a content");
        let content = content.strip_suffix("\r\n").expect("an end");
        (headers(piece, "Content-Type").remove(0), decoded(content))
    };
    pieces.into_iter().map(part).collect()
}

/// Quoted-printable as text.
fn decoded(text: &str) -> String {
    let (joined, mut bytes) = (text.replace("=\r\n", ""), Vec::new());
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        let (digits, after) = after.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_arrives_as_it_was_meant() {
    let server = MailServer::start(Security::Plain).await;
    let more = "reply_to = 'help@example.org'\nbounces_to = 'bounces@example.org'\n\
        helo = 'otpost.example'";
    let mail = provider(&server, more);
    let text = format!(
        "Your code is:\n\n0123\n\n.a line that begins with a dot\n.\n=20 {} \u{fc} \u{1f44d} \nbye",
        "long ".repeat(300)
    );
    let out = outgoing("0123 is your code", &text);
    let outcome = mail.send(&out).await;
    assert_eq!(
        (outcome.class, outcome.provider_message_id.as_deref()),
        (ErrorClass::Ok, Some("T1"))
    );
    let (from, to) = ("MAIL FROM:<bounces@example.org>", "RCPT TO:<Ann@example.org>");
    assert_eq!(server.heard(), ["EHLO otpost.example", from, to, "DATA"]);
    let letter = server.letters().remove(0);
    assert!(letter.is_ascii() && letter.split("\r\n").all(|line| line.len() <= 998), "{letter}");
    for (name, value) in [
        ("From", "Example <codes@example.org>".to_owned()),
        ("To", "Ann@example.org".to_owned()),
        ("Reply-To", "help@example.org".to_owned()),
        ("Subject", "0123 is your code".to_owned()),
        ("Message-ID", format!("<{}.1@example.org>", out.message_id)),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
    ] {
        // A name may stand in quotes.
        let found: Vec<String> =
            headers(&letter, name).iter().map(|value| value.replace('"', "")).collect();
        assert_eq!(found, [value], "{name}: {letter}");
    }
    assert_eq!(headers(&letter, "Date").len(), 1);
    assert_eq!(headers(&letter, "List-Unsubscribe"), [""; 0]);
    assert!(headers(&letter, "Content-Type")[0].starts_with("multipart/alternative;"));
    let expected = [
        ("text/plain; charset=utf-8".to_owned(), text.replace('\n', "\r\n")),
        ("text/html; charset=utf-8".to_owned(), format!("<p>{text}</p>").replace('\n', "\r\n")),
    ];
    assert_eq!(parts(&letter), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_title_or_a_text_becomes_a_header_or_a_command() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "");
    let evil = "Hi\r\nBcc: bob@example.org\r\n\r\n.\r\nRCPT TO:<bob@example.org>\r\n";
    let outcome = mail.send(&outgoing(evil, evil)).await;
    assert_eq!(outcome.class, ErrorClass::Ok);
    let letter = server.letters().remove(0);
    assert_eq!(headers(&letter, "Bcc"), [""; 0], "{letter}");
    assert_eq!((headers(&letter, "Subject").len(), parts(&letter).len()), (1, 2), "{letter}");
    assert_eq!(parts(&letter)[0].1, evil);
    let recipients = server.heard().iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!((recipients, server.letters().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_in_any_script_is_ascii_on_the_way() {
    let server = MailServer::start(Security::Plain).await;
    let mail = provider(&server, "");
    assert_eq!(mail.send(&outgoing("F\u{fc}r Ann", "x")).await.class, ErrorClass::Ok);
    let letter = server.letters().remove(0);
    let subject = headers(&letter, "Subject").remove(0);
    assert!(subject.is_ascii() && subject.contains("RsO8cg=="), "{subject}");
}
