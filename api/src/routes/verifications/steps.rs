//! The `then` of a new verification: more ways to reach the person, one after the other.

use otpost_shared::{
    Home,
    channel::Channel,
    queue::Lane,
    recipient::Recipient,
    verification::{MOST_STEPS, NewStep},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    channel,
    error::{ApiError, ErrorCode},
};

/// One more way to reach the person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `sms`, `email`, `voice` or `whatsapp`, as far as the configuration has a chain for it.
    #[schema(example = "voice")]
    channel: String,
    /// Left out, it is the address of the steps before that this channel reaches. A verification has one
    /// phone number and one e-mail address at most; each gets a code of its own, and the check says whose it
    /// was.
    #[serde(default)]
    to: Option<String>,
    /// Seconds after the step before, at least 10.
    #[serde(default = "usual_wait")]
    #[schema(example = 60, default = 60)]
    after_secs: u32,
}

fn usual_wait() -> u32 {
    60
}

/// Turns the wire's steps into domain values.
pub(super) async fn read(
    home: &Home,
    tenant_id: Uuid,
    first: &Recipient,
    steps: Vec<Step>,
) -> Result<Vec<NewStep>, ApiError> {
    if steps.len() > MOST_STEPS {
        let said = format!("there may be at most {MOST_STEPS} steps after the first");
        return Err(ApiError::invalid("then", said));
    }
    let mut read: Vec<NewStep> = Vec::with_capacity(steps.len());
    for (place, step) in steps.into_iter().enumerate() {
        let named = |error: ApiError, name| error.with("field", format!("then[{place}].{name}"));
        let channel = channel::read_for(Lane::Otp, &home.config.chains, Some(&step.channel))
            .map_err(|error| named(error, "channel"))?;
        let to = if let Some(to) = &step.to {
            let to = home.read_recipient_of(tenant_id, channel, to).await?;
            to.map_err(|error| named(error.into(), "to"))?
        } else {
            let before = [first].into_iter().chain(read.iter().map(|step| &step.to));
            reached(before, channel).map_err(|error| named(error, "to"))?
        };
        read.push(NewStep { channel, to, after_secs: step.after_secs });
    }
    Ok(read)
}

/// The address among those before that the channel reaches.
fn reached<'a>(
    mut before: impl Iterator<Item = &'a Recipient>,
    channel: Channel,
) -> Result<Recipient, ApiError> {
    let reached = before.find(|to| to.channel().is_by_phone() == channel.is_by_phone());
    reached.cloned().ok_or_else(|| {
        let said = format!("say whom: no step before has an address for {}", channel.as_str());
        ErrorCode::RecipientInvalid.detail(said)
    })
}
