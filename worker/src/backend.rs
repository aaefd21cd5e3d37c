//! Where apalis gets its jobs from: a bounded channel, so that a process never holds more than
//! it can start. Hints need no acknowledgement; rows have their leases.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use apalis::prelude::Task;
use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    worker::context::WorkerContext,
};
use otpost_shared::{
    Home,
    message::{self, Message},
};
use tokio::sync::mpsc;
use tower_layer::Identity;
use uuid::Uuid;

use crate::jobs::send_message::Job;

/// Jobs between fetching and starting.
const CAPACITY: usize = 64;

/// The receiving end; clones share it, so that a restarted worker goes on where it was.
#[derive(Clone, Debug)]
pub struct JobBackend {
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
}

/// Makes a channel from fetching to apalis.
#[must_use]
pub fn channel() -> (JobBackend, mpsc::Sender<Job>) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (JobBackend { jobs: Arc::new(Mutex::new(receiver)) }, sender)
}

impl JobBackend {
    /// Puts claimed messages back that were never started.
    pub async fn release_unstarted(&self, home: &Home) {
        let mut unstarted = Vec::new();
        {
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.close();
            while let Ok(job) = jobs.try_recv() {
                unstarted.push(job);
            }
        }
        for job in unstarted {
            release(home, &job.claimed.message).await;
        }
    }
}

/// Puts a claimed message back that was not started.
pub(crate) async fn release(home: &Home, row: &Message) {
    if let Err(error) = message::mark_released(&home.db, row.id, row.epoch).await {
        tracing::warn!(message.id = %row.id, %error, "not released; its lease will run out");
    }
}

impl Backend for JobBackend {
    type Task = Task<Job>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Self::Error>>> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.poll_recv(cx).map(|job| job.map(|job| Ok(Task::new(job))))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for JobBackend {
    type Args = Job;
    type Id = Uuid;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &Self::Config {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        Identity::new()
    }
}
