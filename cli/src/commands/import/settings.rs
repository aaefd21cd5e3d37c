//! `otpost import django-settings`: `PHONE_VERIFICATION` of a Django project as our configuration.
//!
//! A file of Python is read, not run: see [`python`](super::python). What has no counterpart here, and what
//! only Python can work out, is said in a comment; secrets are not copied.

use std::{ops::RangeInclusive, process::ExitCode};

use otpost_shared::{
    policy::{CODE_LENGTHS, GUESSES, LEAST_DIGITS, LIFETIMES},
    template::{RESERVED, Template},
};

use super::{
    draft::Draft,
    is_json,
    python::{self, Value},
    read,
};
use crate::{
    args::ImportFile,
    output::{Done, Failure, say},
};

const NAME: &str = "PHONE_VERIFICATION";
const REGION: &str = "PHONENUMBER_DEFAULT_REGION";

/// What the package takes where a project says nothing.
const LENGTH: i64 = 6;
const EXPIRES_SECS: i64 = 600;
const ATTEMPTS: i64 = 5;
const DAYS: i64 = 30;

/// Settings that are looked at; any other is told to have no counterpart.
const KNOWN: [&str; 12] = [
    "BACKEND",
    "OPTIONS",
    "TOKEN_LENGTH",
    "MIN_TOKEN_LENGTH",
    "MESSAGE",
    "APP_NAME",
    "SECURITY_CODE_EXPIRATION_SECONDS",
    "SECURITY_CODE_EXPIRATION_TIME",
    "VERIFY_SECURITY_CODE_ONLY_ONCE",
    "MAX_FAILED_ATTEMPTS",
    "RECORD_RETENTION_DAYS",
    "SANDBOX_TOKEN",
];

/// A class that sends, and what it is here.
struct Backend {
    class: &'static str,
    kind: &'static str,
    /// Of `OPTIONS`, with their names here.
    options: &'static [(&'static str, &'static str)],
    secret: (&'static str, &'static str),
}

const BACKENDS: [Backend; 2] = [
    Backend {
        class: "TwilioBackend",
        kind: "twilio",
        options: &[("SID", "account_sid"), ("FROM", "from")],
        secret: ("SECRET", "auth_token"),
    },
    Backend {
        class: "NexmoBackend",
        kind: "vonage",
        options: &[("KEY", "api_key"), ("FROM", "from")],
        secret: ("SECRET", "api_secret"),
    },
];

/// Those that send nothing.
const SANDBOXES: [&str; 2] = ["TwilioSandboxBackend", "NexmoSandboxBackend"];

pub(super) fn django_settings(options: &ImportFile) -> Done {
    let source = read(&options.file)?;
    let found =
        if is_json(&options.file) { Found::in_json(&source)? } else { Found::in_python(&source)? };
    say!("{}", found.draft().trim_end());
    Ok(ExitCode::SUCCESS)
}

/// What a project says.
#[derive(Debug)]
struct Found {
    settings: Vec<(String, Value)>,
    region: Option<String>,
    /// A line that changes it and was not followed.
    also: Option<usize>,
}

impl Found {
    fn in_python(source: &str) -> Result<Self, Failure> {
        let of_it = python::assigned(source, NAME);
        let settings = match (of_it.value, of_it.also) {
            (Some(Value::Dict(settings)), _) => settings,
            (Some(_), _) => {
                return Err(Failure::new(format!(
                    "{NAME} is not written as a dictionary: only Python can tell what it holds. {}",
                    way_out()
                )));
            }
            (None, Some(line)) => {
                return Err(Failure::new(format!(
                    "{NAME} is set inside a block, at line {line}, and the file is not run. {}",
                    way_out()
                )));
            }
            (None, None) => {
                return Err(Failure::new(format!(
                    "there is no {NAME} = {{…}} in it: name the file that holds it. {}",
                    way_out()
                )));
            }
        };
        let region = python::assigned(source, REGION).value;
        Ok(Self { settings, region: region.and_then(as_text), also: of_it.also })
    }

