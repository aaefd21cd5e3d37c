//! How the answer of an `http` gateway is read, as its configuration says.

use std::{collections::BTreeMap, ops::RangeInclusive};

use otpost_shared::{
    json_pointer::Pointer,
    outcome::ErrorClass,
    price::{self, Cost, Currency},
};
use serde_json::Value;

use crate::{
    provider::Outcome,
    providers::{http_call::Answer, http_status::class_of_status},
};

/// What in the body says that the message was accepted.
pub(super) struct Success {
    pub(super) pointer: Pointer,
    /// Empty: anything there but null and false.
    pub(super) values: Vec<String>,
}

impl Success {
    fn holds(&self, json: &Value) -> bool {
        if self.values.is_empty() {
            return !matches!(
                self.pointer.value_in(json),
                None | Some(Value::Null | Value::Bool(false))
            );
        }
        self.pointer.text_in(json).is_some_and(|text| self.values.contains(&text))
    }
}

/// Where the body says what an accepted message takes and costs.
#[derive(Default)]
pub(super) struct CostPlaces {
    pub(super) segments: Option<Pointer>,
    pub(super) price: Option<Pointer>,
    pub(super) currency: Option<Pointer>,
    /// Where none stands at its place.
    pub(super) default_currency: Option<Currency>,
}

impl CostPlaces {
    /// What is not there, or is something else, is not known; the outcome does not depend on it.
    fn read(&self, answer: &Answer) -> Cost {
        if self.segments.is_none() && self.price.is_none() {
            return Cost::default();
        }
        let Some(json) = answer.json::<Value>() else { return Cost::default() };
        let at = |place: Option<&Pointer>| price::decimal(place?.value_in(&json)?);
        Cost::of_texts(
            at(self.segments.as_ref()).as_deref(),
            at(self.price.as_ref()).as_deref(),
            at(self.currency.as_ref()).as_deref(),
            self.default_currency,
        )
    }
}

/// The rules of reading.
pub(super) struct Reading {
    pub(super) success_status: Vec<RangeInclusive<u16>>,
    pub(super) success: Option<Success>,
    pub(super) id: Option<Pointer>,
    pub(super) code: Option<Pointer>,
    pub(super) text: Option<Pointer>,
    pub(super) errors: BTreeMap<String, ErrorClass>,
    pub(super) cost: CostPlaces,
}

impl Reading {
    pub(super) fn read(&self, answer: &Answer) -> Outcome {
        let outcome = self.judge(answer);
        if outcome.class != ErrorClass::Ok {
            return outcome;
        }
        outcome.costing(self.cost.read(answer))
    }

    /// A listed error code decides; then status and body must both say success. A success status
    /// with a body that says otherwise, without a listed code, is unknown: the list of success
    /// values may lack one, and taking that for a failure would send everything twice.
    fn judge(&self, answer: &Answer) -> Outcome {
        let status_ok = self.success_status.iter().any(|range| range.contains(&answer.status));
        let json = self.looks_into_body().then(|| answer.json::<Value>());
        let json = match json {
            None if status_ok => return Outcome::accepted(None),
            None => return answer.refused(class_of_status(answer.status), None, None),
            Some(None) if status_ok => {
                return Outcome::refused(ErrorClass::Unknown, None, "the answer is no JSON");
            }
            Some(None) => return answer.unreadable(),
            Some(Some(json)) => json,
        };
        let code = self.code.as_ref().and_then(|place| place.text_in(&json));
        let listed = code.as_ref().and_then(|code| self.errors.get(code)).copied();
        let class = match listed {
            Some(class) => class,
            None if !status_ok => class_of_status(answer.status),
            None if self.success.as_ref().is_none_or(|success| success.holds(&json)) => {
                ErrorClass::Ok
            }
            None => ErrorClass::Unknown,
        };
        let id = self.id.as_ref().and_then(|place| place.text_in(&json));
        if class == ErrorClass::Ok {
            return Outcome::accepted(id);
        }
        let text = self.text.as_ref().and_then(|place| place.text_in(&json));
        let mut outcome = answer.refused(class, code, text.as_deref());
        outcome.provider_message_id = id;
        outcome
    }

