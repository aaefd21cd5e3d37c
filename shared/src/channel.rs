//! Channels: the ways in which a message reaches a person.

use serde::{Deserialize, Serialize};

use crate::queue::Lane;

/// Each has a chain of its own. Three of them reach a phone number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    #[default]
    Sms,
    Email,
    /// A call in which the code is read out.
    Voice,
    Whatsapp,
}

impl Channel {
    pub const ALL: [Self; 4] = [Self::Sms, Self::Email, Self::Voice, Self::Whatsapp];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Voice => "voice",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// What is sent by it, as a sentence calls it.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Email => "e-mail",
            Self::Voice => "voice call",
            Self::Whatsapp => "WhatsApp",
        }
    }

    /// Reads what [`Channel::as_str`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }

    /// True for those that reach a phone number.
    #[must_use]
    pub fn is_by_phone(self) -> bool {
        self != Self::Email
    }

    /// True when messages of this lane can go by it: calls and WhatsApp carry nothing but codes.
    #[must_use]
    pub fn carries(self, lane: Lane) -> bool {
        lane == Lane::Otp || matches!(self, Self::Sms | Self::Email)
    }

    /// All that carry messages of this lane, by the names that requests give them.
    #[must_use]
    pub fn names_for(lane: Lane) -> Vec<&'static str> {
        Self::ALL.into_iter().filter(|channel| channel.carries(lane)).map(Self::as_str).collect()
    }
}
