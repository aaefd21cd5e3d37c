//! Which channel a request asks for.

use otpost_shared::{channel::Channel, config::Chains, queue::Lane};

use crate::error::{ApiError, ErrorCode};

/// Reads the `channel` of a body that asks for a message of this lane.
///
/// # Errors
/// It carries no such message, nothing is sent by it here, or there is none of this name; says what is.
pub(crate) fn read_for(
    lane: Lane,
    chains: &Chains,
    channel: Option<&str>,
) -> Result<Channel, ApiError> {
    let asked = channel.map_or(Some(Channel::default()), Channel::parse);
    if let Some(other) = asked.filter(|channel| !channel.carries(lane)) {
        let ways = Channel::names_for(lane).join(" or ");
        let said = format!("only codes go by {}; send messages by {ways}", other.as_str());
        return Err(ApiError::invalid("channel", said));
    }
    asked.filter(|channel| chains.serves(*channel)).ok_or_else(|| unavailable(lane, chains, asked))
}

fn unavailable(lane: Lane, chains: &Chains, asked: Option<Channel>) -> ApiError {
    let available = chains.available().filter(|channel| channel.carries(lane));
    let available: Vec<&str> = available.map(Channel::as_str).collect();
    let mut said = format!("available: {}", available.join(", "));
    if let Some(channel) = asked.map(Channel::as_str) {
        said = format!("{said}; for {channel} name a provider in chains.{channel}");
    }
    ErrorCode::ChannelUnavailable.detail(said).with("field", "channel")
}