    /// The dictionary itself, or an object that has it under its name.
    fn in_json(source: &str) -> Result<Self, Failure> {
        let wrong = |said: String| Failure::new(format!("{said}. {}", way_out()));
        let json: serde_json::Value =
            serde_json::from_str(source).map_err(|e| wrong(format!("not JSON: {e}")))?;
        let region = json.get(REGION).cloned().map(Value::from).and_then(as_text);
        let whole = json.get(NAME).cloned().unwrap_or(json);
        match Value::from(whole) {
            Value::Dict(settings) => Ok(Self { settings, region, also: None }),
            _ => Err(wrong("it holds no JSON object".to_owned())),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.settings.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn draft(&self) -> String {
        let mut draft = Draft::default();
        draft.say(&format!("From {NAME}. Look it through, then check it with `otpost doctor`."));
        if let Some(line) = self.also {
            draft.say(&format!("Line {line} of your settings changes it, which was not followed."));
        }
        self.say_unknown(&mut draft);
        self.endpoints(&mut draft);
        self.words(&mut draft);
        self.policy(&mut draft);
        self.retention(&mut draft);
        self.recipients(&mut draft);
        self.sending(&mut draft);
        draft.into_text()
    }

    fn say_unknown(&self, draft: &mut Draft) {
        for (name, _) in &self.settings {
            if !KNOWN.contains(&name.as_str()) {
                draft.say(&format!("{name} has no counterpart here."));
            }
        }
    }

    fn endpoints(&self, draft: &mut Draft) {
        draft.section("compat.django");
        draft.set("enabled", true, "its endpoints, at /api/phone");
        if let Some(region) = &self.region {
            draft.set("default_region", region.as_str(), REGION);
        }
    }

    fn words(&self, draft: &mut Draft) {
        draft.section("texts");
        match self.text("APP_NAME") {
            Some(app) => draft.set("app", app, "APP_NAME"),
            None => say_missing(draft, "APP_NAME", self.get("APP_NAME"), "app", "Your app"),
        }
    }

    fn policy(&self, draft: &mut Draft) {
        draft.section("purposes.default");
        self.whole(
            draft,
            "TOKEN_LENGTH",
            ("code_length", LEAST_DIGITS..=*CODE_LENGTHS.end(), LENGTH),
        );
        // The newer name wins.
        let newer = "SECURITY_CODE_EXPIRATION_SECONDS";
        let older = "SECURITY_CODE_EXPIRATION_TIME";
        let key =
            if self.get(newer).is_none() && self.get(older).is_some() { older } else { newer };
        self.whole(draft, key, ("lifetime_secs", LIFETIMES, EXPIRES_SECS));
        self.whole(draft, "MAX_FAILED_ATTEMPTS", ("guesses", GUESSES, ATTEMPTS));
        let key = "VERIFY_SECURITY_CODE_ONLY_ONCE";
        match self.get(key) {
            Some(Value::Truth(once)) => draft.set("reusable", !once, key),
            Some(Value::Number(once)) => draft.set("reusable", *once == 0, key),
            other => say_missing(draft, key, other, "reusable", false),
        }
        self.message(draft);
    }

    fn message(&self, draft: &mut Draft) {
        let Some(message) = self.text("MESSAGE") else {
            let usual = "{code} is your {app} code. It is valid for {minutes} minutes.";
            return say_missing(draft, "MESSAGE", self.get("MESSAGE"), "template", usual);
        };
        let text = our_placeholders(message);
        let template = Template::parse(&text);
        let unknown = template.names().find(|name| !RESERVED.contains(name));
        if let Some(name) = unknown {
            draft.say(&format!(
                "MESSAGE names {{{name}}}, for which requests to those endpoints have no value: \
                 write it without."
            ));
            draft.suggest("template", text);
        } else if template.names().any(|name| name == "code") {
            draft.set("template", text, "MESSAGE");
        } else {
            draft.say("MESSAGE must name {security_code}, which is {code} here.");
            draft.suggest("template", text);
        }
    }

    fn retention(&self, draft: &mut Draft) {
        draft.section("retention");
        self.whole(draft, "RECORD_RETENTION_DAYS", ("verifications_days", 1..=3_650, DAYS));
    }

    fn recipients(&self, draft: &mut Draft) {
        draft.section("recipients");
        draft.say("The country that may be sent to; further ones go into countries.");
        match &self.region {
            Some(region) => draft.set("default_region", region.as_str(), REGION),
            None => draft.suggest("default_region", "US"),
        }
    }

    fn sending(&self, draft: &mut Draft) {
        let class = self.text("BACKEND").and_then(|path| path.rsplit('.').next());
        let Some(class) = class else {
            draft.section("chains");
            return say_missing(draft, "BACKEND", self.get("BACKEND"), "sms", vec!["console"]);
        };
        if let Some(backend) = BACKENDS.iter().find(|backend| backend.class == class) {
            return self.provider(draft, backend);
        }
        draft.section("chains");
        if SANDBOXES.contains(&class) {
            draft.set("sms", vec!["console"], "BACKEND sends nothing");
            draft.say(
                "One code that is right for every number has no counterpart: name single numbers \
                 in\nrecipients.test_numbers.",
            );
        } else {
            draft.say(&format!(
                "{class} is a backend of your own. A gateway with an HTTP interface is a provider of \
                 kind \"http\";\ndocs/providers.md says how, and which other kinds there are."
            ));
            draft.suggest("sms", vec!["gateway"]);
        }
    }

    fn provider(&self, draft: &mut Draft, backend: &Backend) {
        let name = backend.kind;
        draft.section("chains");
        draft.set("sms", vec![name], "BACKEND");
        draft.section(&format!("providers.{name}"));
        draft.set("kind", name, "BACKEND");
        let options = match self.get("OPTIONS") {
            Some(Value::Dict(options)) => options.as_slice(),
            _ => &[],
        };
        let get = |key: &str| {
            // Lower and upper case are one to the package.
            let mut options = options.iter().rev();
            options.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
        };
        for (theirs, ours) in backend.options {
            match get(theirs) {
                Some(Value::Text(text)) => draft.set(ours, text.as_str(), theirs),
                Some(Value::Number(number)) => draft.set(ours, number.to_string(), theirs),
                other => say_missing(draft, &format!("OPTIONS {theirs}"), other, ours, "…"),
            }
        }
        let (theirs, ours) = backend.secret;
        let variable = format!("{name}__{ours}").to_uppercase();
        draft.say(&format!(
            "{ours} is your {theirs}, which is not copied. Put it into a file of its own and name that \
             in\nOTPOST__PROVIDERS__{variable}_FILE."
        ));
        if get("SANDBOX_TOKEN").is_some() {
            draft.say("SANDBOX_TOKEN has no counterpart: see recipients.test_numbers.");
        }
    }

    /// A whole number, moved to the nearest that is possible here.
    fn whole(
        &self,
        draft: &mut Draft,
        theirs: &str,
        (ours, range, usual): (&str, RangeInclusive<u32>, i64),
    ) {
        let (least, most) = (i64::from(*range.start()), i64::from(*range.end()));
        match self.get(theirs) {
            Some(Value::Number(number)) if (least..=most).contains(number) => {
                draft.set(ours, *number, theirs);
            }
            Some(Value::Number(number)) => {
                draft.say(&format!("{theirs} is {number}; here it can be {least} to {most}."));
                draft.set(ours, (*number).clamp(least, most), theirs);
            }
            other => say_missing(draft, theirs, other, ours, usual),
        }
    }
}

/// What is said of a setting that is not there, or that only Python can tell.
fn say_missing(
    draft: &mut Draft,
    theirs: &str,
    value: Option<&Value>,
    ours: &str,
    usual: impl Into<serde_json::Value>,
) {
    draft.say(&match value {
        None => format!("{theirs} is not set."),
        Some(_) => format!("{theirs} is worked out by your settings: write what it is."),
    });
    draft.suggest(ours, usual);
}

/// The original's placeholders as ours; a doubled brace is one.
fn our_placeholders(message: &str) -> String {
    let renamed = message.replace("{security_code}", "{code}");
    renamed.replace("{{", "{").replace("}}", "}")
}

fn as_text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// What to do when the file does not say it by itself.
fn way_out() -> String {
    format!(
        "Or let Django write it: ./manage.py shell -c 'import json; from django.conf import settings; \
         print(json.dumps(settings.{NAME}, default=str))' > settings.json"
    )
}
