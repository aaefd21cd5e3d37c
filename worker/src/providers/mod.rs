//! The gateways this service can send through, one file each, and the table of their names.
//!
//! A new provider is a file here, a line in [`KINDS`], an arm in [`build`], and an entry in the table of
//! `shared/src/report/kind.rs`, which says how it reports.

mod aws;
mod aws_sms;
mod bird;
mod console;
mod error_table;
mod http;
mod http_call;
mod http_status;
mod infobip;
mod late;
mod messagebird;
mod net;
mod plivo;
mod refusal;
mod refused_field;
#[cfg(test)]
mod samples;
mod sandbox;
mod sender;
mod sinch;
pub mod smpp;
mod smtp;
mod sns;
mod spelling;
mod telnyx;
#[cfg(test)]
mod test_server;
mod twilio;
mod twilio_account;
mod twilio_voice;
mod twiml;
mod vonage;
mod vonage_messages;
mod whatsapp_cloud;
mod xml_texts;

use std::sync::Arc;

use otpost_shared::{
    config::{ConfigError, ProviderSection, section},
    outcome::ErrorClass,
};

pub use self::net::Net;
use self::{
    aws_sms::AwsSms, bird::Bird, console::Console, http::HttpGateway, infobip::Infobip,
    messagebird::MessageBird, plivo::Plivo, sandbox::Sandbox, sinch::Sinch, smtp::Smtp, sns::Sns,
    spelling::unknown_word, telnyx::Telnyx, twilio::Twilio, twilio_voice::TwilioVoice,
    vonage::Vonage, vonage_messages::VonageMessages, whatsapp_cloud::WhatsappCloud,
};
use crate::provider::Provider;

/// What may stand in a provider section's `kind`.
pub const KINDS: [&str; 18] = [
    "aws_sms",
    "bird",
    "console",
    "http",
    "infobip",
    "messagebird",
    "plivo",
    "sandbox",
    "sinch",
    "smpp",
    "smtp",
    "sns",
    "telnyx",
    "twilio",
    "twilio_voice",
    "vonage",
    "vonage_messages",
    "whatsapp_cloud",
];

/// Makes the provider of one configuration section, and sees to it that it can send in the names that
/// the section has for single countries.
///
/// # Errors
/// As [`build`]; or a sender is none for this kind.
pub fn of_section(
    name: &str,
    section: &ProviderSection,
    net: &Net,
) -> Result<Arc<dyn Provider>, ConfigError> {
    let provider = build(name, &section.kind, &section.keys, net)?;
    for (country, sender) in section.senders.by_country() {
        let checked = provider.check_sender(sender);
        checked.map_err(|said| mistake(name, &format!("senders.{country}"), said))?;
    }
    Ok(provider)
}

/// Makes a provider of this kind from the keys that are its own.
///
/// # Errors
/// The kind is not one of [`KINDS`], or a key is missing, unknown or out of its range.
pub fn build(
    name: &str,
    kind: &str,
    keys: &toml::Table,
    net: &Net,
) -> Result<Arc<dyn Provider>, ConfigError> {
    check_secrets(name, keys)?;
    let provider: Arc<dyn Provider> = match kind {
        "aws_sms" => Arc::new(AwsSms::new(name, section(name, keys)?, net)?),
        "bird" => Arc::new(Bird::new(name, section(name, keys)?, net)?),
        "console" => Arc::new(Console::new(&section(name, keys)?, net)),
        "http" => Arc::new(HttpGateway::new(name, section(name, keys)?, net)?),
        "infobip" => Arc::new(Infobip::new(name, section(name, keys)?, net)?),
        "messagebird" => Arc::new(MessageBird::new(name, section(name, keys)?, net)?),
        "plivo" => Arc::new(Plivo::new(name, section(name, keys)?, net)?),
        "sandbox" => Arc::new(Sandbox::new(name, &section(name, keys)?)?),
        "sinch" => Arc::new(Sinch::new(name, section(name, keys)?, net)?),
        #[cfg(feature = "smpp")]
        "smpp" => Arc::new(smpp::Smpp::new(name, &section(name, keys)?, net)?),
        #[cfg(not(feature = "smpp"))]
        "smpp" => {
            let way_out = "this otpost was built without SMPP; build it with \
                           `cargo build --release -p otpost --features smpp`";
            return Err(mistake(name, "kind", way_out));
        }
        "smtp" => Arc::new(Smtp::new(name, &section(name, keys)?, net)?),
        "sns" => Arc::new(Sns::new(name, section(name, keys)?, net)?),
        "telnyx" => Arc::new(Telnyx::new(name, section(name, keys)?, net)?),
        "twilio" => Arc::new(Twilio::new(name, section(name, keys)?, net)?),
        "twilio_voice" => Arc::new(TwilioVoice::new(name, section(name, keys)?, net)?),
        "vonage" => Arc::new(Vonage::new(name, section(name, keys)?, net)?),
        "vonage_messages" => Arc::new(VonageMessages::new(name, section(name, keys)?, net)?),
        "whatsapp_cloud" => Arc::new(WhatsappCloud::new(name, section(name, keys)?, net)?),
        _ => {
            return Err(mistake(name, "kind", unknown_word("provider kind", kind, &KINDS)));
        }
    };
    Ok(provider)
}

