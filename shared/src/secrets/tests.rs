//! Properties of codes, seals and handles.

use super::*;

fn keyring(kids: &[&str]) -> Keyring {
    let entry = |kid: &&str| format!("{kid}:{}", BASE64.encode([kid.as_bytes()[1]; 32]));
    let keys: Vec<_> = kids.iter().map(entry).collect();
    Keyring::parse(&keys, &keys).expect("entries are well formed")
}

fn input(seed: &[u8]) -> CodeInput<'_> {
    CodeInput {
        tenant_id: Uuid::nil(),
        purpose: "default",
        recipient_hash: b"hash",
        verification_id: Uuid::nil(),
        seed,
        generation: 1,
        length: 6,
    }
}

#[test]
fn a_code_depends_on_every_input_and_keeps_its_zeros() {
    let ring = keyring(&["k1"]);
    let code = |input: CodeInput<'_>| {
        ring.derive_code("k1", input).expect("k1 is there").as_str().to_owned()
    };
    let first = code(input(b"seed"));
    assert_eq!(first, code(input(b"seed")));
    assert_eq!(first.len(), 6);
    assert_ne!(first, code(CodeInput { generation: 2, ..input(b"seed") }));
    assert_ne!(first, code(CodeInput { purpose: "login", ..input(b"seed") }));
    assert_ne!(first, code(CodeInput { recipient_hash: b"other", ..input(b"seed") }));
    let starts_with_zero = (0_u32..200).any(|n| code(input(&n.to_be_bytes())).starts_with('0'));
    assert!(starts_with_zero, "one code in ten starts with a zero");
}

#[test]
fn digits_are_uniform() {
    let ring = keyring(&["k1"]);
    let mut counts = [[0_u32; 10]; 6];
    let codes = 100_000_u32;
    for n in 0..codes {
        let code = ring.derive_code("k1", input(&n.to_be_bytes())).expect("k1 is there");
        for (place, digit) in code.as_str().bytes().enumerate() {
            counts[place][usize::from(digit - b'0')] += 1;
        }
    }
    // Chi-square with 9 degrees of freedom: 33.7 is p = 1e-4.
    for place in counts {
        let expected = f64::from(codes) / 10.0;
        let chi: f64 = place.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        assert!(chi < 33.7, "chi-square {chi}");
    }
}

#[test]
fn a_seal_opens_only_in_its_place_and_with_its_key() {
    let old = keyring(&["k1"]);
    let sealed = old.seal("message.recipient", Uuid::nil(), b"+4915112345678").expect("seals");
    assert!(!sealed.windows(4).any(|w| w == b"1511"));
    let rotated = keyring(&["k2", "k1"]);
    let open = |field: &str, row, bytes: &[u8]| rotated.open("k1", field, row, bytes);
    assert_eq!(
        open("message.recipient", Uuid::nil(), &sealed).expect("opens").as_slice(),
        b"+4915112345678"
    );
    assert!(open("message.body", Uuid::nil(), &sealed).is_err());
    assert!(open("message.recipient", Uuid::max(), &sealed).is_err());
    let mut changed = sealed.clone();
    changed[30] ^= 1;
    assert!(open("message.recipient", Uuid::nil(), &changed).is_err());
    assert!(matches!(
        rotated.open("k9", "message.recipient", Uuid::nil(), &sealed),
        Err(SecretError::UnknownKey(_))
    ));
}

#[test]
fn a_handle_survives_its_text_form_and_nothing_else_does() {
    let handle = Handle::generate(Uuid::max());
    let again = Handle::parse(&handle.to_text()).expect("its own text");
    assert_eq!(again.id, Uuid::max());
    assert!(again.matches(&handle.hash()));
    assert!(Handle::parse("short").is_none());
    assert!(Handle::parse(&"!".repeat(64)).is_none());
}

#[test]
fn what_people_type_becomes_digits() {
    let read = |input: &str| Code::normalised(input).map(|code| code.as_str().to_owned());
    assert_eq!(read("12 34-56").as_deref(), Some("123456"));
    assert_eq!(read("\u{ff11}\u{ff12}\u{ff13}456").as_deref(), Some("123456"));
    assert_eq!(read("\u{661}\u{662}\u{663}456").as_deref(), Some("123456"));
    assert_eq!(read("12345a"), None);
    assert_eq!(read("  "), None);
    assert_eq!(read("1234567890123"), None);
}

#[test]
fn what_must_be_found_again_outlives_a_new_hash_key() {
    let (old, both, new) = (keyring(&["h1"]), keyring(&["h2", "h1"]), keyring(&["h2"]));
    let hash = |ring: &Keyring| ring.lasting_hash(&[b"key"]);
    assert_eq!(hash(&old), hash(&both));
    assert_ne!(hash(&old), hash(&new));
    let recipient = |ring: &Keyring| ring.recipient_hash(Uuid::nil(), "+4915112345678");
    assert_eq!(recipient(&both), recipient(&new));
    assert_ne!(recipient(&old), recipient(&both));
}
