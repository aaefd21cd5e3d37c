//! Checking rows one after the other, without storing anything.

use uuid::Uuid;

use super::{BatchText, Row, RowRefused, seen::Seen};
use crate::{
    clock::Millis,
    db::DbError,
    home::Home,
    message::LONGEST_TEXT,
    recipient::{Recipient, RecipientError},
    suppression,
    template::RESERVED,
};

/// A row that can be sent.
#[derive(Debug)]
pub struct Checked {
    pub to: Recipient,
    /// With its variables filled in.
    pub text: String,
    pub(super) recipient_hash: Vec<u8>,
    pub(super) suppression_hash: Vec<u8>,
    /// Nothing is ever sent to it.
    pub is_test: bool,
}

/// Goes through the rows of one batch from the first to the last.
pub struct Checker {
    pub(super) home: Home,
    tenant_id: Uuid,
    text: BatchText,
    /// The region of national numbers.
    region: Option<String>,
    seen: Seen,
}

impl Checker {
    /// # Errors
    /// The database does not answer.
    pub async fn new(home: &Home, tenant_id: Uuid, text: BatchText) -> Result<Self, DbError> {
        let region = home.region_of(tenant_id).await?;
        Ok(Self { home: home.clone(), tenant_id, text, region, seen: Seen::new() })
    }

    /// Checks the next row. The first good one of a recipient counts.
    ///
    /// # Errors
    /// Why it cannot be sent.
    pub fn check(&mut self, row: Row, now: Millis) -> Result<Checked, RowRefused> {
        let read = self.home.parse_recipient(&row.to, self.region.as_deref());
        let to = read.map_err(|error| match error {
            RecipientError::Email => RowRefused::Recipient(RecipientError::EmailInBatch),
            error => RowRefused::Recipient(error),
        })?;
        let is_test = self.home.test_code(&to, now).is_some();
        if !is_test && !self.home.config.allows_region(to.region()) {
            return Err(RowRefused::CountryNotAllowed { region: to.region().map(str::to_owned) });
        }
        let text = self.render(row)?;
        let recipient_hash = self.home.keys.recipient_hash(self.tenant_id, &to.identity());
        if self.seen.insert(&recipient_hash) {
            let suppression_hash = suppression::hash(&self.home.keys, &to);
            Ok(Checked { to, text, recipient_hash, suppression_hash, is_test })
        } else {
            Err(RowRefused::Duplicate)
        }
    }

    fn render(&self, row: Row) -> Result<String, RowRefused> {
        if let Some(name) = RESERVED.iter().find(|name| row.variables.contains_key(**name)) {
            return Err(RowRefused::VariableReserved((*name).to_owned()));
        }
        if let Some(name) = self.text.variables().find(|name| !row.variables.contains_key(*name)) {
            return Err(RowRefused::VariableMissing(name.to_owned()));
        }
        let text = self.text.render(row.variables, &self.home.config.texts.app);
        match text.chars().count() {
            1..=LONGEST_TEXT => Ok(text),
            characters => Err(RowRefused::TextLength(characters)),
        }
    }
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checker")
    }
}
