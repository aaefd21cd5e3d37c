//! What a gateway's call says, wherever that stands: a place is a JSON pointer into the body, or the name
//! of a field, of a form in the body or of the query.

use serde_json::Value;

use super::signature::Signature;
use crate::{
    json_pointer::Pointer,
    price,
    report::{Call, NotHeard, fields::Fields},
};

/// Body and query, as far as they are to be believed.
pub(super) struct Said {
    json: Option<Value>,
    /// Those of the body first.
    fields: [Fields; 2],
}

impl Said {
    /// Checks the signature, of gateways that sign. What is signed is the body: then the query says
    /// nothing.
    pub(super) fn heard(call: &Call<'_>, signed: Option<&Signature>) -> Result<Self, NotHeard> {
        let query = match signed {
            Some(signature) => {
                signature.check(call)?;
                ""
            }
            None => call.query(),
        };
        let fields = [call.body, query.as_bytes()].map(Fields::of_form);
        Ok(Self { json: serde_json::from_slice(call.body).ok(), fields })
    }

    pub(super) fn at(&self, place: &str) -> Result<Option<String>, NotHeard> {
        let Some(pointer) = Pointer::parse(place) else { return Ok(self.field(place)) };
        let json = self.json.as_ref().ok_or(NotHeard::Malformed("the body is not JSON"))?;
        Ok(pointer.text_in(json))
    }

    /// True when there is such a place, whatever stands there.
    pub(super) fn has(&self, place: &str) -> bool {
        match Pointer::parse(place) {
            Some(pointer) => {
                self.json.as_ref().is_some_and(|json| pointer.value_in(json).is_some())
            }
            None => self.field(place).is_some(),
        }
    }

    /// A number without an exponent; none in a body that is not JSON.
    pub(super) fn decimal_at(&self, place: &str) -> Option<String> {
        let Some(pointer) = Pointer::parse(place) else { return self.field(place) };
        price::decimal(pointer.value_in(self.json.as_ref()?)?)
    }

    fn field(&self, name: &str) -> Option<String> {
        self.fields.iter().find_map(|fields| fields.first(name)).map(str::to_owned)
    }
}
