//! Checking rows one after the other, without storing anything.

use uuid::Uuid;

use super::{BatchText, Row, RowRefused, seen::Seen};
use crate::{
    admission::Refused,
    channel::Channel,
    clock::Millis,
    config::Traits,
    home::Home,
    message::LONGEST_TEXT,
    recipient::{Recipient, RecipientError},
    sandbox::Conduct,
    suppression,
    template::RESERVED,
    tenant,
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
    pub(super) tenant_id: Uuid,
    text: BatchText,
    /// The region of national numbers.
    region: Option<String>,
    /// The tenant's name, where routes ask for it.
    tenant: Option<String>,
    is_sandbox: bool,
    /// True when where a row goes may have nobody for it.
    asks_for_takers: bool,
    seen: Seen,
}

impl Checker {
    /// # Errors
    /// Nobody takes any of its rows, or the database does not answer.
    pub async fn new(home: &Home, tenant_id: Uuid, text: BatchText) -> Result<Self, Refused> {
        let (region, config) = (home.region_of(tenant_id).await?, &home.config);
        let tenant = tenant::name_for_routes(&home.db, config, tenant_id).await?;
        let takers = config.check_takers_of_texts(Channel::Sms, tenant.as_deref());
        takers.map_err(Refused::NoTaker)?;
        let asks_for_takers = config.keeps_some_for_codes();
        let is_sandbox = home.is_sandbox(tenant_id).await?;
        let (home, seen) = (home.clone(), Seen::new());
        Ok(Self { home, tenant_id, text, region, tenant, is_sandbox, asks_for_takers, seen })
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
        if self.asks_for_takers {
            let message = Traits::of_text(&to, self.tenant.as_deref());
            self.home.config.check_takers(&message).map_err(RowRefused::NoTaker)?;
        }
        let is_test = self.home.test_code(&to, now).is_some();
        let is_open = is_test || self.is_sandbox && Conduct::at(&to).is_some();
        if !is_open && !self.home.config.allows_region(to.region()) {
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
