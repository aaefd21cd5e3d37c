//! The configuration of an `http` gateway, checked as far as it can be without the gateway.

use std::{collections::BTreeMap, ops::RangeInclusive};

use otpost_shared::{
    config::ConfigError,
    json_pointer::Pointer,
    price::Currency,
    report::{HttpInbound, HttpReports, currency_mistake, place_of_code},
};
use reqwest::{Method, header::HeaderName};
use serde::Deserialize;

use super::{
    answer::{CostPlaces, Reading, Success},
    template::{Escape, Slot, Template, Values},
};
use crate::providers::{Net, mistake, parse_class, spelling::unknown_word};

const METHODS: [&str; 3] = ["GET", "POST", "PUT"];

/// A header is one line of ASCII.
const NOT_IN_HEADERS: [(Slot, &str); 3] =
    [(Slot::Text, "{text}"), (Slot::Title, "{title}"), (Slot::Html, "{html}")];

const FROM_NOT_SET: &str =
    "uses {from}: set from, which is the sender also for countries that senders does not name";

/// `url`, `headers` and `body` may hold `{to}` (E.164, or an e-mail address), `{to_digits}` (without
/// the plus), `{text}`, `{title}` and `{html}` (of an e-mail), `{code}` (its digits alone: then nothing
/// but codes can go this way), `{language}` (BCP 47), `{from}`, `{message_id}` (the same for each try of
/// a message), `{validity_secs}`, `{report_url}` and `{report_reference}` (both differ for each try).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::providers) struct HttpConfig {
    /// Where to send; values are percent-encoded, and none may stand in the host.
    url: String,
    /// `GET`, `POST` or `PUT`.
    #[serde(default = "default_method")]
    method: String,
    /// Header names and values; `{text}`, `{title}` and `{html}` may not stand here.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The request body; none without it.
    body: Option<String>,
    /// `json`, `form`, `xml` or `text`: how values are escaped in the body, and its content type.
    #[serde(default)]
    pub(super) body_type: BodyType,
    /// The value of `{from}`.
    #[serde(default)]
    pub(super) from: String,
    /// HTTP statuses of an accepted message: numbers, or ranges as `"200-299"`.
    #[serde(default = "default_success_status")]
    success_status: Vec<StatusSpan>,
    /// Where in a JSON answer it says whether the message was accepted (RFC 6901).
    success_json_pointer: Option<String>,
    /// The values there that mean accepted; none: any but null and false.
    #[serde(default)]
    success_values: Vec<String>,
    /// Where the gateway's own message id is.
    id_json_pointer: Option<String>,
    /// Where the gateway's error code is.
    error_code_json_pointer: Option<String>,
    /// Where the gateway's error sentence is.
    error_text_json_pointer: Option<String>,
    /// Where it says how many SMS the message takes.
    segments_json_pointer: Option<String>,
    /// Where it says what the message costs, all of it.
    price_json_pointer: Option<String>,
    /// Where the price's currency is, and what it is where nothing stands there (ISO 4217).
    currency_json_pointer: Option<String>,
    default_currency: Option<String>,
    /// Error code to error class, or to `ok`.
    #[serde(default)]
    errors: BTreeMap<String, String>,
    /// How its delivery reports are read, if it sends any.
    report: Option<HttpReports>,
    /// How what people write back is read, if it brings that.
    inbound: Option<HttpInbound>,
}

fn default_method() -> String {
    "POST".to_owned()
}

