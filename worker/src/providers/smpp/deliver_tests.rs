use super::{Delivered, Malformed, Receipt, Text, Word, read};
use crate::providers::smpp::alphabet::Alphabet;

/// A body from +447700900001 to +12025550100.
fn body(esm_class: u8, data_coding: u8, octets: &[u8], parameters: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = b"\0\x01\x01447700900001\0\x01\x0112025550100\0".to_vec();
    body.extend([esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0]);
    body.push(u8::try_from(octets.len()).unwrap());
    body.extend(octets);
    for (tag, value) in parameters {
        body.extend(tag.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
    }
    body
}

fn said(body: &[u8]) -> Delivered {
    read(body, Alphabet::Gsm7).unwrap()
}

fn receipt(body: &[u8]) -> Receipt {
    match said(body) {
        Delivered::Receipt(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

const DELIVERED: &[u8] = b"id:A1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:x";
const LOST: &[u8] = b"id:A1 sub:001 dlvrd:000 stat:UNDELIV err:011 text:x";

#[test]
fn receipts() {
    let delivered = receipt(&body(4, 0, DELIVERED, &[]));
    assert_eq!((delivered.id.as_str(), delivered.word), ("A1", Some(Word::Delivered)));
    assert_eq!((delivered.to.as_str(), delivered.from.as_str()), ("447700900001", "12025550100"));
    assert_eq!(delivered.code, None);
    let lost = receipt(&body(4, 0, LOST, &[(0x0423, &[3, 0, 27])]));
    assert_eq!((lost.word, lost.code.as_deref()), (Some(Word::Undelivered), Some("011")));
    assert_eq!(lost.network_error, Some(27));
}

#[test]
fn parameters_come_before_the_text() {
    // Without the zero at its end, as some send it.
    let of = body(4, 0, LOST, &[(0x1403, b"vendor"), (0x001e, b"B2\0"), (0x0427, &[2])]);
    let receipt_of = receipt(&of);
    assert_eq!((receipt_of.id.as_str(), receipt_of.word), ("B2", Some(Word::Delivered)));
    let of = body(0, 0, b"", &[(0x001e, b"B2"), (0x0427, &[8])]);
    let receipt_of = receipt(&of);
    assert_eq!((receipt_of.id.as_str(), receipt_of.word), ("B2", Some(Word::Undelivered)));
    // A state that says nothing, and a text that does; and all of it as a payload, in UCS-2.
    assert_eq!(receipt(&body(4, 0, LOST, &[(0x0427, &[7])])).word, Some(Word::Undelivered));
    let wide: Vec<u8> = LOST.iter().flat_map(|octet| [0, *octet]).collect();
    assert_eq!(receipt(&body(4, 8, b"", &[(0x0424, &wide)])).code.as_deref(), Some("011"));
}

#[test]
fn an_intermediate_word_is_never_the_last_one() {
    assert_eq!(receipt(&body(0x20, 0, LOST, &[])).word, Some(Word::Sent));
}

#[test]
fn a_person_cannot_write_a_receipt() {
    let Delivered::Text(text) = said(&body(0, 0, DELIVERED, &[])) else { panic!("a text") };
    assert_eq!(text.text.as_bytes(), DELIVERED);
}

#[test]
fn texts() {
    let text = |body: &[u8]| match said(body) {
        Delivered::Text(Text { from, text, is_whole }) => (from, text, is_whole),
        other => panic!("{other:?}"),
    };
    let from = Some("447700900001".to_owned());
    assert_eq!(text(&body(0, 0, b"STOP", &[])), (from.clone(), "STOP".into(), true));
    assert_eq!(text(&body(0, 8, b"\x04!\0!", &[])), (from.clone(), "С!".into(), true));
    let part = body(0x40, 0, b"\x05\0\x03\x07\x02\x01STOP", &[]);
    assert_eq!(text(&part), (from.clone(), "STOP".into(), false));
    assert!(!text(&body(0, 0, b"STOP", &[(0x020e, &[2])])).2);
    assert_eq!(text(&body(0, 0, b"", &[(0x0424, b"START")])), (from, "START".into(), true));
    let mut name = body(0, 0, b"STOP", &[]);
    name[1] = 5;
    assert_eq!(text(&name).0, None);
    assert_eq!(said(&body(0, 4, b"STOP", &[])), Delivered::Other);
    assert_eq!(said(&body(8, 0, b"STOP", &[])), Delivered::Other);
}

#[test]
fn what_is_broken() {
    let whole = body(4, 0, DELIVERED, &[(0x001e, b"B2\0")]);
    for end in 0..whole.len() {
        let cut = read(&whole[..end], Alphabet::Gsm7);
        assert!(end > 90 || cut == Err(Malformed), "{end}: {cut:?}");
    }
    assert_eq!(read(&body(4, 0, b"hello", &[]), Alphabet::Gsm7), Err(Malformed));
    assert_eq!(read(&[b'1'; 300], Alphabet::Gsm7), Err(Malformed));
    // A parameter that ends too early ends the parameters; nobody needs those behind it.
    let mut odd = body(4, 0, DELIVERED, &[(0x0427, &[5])]);
    odd.extend([0x14, 0x00, 0x00, 0x09, 1]);
    assert_eq!(receipt(&odd).word, Some(Word::Undelivered));
    // A sender in another script.
    let mut name = body(0, 0, b"hi", &[]);
    name[3] = 0xfc;
    assert!(matches!(said(&name), Delivered::Text(_)));
}

#[test]
fn no_text_is_ever_shown() {
    let shown = format!("{:?}", said(&body(0, 0, b"secret", &[])));
    assert!(!shown.contains("secret") && !shown.contains("4477"), "{shown}");
}
