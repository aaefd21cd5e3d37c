//! What each `command_status` of an SMSC means.
//!
//! Source: SMPP 3.4, 5.1.3.

use std::collections::BTreeMap;

use otpost_shared::outcome::ErrorClass::{
    self, Account, Content, Recipient, Sender, Throttled, Transient,
};

/// Status, name, meaning. Those that only answer other requests than ours are missing.
const STATUSES: &[(u32, &str, ErrorClass)] = &[
    (0x01, "ESME_RINVMSGLEN", Content),
    (0x02, "ESME_RINVCMDLEN", Sender),
    (0x03, "ESME_RINVCMDID", Sender),
    (0x04, "ESME_RINVBNDSTS", Transient),
    (0x05, "ESME_RALYBND", Account),
    (0x06, "ESME_RINVPRTFLG", Sender),
    (0x07, "ESME_RINVREGDLVFLG", Sender),
    (0x08, "ESME_RSYSERR", Transient),
    (0x0a, "ESME_RINVSRCADR", Sender),
    (0x0b, "ESME_RINVDSTADR", Recipient),
    (0x0d, "ESME_RBINDFAIL", Account),
    (0x0e, "ESME_RINVPASWD", Account),
    (0x0f, "ESME_RINVSYSID", Account),
    (0x14, "ESME_RMSGQFUL", Throttled),
    (0x15, "ESME_RINVSERTYP", Sender),
    (0x43, "ESME_RINVESMCLASS", Sender),
    (0x45, "ESME_RSUBMITFAIL", Transient),
    (0x48, "ESME_RINVSRCTON", Sender),
    (0x49, "ESME_RINVSRCNPI", Sender),
    (0x50, "ESME_RINVDSTTON", Sender),
    (0x51, "ESME_RINVDSTNPI", Sender),
    (0x53, "ESME_RINVSYSTYP", Account),
    (0x54, "ESME_RINVREPFLAG", Sender),
    (0x55, "ESME_RINVNUMMSGS", Sender),
    (0x58, "ESME_RTHROTTLED", Throttled),
    (0x61, "ESME_RINVSCHED", Sender),
    (0x62, "ESME_RINVEXPIRY", Sender),
    (0x63, "ESME_RINVDFTMSGID", Sender),
    (0x64, "ESME_RX_T_APPN", Transient),
    (0x65, "ESME_RX_P_APPN", Sender),
    (0x66, "ESME_RX_R_APPN", Content),
    (0xc0, "ESME_RINVOPTPARSTREAM", Sender),
    (0xc1, "ESME_ROPTPARNOTALLWD", Sender),
    (0xc2, "ESME_RINVPARLEN", Sender),
    (0xc3, "ESME_RMISSINGOPTPARAM", Sender),
    (0xc4, "ESME_RINVOPTPARAMVAL", Sender),
    (0xfe, "ESME_RDELIVERYFAILURE", Transient),
    (0xff, "ESME_RUNKNOWNERR", Transient),
];

/// The class of a refusal: the operator's own list first. What neither knows is a code of the vendor,
/// about which another provider may think differently.
pub(super) fn class_of(listed: &BTreeMap<u32, ErrorClass>, status: u32) -> ErrorClass {
    let known = STATUSES.iter().find(|(code, ..)| *code == status).map(|(.., class)| *class);
    listed.get(&status).copied().or(known).unwrap_or(Sender)
}

/// As it stands in configurations and timelines.
pub(super) fn code(status: u32) -> String {
    format!("{status:#06x}")
}

/// `0x0058 ESME_RTHROTTLED`
pub(super) fn in_words(status: u32) -> String {
    let name = STATUSES.iter().find(|(code, ..)| *code == status).map(|(_, name, _)| *name);
    let name = name.unwrap_or("a code of the SMSC's own");
    format!("{} {name}", code(status))
}

/// Reads `0x0400` or `1024`.
pub(super) fn parse(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_in_order_and_refuse() {
        assert!(STATUSES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(STATUSES.iter().all(|(status, _, class)| *status > 0 && *class != ErrorClass::Ok));
    }

    #[test]
    fn the_operators_list_comes_first() {
        let listed = [(0x400, ErrorClass::OptedOut), (0x45, Content)].into();
        for (status, class) in [
            (0x400, ErrorClass::OptedOut),
            (0x45, Content),
            (0x58, Throttled),
            (0x0b, Recipient),
            (0x401, Sender),
            (0x13, Sender),
        ] {
            assert_eq!(class_of(&listed, status), class, "{status:#x}");
        }
    }

    #[test]
    fn statuses_in_words() {
        assert_eq!(in_words(0x58), "0x0058 ESME_RTHROTTLED");
        assert_eq!(in_words(0x401), "0x0401 a code of the SMSC's own");
        assert_eq!(
            ["0x0400", "0X58", "69", "x", ""].map(parse),
            [Some(1024), Some(88), Some(69), None, None]
        );
    }
}
