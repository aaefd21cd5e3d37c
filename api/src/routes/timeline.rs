//! What became of a message, attempt by attempt: the answer to "why did the code not come?".

use otpost_shared::{
    Home, attempt, clock::rfc3339, db::DbError, message::Message, outcome::ErrorClass,
    price::Charge,
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    pub id: String,
    /// `queued`, `sending`, `sent`, `delivered`, `undelivered`, `failed`, `unknown`, `expired` or
    /// `canceled`.
    pub state: String,
    /// `otp` or `bulk`.
    pub lane: &'static str,
    /// `sms`, `email`, `voice` or `whatsapp`.
    pub channel: &'static str,
    /// Masked; left out where it is the verification's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of a reply: what it answers, `stop`, `start` or `help`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
    /// Grows with every resend that makes a new code.
    pub generation: i32,
    pub created_at: String,
    /// A step that is still to come is not sent before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Nothing is sent after this moment.
    pub deadline: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// The class of the answer that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    pub attempts: Vec<AttemptView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    pub number: i32,
    pub provider: String,
    /// `ok`, `recipient`, `opted_out`, `content`, `region`, `sender`, `account`, `throttled`,
    /// `transient` or `unknown`; left out while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The provider's words, without numbers and addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_message_id: Option<String>,
    pub started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// What the provider said later: `sent`, `delivered` or `undelivered`; `silent` when it said nothing
    /// for so long that another one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Why it was not delivered: a class as in `outcome`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_class: Option<&'static str>,
    /// The provider's own code for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<String>,
    /// How many SMS it took; left out while nobody has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<i32>,
    /// Left out where the provider tells none and no prices are configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceView>,
    #[serde(skip)]
    pub charge: Option<Charge>,
}

/// What something costs.
#[derive(Debug, Serialize, ToSchema)]
pub struct PriceView {
    /// A decimal number, exact.
    #[schema(example = "0.0333")]
    pub amount: String,
    /// A code of ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// True when at least a part of it comes from the configured prices: its provider has not said it (yet).
    pub estimated: bool,
}

impl From<Charge> for PriceView {
    fn from(charge: Charge) -> Self {
        Self {
            amount: charge.price.amount(),
            currency: charge.price.currency.to_string(),
            estimated: charge.is_estimated,
        }
    }
}

/// Loads the attempts and puts the whole together.
///
/// # Errors
/// The database does not answer.
pub async fn view(
    home: &Home,
    message: Message,
    to: Option<String>,
) -> Result<MessageView, DbError> {
    let attempts = attempt::list_by_message(&home.db, message.id).await?;
    Ok(MessageView {
        id: message.id.to_string(),
        lane: message.lane().as_str(),
        channel: message.channel().as_str(),
        to,
        generation: message.generation,
        created_at: rfc3339(message.created_at),
        not_before: message.is_to_come(home.clock.now()).then(|| rfc3339(message.not_before)),
        deadline: rfc3339(message.deadline),
        finished_at: message.finished_at.map(rfc3339),
        state: message.state,
        keyword: message.keyword,
        failure_class: message.failure_class,
        failure: message.failure,
        attempts: attempts
            .into_iter()
            .map(|a| AttemptView {
                number: a.number,
                outcome: a.outcome().map(ErrorClass::as_str),
                report_class: a.undelivered().map(ErrorClass::as_str),
                price: a.charge().map(PriceView::from),
                charge: a.charge(),
                provider: a.provider,
                error_code: a.error_code,
                detail: a.detail,
                provider_message_id: a.provider_message_id,
                started_at: rfc3339(a.started_at),
                finished_at: a.finished_at.map(rfc3339),
                report: a.report,
                report_code: a.report_code,
                reported_at: a.reported_at.map(rfc3339),
                segments: a.segments,
            })
            .collect(),
    })
}
