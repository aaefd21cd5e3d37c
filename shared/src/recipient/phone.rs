//! Phone numbers in E.164, checked against the numbering plan.

use rlibphonenumber::{
    NotANumberError, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat,
    PhoneNumberType, Region,
};

use super::RecipientError;

/// Longer input is refused before it reaches the parser.
pub(super) const LONGEST_INPUT: usize = 64;
/// Digits of a number with its country code (ITU-T E.164, 6.1).
const LONGEST_E164: usize = 15;

/// A phone number in canonical form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Phone {
    e164: String,
    country_code: String,
    /// ISO 3166-1 alpha-2, e.g. `DE`; none for numbers that belong to no country.
    region: Option<String>,
}

impl Phone {
    /// # Errors
    /// Says which rule of the numbering plan it breaks.
    pub(super) fn parse(input: &str, default_region: Option<&str>) -> Result<Self, RecipientError> {
        let (number, kind) = if let Some(known) = read_e164(input) {
            known
        } else {
            let number = read(input, default_region)?;
            // Valid means being of some kind; asking for both would match every pattern twice.
            let kind = number.get_type();
            (number, kind)
        };
        match (kind, refused_kind(kind)) {
            (PhoneNumberType::Unknown, _) => {
                Err(RecipientError::NotValid { region: region_of(&number) })
            }
            (_, Some(kind)) => Err(RecipientError::WrongKind(kind)),
            (_, None) => Ok(Self::from_number(&number)),
        }
    }

    /// # Errors
    /// The text is not of the form of a phone number.
    pub(super) fn parse_unchecked(
        input: &str,
        default_region: Option<&str>,
    ) -> Result<Self, RecipientError> {
        read(input, default_region).map(|number| Self::from_number(&number))
    }

    fn from_number(number: &PhoneNumber) -> Self {
        Self {
            e164: number.format_as(PhoneNumberFormat::E164).into_owned(),
            country_code: number.country_code.to_string(),
            region: region_of(number),
        }
    }

    /// Read again without asking the numbering plan.
    pub(super) fn to_stored(&self) -> String {
        format!("{};{};{}", self.e164, self.country_code, self.region().unwrap_or_default())
    }

    /// None when the text was not made by [`Phone::to_stored`].
    pub(super) fn from_stored(text: &str) -> Option<Self> {
        let (e164, rest) = text.split_once(';')?;
        let (country_code, region) = rest.split_once(';')?;
        let is_number = e164.strip_prefix('+')?.starts_with(country_code);
        (is_number && !country_code.is_empty()).then(|| Self {
            e164: e164.to_owned(),
            country_code: country_code.to_owned(),
            region: (!region.is_empty()).then(|| region.to_owned()),
        })
    }

    /// `+` and digits.
    pub(super) fn e164(&self) -> &str {
        &self.e164
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Country code and last two digits.
    pub(super) fn masked(&self) -> String {
        let shown = 1 + self.country_code.len();
        let hidden = self.e164.len().saturating_sub(shown + 2);
        let last = self.e164.get(self.e164.len().saturating_sub(2)..).unwrap_or_default();
        format!("+{}{}{last}", self.country_code, "*".repeat(hidden))
    }
}

/// True for two capital letters that name a region that has a numbering plan.
#[must_use]
pub fn is_region(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()) && region(text).is_some()
}

/// All of them (ISO 3166-1 alpha-2), in order, each with its calling code.
#[must_use]
pub fn regions() -> Vec<(String, i32)> {
    let all = PHONE_NUMBER_UTIL.get_supported_regions().filter_map(|region| {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(region)?;
        Some((region.as_region_str().as_str().to_owned(), code))
    });
    let mut all: Vec<(String, i32)> = all.filter(|(name, _)| is_region(name)).collect();
    all.sort();
    all
}

/// The library has a region for any two letters, most of them without a numbering plan.
fn region(text: &str) -> Option<Region> {
    let region = Region::try_from(text).ok()?;
    PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| region)
}

fn region_of(number: &PhoneNumber) -> Option<String> {
    number.get_region_code().map(|region| region.as_region_str().as_str().to_owned())
}

/// A number in E.164 that exists as it stands, which is how programs send them: it needs none of
/// the patterns that find a number in what people write, and they cost four times the rest.
fn read_e164(input: &str) -> Option<(PhoneNumber, PhoneNumberType)> {
    let digits = input.strip_prefix('+')?;
    if digits.len() > LONGEST_E164 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Country codes have one to three digits, and none begins with another one.
    (1..=3).find_map(|length| {
        let (country_code, national) = digits.split_at_checked(length)?;
        // A zero in front may or may not belong to the number, as the country has it.
        let number = (!national.starts_with('0')).then_some(PhoneNumber {
            country_code: country_code.parse().ok()?,
            national_number: national.parse().ok()?,
            ..PhoneNumber::default()
        })?;
        let kind = number.get_type();
        (kind != PhoneNumberType::Unknown).then_some((number, kind))
    })
}

