use std::time::Duration;

use otpost_shared::{config::section, outcome::ErrorClass};
use rusmpp::{
    pdus::SubmitSm,
    tlvs::TlvValue,
    values::{Npi, Ton},
};

use super::{Composer, relative};
use crate::providers::{
    samples::{outgoing, outgoing_from},
    smpp::config::SmppConfig,
};

fn composed(keys: &str, text: &str) -> Vec<SubmitSm> {
    let base = "url = 'smpp://smsc.example'\nsystem_id = 'o'\npassword = 'p'\n";
    let keys = format!("{base}{keys}").parse().unwrap();
    let config: SmppConfig = section("a", &keys).unwrap();
    config.composer("a").unwrap().compose(&outgoing(text)).unwrap()
}

fn octets(pdu: &SubmitSm) -> Vec<u8> {
    pdu.short_message().clone().into_vec()
}

#[test]
fn one_short_text() {
    let [pdu] = &composed("from = 'Otpost'\nservice_type = 'CMT'", "Your code is 1@2")[..] else {
        panic!("one part")
    };
    assert_eq!((pdu.source_addr_ton, pdu.source_addr_npi), (Ton::Alphanumeric, Npi::Unknown));
    assert_eq!(pdu.source_addr.as_str(), "Otpost");
    assert_eq!((pdu.dest_addr_ton, pdu.dest_addr_npi), (Ton::International, Npi::Isdn));
    assert_eq!(pdu.destination_addr.as_str(), "15551234567");
    assert_eq!(pdu.service_type.value().as_str(), "CMT");
    assert_eq!((u8::from(pdu.esm_class), u8::from(pdu.data_coding)), (0, 0));
    assert_eq!(u8::from(pdu.registered_delivery), 1);
    assert_eq!((pdu.protocol_id, u8::from(pdu.priority_flag)), (0, 0));
    assert_eq!(pdu.validity_period.as_str(), "000000000200000R");
    assert_eq!(octets(pdu), b"Your code is 1\x002");
    assert!(pdu.tlvs().is_empty());
}

#[test]
fn keys_change_it() {
    let keys = "from = '12345'\nfrom_ton = 6\nfrom_npi = 9\nvalidity_period = false\n\
                alphabet = 'latin1'";
    let pdus = composed(keys, "é@");
    assert_eq!(
        (pdus[0].source_addr_ton, pdus[0].source_addr_npi),
        (Ton::Abbreviated, Npi::Private)
    );
    assert!(pdus[0].validity_period.is_empty());
    assert_eq!((octets(&pdus[0]), u8::from(pdus[0].data_coding)), (b"\xe9@".to_vec(), 0));
    let wide = composed("", "Код");
    assert_eq!(u8::from(wide[0].data_coding), 8);
    assert_eq!(octets(&wide[0]), [0x04, 0x1a, 0x04, 0x3e, 0x04, 0x34]);
}

#[test]
fn the_sender_of_a_country_has_its_own_kind_of_number() {
    let base = "url = 'smpp://smsc.example'\nsystem_id = 'o'\npassword = 'p'\n";
    let keys = format!("{base}from = '12345'\nfrom_ton = 6\nfrom_npi = 9").parse().unwrap();
    let config: SmppConfig = section("a", &keys).unwrap();
    let composer = config.composer("a").unwrap();
    for (message, ton, npi, source) in [
        (outgoing("hi"), Ton::Abbreviated, Npi::Private, "12345"),
        (outgoing_from("Otpost", "hi"), Ton::Alphanumeric, Npi::Unknown, "Otpost"),
        (outgoing_from("+12025550123", "hi"), Ton::International, Npi::Isdn, "12025550123"),
    ] {
        let pdus = composer.compose(&message).unwrap();
        let pdu = &pdus[0];
        assert_eq!((pdu.source_addr_ton, pdu.source_addr_npi), (ton, npi));
        assert_eq!(pdu.source_addr.as_str(), source);
    }
    let unfit = composer.compose(&outgoing_from("twelve chars", "hi"));
    assert_eq!(unfit.unwrap_err().class, ErrorClass::Sender);
}

