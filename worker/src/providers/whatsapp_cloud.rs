//! `whatsapp_cloud`: Meta's WhatsApp Cloud API, `/{phone number}/messages`: a code in an authentication
//! template, whose words Meta has written and approved.

use futures_util::future::BoxFuture;
use otpost_shared::{
    config::{ByCountry, ConfigError, SecretText},
    outcome::{ErrorClass::Content, class_of_code},
    report::whatsapp_cloud::{CALLBACK_KEY, ERRORS},
};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Net,
    http_call::{Answer, call, call_check},
    http_status::class_of_status,
    mistake,
    net::endpoint,
    refusal::Refusal,
};
use crate::provider::{Blame, Outcome, Outgoing, Provider};

/// Messages to one person: the others do not wait for that.
const TOO_MANY_TO_ONE: u32 = 131_056;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhatsappCloudConfig {
    /// The id of the number that sends, as the app's dashboard shows it; not the number itself. For single
    /// countries there may be others, in `senders`.
    phone_number_id: String,
    /// A token of a system user with `whatsapp_business_messaging`.
    access_token: SecretText,
    /// The name of an approved template of the category authentication.
    template: String,
    /// The language of the template, in Meta's spelling: `en_US`.
    language: String,
    /// The languages for numbers of single countries.
    #[serde(default)]
    languages: ByCountry,
    /// With which Meta signs what it calls the app's webhook with; the API checks it.
    app_secret: Option<SecretText>,
    /// What Meta must know before an address is taken for the app's webhook.
    verify_token: Option<SecretText>,
    /// The version of the Graph API.
    #[serde(default = "default_api_version")]
    api_version: String,
    /// For a test server.
    #[serde(default = "default_base_url")]
    base_url: String,
}

fn default_api_version() -> String {
    "v25.0".to_owned()
}

fn default_base_url() -> String {
    "https://graph.facebook.com".to_owned()
}

pub(super) struct WhatsappCloud {
    client: Client,
    /// With the version, to which a number's id is added.
    graph: Url,
    phone_number_id: String,
    access_token: SecretText,
    template: String,
    language: String,
    languages: ByCountry,
}

impl WhatsappCloud {
    pub(super) fn new(
        name: &str,
        config: WhatsappCloudConfig,
        net: &Net,
    ) -> Result<Self, ConfigError> {
        let wrong_id = |said| mistake(name, "phone_number_id", said);
        check_number_id(&config.phone_number_id).map_err(wrong_id)?;
        check_version(&config.api_version).map_err(|said| mistake(name, "api_version", said))?;
        check_template(&config.template).map_err(|said| mistake(name, "template", said))?;
        check_language(&config.language).map_err(|said| mistake(name, "language", said))?;
        if let Some(country) = config.languages.unknown() {
            let said = "is no country; write two capital letters, such as AT";
            return Err(mistake(name, &format!("languages.{country}"), said));
        }
        for (country, language) in config.languages.iter() {
            let wrong = |said| mistake(name, &format!("languages.{country}"), said);
            check_language(language).map_err(wrong)?;
        }
        if config.app_secret.is_some() != config.verify_token.is_some() {
            let rule = "reports need both app_secret and verify_token; set both, or neither";
            return Err(mistake(name, "verify_token", rule));
        }
        Ok(Self {
            client: net.client(name)?,
            graph: endpoint(name, &config.base_url, &format!("/{}", config.api_version))?,
            phone_number_id: config.phone_number_id,
            access_token: config.access_token,
            template: config.template,
            language: config.language,
            languages: config.languages,
        })
    }

