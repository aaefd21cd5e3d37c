//! What anybody may send to the address where providers report.

use otpost_shared::{
    config::ProviderSection,
    report::{self, Call, Certificate, Report, Word},
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
    let headers = [
        ("content-type", &*kind),
        ("x-twilio-signature", &*signature),
        ("x-signature", &*signature),
    ];
    let call = Call { url: &url, headers: &headers, body };
    for section in sections() {
        let Ok(Some(heard)) = report::hear(&section, &call, NOW) else { continue };
        is_whole(&heard);
        // Nobody knows the token, or the secret.
        assert!(report::can_hear(&section) && !is_signing(&section), "{heard:?}");
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
    if let Some(Ok(message)) = report::of_topic(&section, call, NOW) {
        let url = message.certificate_url();
        assert!(url.starts_with("https://sns.eu-west-1.amazonaws.com/Simple"), "{url}");
        let pem = include_bytes!("../../shared/src/report/sns_samples/certificate.pem");
        let certificate = Certificate::parse(pem).expect("a certificate");
        assert!(message.hear(&certificate, NOW).is_err(), "nobody signs here");
    }
    if let Ok(Some(heard)) = report::aws_sms::read_event(&String::from_utf8_lossy(call.body)) {
        is_whole(&heard);
    }
    let _ = Certificate::parse(call.body);
}

fn is_signing(section: &ProviderSection) -> bool {
    let of_gateway = section.keys.get("report").is_some_and(|keys| keys.get("secret").is_some());
    ["auth_token", "signature_secret"].iter().any(|key| section.keys.contains_key(*key))
        || of_gateway
}

fn sections() -> [ProviderSection; 7] {
    [
        "kind = 'twilio'\nauth_token = 'a token that nobody knows'",
        "kind = 'vonage'",
        "kind = 'vonage'\nsignature_secret = 'a secret that nobody knows'",
        "kind = 'http'",
        "kind = 'http'\n[report]\nstatus = '/status'\nsent = ['1']\ndelivered = ['delivered']\n\
            undelivered = ['rejected']\ncode = '/err-code'\nerrors = { 54 = 'sender' }",
        "kind = 'http'\n[report]\nstatus = 'status'\ndelivered = ['delivered']\n\
            undelivered = ['failed']\ncode = 'err-code'\nreference = 'ref'",
        "kind = 'http'\n[report]\nstatus = 'status'\ndelivered = ['delivered']\n\
            signature_header = 'X-Signature'\nsecret = 'a secret that nobody knows'",
    ]
    .map(|text| toml::from_str(text).expect("a section"))
}
