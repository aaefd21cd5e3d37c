//! One message as one or several `submit_sm`.
//!
//! Source: SMPP 3.4, 4.4.1, 5.2.12 and 7.1.1.2 (relative times).

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use otpost_shared::outcome::ErrorClass;
use rusmpp::{
    pdus::SubmitSm,
    tlvs::{MessageSubmissionRequestTlvValue as Parameter, Tlv, TlvValue},
    types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString},
    values::{MessagePayload, Npi, ServiceType, Ton},
};
use serde::Deserialize;

use super::{
    address::Address,
    alphabet::{Alphabet, Encoded},
    udh,
};
use crate::provider::{Outcome, Outgoing};

/// `esm_class`: a header stands before the text.
const HAS_HEADER: u8 = 0b0100_0000;
/// `registered_delivery`: a receipt whatever becomes of it.
const RECEIPT: u8 = 1;
/// What two digits of days can say without months.
const LONGEST_VALIDITY_SECS: u64 = 30 * 86_400;

/// How a text that takes several SMS is given to the SMSC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LongMessages {
    /// Cut here, each part with a header.
    #[default]
    Udh,
    /// Whole, in `message_payload`; the SMSC cuts it.
    Payload,
    /// Cut here, each part with `sar_…` parameters, of which the SMSC makes headers.
    Sar,
}

/// Type, plan and text of the address that a message comes from.
type Source = (Ton, Npi, COctetString<1, 21>);

/// What is the same for all messages of a section.
pub(super) struct Composer {
    pub(super) source_ton: Ton,
    pub(super) source_npi: Npi,
    pub(super) source: COctetString<1, 21>,
    pub(super) service_type: ServiceType,
    pub(super) alphabet: Alphabet,
    pub(super) long_messages: LongMessages,
    pub(super) validity_period: bool,
    /// The next reference that joins parts; begins anywhere, because other processes count too.
    pub(super) references: AtomicU8,
}

impl Composer {
    /// The PDUs of a message, in order.
    ///
    /// # Errors
    /// What of it cannot be written as a PDU.
    pub(super) fn compose(&self, out: &Outgoing) -> Result<Vec<SubmitSm>, Unfit> {
        let source = self.source(out).ok_or(Unfit::new(ErrorClass::Sender, "the sender"))?;
        let whole = self.blank(out, source);
        let whole = whole.ok_or(Unfit::new(ErrorClass::Recipient, "the number"))?;
        let Encoded { data_coding, parts } = self.alphabet.encode(&out.text);
        let whole = whole.with_data_coding(data_coding.into());
        let pdus = match (parts.as_slice(), self.long_messages) {
            ([alone], _) => with_text(whole, alone).map(|pdu| vec![pdu]),
            (parts, LongMessages::Payload) => Some(vec![with_payload(whole, parts.concat())]),
            (parts, joined) => self.join(&whole, parts, joined),
        };
        pdus.ok_or(Unfit::new(ErrorClass::Content, "the text"))
    }

    /// The sender of the country, or else that of the section.
    fn source(&self, out: &Outgoing) -> Option<Source> {
        let Some(sender) = &out.sender else {
            return Some((self.source_ton, self.source_npi, self.source.clone()));
        };
        let address = Address::of_sender(sender).ok()?;
        let text = COctetString::from_string(address.text).ok()?;
        Some((address.ton.into(), address.npi.into(), text))
    }

    /// How many SMS they are; the SMSC alone knows it of what it cuts itself.
    pub(super) fn segments(pdus: &[SubmitSm]) -> Option<u16> {
        let is_payload = |tlv: &Tlv| matches!(tlv.value(), Some(TlvValue::MessagePayload(_)));
        let is_uncut = pdus.iter().any(|pdu| pdu.tlvs().iter().any(is_payload));
        if is_uncut { None } else { u16::try_from(pdus.len()).ok() }
    }

    /// None when it cannot be addressed.
    fn blank(&self, out: &Outgoing, (ton, npi, source): Source) -> Option<SubmitSm> {
        let to = Address::international(out.to.digits());
        let validity = if self.validity_period {
            EmptyOrFullCOctetString::from_string(relative(out.validity)).ok()?
        } else {
            EmptyOrFullCOctetString::empty()
        };
        Some(
            SubmitSm::builder()
                .service_type(self.service_type.clone())
                .source_addr_ton(ton)
                .source_addr_npi(npi)
                .source_addr(source)
                .dest_addr_ton(to.ton.into())
                .dest_addr_npi(to.npi.into())
                .destination_addr(COctetString::from_string(to.text).ok()?)
                // The library's own default is an acknowledgement.
                .esm_class(0.into())
                .validity_period(validity)
                .registered_delivery(RECEIPT.into())
                .build(),
        )
    }

    fn join(&self, whole: &SubmitSm, parts: &[Vec<u8>], by: LongMessages) -> Option<Vec<SubmitSm>> {
        let reference = self.references.fetch_add(1, Ordering::Relaxed);
        let total = u8::try_from(parts.len()).ok()?;
        let part = |(sequence, octets): (u8, &Vec<u8>)| {
            let mut pdu = whole.clone();
            if by == LongMessages::Udh {
                pdu.esm_class = HAS_HEADER.into();
                let header = udh::of_part(reference, total, sequence);
                return with_text(pdu, &[&header[..], octets].concat());
            }
            pdu.push_tlv(Parameter::SarMsgRefNum(reference.into()));
            pdu.push_tlv(Parameter::SarTotalSegments(total));
            pdu.push_tlv(Parameter::SarSegmentSeqnum(sequence));
            with_text(pdu, octets)
        };
        (1..=total).zip(parts).map(part).collect()
    }
}

fn with_text(pdu: SubmitSm, octets: &[u8]) -> Option<SubmitSm> {
    Some(pdu.with_short_message(OctetString::from_slice(octets).ok()?))
}

fn with_payload(mut pdu: SubmitSm, octets: Vec<u8>) -> SubmitSm {
    let payload = MessagePayload::new(AnyOctetString::from_vec(octets));
    pdu.push_tlv(Parameter::MessagePayload(payload));
    pdu
}

/// A part of a message that has no place in a `submit_sm`.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) class: ErrorClass,
    what: &'static str,
}

impl Unfit {
    fn new(class: ErrorClass, what: &'static str) -> Self {
        Self { class, what }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let detail = format!("{} does not fit into a submit_sm", self.what);
        Outcome::refused(self.class, None, detail)
    }
}

/// `YYMMDDhhmmss000R`, from now.
fn relative(validity: Duration) -> String {
    let begun = u64::from(validity.subsec_nanos() > 0);
    let secs = (validity.as_secs() + begun).clamp(1, LONGEST_VALIDITY_SECS);
    let (days, hours, minutes) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60);
    format!("0000{days:02}{hours:02}{minutes:02}{:02}000R", secs % 60)
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