fn default_success_status() -> Vec<StatusSpan> {
    vec![StatusSpan::Text("200-299".to_owned())]
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BodyType {
    #[default]
    Json,
    Form,
    Xml,
    Text,
}

impl BodyType {
    pub(super) fn escape(self) -> Escape {
        match self {
            Self::Json => Escape::Json,
            Self::Form => Escape::Url,
            Self::Xml => Escape::Xml,
            Self::Text => Escape::None,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Xml => "text/xml; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StatusSpan {
    Number(u16),
    Text(String),
}

impl StatusSpan {
    fn range(&self) -> Option<RangeInclusive<u16>> {
        let (first, last) = match self {
            Self::Number(status) => (*status, *status),
            Self::Text(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                (first.trim().parse().ok()?, last.trim().parse().ok()?)
            }
        };
        (100 <= first && first <= last && last <= 599).then_some(first..=last)
    }
}

impl HttpConfig {
    pub(super) fn method(&self, name: &str) -> Result<Method, ConfigError> {
        let method = self.method.to_ascii_uppercase();
        if !METHODS.contains(&method.as_str()) {
            let sentence = unknown_word("method", &self.method, &METHODS);
            return Err(mistake(name, "method", sentence));
        }
        if method == "GET" && self.body.is_some() {
            return Err(mistake(name, "body", "a GET request has none"));
        }
        Method::from_bytes(method.as_bytes())
            .map_err(|_| mistake(name, "method", "is not readable"))
    }

    /// A placeholder in the host would let the text or the number choose who gets them.
    pub(super) fn url_template(&self, name: &str) -> Result<Template, ConfigError> {
        let template = self.template(name, "url", &self.url)?;
        let after_scheme = template.opening().split_once("://").map(|(_, rest)| rest);
        if !after_scheme.is_some_and(|rest| rest.contains(['/', '?'])) {
            let rule = "must name scheme and host, then a path or query";
            return Err(mistake(name, "url", rule));
        }
        Ok(template)
    }

    pub(super) fn header_templates(
        &self,
        name: &str,
    ) -> Result<Vec<(HeaderName, Template)>, ConfigError> {
        let mut templates = Vec::new();
        for (header, text) in &self.headers {
            let template = self.template(name, "headers", text)?;
            if let Some((_, slot)) = NOT_IN_HEADERS.iter().find(|(slot, _)| template.uses(*slot)) {
                return Err(mistake(name, "headers", format!("{slot} cannot stand in a header")));
            }
            let header = header.parse().map_err(|_| {
                mistake(name, "headers", format!("{header:?} is not a header name"))
            })?;
            templates.push((header, template));
        }
        Ok(templates)
    }

    /// A JSON body must be JSON once filled, so that a missing quote shows when the process starts.
    pub(super) fn body_template(&self, name: &str) -> Result<Option<Template>, ConfigError> {
        let Some(body) = &self.body else {
            return Ok(None);
        };
        let template = self.template(name, "body", body)?;
        if matches!(self.body_type, BodyType::Json) {
            let filled = template.fill(Escape::Json, &Values::sample());
            serde_json::from_str::<serde_json::Value>(&filled).map_err(|error| {
                mistake(name, "body", format!("is not JSON once filled: {error}"))
            })?;
        }
        Ok(Some(template))
    }

    /// A request without the number, or without text and code, would be accepted and reach nobody;
    /// one whose reports nobody can read, or that does not ask for those that somebody could, is a
    /// mistake as well.
    pub(super) fn check_uses(
        &self,
        name: &str,
        net: &Net,
        uses: impl Fn(Slot) -> bool,
    ) -> Result<(), ConfigError> {
        self.check_words(name, net, &uses)?;
        let (asks, lends) = (uses(Slot::ReportUrl), uses(Slot::ReportReference));
        let Some(report) = &self.report else {
            return if asks || lends {
                let said = "must say how reports are read, since {report_url} or {report_reference} \
                    asks for them";
                Err(mistake(name, "report", said))
            } else {
                Ok(())
            };
        };
        report.check(name)?;
        if report.brings_reference() != lends {
            let said = "goes together with {report_reference} in url, headers or body";
            return Err(mistake(name, "report.reference", said));
        }
        if !asks && !lends {
            let said = "needs {report_url} in url, headers or body: else no report says which \
                message it is about";
            return Err(mistake(name, "report", said));
        }
        if !net.is_reachable {
            let said = "needs server.public_url, the address under which the gateway reaches us";
            return Err(mistake(name, "report", said));
        }
        Ok(())
    }

    /// Whom it goes to and what it says, as far as that is for this provider.
    fn check_words(
        &self,
        name: &str,
        net: &Net,
        uses: &impl Fn(Slot) -> bool,
    ) -> Result<(), ConfigError> {
        let place = if self.body.is_some() { "body" } else { "url" };
        if !uses(Slot::To) && !uses(Slot::ToDigits) {
            let said = "neither here nor elsewhere in url, headers or body stands {to} or \
                {to_digits}: nobody would get the message";
            return Err(mistake(name, place, said));
        }
        if !uses(Slot::Text) && self.place_of_code().is_none() {
            let said = "neither here nor elsewhere in url, headers or body stands {text} or {code}: \
                the message would say nothing";
            return Err(mistake(name, place, said));
        }
        let has_title = uses(Slot::Title) || self.place_of_code().is_some();
        if net.sends_email(name) && !(uses(Slot::To) && has_title) {
            let said = "url, headers or body must hold {to}, and {title} or {code}, as it stands in a \
                chain of e-mail: else the e-mail has no address or no subject line";
            return Err(mistake(name, place, said));
        }
        match (net.sends_what_is_no_code(name), self.place_of_code()) {
            (Some(why), Some(place)) => {
                let said = format!(
                    "{{code}} stands here, so nothing but codes can go this way, and {why}; take \
                     this provider out there, or write {{text}} here"
                );
                Err(mistake(name, place, said))
            }
            _ => Ok(()),
        }
    }

    /// The key in which `{code}` stands; none where it does not.
    pub(super) fn place_of_code(&self) -> Option<&'static str> {
        let headers = self.headers.values().map(String::as_str);
        place_of_code(self.body.as_deref(), &self.url, headers)
    }

    /// Nothing in a request asks for what people write: the gateway's own console does.
    pub(super) fn check_inbound(&self, name: &str, net: &Net) -> Result<(), ConfigError> {
        let Some(inbound) = &self.inbound else { return Ok(()) };
        inbound.check(name)?;
        if !net.is_reachable {
            let said = "needs server.public_url, the address under which the gateway reaches us";
            return Err(mistake(name, "inbound", said));
        }
        Ok(())
    }

    fn template(&self, name: &str, key: &str, text: &str) -> Result<Template, ConfigError> {
        let template = Template::parse(name, key, text)?;
        if template.uses(Slot::From) && self.from.is_empty() {
            return Err(mistake(name, key, FROM_NOT_SET));
        }
        Ok(template)
    }

    pub(super) fn reading(&self, name: &str) -> Result<Reading, ConfigError> {
        let mut errors = BTreeMap::new();
        for (code, word) in &self.errors {
            errors.insert(code.clone(), parse_class(name, "errors", word)?);
        }
        if !errors.is_empty() && self.error_code_json_pointer.is_none() {
            return Err(mistake(name, "errors", "needs error_code_json_pointer"));
        }
        let success = pointer(name, "success_json_pointer", self.success_json_pointer.as_deref())?;
        if success.is_none() && !self.success_values.is_empty() {
            return Err(mistake(name, "success_values", "needs success_json_pointer"));
        }
        Ok(Reading {
            success_status: self.success_ranges(name)?,
            success: success
                .map(|pointer| Success { pointer, values: self.success_values.clone() }),
            id: pointer(name, "id_json_pointer", self.id_json_pointer.as_deref())?,
            code: pointer(
                name,
                "error_code_json_pointer",
                self.error_code_json_pointer.as_deref(),
            )?,
            text: pointer(
                name,
                "error_text_json_pointer",
                self.error_text_json_pointer.as_deref(),
            )?,
            errors,
            cost: self.cost_places(name)?,
        })
    }

    fn cost_places(&self, name: &str) -> Result<CostPlaces, ConfigError> {
        let default_currency = self.default_currency.as_deref();
        let currencies = (self.currency_json_pointer.is_some(), default_currency);
        let has_price = self.price_json_pointer.is_some();
        if let Some((key, said)) = currency_mistake("price_json_pointer", has_price, currencies) {
            return Err(mistake(name, key, said));
        }
        let place = |key, text: Option<&String>| pointer(name, key, text.map(String::as_str));
        Ok(CostPlaces {
            segments: place("segments_json_pointer", self.segments_json_pointer.as_ref())?,
            price: place("price_json_pointer", self.price_json_pointer.as_ref())?,
            currency: place("currency_json_pointer", self.currency_json_pointer.as_ref())?,
            default_currency: default_currency.and_then(Currency::parse),
        })
    }

    fn success_ranges(&self, name: &str) -> Result<Vec<RangeInclusive<u16>>, ConfigError> {
        self.success_status
            .iter()
            .map(StatusSpan::range)
            .collect::<Option<Vec<_>>>()
            .filter(|ranges| !ranges.is_empty())
            .ok_or_else(|| {
                let rule = "must be numbers or ranges as \"200-299\"";
                mistake(name, "success_status", rule)
            })
    }
}

fn pointer(name: &str, key: &str, text: Option<&str>) -> Result<Option<Pointer>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let pointer = Pointer::parse(text);
    let said = || mistake(name, key, format!("a JSON pointer begins with a slash: {text:?}"));
    pointer.map(Some).ok_or_else(said)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
