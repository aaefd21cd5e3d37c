//! What anybody may send to the addresses where providers report, and bring what people write.

use otpost_shared::{
    config::ProviderSection,
    inbound,
    report::{self, Call, Certificate, Hearer, Report, Word},
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
    let authorization = format!("Bearer {signature}");
    let headers = [
        ("authorization", &*authorization),
        ("content-type", &*kind),
        ("messagebird-signature-jwt", &*signature),
        ("webhook-id", "msg_1"),
        ("webhook-signature", &*signature),
        ("webhook-timestamp", SECS),
        ("x-plivo-signature-v2", &*signature),
        ("x-plivo-signature-v2-nonce", "7"),
        ("x-sinch-webhook-signature", &*signature),
        ("x-sinch-webhook-signature-nonce", "7"),
        ("x-sinch-webhook-signature-timestamp", SECS),
        ("telnyx-signature-ed25519", &*signature),
        ("telnyx-timestamp", SECS),
        ("x-twilio-signature", &*signature),
        ("x-twilio-webhooks-signature-settings", settings),
        ("x-signature", &*signature),
        ("x-hub-signature-256", &*signature),
    ];
    let call = Call { url: &url, headers: &headers, body };
    for section in sections() {
        let hearer = Hearer::new(&section);
        for written in inbound::read(&hearer, &call, NOW).unwrap_or_default().written {
            assert!(!is_signing(&section), "{written:?}");
        }
        assert!(!matches!(hearer.handshake(&call), Some(Ok(_))), "nobody knows the token");
        let brought = hearer.hear(&call, NOW).unwrap_or_default();
        let is_empty = brought.reports.is_empty() && brought.written.is_empty();
        // Nobody knows the token, the secret, or the other half of the key.
        assert!(is_empty || (hearer.can_hear() && !is_signing(&section)), "{brought:?}");
        brought.reports.iter().for_each(is_whole);
    }
    from_a_topic(&call);
}

fn is_whole(heard: &Report) {
    assert_eq!(report::Reference::parse(&heard.of.to_text()), Some(heard.of), "{heard:?}");
    assert_eq!(heard.class.is_some(), heard.word == Word::Undelivered, "{heard:?}");
}

/// The body as a topic's message, as what stands in one, and as the certificate of one.
fn from_a_topic(call: &Call<'_>) {
    let keys = "kind = 'aws_sms'\ntopic_arn = 'arn:aws:sns:eu-west-1:123456789012:codes'";
    let section: ProviderSection = toml::from_str(keys).expect("a section");
    if let Some(Ok(message)) = Hearer::new(&section).of_topic(call, NOW) {
        let url = message.certificate_url();
        assert!(url.starts_with("https://sns.eu-west-1.amazonaws.com/Simple"), "{url}");
        let pem = include_bytes!("../../shared/src/report/sns_samples/certificate.pem");
        let certificate = Certificate::parse(pem).expect("a certificate");
        assert!(message.hear(&certificate, NOW).is_err(), "nobody signs here");
    }
    let text = String::from_utf8_lossy(call.body);
    if let Ok(brought) = report::aws_sms::read_notification(&text) {
        brought.reports.iter().for_each(is_whole);
    }
    let _ = Certificate::parse(call.body);
}

fn is_signing(section: &ProviderSection) -> bool {
    let signs_with = [
        "app_secret",
        "auth_token",
        "public_key",
        "signature_secret",
        "signing_key",
        "signing_secret",
    ];
    let mut sections = ["report", "inbound"].iter().filter_map(|name| section.keys.get(*name));
    let of_gateway = sections.any(|keys| keys.get("secret").is_some());
    of_gateway || signs_with.iter().any(|key| section.keys.contains_key(*key))
}

fn sections() -> [ProviderSection; 19] {
    [
        "kind = 'bird'\nsigning_secret = 'whsec_YSBzZWNyZXQgdGhhdCBub2JvZHkga25vd3M='",
        "kind = 'infobip'",
        "kind = 'messagebird'\nsigning_key = 'a key that nobody knows'",
        "kind = 'plivo'\nauth_token = 'a token that nobody knows'",
        "kind = 'sinch'",
        "kind = 'sinch'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'telnyx'\npublic_key = 'TqtRzDsTXOYGQR8wzDrwty8Fsl+B4fZusGVpDVL36uE='",
        "kind = 'twilio'\nauth_token = 'a token that nobody knows'\nshared_key_secret = 'nor this'",
        "kind = 'twilio_voice'\nauth_token = 'a token that nobody knows'",
        "kind = 'whatsapp_cloud'\nphone_number_id = '7'\napp_secret = 'a secret that nobody knows'",
        "kind = 'vonage'",
        "kind = 'vonage'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'vonage_messages'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'http'",
        "kind = 'http'\n[report]\nstatus = '/status'\nsent = ['1']\ndelivered = ['delivered']\n\
            undelivered = ['rejected']\ncode = '/err-code'\nerrors = { 54 = 'sender' }",
        "kind = 'http'\n[report]\nstatus = 'status'\ndelivered = ['delivered']\n\
            undelivered = ['failed']\ncode = 'err-code'\nreference = 'ref'",
        "kind = 'http'\n[report]\nstatus = 'status'\ndelivered = ['delivered']\n\
            signature = { header = 'X-Signature', secret = 'a secret that nobody knows' }",
        "kind = 'http'\n[inbound]\nfrom = '/msisdn'\ntext = 'text'",
        "kind = 'http'\n[inbound]\nfrom = 'msisdn'\ntext = '/text'\n\
            signature = { header = 'X-Signature', secret = 'a secret that nobody knows' }",
    ]
    .map(|text| toml::from_str(text).expect("a section"))
}
