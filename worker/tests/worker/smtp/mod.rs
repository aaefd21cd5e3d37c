//! The provider of kind `smtp` against a mail server of our own.

mod courier;
mod doctor;
mod letters;
mod replies;
mod server;
mod tls;

use std::{sync::Arc, time::Duration};

use otpost_shared::{channel::Channel, queue::Lane, recipient::Recipient};
use otpost_worker::{
    provider::{Mail, Outgoing, Provider},
    providers::{self, Net},
};
use uuid::Uuid;

use self::server::MailServer;

const FROM: &str = "from = 'Example <codes@example.org>'\n";
const LOGIN: &str = "username = 'otpost'\npassword = 'secret'\n";

/// The provider of one section that sends through this server.
fn provider(server: &MailServer, more: &str) -> Arc<dyn Provider> {
    built(&format!("host = '127.0.0.1'\nport = {}\n{FROM}{more}", server.port))
}

fn built(section: &str) -> Arc<dyn Provider> {
    let keys: toml::Table = section.parse().expect("a section");
    providers::build("mail", "smtp", &keys, &Net::default()).expect("a provider")
}

fn outgoing(title: &str, text: &str) -> Outgoing {
    Outgoing {
        message_id: Uuid::now_v7(),
        lane: Lane::Otp,
        attempt: 1,
        channel: Channel::Email,
        to: Recipient::parse_email("Ann@example.org").expect("an address"),
        text: text.to_owned(),
        code: None,
        language: "en".to_owned(),
        mail: Some(Mail { title: title.to_owned(), html: format!("<p>{text}</p>") }),
        validity: Duration::from_mins(5),
        sender: None,
        report_to: None,
    }
}
