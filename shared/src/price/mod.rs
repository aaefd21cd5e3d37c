//! What sending costs: amounts in millionths of a currency, whole numbers from what is written down to
//! what is shown.
//!
//! | module | what lives there |
//! |---|---|
//! | [`list`] | the prices of a provider's section |

mod list;

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

pub use self::list::PriceList;

/// Digits behind the point that are kept.
const DECIMALS: usize = 6;
/// One unit of a currency.
const UNIT: i64 = 1_000_000;
/// No message costs more than a million of anything; times all its segments that still fits.
const MOST: i64 = 1_000_000 * UNIT;

/// A code of ISO 4217, such as `EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const EUR: Self = Self(*b"EUR");
    pub const USD: Self = Self(*b"USD");

    /// Three letters; small ones are read as capitals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        let is_code = code.iter().all(u8::is_ascii_alphabetic);
        is_code.then(|| Self(code.map(|letter| letter.to_ascii_uppercase())))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of letters alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount of money, never below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub micros: i64,
    pub currency: Currency,
}

impl Price {
    /// Reads what a provider tells, such as `0.0333`; what is behind the sixth decimal is rounded. None
    /// for anything but digits with a point between them.
    #[must_use]
    pub fn parse(amount: &str, currency: Currency) -> Option<Self> {
        Some(Self { micros: rounded(amount)?, currency })
    }

    /// The same out of JSON, with its currency beside it.
    #[must_use]
    pub fn told(amount: Option<&Value>, currency: Option<&Value>) -> Option<Self> {
        let currency = Currency::parse(currency?.as_str()?)?;
        Self::parse(&decimal(amount?)?, currency)
    }

    #[must_use]
    pub fn times(self, count: u16) -> Self {
        Self { micros: self.micros.saturating_mul(i64::from(count)), ..self }
    }

    /// A decimal number with as many decimals as it takes.
    #[must_use]
    pub fn amount(self) -> String {
        let (units, rest) = (self.micros / UNIT, self.micros % UNIT);
        let decimals = format!("{rest:06}");
        match decimals.trim_end_matches('0') {
            "" => units.to_string(),
            kept => format!("{units}.{kept}"),
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

/// What a provider tells of an attempt, in its answer or later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many SMS it took.
    pub segments: Option<u16>,
    pub price: Option<Price>,
    /// The price is that of one segment, and not of all.
    pub is_per_segment: bool,
}

impl Cost {
    #[must_use]
    pub fn of_segments(segments: Option<u16>) -> Self {
        Self { segments, ..Self::default() }
    }

    /// What a gateway tells of a message, as texts that [`decimal`] may have made; what cannot be read is
    /// not told. A price beside which no currency stands is in `default_currency`.
    #[must_use]
    pub fn of_texts(
        segments: Option<&str>,
        amount: Option<&str>,
        currency: Option<&str>,
        default_currency: Option<Currency>,
    ) -> Self {
        let named = currency.filter(|code| !code.is_empty());
        let currency = named.map_or(default_currency, Currency::parse);
        let price = amount.zip(currency);
        let price = price.and_then(|(amount, currency)| Price::parse(amount, currency));
        Self { segments: segments.and_then(count), price, is_per_segment: false }
    }

    /// The price of all; of one segment, if it is not known how many there are.
    #[must_use]
    pub fn total(self) -> Option<Price> {
        let count = if self.is_per_segment { self.segments.unwrap_or(1) } else { 1 };
        self.price.map(|price| price.times(count))
    }
}

/// What an attempt costs, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    pub price: Price,
    /// It comes from the configured prices: the provider has not told it (yet).
    pub is_estimated: bool,
}

impl Charge {
    /// Adds it to what the metrics say of a provider.
    pub fn count(self, provider: &str) {
        let basis = if self.is_estimated { "estimated" } else { "told" };
        let labels = [
            ("provider", provider.to_owned()),
            ("currency", self.price.currency.to_string()),
            ("basis", basis.to_owned()),
        ];
        metrics::counter!("otpost_attempt_price_micros_total", &labels)
            .increment(u64::try_from(self.price.micros).unwrap_or_default());
    }
}

/// `0.0333 EUR`, or `about 0.04 EUR` when it is an estimate.
impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = if self.is_estimated { "about " } else { "" };
        write!(f, "{about}{}", self.price)
    }
}

/// One sum for each currency; it is an estimate when a part of it is.
#[must_use]
pub fn totals(charges: impl IntoIterator<Item = Charge>) -> Vec<Charge> {
    let mut sums = BTreeMap::<Currency, (i64, bool)>::new();
    for charge in charges {
        let (micros, is_estimated) = sums.entry(charge.price.currency).or_default();
        *micros = micros.saturating_add(charge.price.micros);
        *is_estimated |= charge.is_estimated;
    }
    let charge = |(currency, (micros, is_estimated))| Charge {
        price: Price { micros, currency },
        is_estimated,
    };
    sums.into_iter().map(charge).collect()
}

