//! What an SMSC brings, as bytes: well-formed, and as it happens.

use rusmpp::{
    pdus::DeliverSm,
    types::{COctetString, OctetString},
    values::{Npi, Ton},
};

use super::smsc::encoded;

fn from(number: &str) -> DeliverSm {
    DeliverSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr_npi(Npi::Isdn)
        .source_addr(COctetString::from_string(number.to_owned()).expect("a number"))
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(COctetString::from_string("12025550100".to_owned()).expect("a number"))
        .esm_class(0.into())
        .build()
}

fn with_text(mut message: DeliverSm, text: &[u8]) -> DeliverSm {
    message.set_short_message(OctetString::from_slice(text).expect("it fits"));
    message
}

/// A receipt about a message to `number`.
pub fn receipt(sequence: u32, number: &str, id: &str, stat: &str) -> Vec<u8> {
    let err = if stat == "DELIVRD" { "000" } else { "005" };
    let text = format!(
        "id:{id} sub:001 dlvrd:001 submit date:2611280900 done date:2611280901 stat:{stat} \
         err:{err} text:Your code"
    );
    let mut message = with_text(from(number), text.as_bytes());
    message.esm_class = 4.into();
    encoded(0, sequence, message)
}

/// What a person wrote.
pub fn text(sequence: u32, number: &str, data_coding: u8, octets: &[u8]) -> Vec<u8> {
    let mut message = with_text(from(number), octets);
    message.data_coding = data_coding.into();
    encoded(0, sequence, message)
}

/// A receipt in parameters alone, its id without the zero at the end, from a sender outside ASCII, with a
/// parameter that ends too early: what a strict reader takes for the end of the session.
pub fn odd_receipt(sequence: u32, id: &str, state: u8) -> Vec<u8> {
    let mut body = b"\0\x05\0\xdcber\0\x01\x0112025550100\0\x04\0\0".to_vec();
    body.extend(b"not a time\0\0\0\0\0\0\0");
    body.extend([0x00, 0x1e]);
    body.extend(u16::try_from(id.len()).expect("short").to_be_bytes());
    body.extend(id.as_bytes());
    body.extend([0x04, 0x27, 0, 1, state, 0x14, 0x01, 0, 9, 1]);
    raw(5, sequence, &body)
}

/// A PDU of any kind.
pub fn raw(id: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).expect("short");
    let words = [length, id, 0, sequence].map(u32::to_be_bytes);
    [words.as_flattened(), body].concat()
}
