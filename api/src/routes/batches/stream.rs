//! A batch line by line: its rows are stored slice by slice, and each slice's outcomes are
//! written when it is committed. Neither the body nor the answer is ever held as a whole.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::Response,
};
use otpost_shared::message::batch::{Filling, Outcome, RowRefused, SLICE};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::{
    create::{Asked, Outcomes, located, parse_text},
    lines::{Line, Lines},
    outcome::{RowOutcome, Tally, read_row},
    respond::pipe,
    room::Permit,
};
use crate::{
    MAX_BODY_BYTES, body,
    error::{ApiError, ErrorCode},
};

/// Most recipients of one stream: what tells duplicates apart takes ten bytes for each.
const ROWS: usize = 1_000_000;
/// A client that takes nothing of the answer for this long has gone.
const TAKING: Duration = Duration::from_secs(30);

/// The first line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    text: String,
}

/// The last line.
#[derive(Debug, Serialize)]
struct Tail {
    id: String,
    /// False when it ended before the last row.
    done: bool,
    #[serde(flatten)]
    tally: Tally,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Refuses the whole, or begins to answer.
pub(super) async fn create(asked: Asked, body: Body, permit: Permit) -> Result<Response, ApiError> {
    let mut lines = Lines::of(body);
    let first = lines.next(1).await?.lines.pop().flatten();
    let first = first
        .ok_or_else(|| ErrorCode::MalformedBody.detail("the first line must be {\"text\": …}"))?;
    let head: Head = body::parse(&first)?;
    let filling = asked.open(parse_text(&head.text)?).await?;
    let id = filling.batch().id;
    let (out, pipe) = pipe();
    let answer = Answer { out, outcomes: asked.outcomes, tally: Tally::default() };
    // A task of its own: the answer begins before the body has ended.
    tokio::spawn(async move {
        answer.run(lines, filling).await;
        drop(permit);
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok(located(id, (kind, Body::new(pipe))))
}

/// Why nothing more is read.
enum Stop {
    /// Nobody reads the answer any more. What is committed stays.
    ClientGone,
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

struct Answer {
    out: Sender<io::Result<Bytes>>,
    outcomes: Outcomes,
    tally: Tally,
}

impl Answer {
    async fn run(mut self, lines: Lines, mut filling: Filling) {
        let stop = self.fill(lines, &mut filling).await.err();
        if let Some(Stop::ClientGone) = stop {
            return;
        }
        // What was begun before the stop is committed or not; its outcomes say so if they can.
        let late = filling.settle().await;
        let stop = match (stop, late) {
            (Some(Stop::Failed(error)), late) => {
                let _ = self.write(late.unwrap_or_default()).await;
                Some(error)
            }
            (_, Ok(late)) => {
                let _ = self.write(late).await;
                None
            }
            (_, Err(error)) => Some(error.into()),
        };
        let tail = Tail {
            id: filling.batch().id.to_string(),
            done: stop.is_none(),
            tally: self.tally,
            code: stop.as_ref().map(|error| error.code().as_str()),
            detail: stop.as_ref().map(|error| error.said().to_owned()),
        };
        let _ = self.send(&[tail]).await;
    }

    async fn fill(&mut self, mut lines: Lines, filling: &mut Filling) -> Result<(), Stop> {
        let mut count = 0;
        loop {
            let taken = lines.next(SLICE).await?;
            if taken.lines.is_empty() {
                return Ok(());
            }
            count += taken.lines.len();
            if count > ROWS {
                return Err(ErrorCode::BatchTooLarge.error().into());
            }
            let rows = taken.lines.into_iter().map(|line| read_line(&line));
            let done = filling.push(move || rows).await?;
            self.write(done).await?;
            if !taken.flowing {
                let done = filling.settle().await?;
                self.write(done).await?;
            }
        }
    }

    async fn write(&mut self, outcomes: Vec<Outcome>) -> Result<(), Stop> {
        let mut rows: Vec<RowOutcome> = outcomes.into_iter().map(RowOutcome::from).collect();
        for row in &rows {
            self.tally.count(row);
        }
        rows.retain(|row| self.outcomes.wants(row));
        self.send(&rows).await
    }

    async fn send<T: Serialize>(&self, lines: &[T]) -> Result<(), Stop> {
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, line).map_err(|_| ErrorCode::Internal.error())?;
            bytes.push(b'\n');
        }
        if bytes.is_empty() {
            return Ok(());
        }
        match tokio::time::timeout(TAKING, self.out.send(Ok(bytes.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Stop::ClientGone),
        }
    }
}

fn read_line(line: &Line) -> Result<otpost_shared::message::batch::Row, RowRefused> {
    let too_long =
        || RowRefused::Malformed(format!("a line has at most {} KiB", MAX_BODY_BYTES / 1024));
    read_row(line.as_ref().ok_or_else(too_long)?)
}
