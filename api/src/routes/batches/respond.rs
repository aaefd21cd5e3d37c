//! An answer that is written while it is being made.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Pieces that wait for a client that reads slowly; then whoever makes them waits.
const PIECES: usize = 2;

/// A body and its writing end. An error, or a writer that is dropped in a panic, cuts it off.
pub(super) fn pipe() -> (Sender<io::Result<Bytes>>, Pipe) {
    let (sender, receiver) = channel(PIECES);
    (sender, Pipe(receiver))
}

/// The reading end.
pub(super) struct Pipe(Receiver<io::Result<Bytes>>);

impl Body for Pipe {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
