//! The lines of a body that is never held as a whole.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::body::{Body, Bytes};
use hyper::body::Body as _;
use tokio::time::Instant;

use crate::{
    MAX_BODY_BYTES,
    error::{ApiError, ErrorCode},
};

/// A whole line may take this long to come, however many pieces it comes in.
const SILENCE: Duration = Duration::from_secs(30);
/// Lines that are there are not kept waiting longer for others.
const LINGER: Duration = Duration::from_millis(200);
/// All lines together may keep the reader waiting this long, and [`PER_LINE`] longer for each that
/// came: a process reads few batches at once, and a trickle would keep a place for days.
const PATIENCE: Duration = Duration::from_mins(1);
/// Twenty lines a second.
const PER_LINE: Duration = Duration::from_millis(50);
/// No more is read for one call: so much is held of lines that are long.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// One line; none when it was too long to be kept.
pub(super) type Line = Option<Bytes>;

/// Cuts a body into lines. Blank lines are passed over.
pub(super) struct Lines {
    body: Body,
    /// Whole lines that were not asked for yet.
    ready: std::collections::VecDeque<Line>,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    /// The line that has begun is too long.
    overlong: bool,
    ended: bool,
    /// What is left of [`PATIENCE`].
    patience: Duration,
    /// [`PER_LINE`], but in tests.
    per_line: Duration,
    /// [`SILENCE`], but in tests.
    silence: Duration,
}

/// Lines in a row.
pub(super) struct Taken {
    pub(super) lines: Vec<Line>,
    /// More can be had at once, or will never be.
    pub(super) flowing: bool,
}

impl Lines {
    pub(super) fn of(body: Body) -> Self {
        Self {
            body,
            ready: std::collections::VecDeque::new(),
            begun: Vec::new(),
            overlong: false,
            ended: false,
            patience: PATIENCE,
            per_line: PER_LINE,
            silence: SILENCE,
        }
    }

    /// The next lines, at most `most`; fewer when the client pauses or they are long, none at the
    /// end.
    pub(super) async fn next(&mut self, most: usize) -> Result<Taken, ApiError> {
        let began = Instant::now();
        let taken = self.next_in(most, self.silence.min(self.patience)).await?;
        let gained = self.per_line * u32::try_from(taken.lines.len()).unwrap_or(u32::MAX);
        self.patience = (self.patience.saturating_sub(began.elapsed()) + gained).min(PATIENCE);
        Ok(taken)
    }

    async fn next_in(&mut self, most: usize, silence: Duration) -> Result<Taken, ApiError> {
        let silence = Instant::now() + silence;
        let (mut linger, mut bytes) = (None, 0);
        while !self.ended
            && (self.ready.is_empty() || self.ready.len() < most && bytes < MOST_BYTES)
        {
            let until = if self.ready.is_empty() {
                silence
            } else {
                *linger.get_or_insert_with(|| Instant::now() + LINGER)
            };
            match tokio::time::timeout_at(until, self.read()).await {
                Ok(read) => bytes += read?,
                Err(_) if self.ready.is_empty() => return Err(too_slow()),
                Err(_) => return Ok(Taken { lines: self.take(most), flowing: false }),
            }
        }
        Ok(Taken { lines: self.take(most), flowing: true })
    }

    fn take(&mut self, most: usize) -> Vec<Line> {
        let most = most.min(self.ready.len());
        self.ready.drain(..most).collect()
    }

    /// Reads what has arrived, or waits for it; how many bytes.
    async fn read(&mut self) -> Result<usize, ApiError> {
        let body = &mut self.body;
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => {
                self.ended = true;
                self.end_line(&Bytes::new());
            }
            Some(Err(_)) => {
                return Err(
                    ErrorCode::MalformedBody.detail("the body ended before it was complete")
                );
            }
            // A frame that is no data is a trailer, which says nothing here.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.cut(&data);
                    return Ok(data.len());
                }
            }
        }
        Ok(0)
    }

    fn cut(&mut self, data: &Bytes) {
        let mut start = 0;
        for (at, _) in data.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            self.end_line(&data.slice(start..at));
            start = at + 1;
        }
        let rest = data.slice(start..);
        self.overlong |= self.begun.len() + rest.len() > MAX_BODY_BYTES;
        if self.overlong {
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(&rest);
        }
    }

    fn end_line(&mut self, end: &Bytes) {
        let overlong =
            std::mem::take(&mut self.overlong) || self.begun.len() + end.len() > MAX_BODY_BYTES;
        let line = if self.begun.is_empty() {
            end.clone()
        } else {
            self.begun.extend_from_slice(end);
            std::mem::take(&mut self.begun).into()
        };
        if overlong {
            self.begun.clear();
            self.ready.push_back(None);
        } else if !line.trim_ascii().is_empty() {
            self.ready.push_back(Some(line));
        }
    }
}

fn too_slow() -> ApiError {
    ErrorCode::RequestTimeout.detail(
        "a line took longer than 30 s, or all of them came at less than 20 a second; send the same \
         lines with the same key again, and what is done is not done twice",
    )
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn long_lines_come_few_at_a_time() {
        let line = Bytes::from("x".repeat(MAX_BODY_BYTES) + "\n");
        let frames = vec![Ok::<_, Infallible>(line); 100];
        let mut lines = Lines::of(Body::from_stream(stream::iter(frames)));
        let mut counts = Vec::new();
        loop {
            let taken = lines.next(1_000).await.expect("lines");
            assert!(taken.lines.iter().all(Option::is_some));
            if taken.lines.is_empty() {
                break;
            }
            counts.push(taken.lines.len());
        }
        assert_eq!(counts, [64, 36]);
    }

    /// A byte at a time, without end.
    fn trickle() -> Body {
        Body::from_stream(stream::unfold((), |()| async {
            tokio::task::yield_now().await;
            Some((Ok::<_, Infallible>("x"), ()))
        }))
    }

    #[tokio::test]
    async fn a_trickle_of_lines_ends() {
        let mut lines = Lines::of(Body::from_stream(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, Infallible>("{}\n"), ()))
        })));
        lines.patience = Duration::from_millis(40);
        lines.per_line = Duration::from_millis(1);
        let mut count = 0;
        let late = loop {
            match lines.next(1).await {
                Ok(taken) => count += taken.lines.len(),
                Err(late) => break late,
            }
        };
        assert_eq!(late.code(), ErrorCode::RequestTimeout);
        assert!(count <= 10, "{count} lines for 40 ms, each 5 ms late and worth 1");
    }

    #[tokio::test]
    async fn a_line_has_its_time_however_many_pieces_it_comes_in() {
        let mut lines = Lines::of(trickle());
        lines.silence = Duration::from_millis(20);
        let late = lines.next(9).await.err().expect("late");
        assert_eq!(late.code(), ErrorCode::RequestTimeout);
        // Nor are lines that are there kept waiting for it.
        lines.ready.push_back(None);
        let taken = lines.next(9).await.expect("a line");
        assert_eq!((taken.lines.len(), taken.flowing), (1, false));
    }
}
