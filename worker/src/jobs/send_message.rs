//! The job that sends one message: from a hint, or from a row the sweep has claimed already.

use std::sync::Arc;

use apalis::prelude::Data;
use otpost_shared::message::Message;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::courier::Courier;

pub const NAME: &str = "send-message-v1";

/// What is to be done.
#[derive(Debug)]
pub enum Work {
    /// This message may be due.
    Hint(Uuid),
    /// This one is ours, for as long as its lease holds.
    Claimed(Box<Message>),
}

/// One unit of work, with the slot it occupies until it ends.
#[derive(Debug)]
pub struct Job {
    pub work: Work,
    pub slot: OwnedSemaphorePermit,
}

/// Runs the job. Errors are logged, not returned: the row knows what comes next.
pub async fn send_message(job: Job, courier: Data<Arc<Courier>>) {
    let Job { work, slot } = job;
    let id = match &work {
        Work::Hint(id) => *id,
        Work::Claimed(row) => row.id,
    };
    if let Err(error) = courier.deliver(work).await {
        tracing::error!(message.id = %id, %error, "not finished; the sweep will take it up again");
    }
    drop(slot);
}
