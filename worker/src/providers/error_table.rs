//! Error codes as data: which code of a gateway means which class.

pub(super) use otpost_shared::outcome::{ErrorTable, ErrorWords, class_of_code, class_of_word};

/// Fails if a row is the wrong way round or covers a code of the row before it.
#[cfg(test)]
pub(super) fn assert_sorted(table: &ErrorTable) {
    assert!(table.iter().all(|(first, last, _)| first <= last));
    for pair in table.windows(2) {
        assert!(pair[0].1 < pair[1].0, "{} and {}", pair[0].1, pair[1].0);
    }
}

/// Fails if a word stands twice.
#[cfg(test)]
pub(super) fn assert_unique(table: &ErrorWords) {
    for (place, (word, _)) in table.iter().enumerate() {
        assert!(table[..place].iter().all(|(other, _)| other != word), "{word}");
    }
}
