//! Which channel a request asks for.

use otpost_shared::{channel::Channel, config::Chains};

use crate::error::{ApiError, ErrorCode};

/// Reads the `channel` of a body.
///
/// # Errors
/// Nothing is sent by it here, or there is none of this name; says what is.
pub(crate) fn read(chains: &Chains, channel: Option<&str>) -> Result<Channel, ApiError> {
    let asked = channel.map_or(Some(Channel::default()), Channel::parse);
    asked.filter(|channel| chains.serves(*channel)).ok_or_else(|| unavailable(chains, asked))
}

fn unavailable(chains: &Chains, asked: Option<Channel>) -> ApiError {
    let available: Vec<&str> = chains.available().map(Channel::as_str).collect();
    let mut said = format!("available: {}", available.join(", "));
    if let Some(channel) = asked.map(Channel::as_str) {
        said = format!("{said}; for {channel} name a provider in chains.{channel}");
    }
    ErrorCode::ChannelUnavailable.detail(said).with("field", "channel")
}
