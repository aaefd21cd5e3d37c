//! The header that may stand before the octets of a text, and joins the parts of a long one.
//!
//! Source: 3GPP TS 23.040, 9.2.3.24 and its 9.2.3.24.1 and 9.2.3.24.8 for parts.

/// A part of a long text, with an 8-bit or a 16-bit reference.
const CONCATENATED: u8 = 0x00;
const CONCATENATED_16: u8 = 0x08;

/// The header of one part of several.
#[must_use]
pub fn of_part(reference: u8, total: u8, sequence: u8) -> [u8; 6] {
    [5, CONCATENATED, 3, reference, total, sequence]
}

/// What stands before a text, and the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// Of how many parts it is one; 1 without such a header.
    pub total: u8,
    pub text: &'a [u8],
}

/// None when the octets do not hold the header that they announce.
#[must_use]
pub fn split(octets: &[u8]) -> Option<Split<'_>> {
    let (length, rest) = octets.split_first()?;
    let (mut header, text) = rest.split_at_checked(usize::from(*length))?;
    let mut total = 1;
    while let [kind, length, rest @ ..] = header {
        let (element, after) = rest.split_at_checked(usize::from(*length))?;
        match (*kind, element) {
            (CONCATENATED, [_, parts, _]) | (CONCATENATED_16, [_, _, parts, _]) => {
                total = (*parts).max(1);
            }
            _ => {}
        }
        header = after;
    }
    Some(Split { total, text })
}

#[cfg(test)]
mod tests {
    use super::{Split, of_part, split};

    #[test]
    fn a_part_is_known_by_its_header() {
        let octets = [&of_part(7, 3, 2)[..], b"abc"].concat();
        assert_eq!(split(&octets), Some(Split { total: 3, text: b"abc" }));
        let wide = [&[6, 8, 4, 1, 2, 5, 1][..], b"x"].concat();
        assert_eq!(split(&wide), Some(Split { total: 5, text: b"x" }));
        // Ports first, then parts.
        let both = [&[11, 5, 4, 0, 1, 0, 2, 0, 3, 9, 2, 1][..], b"y"].concat();
        assert_eq!(split(&both), Some(Split { total: 2, text: b"y" }));
        assert_eq!(split(&[0, b'z']), Some(Split { total: 1, text: b"z" }));
        assert_eq!(split(&[1, 9, b'z']), Some(Split { total: 1, text: b"z" }));
    }

    #[test]
    fn what_is_too_short_has_no_header() {
        for octets in [&[][..], &[5], &[5, 0, 3, 1, 2], &[3, 0, 9, 1], &[2, 0, 1]] {
            assert_eq!(split(octets), None, "{octets:?}");
        }
    }
}
