//! `http`: any gateway that takes one HTTP request per message, described by configuration.

mod answer;
mod config;
mod template;

use std::time::Duration;

use futures_util::future::BoxFuture;
use otpost_shared::{config::ConfigError, outcome::ErrorClass, secrets::Code};
use reqwest::{
    Client, Method, RequestBuilder, Url,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::{net::TcpStream, time::timeout};

use self::{
    answer::Reading,
    config::HttpConfig,
    template::{Escape, Slot, Template, Values},
};
use super::{Net, http_call::call, mistake, net::http_url, sender::given};
use crate::provider::{Blame, Outcome, Outgoing, Provider};

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct HttpGateway {
    client: Client,
    method: Method,
    url: Template,
    headers: Vec<(HeaderName, Template)>,
    body: Option<Body>,
    from: String,
    /// True when `{from}` stands somewhere.
    names_sender: bool,
    /// True when `{code}` does: what is no code would leave a hole there.
    takes_codes_only: bool,
    reading: Reading,
    /// For the check: where it connects to.
    host: String,
    port: u16,
}

struct Body {
    template: Template,
    escape: Escape,
    /// `None` if the configured headers have one.
    content_type: Option<&'static str>,
}

/// Why a message does not fit into the configured request.
struct Unfit;

impl HttpGateway {
    pub(super) fn new(name: &str, config: HttpConfig, net: &Net) -> Result<Self, ConfigError> {
        let url = config.url_template(name)?;
        let headers = config.header_templates(name)?;
        let (host, port) = host_and_port(&url.fill(Escape::Url, &Values::sample()))
            .ok_or_else(|| mistake(name, "url", "must be an http or https address"))?;
        let has_content_type = headers.iter().any(|(header, _)| header == CONTENT_TYPE);
        let body = config.body_template(name)?.map(|template| Body {
            template,
            escape: config.body_type.escape(),
            content_type: (!has_content_type).then(|| config.body_type.content_type()),
        });
        let templates: Vec<&Template> = std::iter::once(&url)
            .chain(headers.iter().map(|(_, template)| template))
            .chain(body.as_ref().map(|body| &body.template))
            .collect();
        let uses = |slot: Slot| templates.iter().any(|template| template.uses(slot));
        let names_sender = uses(Slot::From);
        let takes_codes_only = config.place_of_code().is_some();
        config.check_uses(name, net, uses)?;
        config.check_inbound(name, net)?;
        let gateway = Self {
            client: net.client(name)?,
            method: config.method(name)?,
            url,
            headers,
            body,
            reading: config.reading(name)?,
            from: config.from,
            names_sender,
            takes_codes_only,
            host,
            port,
        };
        gateway.check_fit(&gateway.from).map_err(|said| mistake(name, "url", said))?;
        Ok(gateway)
    }

    fn check_fit(&self, from: &str) -> Result<(), &'static str> {
        let filled = self.fill(&Values { from, ..Values::sample() });
        filled.map(drop).map_err(|Unfit| "does not make a request with these headers")
    }

    fn fill(&self, values: &Values<'_>) -> Result<RequestBuilder, Unfit> {
        let url = http_url(&self.url.fill(Escape::Url, values)).ok_or(Unfit)?;
        let mut request = self.client.request(self.method.clone(), url);
        for (header, template) in &self.headers {
            let text = template.fill(Escape::None, values);
            let mut value = HeaderValue::from_str(&text).map_err(|_| Unfit)?;
            value.set_sensitive(true);
            request = request.header(header, value);
        }
        if let Some(body) = &self.body {
            if let Some(content_type) = body.content_type {
                request = request.header(CONTENT_TYPE, content_type);
            }
            request = request.body(body.template.fill(body.escape, values));
        }
        Ok(request)
    }
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url: Url = http_url(url)?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

impl Provider for HttpGateway {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if self.takes_codes_only && out.code.is_none() {
                let detail = "it takes codes only, since {code} stands in its request";
                return Outcome::refused(ErrorClass::Sender, None, detail).blaming(Blame::Ours);
            }
            let message_id = out.message_id.to_string();
            let validity_secs = out.validity.as_secs().max(1).to_string();
            let values = Values {
                to: out.to.address(),
                to_digits: out.to.digits(),
                text: &out.text,
                title: out.mail.as_ref().map_or("", |mail| mail.title.as_str()),
                html: out.mail.as_ref().map_or("", |mail| mail.html.as_str()),
                code: out.code.as_ref().map_or("", Code::as_str),
                language: &out.language,
                from: out.sender_or(&self.from),
                message_id: &message_id,
                validity_secs: &validity_secs,
                report_url: out.report_to.as_deref().unwrap_or(""),
                report_reference: out.report_reference().unwrap_or(""),
            };
            let Ok(request) = self.fill(&values) else {
                let detail = "the message does not fit the configured request";
                return Outcome::refused(ErrorClass::Account, None, detail);
            };
            call(request).await.map_or_else(|failed| failed, |answer| self.reading.read(&answer))
        })
    }

    fn check_sender(&self, sender: &str) -> Result<(), &'static str> {
        if !self.names_sender {
            return Err("needs {from} in url, headers or body");
        }
        given(sender)?;
        self.check_fit(sender)
    }

    /// Gateways have no common question to ask, so this only connects.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let of_codes = if self.takes_codes_only {
                "; takes codes only, since {code} stands in its request"
            } else {
                ""
            };
            let place = format!("{} port {}", self.host, self.port);
            let connecting = TcpStream::connect((self.host.as_str(), self.port));
            match timeout(CHECK_TIMEOUT, connecting).await {
                Ok(Ok(_)) => Ok(format!(
                    "http: configuration complete, {place} connects (credentials not \
                     checked){of_codes}"
                )),
                Ok(Err(error)) => Err(format!("http: {place} does not connect: {error}")),
                Err(_) => Err(format!("http: {place} does not connect in time")),
            }
        })
    }
}

#[cfg(test)]
#[path = "http/gateway_tests.rs"]
mod tests;
