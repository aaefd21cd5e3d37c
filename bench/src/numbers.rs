//! Phone numbers that a libphonenumber accepts, every one different.

/// Geographic area codes of the United States, old enough to be in every metadata version.
const AREAS: [u16; 64] = [
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 225, 228,
    229, 231, 234, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302,
    303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325,
    330, 334, 336, 337, 347, 352, 360,
];
/// 200 to 999 without N11 and without 555, which is for films.
const EXCHANGES: u64 = 791;
const LINES: u64 = 10_000;
const ALL: u64 = 64 * EXCHANGES * LINES;
/// Prime and no divisor of [`ALL`], so that stepping by it meets every number once.
const STEP: u64 = 398_764_591;

/// Mobile numbers of 64 countries, each to be completed by five digits of any value.
const COUNTRIES: [&str; 64] = [
    "+4474001",
    "+49151234",
    "+336123",
    "+3931234",
    "+346123",
    "+316123",
    "+324500",
    "+417812",
    "+436641",
    "+485123",
    "+467012",
    "+47406",
    "+45344",
    "+3584123",
    "+3519123",
    "+3069123",
    "+4206011",
    "+362012",
    "+407120",
    "+359430",
    "+3538501",
    "+150623",
    "+5222212",
    "+55119612",
    "+54911234",
    "+562212",
    "+5732112",
    "+519123",
    "+5841212",
    "+5939912",
    "+614123",
    "+642112",
    "+8190123",
    "+8210200",
    "+86131234",
    "+9181234",
    "+9230123",
    "+88018123",
    "+947123",
    "+628123",
    "+601234",
    "+65812",
    "+6390512",
    "+668123",
    "+849123",
    "+9050123",
    "+9725023",
    "+9665123",
    "+9715012",
    "+2010012",
    "+277112",
    "+23480212",
    "+2547121",
    "+2332312",
    "+2126501",
    "+216201",
    "+2135512",
    "+3805012",
    "+777100",
    "+791234",
    "+852512",
    "+8869123",
    "+3859212",
    "+3816012",
];

/// Unique numbers in an order that looks random and that a seed decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    start: u64,
}

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        let start = Dice::new(seed).next() % ALL;
        Self { start }
    }

    /// The number of place `index`; 506 million places until the first returns.
    pub(crate) fn american(self, index: u64) -> String {
        let place = (self.start + (index % ALL) * STEP) % ALL;
        let area = AREAS[usize::try_from(place % 64).unwrap_or(0)];
        let exchange = nth_exchange(place / 64 % EXCHANGES);
        let line = place / 64 / EXCHANGES;
        format!("+1{area}{exchange}{line:04}")
    }

    /// Round the world, one country after the other; 6.4 million places.
    pub(crate) fn worldwide(self, index: u64) -> String {
        let country = usize::try_from(index % 64).unwrap_or(0);
        let line = (self.start + index / 64 * 7_919) % 100_000;
        format!("{}{line:05}", COUNTRIES[country])
    }
}

/// Skips 211, 311, … 911 and 555.
fn nth_exchange(nth: u64) -> u64 {
    let mut exchange = 200 + nth;
    for skipped in [211, 311, 411, 511, 555, 611, 711, 811, 911] {
        if exchange >= skipped {
            exchange += 1;
        }
    }
    exchange
}

/// Reproducible chance: `SplitMix64` (Steele, Lea, Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which must not be 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn exchanges_are_all_different_and_none_is_reserved() {
        let all: HashSet<u64> = (0..EXCHANGES).map(nth_exchange).collect();
        assert_eq!(all.len(), 791);
        assert!(all.iter().all(|exchange| exchange % 100 != 11 && *exchange != 555));
        assert!(all.iter().all(|exchange| (200..=999).contains(exchange)));
    }

    #[test]
    fn numbers_do_not_repeat() {
        let numbers = Numbers::new(7);
        let american: HashSet<String> = (0..200_000).map(|i| numbers.american(i)).collect();
        assert_eq!(american.len(), 200_000);
        assert!(american.iter().all(|number| number.len() == 12));
        let worldwide: HashSet<String> = (0..200_000).map(|i| numbers.worldwide(i)).collect();
        assert_eq!(worldwide.len(), 200_000);
    }
}
