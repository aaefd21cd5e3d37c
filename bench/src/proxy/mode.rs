//! How a proxy treats everything that passes.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Nobody listens; open connections are reset.
    Refuse,
    /// Connections stay open and are taken, and nothing moves until the mode changes.
    Hang,
    /// A connection is reset as soon as its client says something.
    Reset,
    /// Every piece of an answer comes this much later.
    Delay(Duration),
    /// An answer comes byte by byte, with this much time between two.
    Drip(Duration),
    /// A connection is reset after this many bytes of answers.
    CutAfter(usize),
}