#[test]
fn long_texts_with_headers() {
    let pdus = composed("", &"x".repeat(400));
    let reference = octets(&pdus[0])[3];
    for (sequence, (pdu, length)) in (1..).zip(pdus.iter().zip([159, 159, 100])) {
        assert_eq!(octets(pdu)[..6], [5, 0, 3, reference, 3, sequence]);
        assert_eq!((octets(pdu).len(), u8::from(pdu.esm_class)), (length, 0x40));
    }
    let wide = composed("", &"я".repeat(71));
    assert_eq!(wide.iter().map(|pdu| octets(pdu).len()).collect::<Vec<_>>(), [140, 14]);
}

#[test]
fn long_texts_as_a_payload() {
    let [pdu] = &composed("long_messages = 'payload'", &"x".repeat(400))[..] else {
        panic!("one part")
    };
    let Some(TlvValue::MessagePayload(payload)) = pdu.tlvs()[0].value() else {
        panic!("a payload")
    };
    assert_eq!((payload.value.len(), pdu.sm_length(), pdu.tlvs().len()), (400, 0, 1));
    let short = composed("long_messages = 'payload'", "short");
    assert_eq!(octets(&short[0]), b"short");
}

#[test]
fn long_texts_with_parameters() {
    let pdus = composed("long_messages = 'sar'", &"x".repeat(400));
    let of = |pdu: &SubmitSm| {
        let [reference, total, sequence] = pdu.tlvs() else { panic!("three parameters") };
        match (reference.value(), total.value(), sequence.value()) {
            (
                Some(TlvValue::SarMsgRefNum(reference)),
                Some(TlvValue::SarTotalSegments(total)),
                Some(TlvValue::SarSegmentSeqnum(sequence)),
            ) => (*reference, *total, *sequence),
            other => panic!("{other:?}"),
        }
    };
    let (reference, ..) = of(&pdus[0]);
    let all: Vec<_> = pdus.iter().map(of).collect();
    assert_eq!(all, [(reference, 3, 1), (reference, 3, 2), (reference, 3, 3)]);
    assert_eq!(pdus.iter().map(|pdu| octets(pdu).len()).collect::<Vec<_>>(), [153, 153, 94]);
    assert!(pdus.iter().all(|pdu| u8::from(pdu.esm_class) == 0));
}

#[test]
fn each_part_is_an_sms_unless_the_smsc_cuts() {
    let long = "x".repeat(400);
    for (keys, text, segments) in [
        ("", "short", Some(1)),
        ("", &long, Some(3)),
        ("long_messages = 'sar'", &long, Some(3)),
        ("long_messages = 'payload'", "short", Some(1)),
        ("long_messages = 'payload'", &long, None),
    ] {
        assert_eq!(Composer::segments(&composed(keys, text)), segments, "{keys} {}", text.len());
    }
}

#[test]
fn each_long_text_has_a_reference_of_its_own() {
    let base = "url = 'smpp://smsc.example'\nsystem_id = 'o'\npassword = 'p'";
    let config: SmppConfig = section("a", &base.parse().unwrap()).unwrap();
    let composer = config.composer("a").unwrap();
    let mut references: Vec<u8> = (0..256)
        .map(|_| octets(&composer.compose(&outgoing(&"x".repeat(161))).unwrap()[0])[3])
        .collect();
    references.sort_unstable();
    assert_eq!(references, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn more_parts_than_can_be_counted_are_too_many() {
    let base = "url = 'smpp://smsc.example'\nsystem_id = 'o'\npassword = 'p'";
    let config: SmppConfig = section("a", &base.parse().unwrap()).unwrap();
    let composer = config.composer("a").unwrap();
    let outcome = composer.compose(&outgoing(&"x".repeat(153 * 256))).unwrap_err();
    assert_eq!(outcome.class, ErrorClass::Content);
}

#[test]
fn relative_times() {
    for (validity, written) in [
        (Duration::ZERO, "000000000001000R"),
        (Duration::from_millis(1_200), "000000000002000R"),
        (Duration::from_secs(3_661), "000000010101000R"),
        (Duration::from_secs(90_061), "000001010101000R"),
        (Duration::from_hours(9_600), "000030000000000R"),
    ] {
        assert_eq!(relative(validity), written, "{validity:?}");
        assert_eq!(written.len(), 16);
    }
}
