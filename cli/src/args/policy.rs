//! `otpost policy`: its options.

use clap::Subcommand;
use otpost_shared::channel::Channel;
use serde_json::{Value, json};

use super::Print;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List the policies of all purposes as they count
    List(PolicyList),
    /// Show the policy of a purpose, where each key of it comes from, and which tenants have their own
    Show(PolicyOf),
    /// Change keys of a policy, or make a purpose of its own
    ///
    /// The other keys stay as they are. What results is checked as a whole, and counts within a second in
    /// every process, for what is accepted from then on. Keys and values are those of [purposes.NAME] in
    /// the configuration, without the texts; lists are written with commas.
    ///
    /// Without --tenant it is for all tenants, unlike `otpost template set`, which means the tenant `default`;
    /// what a tenant changed for itself lies on it and stays. What is set for `default` counts for that
    /// purpose alone: the others start from the configuration.
    #[command(after_help = "Examples:\n  \
        otpost policy set login guesses=3 lifetime_secs=240\n  \
        otpost policy set opt_in countries=US,CA then=voice:120 --tenant shop\n  \
        otpost policy set login --unset guesses")]
    Set(PolicySet),
    /// List all changes of a policy, the newest first
    History(PolicyOf),
    /// Make what an earlier version says count again, as a new version
    Restore(PolicyRestore),
    /// Take all changes of a policy back; its history remains
    ///
    /// A purpose that is not in the configuration is no more then, and requests that name it get
    /// `unknown_purpose`. Its texts remain, for `otpost template delete`.
    Reset(PolicyOf),
}

#[derive(Debug, clap::Args)]
pub struct PolicyList {
    #[command(flatten)]
    pub whose: Whose,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct PolicyOf {
    /// The purpose's name
    pub purpose: String,
    #[command(flatten)]
    pub whose: Whose,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct PolicySet {
    /// The purpose's name
    pub purpose: String,
    /// What is to change
    #[arg(value_name = "KEY=VALUE", required_unless_present = "unset", value_parser = setting)]
    pub settings: Vec<(String, Value)>,
    /// A key that is to be as it is below again; repeat for more
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,
    /// The version that you looked at: nothing is changed when another change came between
    #[arg(long, value_name = "NUMBER")]
    pub version: Option<i32>,
    #[command(flatten)]
    pub whose: Whose,
    #[command(flatten)]
    pub print: Print,
}

#[derive(Debug, clap::Args)]
pub struct PolicyRestore {
    #[command(flatten)]
    pub of: PolicyOf,
    /// The version's number, as `otpost policy history` shows it
    pub version: i32,
}

/// Whom a policy is for.
#[derive(Debug, clap::Args)]
pub struct Whose {
    /// The tenant it is for [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
}

/// Reads `KEY=VALUE`. A value that is JSON is that; steps and countries may be written without it.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as guesses=3")?;
    if key.is_empty() {
        return Err("write KEY=VALUE, such as guesses=3".to_owned());
    }
    let is_list = matches!(key, "then" | "countries");
    let read = match (key, serde_json::from_str::<Value>(value)) {
        (_, Ok(read)) if !is_list || read.is_array() => read,
        ("then", _) => entries(value).map(step).collect::<Result<_, _>>()?,
        ("countries", _) => entries(value).map(Value::from).collect(),
        (_, _) => Value::from(value),
    };
    Ok((key.to_owned(), read))
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// `voice:60`
fn step(text: &str) -> Result<Value, String> {
    let read = text
        .split_once(':')
        .and_then(|(channel, secs)| Some((Channel::parse(channel)?, secs.parse::<u32>().ok()?)));
    let (channel, secs) = read.ok_or_else(|| {
        format!("{text:?} is no step; write channel and seconds, such as voice:60")
    })?;
    Ok(json!({ "channel": channel.as_str(), "after_secs": secs }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_as_it_is_written() {
        let steps = json!([
            { "channel": "voice", "after_secs": 60 }, { "channel": "sms", "after_secs": 90 },
        ]);
        for (text, key, value) in [
            ("guesses=3", "guesses", json!(3)),
            ("reusable=true", "reusable", json!(true)),
            ("resend=rotate", "resend", json!("rotate")),
            ("resends=5/10m", "resends", json!("5/10m")),
            ("resends=", "resends", json!("")),
            ("countries=US, CA", "countries", json!(["US", "CA"])),
            ("countries=", "countries", json!([])),
            ("countries=[\"US\"]", "countries", json!(["US"])),
            ("then=voice:60,sms:90", "then", steps),
            ("then=[]", "then", json!([])),
        ] {
            assert_eq!(setting(text), Ok((key.to_owned(), value)), "{text}");
        }
        for wrong in ["guesses", "=3", "then=voice", "then=fax:60", "then=voice:soon"] {
            assert!(setting(wrong).is_err_and(|said| said.contains("write ")), "{wrong}");
        }
    }
}
