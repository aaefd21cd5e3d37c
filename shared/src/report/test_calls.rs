//! What the tests of all kinds share.

use super::{Call, Hearer, NotHeard, Report};
use crate::clock::Millis;

/// As a call to a provider of this kind is heard: its signature, then its words.
pub(super) fn checked(
    kind: &str,
    keys: &toml::Table,
    call: &Call<'_>,
    now: Millis,
) -> Result<Option<Report>, NotHeard> {
    let hearer = Hearer::of_kind(kind, keys.clone());
    let mut heard = hearer.hear(call, now)?;
    assert!(heard.reports.len() < 2 && heard.written.is_empty(), "one report at most: {heard:?}");
    Ok(heard.reports.pop())
}
