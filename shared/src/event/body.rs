//! What is said of an event to whoever listens: the row, and whom it was about, masked.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Event;
use crate::{
    db::DbError,
    home::Home,
    message::{self, Message},
    verification::{self, Verification},
};

/// What an event is about. What does not apply is left out.
// It stands here and not with a route, because the log, the command line and the posts say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = EventData)]
pub struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub verification_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub message_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub webhook_id: Option<Uuid>,
    /// Of a verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Masked; left out when the row that holds it has been removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why a message did not arrive, as the class of the error; why an endpoint was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is said of these events, in their order.
///
/// # Errors
/// The database does not answer.
pub async fn say(home: &Home, events: &[Event]) -> Result<Vec<Said>, DbError> {
    let subjects = Subjects::read(home, events).await?;
    Ok(events.iter().map(|event| subjects.say(home, event)).collect())
}

/// The rows that events are about.
struct Subjects {
    verifications: HashMap<Uuid, Verification>,
    messages: HashMap<Uuid, Message>,
}

impl Subjects {
    async fn read(home: &Home, events: &[Event]) -> Result<Self, DbError> {
        let unique = |id: fn(&Event) -> Option<Uuid>| {
            let mut ids: Vec<Uuid> = events.iter().filter_map(id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let messages = message::list(&home.db, &unique(|event| event.message_id)).await?;
        let of = verification::list(&home.db, &unique(|event| event.verification_id)).await?;
        Ok(Self {
            verifications: of.into_iter().map(|row| (row.id, row)).collect(),
            messages: messages.into_iter().map(|row| (row.id, row)).collect(),
        })
    }

    fn say(&self, home: &Home, event: &Event) -> Said {
        let is_message = event.message_id.is_some();
        let is_verification = !is_message && event.verification_id.is_some();
        let state = || Some(event.state().to_owned());
        let status = match event.state() {
            "created" => Some("pending".to_owned()),
            _ => state(),
        };
        Said {
            verification_id: event.verification_id,
            message_id: event.message_id,
            webhook_id: event.webhook_id,
            status: if is_verification { status } else { None },
            state: if is_message { state() } else { None },
            purpose: event.purpose.clone(),
            channel: event.channel.clone(),
            to: self.masked(home, event),
            reason: event.reason.clone(),
        }
    }

    /// None too when it cannot be opened: what happened is told all the same.
    fn masked(&self, home: &Home, event: &Event) -> Option<String> {
        let of = event.verification_id.and_then(|id| self.verifications.get(&id));
        let to = match event.message_id {
            None => of?.proved(&home.keys).ok()?,
            Some(id) => match self.messages.get(&id)?.recipient(&home.keys).ok()? {
                Some(to) => to,
                None => of?.recipient(&home.keys).ok()?,
            },
        };
        Some(to.masked())
    }
}
