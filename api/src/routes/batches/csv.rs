//! The messages of a batch as CSV, page after page.

use std::{io, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use otpost_shared::{
    Home,
    message::batch::{self, Page},
};
use tokio::sync::mpsc::Sender;

use super::{
    list::{ListedMessage, Part},
    respond::pipe,
};
use crate::{csv::line, error::ApiError};

const PAGE: usize = 1_000;

const HEADER: [&str; 8] =
    ["index", "id", "state", "to", "failure_class", "failure", "created_at", "finished_at"];

/// The header and the rows: those of one page when a limit is given, otherwise all.
pub(super) async fn answer(home: Arc<Home>, part: Part) -> Result<Response, ApiError> {
    // The first page decides whether this is an error.
    let first = read(&home, &part).await?;
    let (out, pipe) = pipe();
    tokio::spawn(async move {
        if let Err(error) = write(&home, part, first, &out).await {
            // Cut off, so that nobody takes it for the whole.
            let _ = out.send(Err(error)).await;
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"messages.csv\""),
    ];
    Ok((headers, Body::new(pipe)).into_response())
}

async fn read(home: &Home, part: &Part) -> Result<Page, ApiError> {
    let limit = part.limit.unwrap_or(PAGE);
    Ok(batch::list(&home.db, &part.batch, part.which, part.after, limit).await?)
}

async fn write(
    home: &Home,
    mut part: Part,
    mut page: Page,
    out: &Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut piece = ListedMessage::header();
    loop {
        for message in page.messages {
            let message = ListedMessage::of(home, message).map_err(io::Error::other)?;
            piece.push_str(&message.line());
        }
        if out.send(Ok(std::mem::take(&mut piece).into())).await.is_err() {
            return Ok(());
        }
        let Some(next) = page.next.filter(|_| part.limit.is_none()) else { return Ok(()) };
        part.after = next;
        page = read(home, &part).await.map_err(|error| io::Error::other(error.said()))?;
    }
}

impl ListedMessage {
    /// The first line of a table of them.
    #[must_use]
    pub fn header() -> String {
        line(&HEADER)
    }

    /// Its line in that table.
    #[must_use]
    pub fn line(&self) -> String {
        line(&[
            &self.index.to_string(),
            &self.id,
            &self.state,
            &self.to,
            self.failure_class.as_deref().unwrap_or_default(),
            self.failure.as_deref().unwrap_or_default(),
            &self.created_at,
            self.finished_at.as_deref().unwrap_or_default(),
        ])
    }
}
