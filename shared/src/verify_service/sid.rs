//! How ids are written where others expect those of Twilio: two letters and 32 hexadecimal digits.

use uuid::Uuid;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sid {
    Account,
    ApiKey,
    Service,
    Verification,
    /// A message that carried a code.
    Sending,
    RateLimit,
    Bucket,
}

impl Sid {
    fn letters(self) -> &'static str {
        match self {
            Self::Account => "AC",
            Self::ApiKey => "SK",
            Self::Service => "VA",
            Self::Verification => "VE",
            Self::Sending => "VL",
            Self::RateLimit => "RK",
            Self::Bucket => "BL",
        }
    }

    #[must_use]
    pub fn write(self, id: Uuid) -> String {
        format!("{}{}", self.letters(), id.simple())
    }

    /// None when the text names something else, or nothing.
    #[must_use]
    pub fn read(self, text: &str) -> Option<Uuid> {
        let digits = text.strip_prefix(self.letters())?;
        // Uuids have other spellings, which no id of this kind has.
        let is_plain = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_plain { Uuid::try_parse(digits).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_is_read() {
        let id = Uuid::from_u128(0x0192_3456_789a_7bcd_8ef0_1234_5678_9abc);
        let text = Sid::Service.write(id);
        assert_eq!(text, "VA01923456789a7bcd8ef0123456789abc");
        assert_eq!(Sid::Service.read(&text), Some(id));
        assert_eq!(Sid::Service.read(&text.to_uppercase()), Some(id));
        assert_eq!(Sid::Verification.read(&text), None);
        for wrong in ["", "VA", "VA0192", "va0192", &format!("VA{id}"), &format!("{text}0")] {
            assert_eq!(Sid::Service.read(wrong), None, "{wrong}");
        }
    }
}
