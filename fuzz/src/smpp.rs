//! What an SMSC may bring over a session.

use otpost_shared::report::Word;
use otpost_worker::providers::smpp::{
    alphabet::Alphabet,
    deliver::{self, Delivered},
    udh,
};

/// First octet: the SMSC's default alphabet, GSM if it is even. Rest: the body of a `deliver_sm`.
pub fn delivery(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let alphabet = if first % 2 == 0 { Alphabet::Gsm7 } else { Alphabet::Latin1 };
    match deliver::read(body, alphabet) {
        Ok(Delivered::Receipt(receipt)) => {
            assert!(!receipt.id.is_empty() && receipt.id.len() <= 2 * body.len(), "{receipt:?}");
            let is_lost = receipt.word == Some(Word::Undelivered);
            assert!(is_lost || receipt.code.is_none(), "{receipt:?}");
            for number in [&receipt.to, &receipt.from] {
                assert!(number.bytes().all(|byte| byte.is_ascii_graphic()), "{receipt:?}");
            }
        }
        Ok(Delivered::Text(text)) => {
            assert!(text.text.chars().count() <= body.len());
            assert!(text.from.is_none_or(|from| from.len() <= 256));
        }
        Ok(Delivered::Other) | Err(deliver::Malformed) => {}
    }
    header(body);
}

fn header(octets: &[u8]) {
    let Some(split) = udh::split(octets) else { return };
    assert!(split.total >= 1 && octets.ends_with(split.text));
    assert_eq!(octets.len(), 1 + usize::from(octets[0]) + split.text.len());
    // Another one before it is another one.
    let part = [&udh::of_part(7, 3, 2)[..], octets].concat();
    assert_eq!(udh::split(&part), Some(udh::Split { total: 3, text: octets }));
}