/// A secret whose variable was never set is an empty one, and the gateway's words for that help nobody.
fn check_secrets(name: &str, keys: &toml::Table) -> Result<(), ConfigError> {
    let is_secret =
        |key: &str| ["_key", "_token", "_secret", "password"].iter().any(|end| key.ends_with(end));
    let empty = keys.iter().find(|(key, value)| is_secret(key) && value.as_str() == Some(""));
    empty.map_or(Ok(()), |(key, _)| Err(mistake(name, key, "must not be empty")))
}

/// A configuration error that names its key.
fn mistake(name: &str, key: &str, message: impl Into<String>) -> ConfigError {
    ConfigError::new(format!("providers.{name}.{key}"), message)
}

/// Reads the name of an error class out of a configuration.
fn parse_class(name: &str, key: &str, word: &str) -> Result<ErrorClass, ConfigError> {
    word.parse().map_err(|_| {
        let known = ErrorClass::ALL.map(ErrorClass::as_str);
        mistake(name, key, unknown_word("error class", word, &known))
    })
}

#[cfg(test)]
mod tests {
    use otpost_shared::{
        channel::Channel,
        config::{self, ProviderSection},
        report::is_known_kind,
    };

    use super::{KINDS, Net, build, of_section};

    fn keys(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    /// What a section of this kind needs.
    fn keys_of(kind: &str) -> toml::Table {
        keys(match kind {
            "aws_sms" | "sns" => {
                "region = 'eu-west-1'\naccess_key_id = 'k'\nsecret_access_key = 's'"
            }
            "bird" => "api_key = 'bk_eu1_k'\nfrom = 'Otpost'",
            "http" => {
                "url = 'http://localhost/'\nfrom = 'Otpost'\n\
                 body = '{\"to\":\"{to}\",\"m\":\"{text}\",\"from\":\"{from}\"}'"
            }
            "infobip" => "base_url = 'http://localhost'\napi_key = 'k'\nfrom = 'Otpost'",
            "messagebird" => "access_key = 'k'\noriginator = 'Otpost'",
            "plivo" => "auth_id = 'MA1'\nauth_token = 't'\nsrc = '15550100'",
            "smpp" => "url = 'smpp://localhost'\nsystem_id = 'o'\npassword = 'p'",
            "smtp" => "host = 'localhost'\nfrom = 'codes@example.org'",
            "sinch" => "service_plan_id = 'p'\napi_token = 't'",
            "telnyx" => "api_key = 'k'\nfrom = '+15550100'",
            "twilio" | "twilio_voice" => {
                "account_sid = 'AC1'\nauth_token = 't'\nfrom = '+15550100'"
            }
            "whatsapp_cloud" => {
                "phone_number_id = '1'\naccess_token = 't'\ntemplate = 'code'\nlanguage = 'en'"
            }
            "vonage" | "vonage_messages" => "api_key = 'k'\napi_secret = 's'\nfrom = 'Otpost'",
            _ => "",
        })
    }

    #[test]
    fn every_kind_is_built() {
        for kind in KINDS {
            let built = build("sms", kind, &keys_of(kind), &Net::default());
            let is_built_in = kind != "smpp" || cfg!(feature = "smpp");
            assert_eq!(built.is_ok(), is_built_in, "{kind}: {:?}", built.err());
        }
    }

    #[test]
    fn kinds_that_send_in_no_name_refuse_senders() {
        for kind in KINDS {
            let Ok(built) = build("sms", kind, &keys_of(kind), &Net::default()) else { continue };
            let has_sender = !matches!(kind, "console" | "sandbox" | "smtp");
            // Meta's is the id of a number.
            let sender = if kind == "whatsapp_cloud" { "105954558954428" } else { "+12025550123" };
            assert_eq!(built.check_sender(sender).is_ok(), has_sender, "{kind}");
            assert!(built.check_sender("").is_err(), "{kind}");
        }
    }

    #[test]
    fn a_sender_that_cannot_be_is_named_with_its_country() {
        for (keys, said) in [
            ("kind = 'console'", "providers.sms.senders.GB: this kind has no sender"),
            (
                "kind = 'telnyx'\napi_key = 'k'\nfrom = '+15550100'",
                "providers.sms.senders.GB: must be a number",
            ),
        ] {
            let section = format!("{keys}\nsenders = {{ GB = 'Otpost', US = '+12025550123' }}");
            let section: ProviderSection = toml::from_str(&section).unwrap();
            let sentence = of_section("sms", &section, &Net::default()).err().unwrap().to_string();
            assert!(sentence.starts_with(said), "{sentence}");
        }
        let good = "kind = 'vonage'\napi_key = 'k'\napi_secret = 's'\nfrom = 'Otpost'\n\
                    senders = { US = '12025550123' }";
        let section: ProviderSection = toml::from_str(good).unwrap();
        assert!(of_section("sms", &section, &Net::default()).is_ok());
    }

    #[test]
    fn every_kind_is_known_where_reports_are_heard() {
        for kind in KINDS {
            assert!(is_known_kind(kind), "{kind} has no entry in shared/src/report/kind.rs");
        }
    }

    #[cfg(not(feature = "smpp"))]
    #[test]
    fn without_smpp_its_error_says_how_to_get_it() {
        let sentence = build("sms", "smpp", &keys(""), &Net::default()).err().unwrap().to_string();
        assert!(sentence.contains("providers.sms.kind"), "{sentence}");
        assert!(sentence.contains("--features smpp"), "{sentence}");
    }

    #[test]
    fn an_unknown_kind_names_the_nearest() {
        let built = build("sms", "twillio", &keys(""), &Net::default());
        let sentence = built.err().unwrap().to_string();
        assert!(sentence.contains("\"twillio\""), "{sentence}");
        assert!(sentence.contains("did you mean \"twilio\"?"), "{sentence}");
        assert!(sentence.contains(&KINDS.join(", ")), "{sentence}");
    }

    #[test]
    fn an_empty_secret_is_named() {
        let keys = keys("account_sid = 'AC1'\nauth_token = ''\nfrom = '+15550100'");
        let sentence = build("sms", "twilio", &keys, &Net::default()).err().unwrap().to_string();
        assert!(sentence.contains("providers.sms.auth_token"), "{sentence}");
    }

    #[test]
    fn kinds_that_serve_a_channel_are_kinds() {
        let serve = |channel| -> Vec<&str> {
            KINDS.into_iter().filter(|kind| config::serves(kind, channel)).collect()
        };
        assert_eq!(serve(Channel::Email), ["console", "http", "sandbox", "smtp"]);
        assert_eq!(serve(Channel::Voice), ["console", "http", "sandbox", "twilio_voice"]);
        let whatsapp = ["console", "http", "sandbox", "whatsapp_cloud"];
        assert_eq!(serve(Channel::Whatsapp), whatsapp);
        assert_eq!(
            serve(Channel::Sms).len(),
            KINDS.len() - 3,
            "all but those of one other channel"
        );
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        for kind in KINDS {
            assert!(build("sms", kind, &keys("colour = 1"), &Net::default()).is_err(), "{kind}");
        }
    }
}
