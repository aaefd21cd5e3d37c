//! One message, and how it is printed.

use otpost_shared::{channel::Channel, sandbox::inbox::Received};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::output::{moment, say};

/// A message as a person would have received it; the running service gives it in this form too.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Entry {
    /// Of one in a sandbox.
    #[serde(skip)]
    number: Option<i64>,
    pub(super) to: String,
    channel: String,
    title: Option<String>,
    text: String,
    pub(super) code: Option<String>,
    at: String,
}

impl From<Received> for Entry {
    fn from(received: Received) -> Self {
        let content = received.content;
        Self {
            number: Some(received.number),
            to: content.to,
            channel: received.channel.as_str().to_owned(),
            title: content.title,
            text: content.text,
            code: content.code,
            at: moment(received.at),
        }
    }
}

impl Entry {
    pub(super) fn view(&self) -> Value {
        json!({
            "to": self.to, "channel": self.channel, "title": self.title, "text": self.text,
            "code": self.code, "at": self.at,
        })
    }

    pub(super) fn print(&self) {
        let channel = Channel::parse(&self.channel).unwrap_or_default().noun();
        say!("{}  {channel} to {}", self.at, self.to);
        for line in self.title.iter().flat_map(|title| title.lines()).chain(self.text.lines()) {
            say!("    {}", harmless(line));
        }
    }
}

/// A text cannot move the cursor of a terminal.
fn harmless(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