    fn looks_into_body(&self) -> bool {
        self.success.is_some() || self.id.is_some() || self.code.is_some() || self.text.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use otpost_shared::{
        json_pointer::Pointer,
        outcome::ErrorClass,
        price::{Cost, Currency, Price},
    };

    use super::{CostPlaces, Reading, Success};
    use crate::{provider::Outcome, providers::http_call::Answer};

    fn pointer(text: &str) -> Pointer {
        Pointer::parse(text).unwrap()
    }

    fn bare() -> Reading {
        Reading {
            success_status: vec![200..=202],
            success: None,
            id: None,
            code: None,
            text: None,
            errors: BTreeMap::new(),
            cost: CostPlaces::default(),
        }
    }

    fn full(values: &[&str]) -> Reading {
        let errors = [
            ("21", ErrorClass::Recipient),
            ("dup", ErrorClass::Ok),
            ("busy", ErrorClass::Throttled),
        ];
        Reading {
            success: Some(Success {
                pointer: pointer("/status"),
                values: values.iter().map(ToString::to_string).collect(),
            }),
            id: Some(pointer("/id")),
            code: Some(pointer("/error/code")),
            text: Some(pointer("/error/text")),
            errors: errors.map(|(code, class)| (code.to_owned(), class)).into(),
            ..bare()
        }
    }

    fn read(reading: &Reading, status: u16, body: &str) -> Outcome {
        reading.read(&Answer { status, retry_after: None, body: body.into() })
    }

    #[test]
    fn the_status_alone() {
        assert_eq!(read(&bare(), 201, "<html>"), Outcome::accepted(None));
        assert_eq!(read(&bare(), 204, "").class, ErrorClass::Unknown);
        assert_eq!(read(&bare(), 400, "").class, ErrorClass::Sender);
        assert_eq!(read(&bare(), 403, "").class, ErrorClass::Account);
        assert_eq!(read(&bare(), 503, "").class, ErrorClass::Transient);
    }

    #[test]
    fn success_in_the_body() {
        let reading = full(&["0", "queued"]);
        for body in [r#"{"status": 0, "id": 7}"#, r#"{"status": "queued", "id": "7"}"#] {
            assert_eq!(read(&reading, 200, body), Outcome::accepted(Some("7".to_owned())));
        }
        for body in [r#"{"status": 5}"#, "{}", r#"{"status": null}"#, r#"{"status": []}"#] {
            assert_eq!(read(&reading, 200, body).class, ErrorClass::Unknown, "{body}");
        }
        let any = full(&[]);
        assert_eq!(read(&any, 200, r#"{"status": {}}"#).class, ErrorClass::Ok);
        assert_eq!(read(&any, 200, r#"{"status": false}"#).class, ErrorClass::Unknown);
    }

    #[test]
    fn error_codes_in_the_body() {
        let reading = full(&["0"]);
        let refused = read(&reading, 200, r#"{"error": {"code": 21, "text": "no such number"}}"#);
        assert_eq!(refused.class, ErrorClass::Recipient);
        assert_eq!(refused.code.as_deref(), Some("21"));
        assert_eq!(refused.detail.as_deref(), Some("no such number"));
        let known = read(&reading, 409, r#"{"id": "7", "error": {"code": "dup"}}"#);
        assert_eq!(known, Outcome::accepted(Some("7".to_owned())));
        let busy = read(&reading, 400, r#"{"error": {"code": "busy"}}"#);
        assert_eq!(busy.class, ErrorClass::Throttled);
        let unlisted = read(&reading, 500, r#"{"error": {"code": "x"}}"#);
        assert_eq!(unlisted.class, ErrorClass::Transient);
        assert_eq!(unlisted.code.as_deref(), Some("x"));
    }

    #[test]
    fn what_it_costs() {
        let places = |default_currency| CostPlaces {
            segments: Some(pointer("/parts")),
            price: Some(pointer("/price/0")),
            currency: Some(pointer("/price/1")),
            default_currency,
        };
        let reading = Reading { cost: places(None), ..bare() };
        let eur = |micros| Some(Price { micros, currency: Currency::EUR });
        for (body, segments, price) in [
            (r#"{"parts": 2, "price": ["0.0333", "EUR"]}"#, Some(2), eur(33_300)),
            (r#"{"parts": "2", "price": [0.0333, "eur"]}"#, Some(2), eur(33_300)),
            (r#"{"price": [0.000005, "EUR"]}"#, None, eur(5)),
            (r#"{"price": [5e-6, "EUR"]}"#, None, eur(5)),
            (r#"{"parts": 0, "price": [0, "EUR"]}"#, None, eur(0)),
            (r#"{"parts": -1, "price": ["-1", "EUR"]}"#, None, None),
            (r#"{"price": ["0.0333"]}"#, None, None),
            (r#"{"price": ["0.0333", "euros"]}"#, None, None),
            ("[]", None, None),
            ("<html>", None, None),
        ] {
            let cost = Cost { segments, price, is_per_segment: false };
            assert_eq!(read(&reading, 200, body), Outcome::accepted(None).costing(cost), "{body}");
            assert_eq!(read(&reading, 400, body).cost, Cost::default(), "{body}");
        }
        let reading = Reading { cost: places(Some(Currency::EUR)), ..bare() };
        for (body, price) in [
            (r#"{"price": ["0.05"]}"#, eur(50_000)),
            (r#"{"price": ["0.05", null]}"#, eur(50_000)),
            (r#"{"price": [null, "EUR"]}"#, None),
            (r#"{"price": ["0.05", "euros"]}"#, None),
        ] {
            assert_eq!(read(&reading, 200, body).cost.price, price, "{body}");
        }
        let usd = read(&reading, 200, r#"{"price": ["0.05", "USD"]}"#).cost.price;
        assert_eq!(usd.map(|price| price.currency), Some(Currency::USD));
    }

    #[test]
    fn a_body_that_is_no_json() {
        for body in ["", "{", "<html>"] {
            assert_eq!(read(&full(&["0"]), 200, body).class, ErrorClass::Unknown);
            assert_eq!(read(&full(&["0"]), 429, body).class, ErrorClass::Throttled);
        }
    }
}
