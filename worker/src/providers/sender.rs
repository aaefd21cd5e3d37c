//! What providers ask of a sender.

/// # Errors
/// There is none; in words that stand behind its key.
pub(super) fn given(sender: &str) -> Result<(), &'static str> {
    if sender.is_empty() { Err("must not be empty") } else { Ok(()) }
}
