//! The one error of this crate: a sentence for the person at the terminal.

/// Everything here ends at a terminal, so an error is its sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// `error` with what was being done in front of it.
pub(crate) fn while_doing<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> Error {
    move |error| format!("{what}: {error}").into()
}