    /// `None` for what is no code.
    fn request(&self, out: &Outgoing) -> Option<RequestBuilder> {
        let code = json!([{ "type": "text", "text": out.code.as_ref()?.as_str() }]);
        let language = self.languages.of(out.to.region()).unwrap_or(&self.language);
        let mut body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            // Without the plus Meta may put the country code of our own number before it.
            "to": out.to.address(),
            "type": "template",
            "template": {
                "name": self.template,
                "language": { "code": language },
                "components": [
                    { "type": "body", "parameters": code },
                    // What the button copies.
                    { "type": "button", "sub_type": "url", "index": "0", "parameters": code },
                ],
            },
        });
        if let Some(reference) = out.report_reference() {
            body[CALLBACK_KEY] = json!(reference);
        }
        let number = out.sender_or(&self.phone_number_id);
        let request = self.client.post(format!("{}/{number}/messages", self.graph));
        Some(request.bearer_auth(self.access_token.expose()).json(&body))
    }
}

fn check_number_id(id: &str) -> Result<(), &'static str> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err("must be the digits of the number's id, without a plus")
    }
}

/// `v25.0`
fn check_version(version: &str) -> Result<(), &'static str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = version.strip_prefix('v').and_then(|version| version.split_once('.'));
    match parts {
        Some((major, minor)) if is_number(major) && is_number(minor) => Ok(()),
        _ => Err("must be a version of the Graph API, such as \"v25.0\""),
    }
}

fn check_template(template: &str) -> Result<(), &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !template.is_empty() && template.bytes().all(fits) {
        Ok(())
    } else {
        Err("must be the name of a template: small letters, digits and underscores")
    }
}

fn check_language(language: &str) -> Result<(), &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    if !language.is_empty() && language.bytes().all(fits) {
        Ok(())
    } else {
        Err("must be the language of a template in Meta's spelling, such as \"en_US\" or \"de\"")
    }
}

impl Provider for WhatsappCloud {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Some(request) = self.request(out) else {
                return Outcome::refused(Content, None, "only codes have a template");
            };
            call(request).await.map_or_else(|failed| failed, |answer| read_answer(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        check_number_id(sender)
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async {
            let request = self.client.get(format!("{}/{}", self.graph, self.phone_number_id));
            read_check(&call_check(request.bearer_auth(self.access_token.expose())).await?)
        })
    }
}

#[derive(Deserialize)]
struct Taken {
    messages: Vec<Message>,
}

/// Its id is not kept: it spells the recipient's number, in base64.
#[derive(Deserialize)]
struct Message {
    id: String,
}

fn read_answer(answer: &Answer) -> Outcome {
    if !answer.is_success() {
        return refused(answer);
    }
    match answer.json::<Taken>().unwrap_or(Taken { messages: Vec::new() }).messages.as_slice() {
        [message] if !message.id.is_empty() => Outcome::accepted(None),
        _ => answer.unreadable(),
    }
}

fn refused(answer: &Answer) -> Outcome {
    let Some(refusal) = refusal(answer) else { return answer.unreadable() };
    let code = refusal.code.as_deref().and_then(|code| code.parse().ok());
    let class = code.and_then(|code| class_of_code(ERRORS, code));
    let class = class.unwrap_or_else(|| class_of_status(answer.status));
    let outcome = answer.refused(class, refusal.code, refusal.text.as_deref());
    // The limit is that of one person.
    if code == Some(TOO_MANY_TO_ONE) { outcome.blaming(Blame::Recipient) } else { outcome }
}

/// The details say more than the message, which repeats code and title.
fn refusal(answer: &Answer) -> Option<Refusal> {
    Refusal::read(answer, &["/error/code"], &["/error/error_data/details", "/error/message"])
}

fn read_check(answer: &Answer) -> Result<String, String> {
    if !answer.is_success() {
        let refusal = refusal(answer).unwrap_or_default();
        return Err(refusal.check_failed("whatsapp_cloud", answer.status));
    }
    let number = answer.json::<Value>().filter(|number| number["id"].is_string());
    let number = number.ok_or("whatsapp_cloud's answer is not readable")?;
    let name = number["verified_name"].as_str().unwrap_or("a business without a verified name");
    let quality = number["quality_rating"].as_str().unwrap_or("unknown");
    Ok(format!("whatsapp_cloud: token good for the number of {name}, quality {quality}"))
}

#[cfg(test)]
#[path = "whatsapp_cloud_tests.rs"]
mod tests;
