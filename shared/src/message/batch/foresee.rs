//! What checked rows would come to, without storing anything.

use std::collections::HashMap;

use super::{Batch, Checked, Checker, RowRefused, Which, filling, index_of, list, message_id};
use crate::{db::DbError, message::Message, suppression};

/// What a row that was not refused would come to.
#[derive(Debug)]
pub struct Foreseen {
    pub row: Checked,
    /// It has its message from an earlier call, and would not be sent again.
    pub is_stored: bool,
}

impl Checker {
    /// Of the next rows, the first of them being the row `first` of the batch, which is `known` when a part
    /// of it was sent before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn foresee(
        &self,
        known: Option<&Batch>,
        first: u32,
        rows: Vec<Result<Checked, RowRefused>>,
    ) -> Result<Vec<Result<Foreseen, RowRefused>>, DbError> {
        let found = self.list_stored(known, first, rows.len()).await?;
        let past = known.map_or(0, |batch| filling::past(&self.home, batch));
        let good = rows.iter().filter_map(|row| row.as_ref().ok());
        let hashes: Vec<&[u8]> = good.map(|row| row.suppression_hash.as_slice()).collect();
        let mut tx = self.home.db.begin().await?;
        let kept_back = suppression::among(&mut tx, self.tenant_id, &hashes).await?;
        tx.rollback().await?;
        let foresee = |(index, row): (u32, Result<Checked, RowRefused>)| {
            let row = row?;
            match found.get(&index) {
                Some(message) if filling::is_repeat(&self.home, &row, message) => {
                    Ok(Foreseen { row, is_stored: true })
                }
                Some(_) => Err(RowRefused::Changed),
                None if index < past => Err(RowRefused::Removed),
                None if !row.is_test && kept_back.contains(&row.suppression_hash) => {
                    Err(RowRefused::Suppressed)
                }
                None => Ok(Foreseen { row, is_stored: false }),
            }
        };
        Ok((first..).zip(rows).map(foresee).collect())
    }

    /// The messages of these rows, by row; and of some behind them, where rows were refused.
    async fn list_stored(
        &self,
        known: Option<&Batch>,
        first: u32,
        rows: usize,
    ) -> Result<HashMap<u32, Message>, DbError> {
        let Some(batch) = known else { return Ok(HashMap::new()) };
        let after = first.checked_sub(1).map_or(batch.id, |index| message_id(batch.id, index));
        let page = list(&self.home.db, batch, Which::All, after, rows).await?;
        Ok(page.messages.into_iter().map(|message| (index_of(message.id), message)).collect())
    }
}
