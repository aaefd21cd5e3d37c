//! What calls about endpoints take and answer.

use otpost_shared::webhook::{Delivery, NotMade, Webhook};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ErrorCode},
    timestamp::rfc3339,
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// An https address that anybody could reach.
    #[schema(example = "https://app.example.org/hooks/otpost")]
    pub(super) url: String,
    /// Types such as `verification.verified`, or groups such as `message`. Left out or empty means all.
    #[serde(default)]
    #[schema(example = json!(["verification.verified", "message"]))]
    pub(super) types: Vec<String>,
    /// For yourself.
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    #[serde(default)]
    pub(super) url: Option<String>,
    /// An empty list means all.
    #[serde(default)]
    pub(super) types: Option<Vec<String>>,
    #[serde(default)]
    pub(super) description: Option<String>,
    /// False keeps events back from now on; true takes away that it was disabled.
    #[serde(default)]
    pub(super) enabled: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookView {
    id: String,
    url: String,
    description: String,
    /// Empty means all.
    types: Vec<String>,
    enabled: bool,
    /// The first failure since the last success.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
    /// Left out when somebody disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_why: Option<String>,
    created_at: String,
}

impl From<Webhook> for WebhookView {
    fn from(row: Webhook) -> Self {
        Self {
            id: row.id.to_string(),
            types: row.filter().words().to_vec(),
            enabled: row.is_enabled(),
            url: row.url,
            description: row.description,
            failing_since: row.failing_since.map(rfc3339),
            disabled_at: row.disabled_at.map(rfc3339),
            disabled_why: row.disabled_why,
            created_at: rfc3339(row.created_at),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookWithSecret {
    #[serde(flatten)]
    pub(super) webhook: WebhookView,
    /// With it receivers check signatures. It is in no other answer.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    pub(super) secret: String,
    /// Until then the secret before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old_secret_until: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedWebhooks {
    pub(super) webhooks: Vec<WebhookView>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TestedWebhook {
    /// The delivery with this event says what came of it.
    pub(super) event_id: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    id: String,
    /// The `webhook-id` that the receiver sees.
    event_id: String,
    /// `queued`, `sending`, `delivered` or `failed`.
    state: String,
    /// How often it was posted.
    attempts: i32,
    /// The HTTP status of the last post, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<i32>,
    /// Why the last post was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    created_at: String,
}

impl From<Delivery> for DeliveryView {
    fn from(row: Delivery) -> Self {
        Self {
            id: row.id.to_string(),
            event_id: row.event_id.to_string(),
            next_at: (row.state == "queued").then(|| rfc3339(row.not_before)),
            state: row.state,
            attempts: row.posts,
            last_status: row.last_status,
            last_error: row.last_error,
            last_at: row.last_at.map(rfc3339),
            created_at: rfc3339(row.created_at),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedDeliveries {
    pub(super) deliveries: Vec<DeliveryView>,
    /// `after` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayEvents {
    /// Events from this moment on (RFC 3339).
    #[serde(default)]
    #[schema(example = "2026-11-20T08:00:00Z")]
    pub(super) since: Option<String>,
    /// Events after this place instead: `next` of a replay that was cut off, or of `GET /v1/events`.
    #[serde(default)]
    pub(super) after: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayedEvents {
    /// How many are on their way.
    pub(super) events: usize,
    /// There are more: repeat with it as `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<i64>,
}

impl From<NotMade> for ApiError {
    fn from(refused: NotMade) -> Self {
        match refused {
            NotMade::Field { name, said } => {
                ErrorCode::InvalidField.detail(said).with("field", name)
            }
            NotMade::TooMany { most } => ErrorCode::TooManyWebhooks.error().with("most", most),
            NotMade::NotFound => ErrorCode::WebhookNotFound.error(),
            NotMade::Unavailable(error) => error.into(),
        }
    }
}
