//! `otpost import twilio-service`: the settings of a Service of Twilio Verify, as its API tells them, as our
//! configuration; and the Service itself under its own id, where that is asked for.

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    policy::{CODE_LENGTHS, LEAST_DIGITS, code_lengths},
    verify_service::{self, Inserted, LONGEST_NAME, MOST_SERVICES, Options, Service, Sid},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{draft::Draft, read};
use crate::{
    args::ImportService,
    commands,
    output::{Done, Failure, say},
};

/// What is the same there for everybody who did not ask for something else.
const LIFETIME_SECS: u32 = 600;
const GUESSES: u32 = 5;
const SHORT: &str = "is below 6: set policies.allow_short_codes = true if that is meant";

/// What is said of a payment, by whichever channel.
const PAYMENT: &str = "{code} is your {app} code for the payment of {amount} to {payee}.";

/// Members that say nothing of how verifications are made.
const SILENT: [&str; 6] = ["sid", "account_sid", "date_created", "date_updated", "url", "links"];

/// Members that are looked at one by one.
const READ: [&str; 4] = ["friendly_name", "code_length", "custom_code_enabled", "psd2_enabled"];

/// What there is there and not here, with what may take its place.
const NO_COUNTERPART: [(&str, &str); 11] = [
    ("lookup_enabled", "numbers are checked against the numbering plan, and no carrier is asked."),
    ("skip_sms_to_landlines", "only providers know landlines; a refusal goes on to the next one."),
    ("dtmf_input_required", "calls say the code at once, twice."),
    ("tts_name", "calls say texts.app, or the Service's name."),
    ("do_not_share_warning_enabled", "write the warning into the template."),
    ("default_template_sid", "the purpose's template is the text."),
    ("verify_event_subscription_enabled", "GET /v1/verifications/ID tells what became of one."),
    ("push", "there is no push."),
    ("totp", "there are no authenticator apps."),
    ("passkeys", "there are no passkeys."),
    ("mailer_sid", "name a provider that sends e-mail in chains.email."),
];

pub(super) async fn twilio_service(config: Option<&Path>, options: &ImportService) -> Done {
    let found = Found::read(&options.file)?;
    if options.create {
        return create(config, options, found).await;
    }
    say!("{}", found.draft().trim_end());
    Ok(ExitCode::SUCCESS)
}

async fn create(config: Option<&Path>, options: &ImportService, found: Found) -> Done {
    let home = commands::open_ready(config).await?;
    let tenant = commands::tenant(&home, &options.tenant).await?;
    let purpose = options.purpose.as_ref().unwrap_or(&home.config.compat.twilio.purpose);
    let policies = home.settings.now(&home.db, home.clock.now()).await?;
    if policies.policy(tenant.id, purpose).is_none() {
        return Err(Failure::misused(format!("--purpose: there is no purpose {purpose:?}")));
    }
    if !code_lengths(&home.config).contains(&found.options.code_length) {
        return Err(Failure::new(format!("code_length {SHORT}")));
    }
    let sid = Sid::Service.write(found.id);
    let service = Service::new(found.id, tenant.id, purpose, found.options, home.clock.now());
    match verify_service::insert(&home.db, &service).await? {
        Inserted::Yes => {}
        Inserted::Taken => {
            return Err(Failure::new(format!("there is a Service {sid} already")));
        }
        Inserted::TooMany => {
            let full = format!("{} has {MOST_SERVICES} Services, delete some first", tenant.name);
            return Err(Failure::new(full));
        }
    }
    say!("Created {sid} for the account {}.", Sid::Account.write(tenant.id));
    Ok(ExitCode::SUCCESS)
}

/// What a Service says of itself.
#[derive(Debug)]
struct Found {
    id: Uuid,
    options: Options,
    all: Map<String, Value>,
}

