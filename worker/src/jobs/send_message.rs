//! The job that sends one message, which is ours already.

use std::sync::Arc;

use apalis::prelude::Data;
use otpost_shared::message::Claimed;
use tokio::sync::OwnedSemaphorePermit;

use crate::{courier::Courier, places::Unbegun};

pub const NAME: &str = "send-message-v1";

/// One claimed message, with the slot it occupies until it ends.
#[derive(Debug)]
pub struct Job {
    pub claimed: Claimed,
    pub slot: OwnedSemaphorePermit,
    pub unbegun: Unbegun,
}

/// Runs the job. Errors are logged, not returned: the row knows what comes next.
pub async fn send_message(job: Job, courier: Data<Arc<Courier>>) {
    let Job { claimed, slot, unbegun } = job;
    let id = claimed.message.id;
    if let Err(error) = courier.deliver(claimed, unbegun).await {
        tracing::error!(message.id = %id, %error, "not finished; the sweep will take it up again");
    }
    drop(slot);
}