/// A text or a number of JSON as decimal digits. A number has been read as a binary one and is written as
/// the shortest decimal that means the same: what stood there, as long as that had at most 15 digits.
#[must_use]
pub fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        // Other than its own, this way of writing it knows no exponents.
        Value::Number(number) if number.is_f64() => Some(number.as_f64()?.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// How many segments a provider says there are, as a text.
#[must_use]
pub fn count(text: &str) -> Option<u16> {
    // Some say 0 who do not know yet.
    text.parse().ok().filter(|count| *count > 0)
}

/// The same out of JSON.
#[must_use]
pub fn segments(value: Option<&Value>) -> Option<u16> {
    count(&decimal(value?)?)
}

/// The millionths of an amount that has no more of them.
fn exact(text: &str) -> Option<i64> {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > DECIMALS { None } else { rounded(text) }
}

fn rounded(text: &str) -> Option<i64> {
    let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(units) || !is_number(decimals) {
        return None;
    }
    let (kept, rest) = decimals.split_at(decimals.len().min(DECIMALS));
    let kept: i64 = format!("{kept:0<6}").parse().ok()?;
    let up = i64::from(rest.bytes().next().is_some_and(|digit| digit >= b'5'));
    let micros = units.parse::<i64>().ok()?.checked_mul(UNIT)?.checked_add(kept + up)?;
    (micros <= MOST).then_some(micros)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn eur(micros: i64) -> Price {
        Price { micros, currency: Currency::EUR }
    }

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (text, micros, shown) in [
            ("0.0333", 33_300, "0.0333"),
            ("0.03330000", 33_300, "0.0333"),
            ("0", 0, "0"),
            ("0.0", 0, "0"),
            ("1", 1_000_000, "1"),
            ("12.5", 12_500_000, "12.5"),
            ("0.000001", 1, "0.000001"),
            ("007.10", 7_100_000, "7.1"),
            ("1000000", MOST, "1000000"),
            // Rounded.
            ("0.0000014", 1, "0.000001"),
            ("0.0000015", 2, "0.000002"),
            ("0.9999999", 1_000_000, "1"),
        ] {
            let price = Price::parse(text, Currency::EUR);
            assert_eq!(price, Some(eur(micros)), "{text}");
            assert_eq!(price.map(Price::amount).as_deref(), Some(shown), "{text}");
        }
        assert_eq!(eur(33_300).to_string(), "0.0333 EUR");
    }

    #[test]
    fn what_is_no_amount() {
        let forms = "|.|1.|.5|-1|+1|-0.5|1e3|1E-5|0,04|1 | 1|1.2.3|0x1|NaN|inf|1_000|\u{661}";
        let too_much = ["1000001", "1000000.000001", "99999999999999999999"];
        for text in forms.split('|').chain(too_much) {
            assert_eq!(Price::parse(text, Currency::EUR), None, "{text:?}");
            assert_eq!(exact(text), None, "{text:?}");
        }
        assert_eq!((exact("0.123456"), exact("0.1234560")), (Some(123_456), None));
    }

    #[test]
    fn currencies() {
        for text in ["EUR", "eur", "Eur"] {
            assert_eq!(Currency::parse(text), Some(Currency::EUR), "{text}");
        }
        for text in ["", "EU", "EURO", "E1R", "E R", "€", "é1"] {
            assert_eq!(Currency::parse(text), None, "{text}");
        }
        assert_eq!(Currency::USD.to_string(), "USD");
    }

    #[test]
    fn out_of_json() {
        let told = |amount, currency| Price::told(Some(&amount), Some(&currency));
        for amount in [json!("0.0333"), json!(0.0333), json!(33_300e-6)] {
            assert_eq!(told(amount.clone(), json!("EUR")), Some(eur(33_300)), "{amount}");
        }
        assert_eq!(told(json!(0.00001), json!("eur")), Some(eur(10)), "no exponent");
        assert_eq!(told(json!(2), json!("EUR")), Some(eur(2_000_000)));
        for (amount, currency) in [
            (json!(null), json!("EUR")),
            (json!(-0.5), json!("EUR")),
            (json!(1e300), json!("EUR")),
            (json!([1]), json!("EUR")),
            (json!("1"), json!(null)),
            (json!("1"), json!("")),
        ] {
            assert_eq!(told(amount.clone(), currency.clone()), None, "{amount} {currency}");
        }
        assert_eq!(Price::told(None, Some(&json!("EUR"))), None);
        for (value, count) in [
            (json!(1), Some(1)),
            (json!("12"), Some(12)),
            (json!(0), None),
            (json!("0"), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(70_000), None),
            (json!(null), None),
        ] {
            assert_eq!(segments(Some(&value)), count, "{value}");
        }
    }

    #[test]
    fn segments_and_sums() {
        let cost = Cost { segments: Some(3), price: Some(eur(5)), is_per_segment: true };
        assert_eq!(cost.total(), Some(eur(15)));
        assert_eq!(Cost { is_per_segment: false, ..cost }.total(), Some(eur(5)));
        assert_eq!(Cost { segments: None, ..cost }.total(), Some(eur(5)));
        assert_eq!(Cost::of_segments(Some(3)).total(), None);
        let usd = Price { micros: 7, currency: Currency::USD };
        let charge = |price, is_estimated| Charge { price, is_estimated };
        let all = [charge(usd, true), charge(eur(1), false), charge(eur(2), false)];
        assert_eq!(totals(all), [charge(eur(3), false), charge(usd, true)]);
        let mixed = [charge(eur(1), false), charge(eur(2), true)];
        assert_eq!(totals(mixed)[0].to_string(), "about 0.000003 EUR");
        assert_eq!(totals([]), []);
    }
}
