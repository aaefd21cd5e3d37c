//! Rows of a batch on the wire: as they come in, and what became of them.

use std::collections::BTreeMap;

use otpost_shared::message::batch::{Outcome, Row, RowRefused};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    body,
    error::{ApiError, ErrorCode},
};

/// Longest `reference`, in bytes.
const REFERENCE: usize = 255;

/// One recipient.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRow {
    /// A phone number, best as `+` and digits.
    #[schema(example = "+4915112345678")]
    to: String,
    /// Texts for the placeholders.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// Your own name for this row, handed back with its outcome and not stored.
    #[serde(default)]
    reference: Option<String>,
}

/// Reads one row; what is wrong with it is wrong with it alone.
pub(super) fn read_row(bytes: &[u8]) -> Result<Row, RowRefused> {
    let wire: BatchRow = body::parse(bytes).map_err(|error| match error.code() {
        ErrorCode::MalformedBody => RowRefused::Malformed("this row is not JSON".into()),
        _ => RowRefused::Field {
            name: error.field().unwrap_or("messages").to_owned(),
            said: error.said().to_owned(),
        },
    })?;
    if wire.reference.as_ref().is_some_and(|text| text.len() > REFERENCE) {
        let said = format!("reference must have at most {REFERENCE} bytes");
        return Err(RowRefused::Field { name: "reference".into(), said });
    }
    Ok(Row { to: wire.to, variables: wire.variables, reference: wire.reference })
}

/// What became of one recipient: `id`, `state` and `to`, or `code` and `detail`.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowOutcome {
    /// Which recipient, counted from 0.
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// The message's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `queued`; `canceled` for a test number; of a repeat, the state by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// True when an earlier call with this Idempotency-Key stored it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    /// Why it was refused: the codes of single messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl RowOutcome {
    pub(super) fn is_refused(&self) -> bool {
        self.code.is_some()
    }
}

impl From<Outcome> for RowOutcome {
    fn from(outcome: Outcome) -> Self {
        let mut row = Self {
            index: outcome.index,
            reference: outcome.reference,
            id: None,
            state: None,
            to: None,
            repeated: false,
            code: None,
            detail: None,
        };
        match outcome.result {
            Ok(stored) => {
                row.id = Some(stored.id.to_string());
                row.state = Some(stored.state);
                row.to = Some(stored.to);
                row.repeated = stored.repeated;
            }
            Err(refused) => {
                let error = ApiError::from(refused);
                row.code = Some(error.code().as_str());
                row.detail = Some(error.said().to_owned());
            }
        }
        row
    }
}

/// How many rows went which way.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct Tally {
    /// Stored by this call.
    accepted: u64,
    refused: u64,
    /// Stored by an earlier call with this Idempotency-Key.
    repeated: u64,
}

impl Tally {
    pub(super) fn count(&mut self, row: &RowOutcome) {
        match (row.is_refused(), row.repeated) {
            (true, _) => self.refused += 1,
            (false, true) => self.repeated += 1,
            (false, false) => self.accepted += 1,
        }
    }
}
