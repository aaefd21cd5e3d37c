//! `console`: prints each message and puts it into the inbox, for development.
//!
//! It shows addresses and codes in full, as that is what it is for; nobody else can read them.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::future::BoxFuture;
use otpost_shared::{
    channel::Channel,
    inbox::{Inbox, Received},
    outcome::ErrorClass,
};
use serde::Deserialize;

use super::Net;
use crate::provider::{Outcome, Outgoing, Provider};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConsoleConfig {
    /// Whether messages are printed; without it they only go to the inbox.
    print: bool,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self { print: true }
    }
}

pub(super) struct Console {
    writer: Mutex<Box<dyn Write + Send>>,
    inbox: Option<Inbox>,
    now: fn() -> SystemTime,
}

impl Console {
    pub(super) fn new(config: &ConsoleConfig, net: &Net) -> Self {
        let writer: Box<dyn Write + Send> =
            if config.print { Box::new(io::stdout()) } else { Box::new(io::sink()) };
        Self { writer: Mutex::new(writer), inbox: net.inbox.clone(), now: SystemTime::now }
    }

    fn deliver(&self, out: &Outgoing) -> io::Result<()> {
        let (to, channel, text) = (out.to.address(), out.channel, one_line(&out.text));
        let line = match &out.mail {
            None => format!("{} to {to} : {text}\n", heading(channel)),
            Some(mail) => {
                format!("{} to {to} : {} : {text}\n", heading(channel), one_line(&mail.title))
            }
        };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(line.as_bytes())?;
        writer.flush()?;
        drop(writer);
        if let Some(inbox) = &self.inbox {
            let since_epoch = (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default();
            inbox.put(Received {
                to: to.to_owned(),
                channel: channel.as_str(),
                title: out.mail.as_ref().map(|mail| mail.title.clone()),
                text: out.text.clone(),
                code: out.code.as_ref().map(|code| code.as_str().to_owned()),
                at_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
            });
        }
        Ok(())
    }
}

/// How a line begins.
fn heading(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "E-mail",
        Channel::Voice => "Voice call",
        Channel::Sms | Channel::Whatsapp => channel.noun(),
    }
}

/// Writes control characters as escapes, so that a text can neither forge a line nor move the
/// cursor of a terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

impl Provider for Console {
    fn send<'a>(&'a self, out: &'a Outgoing) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match self.deliver(out) {
                Ok(()) => Outcome::accepted(Some(format!("console-{}", out.message_id))),
                Err(error) => {
                    let detail = format!("standard output: {error}");
                    Outcome::refused(ErrorClass::Transient, None, detail)
                }
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async { Ok("console: messages are printed, not sent".to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
        time::{Duration, UNIX_EPOCH},
    };

    use otpost_shared::{inbox::Inbox, outcome::ErrorClass};

    use super::Console;
    use crate::{
        provider::Provider,
        providers::samples::{call, letter, outgoing, whatsapp},
    };

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Torn;

    impl Write for Torn {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn console(writer: impl Write + Send + 'static, inbox: &Inbox) -> Console {
        Console {
            writer: Mutex::new(Box::new(writer)),
            inbox: Some(inbox.clone()),
            now: || UNIX_EPOCH + Duration::from_millis(42),
        }
    }

    #[tokio::test]
    async fn prints_one_line_and_fills_the_inbox() {
        let (page, inbox) = (Page::default(), Inbox::default());
        let message = outgoing("code 12\n\u{1b}[2Jé");
        let outcome = console(page.clone(), &inbox).send(&message).await;
        assert_eq!(outcome.class, ErrorClass::Ok);
        let printed = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(printed, "SMS to +15551234567 : code 12\\n\\u{1b}[2Jé\n");
        let kept = inbox.list(Some("+15551234567"));
        assert_eq!((kept.len(), kept[0].at_ms), (1, 42));
        assert_eq!(kept[0].text, message.text);
    }

    #[tokio::test]
    async fn an_email_has_its_title_in_both() {
        let (page, inbox) = (Page::default(), Inbox::default());
        let message = letter("12 is your code", "Your code is:\n\n12");
        assert_eq!(console(page.clone(), &inbox).send(&message).await.class, ErrorClass::Ok);
        let printed = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let line = "E-mail to Ann@example.org : 12 is your code : Your code is:\\n\\n12\n";
        assert_eq!(printed, line);
        let kept = inbox.list(Some("ann@example.org")).remove(0);
        assert_eq!((kept.to.as_str(), kept.channel), ("Ann@example.org", "email"));
        assert_eq!((kept.title.as_deref(), kept.text), (Some("12 is your code"), message.text));
    }

    #[tokio::test]
    async fn a_call_and_a_whatsapp_message_say_what_they_are() {
        for (message, line, channel) in [
            (call("de-DE", "1, 2"), "Voice call to +15551234567 : 1, 2\n", "voice"),
            (whatsapp("12"), "WhatsApp to +15551234567 : 12\n", "whatsapp"),
        ] {
            let (page, inbox) = (Page::default(), Inbox::default());
            assert_eq!(console(page.clone(), &inbox).send(&message).await.class, ErrorClass::Ok);
            assert_eq!(String::from_utf8(page.0.lock().unwrap().clone()).unwrap(), line);
            let kept = inbox.list(Some("+15551234567")).remove(0);
            assert_eq!((kept.channel, kept.text), (channel, message.text));
        }
    }

    #[tokio::test]
    async fn a_torn_output_is_an_outcome_not_a_panic() {
        let inbox = Inbox::default();
        let outcome = console(Torn, &inbox).send(&outgoing("hi")).await;
        assert_eq!(outcome.class, ErrorClass::Transient);
        assert!(inbox.list(None).is_empty());
    }
}
