//! What is known of each kind of provider, in one table: by which channels and where its messages go, whether
//! they are codes alone, how its reports come, how what people write comes. A kind that is not in it sends SMS, reports nothing and
//! costs money.

use super::{
    Call, NotHeard, Report, aws_sms, bird,
    hearer::Hearer,
    http::{self, Gateway},
    infobip, key, messagebird, plivo, sinch, telnyx, twilio, twilio_voice, vonage, vonage_messages,
    whatsapp_cloud,
};
use crate::{
    channel::Channel,
    clock::Millis,
    config::ConfigError,
    inbound::received::{self, Received},
};

/// Where the messages of a provider go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    /// To people, which costs money.
    ToPeople,
    /// To the inbox page of this machine.
    ToInbox,
    Nowhere,
}

/// Reads what a call says; its signature has been checked.
type Reader<T> = fn(&Hearer, &Call<'_>) -> Result<T, NotHeard>;

/// Checks the signature of a call.
type Check = fn(&toml::Table, &Call<'_>, Millis) -> Result<(), NotHeard>;

type Handshake = fn(&toml::Table, &Call<'_>) -> Option<Result<String, NotHeard>>;

/// Calls of one sort.
pub(super) struct Calls<T> {
    /// False when the section says that none are to come.
    pub(super) come: fn(&Hearer) -> bool,
    pub(super) read: Reader<T>,
}

const fn always<T>(read: Reader<T>) -> Calls<T> {
    Calls { come: |_| true, read }
}

/// How delivery reports come.
pub(super) enum Reports {
    Never,
    Calls(Calls<Option<Report>>),
    /// The same, where one call may bring many.
    Gathered(Calls<Vec<Report>>),
    /// In the messages of a topic, which are signed with a certificate.
    OfTopic,
    /// Over connections that a worker holds: they need no address of ours.
    OverSessions,
}

/// How what people write comes.
pub(super) enum People {
    /// Not to us, or nobody here understands it.
    Never,
    /// To an address of its own, which holds a key.
    Apart(Calls<Vec<Received>>),
    /// To the address of the reports, and signed like them.
    WithReports(Reader<Vec<Received>>),
    /// In the messages of the topic.
    OfTopic,
}

/// The most bytes of a call that brings one report, or what one person wrote.
pub(super) const ONE: usize = 64 * 1024;

/// And of one that gathers them, where something has to be proved before it is read: an address with its key, or
/// a signature, which may turn out to be wrong. Source: developers.facebook.com, the page on webhooks: up to 3 MB.
const MANY: usize = 3 * 1024 * 1024;

/// Which attempts an address for reports stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Each,
    /// The provider knows a repeat by its key, and refuses one whose body is another.
    Latest,
}

/// One kind of provider.
pub(crate) struct Kind {
    name: &'static str,
    pub(crate) channels: &'static [Channel],
    pub(crate) sends: Sends,
    /// True for a section that could make nothing of a message that is no code.
    pub(crate) takes_codes_only: fn(&toml::Table) -> bool,
    /// Reads what the section says of how calls are read.
    pub(super) gateway: fn(&toml::Table) -> Gateway,
    /// Finds mistakes in that, given the provider's name.
    pub(crate) check_section: fn(&str, &toml::Table) -> Result<(), ConfigError>,
    /// False without what its calls are believed by.
    pub(super) can_check: fn(&toml::Table) -> bool,
    /// Checks the provider's own signature, as far as the section has what that takes.
    pub(super) check: Check,
    /// Another check, of what comes to an address of people's own; none when it is the same.
    pub(super) check_people: Option<Check>,
    /// Answers those who ask whether an address is ours before they call it; none when they do not ask.
    pub(super) handshake: Handshake,
    /// The header without which none of its calls is believed, of those that sign and may be large.
    pub(super) signature: Option<&'static str>,
    /// The most bytes of a call that has to prove something before it is read.
    pub(super) most_bytes: usize,
    pub(super) reports: Reports,
    pub(super) numbers: Numbers,
    /// It calls one address with all that an account sends: what is not ours is no mistake there, and
    /// they stop calling who refuses too much.
    pub(super) hears_of_others: bool,
    pub(super) people: People,
    /// What it is answered when it brings what somebody wrote, it would send to them, unless that is an empty
    /// `<Response/>`.
    pub(super) wants_twiml: bool,
}

impl Kind {
    pub(crate) fn of(name: &str) -> &'static Self {
        KINDS.iter().find(|kind| kind.name == name).unwrap_or(&PLAIN)
    }

    /// The names of those whose providers can stand in a chain of this channel.
    pub(crate) fn that_serve(channel: Channel) -> impl Iterator<Item = &'static str> {
        KINDS.iter().filter(move |kind| kind.channels.contains(&channel)).map(|kind| kind.name)
    }
}