fn read(input: &str, default_region: Option<&str>) -> Result<PhoneNumber, RecipientError> {
    let input = input.trim();
    if input.is_empty() {
        return Err(RecipientError::Empty);
    }
    if input.chars().count() > LONGEST_INPUT {
        return Err(RecipientError::InputTooLong);
    }
    if input.contains('@') {
        return Err(RecipientError::Email);
    }
    // Letters would be read as keypad digits ("1-800-FLOWERS"); nobody registers such a number.
    if input.chars().any(char::is_alphabetic) {
        return Err(RecipientError::NotANumber);
    }
    let international = input.starts_with(['+', '\u{ff0b}']);
    // What does not know a region reads a plus as well, and is not to come to something else.
    let region = default_region.filter(|_| !international).and_then(region);
    PhoneNumber::parse(input, region).map_err(|error| match error {
        ParseError::InvalidCountryCode if !international && region.is_none() => {
            RecipientError::NoRegion
        }
        ParseError::InvalidCountryCode => RecipientError::UnknownCountryCode,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => RecipientError::TooShort,
        ParseError::TooLongNsn
        | ParseError::NotANumber(NotANumberError::FailedToParseNumberAsInt(_)) => {
            RecipientError::TooLong
        }
        ParseError::NotANumber(_) => RecipientError::NotANumber,
    })
}

/// Kinds that cost the sender a premium or cannot hold a person's messages.
fn refused_kind(kind: PhoneNumberType) -> Option<&'static str> {
    match kind {
        PhoneNumberType::PremiumRate => Some("premium-rate"),
        PhoneNumberType::SharedCost => Some("shared-cost"),
        PhoneNumberType::Pager => Some("pager"),
        PhoneNumberType::VoiceMail => Some("voicemail"),
        PhoneNumberType::UAN => Some("company"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn e164(input: &str, region: Option<&str>) -> Result<String, RecipientError> {
        Phone::parse(input, region).map(|phone| phone.e164)
    }

    #[test]
    fn one_number_in_many_spellings() {
        for input in [
            "+4915112345678",
            "+49 151 1234-5678",
            "0049 151 12345678",
            "0151 12345678",
            "(0151) 123 456 78",
            "\u{ff0b}\u{ff14}\u{ff19}15112345678",
            "+\u{664}\u{669}15112345678",
        ] {
            assert_eq!(e164(input, Some("DE")).as_deref(), Ok("+4915112345678"), "{input}");
        }
    }

    #[test]
    fn a_number_in_e164_reads_as_what_people_write() {
        let mut dice = StdRng::seed_from_u64(1);
        let mut known = 0;
        for _ in 0..20_000 {
            let digits = dice.random_range(7..=13);
            let least = 10_u64.pow(digits);
            let number = format!("+{}", dice.random_range(least..10 * least));
            let direct = read_e164(&number).filter(|(_, kind)| refused_kind(*kind).is_none());
            if let Some((direct, _)) = direct {
                known += 1;
                assert_eq!(read(&number, None), Ok(direct), "{number}");
            }
        }
        assert!(known > 1_000, "{known}");
    }

    #[test]
    fn a_number_with_a_plus_reads_the_same_wherever_it_is_read() {
        for input in [
            "+4915",
            "+",
            "+49",
            "+1",
            "+0151 12345678",
            "+004915112345678",
            "+999123456789",
            "+44 20",
        ] {
            for region in ["DE", "US", "GB"] {
                assert_eq!(e164(input, Some(region)), e164(input, None), "{input} in {region}");
            }
        }
    }

    #[test]
    fn a_refusal_says_why() {
        use RecipientError as E;
        assert_eq!(e164("0151 12345678", None), Err(E::NoRegion));
        assert_eq!(e164("", None), Err(E::Empty));
        assert_eq!(e164("ann@example.org", Some("DE")), Err(E::Email));
        assert_eq!(e164("+999123456789", None), Err(E::UnknownCountryCode));
        assert_eq!(e164("+4915", None), Err(E::NotValid { region: Some("DE".into()) }));
        assert_eq!(e164("+1 555 000 1111", None), Err(E::NotValid { region: None }));
        assert_eq!(e164(&"1".repeat(30), Some("DE")), Err(E::TooLong));
        assert_eq!(e164("hello", Some("DE")), Err(E::NotANumber));
        assert_eq!(e164("1-800-FLOWERS", Some("US")), Err(E::NotANumber));
        assert_eq!(e164("+1 900 234 5678", None), Err(E::WrongKind("premium-rate")));
    }

    #[test]
    fn regions_are_those_with_a_numbering_plan() {
        assert!(["DE", "GB", "US", "XK"].into_iter().all(is_region));
        for text in ["", "D", "de", "De", "DEU", "UK", "XX", "ZZ", "001", "D1", "\u{c4}"] {
            assert!(!is_region(text), "{text}");
        }
    }

    #[test]
    fn each_region_has_its_calling_code() {
        let all = regions();
        assert!(all.len() > 200 && all.is_sorted(), "{}", all.len());
        for (name, code) in [("DE", 49), ("US", 1), ("CA", 1), ("SA", 966), ("XK", 383)] {
            assert!(all.contains(&(name.to_owned(), code)), "{name}");
        }
    }

    #[test]
    fn what_is_stored_reads_the_same() {
        for number in ["+4915112345678", "+12025550143", "+870773111632"] {
            let phone = Phone::parse_unchecked(number, None).expect("a number");
            assert!(Phone::from_stored(&phone.to_stored()) == Some(phone));
        }
        for broken in ["", "+49151", "49151;49;DE", "+49151;;DE", "+49151;1;DE"] {
            assert!(Phone::from_stored(broken).is_none(), "{broken}");
        }
    }
}
