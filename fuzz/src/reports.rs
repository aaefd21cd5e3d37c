//! What anybody may send to the address where providers report.

use otpost_shared::{
    config::ProviderSection,
    report::{self, Call, Word},
};

use super::first_line;

const NOW: i64 = 1_700_000_000_000;

/// First line: what follows the address. Second: the content type. Third: a signature. Rest: the body.
pub fn report(data: &[u8]) {
    let (query, rest) = first_line(data);
    let (kind, rest) = first_line(rest);
    let (signature, body) = first_line(rest);
    let query = String::from_utf8_lossy(query);
    let (kind, signature) = (String::from_utf8_lossy(kind), String::from_utf8_lossy(signature));
    let url = format!("https://codes.example/v1/inbound/sms/reports{query}");
    let authorization = format!("Bearer {signature}");
    let headers = [
        ("authorization", &*authorization),
        ("content-type", &*kind),
        ("messagebird-signature-jwt", &*signature),
        ("webhook-id", "msg_1"),
        ("webhook-signature", &*signature),
        ("webhook-timestamp", "1700000000"),
        ("x-twilio-signature", &*signature),
    ];
    let call = Call { url: &url, headers: &headers, body };
    for section in sections() {
        for heard in report::hear(&section, &call, NOW).unwrap_or_default() {
            assert_eq!(report::Reference::parse(&heard.of.to_text()), Some(heard.of), "{heard:?}");
            assert_eq!(heard.class.is_some(), heard.word == Word::Undelivered, "{heard:?}");
            // Nobody knows the token, or the secret.
            assert!(report::can_hear(&section) && !is_signing(&section), "{heard:?}");
        }
    }
}

fn is_signing(section: &ProviderSection) -> bool {
    let secrets = ["auth_token", "signature_secret", "signing_key", "signing_secret"];
    secrets.iter().any(|name| section.keys.contains_key(*name))
}

fn sections() -> [ProviderSection; 8] {
    [
        "kind = 'bird'\nsigning_secret = 'whsec_YSBzZWNyZXQgdGhhdCBub2JvZHkga25vd3M='",
        "kind = 'infobip'",
        "kind = 'messagebird'\nsigning_key = 'a key that nobody knows'",
        "kind = 'twilio'\nauth_token = 'a token that nobody knows'",
        "kind = 'vonage'",
        "kind = 'vonage'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'vonage_messages'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'http'",
    ]
    .map(|text| toml::from_str(text).expect("a section"))
}