/// True when the table has an entry for it.
#[must_use]
pub fn is_known(kind: &str) -> bool {
    KINDS.iter().any(|known| known.name == kind)
}

const EVERY_CHANNEL: &[Channel] = &Channel::ALL;

const PLAIN: Kind = Kind {
    name: "",
    channels: &[Channel::Sms],
    sends: Sends::ToPeople,
    takes_codes_only: |_| false,
    gateway: |_| Gateway::default(),
    check_section: |_, _| Ok(()),
    can_check: |_| false,
    check: |_, _, _| Err(NotHeard::Unexpected),
    check_people: None,
    handshake: |_, _| None,
    signature: None,
    most_bytes: ONE,
    reports: Reports::Never,
    numbers: Numbers::Each,
    hears_of_others: false,
    people: People::Never,
    wants_twiml: false,
};

const KINDS: &[Kind] = &[
    Kind {
        name: "aws_sms",
        can_check: |keys| aws_sms::topic(keys).is_some(),
        reports: Reports::OfTopic,
        people: People::OfTopic,
        ..PLAIN
    },
    Kind {
        name: "bird",
        can_check: |keys| key(keys, "signing_secret").is_some(),
        check: bird::check,
        reports: Reports::Calls(always(|_, call| bird::read(call))),
        numbers: Numbers::Latest,
        hears_of_others: true,
        people: People::WithReports(|_, call| received::bird(call)),
        ..PLAIN
    },
    Kind { name: "console", channels: EVERY_CHANNEL, sends: Sends::ToInbox, ..PLAIN },
    Kind {
        name: "http",
        channels: EVERY_CHANNEL,
        takes_codes_only: http::takes_codes_only,
        gateway: Gateway::of,
        check_section: http::check_section,
        can_check: |_| true,
        // The section says how it signs the one and the other; that is checked where they are read.
        check: |_, _, _| Ok(()),
        reports: Reports::Calls(Calls {
            come: |of| of.gateway.reports.is_some(),
            read: |of, call| of.gateway.reports.as_ref().ok_or(NotHeard::Unexpected)?.hear(call),
        }),
        people: People::Apart(Calls {
            come: |of| of.gateway.inbound.is_some(),
            read: |of, call| of.gateway.inbound.as_ref().ok_or(NotHeard::Unexpected)?.hear(call),
        }),
        ..PLAIN
    },
    Kind {
        name: "infobip",
        can_check: |_| true,
        // It signs nothing; the address is the proof.
        check: |_, _, _| Ok(()),
        most_bytes: MANY,
        reports: Reports::Calls(always(|_, call| infobip::read(call))),
        people: People::Apart(always(|_, call| received::infobip(call))),
        ..PLAIN
    },
    Kind {
        name: "messagebird",
        can_check: |keys| key(keys, "signing_key").is_some(),
        check: messagebird::check,
        reports: Reports::Calls(always(|_, call| messagebird::read(call))),
        people: People::Apart(always(|_, call| received::messagebird(call))),
        ..PLAIN
    },
    Kind {
        name: "plivo",
        can_check: |keys| key(keys, "auth_token").is_some(),
        check: |keys, call, _| plivo::check(keys, call),
        reports: Reports::Calls(always(|_, call| plivo::read(call))),
        people: People::Apart(always(|_, call| {
            received::of_form(call, ["From", "Text", "MessageUUID"])
        })),
        ..PLAIN
    },
    Kind { name: "sandbox", channels: EVERY_CHANNEL, sends: Sends::Nowhere, ..PLAIN },
    Kind {
        name: "sinch",
        can_check: |_| true,
        check: sinch::check,
        reports: Reports::Calls(Calls {
            come: |of| key(&of.keys, "delivery_report") != Some("none"),
            read: |_, call| sinch::read(call),
        }),
        people: People::Apart(always(|_, call| received::sinch(call))),
        ..PLAIN
    },
    Kind { name: "smpp", reports: Reports::OverSessions, ..PLAIN },
    Kind { name: "smtp", channels: &[Channel::Email], ..PLAIN },
    Kind { name: "sns", ..PLAIN },
    Kind {
        name: "telnyx",
        can_check: |keys| key(keys, "public_key").is_some(),
        check: telnyx::check,
        reports: Reports::Calls(always(|_, call| telnyx::read(call))),
        numbers: Numbers::Latest,
        people: People::Apart(always(|_, call| received::telnyx(call))),
        ..PLAIN
    },
    Kind {
        name: "twilio",
        can_check: twilio::can_check,
        check: |keys, call, _| twilio::check(keys, call),
        reports: Reports::Calls(always(|_, call| twilio::read(call))),
        people: People::Apart(always(|_, call| {
            received::of_form(call, ["From", "Body", "MessageSid"])
        })),
        wants_twiml: true,
        ..PLAIN
    },
    Kind {
        name: "twilio_voice",
        channels: &[Channel::Voice],
        can_check: twilio::can_check,
        check: |keys, call, _| twilio::check(keys, call),
        reports: Reports::Calls(always(|_, call| twilio_voice::read(call))),
        ..PLAIN
    },
    Kind {
        name: "vonage",
        can_check: |_| true,
        check: vonage::check,
        check_people: Some(vonage::check_people),
        reports: Reports::Calls(always(|_, call| vonage::read(call))),
        people: People::Apart(always(|_, call| received::vonage(call))),
        ..PLAIN
    },
    Kind {
        name: "vonage_messages",
        can_check: |keys| key(keys, "signature_secret").is_some(),
        check: vonage_messages::check,
        reports: Reports::Calls(always(|_, call| vonage_messages::read(call))),
        people: People::Apart(always(|_, call| received::vonage_messages(call))),
        ..PLAIN
    },
    Kind {
        name: "whatsapp_cloud",
        channels: &[Channel::Whatsapp],
        can_check: |keys| key(keys, "app_secret").is_some(),
        check: |keys, call, _| whatsapp_cloud::check(keys, call),
        handshake: whatsapp_cloud::handshake,
        signature: Some(whatsapp_cloud::SIGNATURE),
        most_bytes: MANY,
        reports: Reports::Gathered(always(|_, call| whatsapp_cloud::read(call))),
        hears_of_others: true,
        people: People::WithReports(whatsapp_cloud::received),
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::{Channel, Hearer, KINDS, Kind, Sends, is_known};

    fn hearer(kind: &str) -> Hearer {
        Hearer::new(&toml::from_str(&format!("kind = '{kind}'")).expect("a section"))
    }

    #[test]
    fn each_kind_stands_there_once() {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        assert!(names.iter().all(|name| is_known(name) && Kind::of(name).name == *name));
    }

    #[test]
    fn a_kind_that_is_not_there_costs_money_and_says_nothing() {
        assert!(!is_known("carrier_pigeon"));
        assert_eq!(Kind::of("carrier_pigeon").sends, Sends::ToPeople);
        assert_eq!(Kind::of("carrier_pigeon").channels, [Channel::Sms]);
        for kind in ["carrier_pigeon", "console", "sandbox", "smtp", "sns"] {
            let hearer = hearer(kind);
            let hears = [hearer.can_hear(), hearer.can_hear_people(), hearer.come_by_themselves()];
            assert_eq!(hears, [false; 3], "{kind}");
        }
    }

    #[test]
    fn who_gathers_may_bring_more() {
        for kind in KINDS {
            let most = |names: &[&str]| if names.contains(&kind.name) { 3 << 20 } else { 64 << 10 };
            let hearer = hearer(kind.name);
            assert_eq!(hearer.most_bytes_of_reports(), most(&["whatsapp_cloud"]), "{}", kind.name);
            let of_people = ["infobip", "whatsapp_cloud"];
            assert_eq!(hearer.most_bytes_of_people(), most(&of_people), "{}", kind.name);
        }
        let signs = hearer("whatsapp_cloud");
        assert!(signs.lacks_signature(|_| false));
        assert!(!signs.lacks_signature(|name| name == "x-hub-signature-256"));
        assert!(!hearer("infobip").lacks_signature(|_| false), "it signs nothing");
    }

    #[test]
    fn who_is_believed_without_a_secret() {
        let names = KINDS.iter().map(|kind| kind.name);
        let heard: Vec<&str> = names.filter(|name| hearer(name).can_hear()).collect();
        assert_eq!(heard, ["infobip", "sinch", "vonage"]);
        let silent = toml::from_str("kind = 'sinch'\ndelivery_report = 'none'").expect("a section");
        let silent = Hearer::new(&silent);
        assert!(!silent.can_hear() && silent.can_hear_people(), "people write all the same");
    }
}
