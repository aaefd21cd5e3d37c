//! Error codes as data: which code of a gateway means which class.

use otpost_shared::outcome::ErrorClass;

/// First code, last code, meaning.
pub(super) type ErrorTable = [(u32, u32, ErrorClass)];

/// The class of a code; `None` if the table does not know it.
pub(super) fn class_of_code(table: &ErrorTable, code: u32) -> Option<ErrorClass> {
    table
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&code))
        .map(|(_, _, class)| *class)
}

/// Fails if a row is the wrong way round or covers a code of the row before it.
#[cfg(test)]
pub(super) fn assert_sorted(table: &ErrorTable) {
    assert!(table.iter().all(|(first, last, _)| first <= last));
    for pair in table.windows(2) {
        assert!(pair[0].1 < pair[1].0, "{} and {}", pair[0].1, pair[1].0);
    }
}
