//! Listings: some rows of a list, and where the next ones begin.

use uuid::Uuid;

/// Some rows, in the order of their list.
#[derive(Clone, Debug)]
pub struct Listing<T, K = Uuid> {
    pub rows: Vec<T>,
    /// Where the next page begins: beyond this one. None means that there is none.
    pub next: Option<K>,
}

impl<T, K> Listing<T, K> {
    /// The first `limit` of what was read. Whoever reads one row more than that learns whether there is a next
    /// page, which begins beyond the `key` of the last row of this one.
    pub fn of(mut rows: Vec<T>, limit: usize, key: impl FnOnce(&T) -> K) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Self { rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::Listing;

    #[test]
    fn a_page_ends_where_the_next_one_begins() {
        let cut = |rows: &[u8]| {
            let page = Listing::of(rows.to_vec(), 2, |row| *row);
            (page.rows, page.next)
        };
        assert_eq!(cut(&[]), (vec![], None));
        assert_eq!(cut(&[1, 2]), (vec![1, 2], None));
        assert_eq!(cut(&[1, 2, 3]), (vec![1, 2], Some(2)));
    }
}
