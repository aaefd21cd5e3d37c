//! Preparing a slice: every row parsed, checked, rendered, hashed and sealed. Only arithmetic
//! happens here, no waiting, so it runs beside the commit of the slice before.

use uuid::Uuid;

use super::{Checked, Checker, Row, RowRefused, ids::message_id};
use crate::{clock::Millis, message::field, secrets::SecretError};

/// A row as it was read, or why it could not be.
pub(super) type Given = Result<Row, RowRefused>;

/// Rows that are committed together, in their order.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) entries: Vec<Entry>,
    pub(super) now: Millis,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) index: u32,
    pub(super) reference: Option<String>,
    pub(super) row: Result<Ready, RowRefused>,
}

/// What one row needs to be stored.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) id: Uuid,
    pub(super) checked: Checked,
    pub(super) recipient_sealed: Vec<u8>,
    pub(super) body_sealed: Vec<u8>,
}

/// Goes through the rows of one batch from the first to the last.
pub(super) struct Preparer {
    checker: Checker,
    batch_id: Uuid,
    next: u32,
}

impl Preparer {
    pub(super) fn new(checker: Checker, batch_id: Uuid) -> Self {
        Self { checker, batch_id, next: 0 }
    }

    /// Takes the rows one by one, so that none is held longer than what is made of it.
    pub(super) fn prepare(
        &mut self,
        rows: impl IntoIterator<Item = Given>,
        now: Millis,
    ) -> Result<Slice, SecretError> {
        let mut entries = Vec::new();
        for given in rows {
            let index = self.next;
            self.next += 1;
            let (reference, checked) = match given {
                Ok(mut row) => (row.reference.take(), self.checker.check(row, now)),
                Err(refused) => (None, Err(refused)),
            };
            let row = match checked {
                Ok(checked) => Ok(self.seal(index, checked)?),
                Err(refused) => Err(refused),
            };
            entries.push(Entry { index, reference, row });
        }
        Ok(Slice { entries, now })
    }

    fn seal(&self, index: u32, checked: Checked) -> Result<Ready, SecretError> {
        let (id, keys) = (message_id(self.batch_id, index), &self.checker.home.keys);
        Ok(Ready {
            id,
            recipient_sealed: keys.seal(field::RECIPIENT, id, checked.to.to_stored().as_bytes())?,
            body_sealed: keys.seal(field::BODY, id, checked.text.as_bytes())?,
            checked,
        })
    }
}