impl Found {
    fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |said: &str| Failure::new(format!("{}: {said}", path.display()));
        let all: Map<String, Value> = serde_json::from_str(&read(path)?)
            .map_err(|error| wrong(&format!("not a JSON object: {error}. {}", way_out())))?;
        let id = all.get("sid").and_then(Value::as_str).and_then(|sid| Sid::Service.read(sid));
        let id = id.filter(|id| !id.is_nil());
        let id = id.ok_or_else(|| wrong(&format!("it has no sid of a Service. {}", way_out())))?;
        let name = match all.get("friendly_name") {
            Some(Value::String(name)) if is_name(name) => name.clone(),
            _ => {
                let said = format!("friendly_name is no text of 1 to {LONGEST_NAME} characters");
                return Err(wrong(&said));
            }
        };
        let length = all.get("code_length").map_or(Some(6), Value::as_u64);
        let length = length.and_then(|length| u32::try_from(length).ok());
        let Some(code_length) = length.filter(|length| CODE_LENGTHS.contains(length)) else {
            return Err(wrong("code_length is no number from 4 to 10"));
        };
        let is_on = |name: &str| all.get(name) == Some(&Value::Bool(true));
        let options = Options {
            friendly_name: name,
            code_length,
            custom_codes: is_on("custom_code_enabled"),
            payments: is_on("psd2_enabled"),
        };
        Ok(Self { id, options, all })
    }

    fn draft(&self) -> String {
        let mut draft = Draft::default();
        let options = &self.options;
        let name = Value::from(options.friendly_name.as_str());
        draft.say(&format!(
            "From the Service {name}. Look it through, then check it with `otpost doctor`.\n\
             With --create the Service itself comes to be, under its own id {}:\n\
             its name, the length of its codes, custom codes and payments are kept with it.",
            Sid::Service.write(self.id)
        ));
        self.say_missing(&mut draft);
        draft.section("compat.twilio");
        draft.set("enabled", true, "below /twilio/v2/Services");
        draft.section("texts");
        draft.set("app", name, "friendly_name");
        draft.section("purposes.default");
        if options.code_length < LEAST_DIGITS {
            draft.say(&format!("code_length is {}, which {SHORT}.", options.code_length));
        }
        draft.set("code_length", options.code_length.max(LEAST_DIGITS), "code_length");
        draft.set("lifetime_secs", LIFETIME_SECS, "what it is there unless support changed it");
        draft.set("guesses", GUESSES, "the same");
        draft.set("template", self.template(), "what is sent there in English");
        if options.payments {
            draft.set("email_template", PAYMENT, "the same");
            draft.set("voice_template", PAYMENT, "the same");
            draft.say("In other languages, save texts that name {amount} and {payee} too.");
        }
        if options.custom_codes {
            draft.say(
                "custom_code_enabled: callers may bring codes of up to 10 letters and digits.",
            );
        }
        self.chains(&mut draft);
        draft.into_text()
    }

    fn template(&self) -> &'static str {
        let warns = self.is_set("do_not_share_warning_enabled");
        match (self.options.payments, warns) {
            (true, _) => PAYMENT,
            (false, true) => {
                "Your {app} verification code is: {code}. Don't share this code with anyone."
            }
            (false, false) => "Your {app} verification code is: {code}",
        }
    }

    fn chains(&self, draft: &mut Draft) {
        draft.section("chains");
        draft.say("Name your providers: docs/providers.md says which kinds there are.");
        draft.suggest("sms", vec!["primary", "backup"]);
        draft.say("For the channels call, email and whatsapp:");
        draft.suggest("voice", vec!["calls"]);
        draft.suggest("email", vec!["mail"]);
        let whatsapp = self.all.get("whatsapp").and_then(Value::as_object);
        if whatsapp.is_some_and(|of| of.values().any(|value| !value.is_null())) {
            draft.say("whatsapp: its sender belongs into a provider of kind \"whatsapp_cloud\".");
        }
        draft.suggest("whatsapp", vec!["wa"]);
    }

    fn say_missing(&self, draft: &mut Draft) {
        for (name, instead) in NO_COUNTERPART {
            if self.is_set(name) {
                draft.say(&format!("{name} has no counterpart here: {instead}"));
            }
        }
        let is_known = |name: &str| {
            let mut known = SILENT.iter().chain(&READ).chain(&["whatsapp"]);
            known.any(|of| *of == name) || NO_COUNTERPART.iter().any(|(of, _)| *of == name)
        };
        for name in self.all.keys().filter(|name| !is_known(name) && self.is_set(name)) {
            let name = Value::from(name.as_str());
            draft.say(&format!("{name} has no counterpart here."));
        }
    }

    /// True when it differs from what is off.
    fn is_set(&self, name: &str) -> bool {
        fn is_on(value: &Value) -> bool {
            match value {
                Value::Null | Value::Bool(false) => false,
                Value::String(text) => !text.is_empty(),
                // Objects and lists are on when something in them is; numbers alone are defaults.
                Value::Object(members) => {
                    members.values().any(|value| !value.is_number() && is_on(value))
                }
                Value::Array(items) => items.iter().any(is_on),
                Value::Bool(true) | Value::Number(_) => true,
            }
        }
        self.all.get(name).is_some_and(is_on)
    }
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

fn way_out() -> &'static str {
    "Save what GET https://verify.twilio.com/v2/Services/VA… answers"
}
