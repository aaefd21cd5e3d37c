//! One id in several spellings. Gateways answer with `0A1B` and report on `a1b`, or on 2587, which is the
//! same number in decimal.

/// Longer ones are no numbers; nobody's ids are (SMPP 3.4, 5.2.23: 64 characters).
const LONGEST: usize = 64;

/// As ids are kept and compared: in small letters, without zeros in front. None when it cannot be one.
pub(super) fn normal(id: &str) -> Option<String> {
    let id = id.trim();
    let is_id = (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    is_id.then(|| {
        let bare = id.trim_start_matches('0');
        if bare.is_empty() { "0".to_owned() } else { bare.to_ascii_lowercase() }
    })
}

/// What else the other side may call it: read as decimal and written as hexadecimal, and the other way.
pub(super) fn others(id: &str) -> Vec<String> {
    let decimal = id.parse::<u128>().ok().map(|number| format!("{number:x}"));
    let hexadecimal = u128::from_str_radix(id, 16).ok().map(|number| number.to_string());
    let is_digits = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let all = decimal.into_iter().chain(hexadecimal);
    all.filter(|other| is_digits && other != id).collect()
}

pub(super) fn is_decimal(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{normal, others};

    #[test]
    fn one_form_of_each_id() {
        for (id, kept) in
            [("0A1B", "a1b"), (" 12345 ", "12345"), ("0000", "0"), ("b0a8-00F1", "b0a8-00f1")]
        {
            assert_eq!(normal(id).as_deref(), Some(kept), "{id}");
        }
        for wrong in ["", "  ", "a b", "a\0", "é", &"1".repeat(65)] {
            assert_eq!(normal(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_other_numeral() {
        assert_eq!(others("a1b"), ["2587"]);
        assert_eq!(others("2587"), ["a1b", "9607"]);
        assert_eq!(others("7"), [""; 0]);
        assert_eq!(others("+7"), [""; 0]);
        assert_eq!(others("b0a8-00f1"), [""; 0]);
        assert_eq!(others(&"f".repeat(33)), [""; 0]);
        for id in ["1f", "10", "99999999999999999999", "deadbeefdeadbeef"] {
            for other in others(id) {
                assert!(others(&other).contains(&id.to_owned()), "{id} {other}");
            }
        }
    }
}
