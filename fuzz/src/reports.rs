//! What anybody may send to the addresses where providers report, and bring what people write.

use otpost_shared::{
    config::ProviderSection,
    inbound,
    report::{self, Call, Word},
};

use super::first_line;

const NOW: i64 = 1_700_000_000_000;
const SECS: &str = "1700000000";

/// First line: what follows the address. Second: the content type, or what it was signed with. Third:
/// a signature. Rest: the body.
pub fn report(data: &[u8]) {
    let (query, rest) = first_line(data);
    let (kind, rest) = first_line(rest);
    let (signature, body) = first_line(rest);
    let query = String::from_utf8_lossy(query);
    let (kind, signature) = (String::from_utf8_lossy(kind), String::from_utf8_lossy(signature));
    let settings = if kind.contains("algorithm") { &*kind } else { "" };
    let url = format!("https://codes.example/v1/inbound/sms/reports{query}");
    let headers = [
        ("content-type", &*kind),
        ("x-plivo-signature-v2", &*signature),
        ("x-plivo-signature-v2-nonce", "7"),
        ("x-sinch-webhook-signature", &*signature),
        ("x-sinch-webhook-signature-nonce", "7"),
        ("x-sinch-webhook-signature-timestamp", SECS),
        ("telnyx-signature-ed25519", &*signature),
        ("telnyx-timestamp", SECS),
        ("x-twilio-signature", &*signature),
        ("x-twilio-webhooks-signature-settings", settings),
    ];
    let call = Call { url: &url, headers: &headers, body };
    for section in sections() {
        if let Ok(Some(written)) = inbound::read(&section, &call, NOW) {
            assert!(!is_signing(&section), "{written:?}");
        }
        let Ok(Some(heard)) = report::hear(&section, &call, NOW) else { continue };
        assert_eq!(report::Reference::parse(&heard.of.to_text()), Some(heard.of), "{heard:?}");
        assert_eq!(heard.class.is_some(), heard.word == Word::Undelivered, "{heard:?}");
        // Nobody knows the token, the secret, or the other half of the key.
        assert!(report::can_hear(&section) && !is_signing(&section), "{heard:?}");
    }
}

fn is_signing(section: &ProviderSection) -> bool {
    let signs_with = ["auth_token", "public_key", "signature_secret"];
    signs_with.iter().any(|key| section.keys.contains_key(*key))
}

fn sections() -> [ProviderSection; 8] {
    [
        "kind = 'plivo'\nauth_token = 'a token that nobody knows'",
        "kind = 'sinch'",
        "kind = 'sinch'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'telnyx'\npublic_key = 'TqtRzDsTXOYGQR8wzDrwty8Fsl+B4fZusGVpDVL36uE='",
        "kind = 'twilio'\nauth_token = 'a token that nobody knows'\nshared_key_secret = 'nor this'",
        "kind = 'vonage'",
        "kind = 'vonage'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'http'",
    ]
    .map(|text| toml::from_str(text).expect("a section"))
}
