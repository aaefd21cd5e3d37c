//! Many rows in one statement: as arrays for Postgres, as tuples for both.

use sqlx::{
    Database, Encode, Postgres, QueryBuilder, Type, postgres::PgArguments, query::QueryScalar,
};
use uuid::Uuid;

/// A statement of Postgres that takes many rows as columns and returns ids.
pub(crate) type InsertedIds<'q> = QueryScalar<'q, Postgres, Uuid, PgArguments>;

/// One column of many rows, for `UNNEST`.
pub(crate) fn column<'q, R, V>(rows: &[&'q R], value: impl Fn(&'q R) -> V) -> Vec<V> {
    rows.iter().map(|row| value(row)).collect()
}

/// Most rows of one statement of tuples.
const MOST_TUPLES: usize = 64;

/// Cuts rows into few sizes, powers of two: every statement of tuples is then soon a prepared one.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(MOST_TUPLES).checked_ilog2()?;
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

/// Adds `(id, id, …)`, for `IN`.
pub(crate) fn push_list<D: Database>(query: &mut QueryBuilder<D>, ids: &[Uuid])
where
    Uuid: for<'q> Encode<'q, D> + Type<D>,
{
    query.push("(");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
    query.push(")");
}

#[cfg(test)]
mod tests {
    use super::chunks;

    #[test]
    fn rows_are_cut_into_powers_of_two() {
        let sizes = |rows: usize| chunks(&vec![(); rows]).map(<[()]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(0), [0; 0]);
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(11), [8, 2, 1]);
        assert_eq!(sizes(130), [64, 64, 2]);
    }
}
