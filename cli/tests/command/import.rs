//! `otpost import`: settings that are read without being run, and numbers without codes.

use serde_json::json;

use crate::program::Place;

const SETTINGS: &str = r#"
import os
from django.utils.translation import gettext_lazy as _

# PHONE_VERIFICATION = {"APP_NAME": "Not this"}
os.system("touch ran")
PHONENUMBER_DEFAULT_REGION = "US"

PHONE_VERIFICATION = {
    "BACKEND": "phone_verify.backends.twilio.TwilioBackend",
    "OPTIONS": {
        "SID": "AC00000000000000000000000000000000",
        "SECRET": "a-secret-that-stays",
        "FROM": '+12025550100',
        "SANDBOX_TOKEN": "123456",
    },
    "TOKEN_LENGTH": 6,  # digits
    "MESSAGE": _("Welcome to {app}! "
                 "Please use security code {security_code} to proceed."),
    "APP_NAME": "Phone \"Verify\"",
    "SECURITY_CODE_EXPIRATION_TIME": 1,
    "SECURITY_CODE_EXPIRATION_SECONDS": 60 * 60,
    "VERIFY_SECURITY_CODE_ONLY_ONCE": False,
    "MAX_FAILED_ATTEMPTS": int(os.environ.get("ATTEMPTS", "3")),
    "SOMETHING": [1, 2],
}
"#;

const READ: &str = r#"# From PHONE_VERIFICATION. Look it through, then check it with `otpost doctor`.
# SOMETHING has no counterpart here.

[compat.django]
enabled = true # its endpoints, at /api/phone
default_region = "US" # PHONENUMBER_DEFAULT_REGION

[texts]
app = "Phone \"Verify\"" # APP_NAME

[purposes.default]
code_length = 6 # TOKEN_LENGTH
# SECURITY_CODE_EXPIRATION_SECONDS is 3600; here it can be 30 to 600.
lifetime_secs = 600 # SECURITY_CODE_EXPIRATION_SECONDS
# MAX_FAILED_ATTEMPTS is worked out by your settings: write what it is.
# guesses = 5
reusable = true # VERIFY_SECURITY_CODE_ONLY_ONCE
template = "Welcome to {app}! Please use security code {code} to proceed." # MESSAGE

[retention]
# RECORD_RETENTION_DAYS is not set.
# verifications_days = 30

[recipients]
# The country that may be sent to; further ones go into countries.
default_region = "US" # PHONENUMBER_DEFAULT_REGION

[chains]
sms = ["twilio"] # BACKEND

[providers.twilio]
kind = "twilio" # BACKEND
account_sid = "AC00000000000000000000000000000000" # SID
from = "+12025550100" # FROM
# auth_token is your SECRET, which is not copied. Put it into a file of its own and name that in
# OTPOST__PROVIDERS__TWILIO__AUTH_TOKEN_FILE.
# SANDBOX_TOKEN has no counterpart: see recipients.test_numbers.
"#;

fn place(name: &str, text: &str) -> Place {
    let place = Place::empty();
    std::fs::write(place.path().join(name), text).expect("written");
    place
}

fn settings(name: &str, text: &str) -> String {
    place(name, text).run(&["import", "django-settings", name]).exits(0).stdout
}

#[test]
fn settings_are_read_and_not_run() {
    let place = place("settings.py", SETTINGS);
    let read = place.run(&["import", "django-settings", "settings.py"]).exits(0);
    assert_eq!(read.stdout, READ);
    assert!(!place.path().join("ran").exists(), "it was run");
    assert!(!place.path().join("otpost-data").exists(), "nothing is opened");
    // What is printed is a configuration.
    Place::with(&read.stdout).migrated().run(&["key", "list"]).exits(0);
}

#[test]
fn settings_are_read_from_json_too() {
    let settings_of = |backend: &str, more: serde_json::Value| {
        let mut all = json!({ "BACKEND": backend, "APP_NAME": "A", "TOKEN_LENGTH": 12 });
        let more = more.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(more);
        json!({ "PHONE_VERIFICATION": all }).to_string()
    };
    let more = json!({
        "OPTIONS": { "key": "k1", "secret": "stays", "FROM": 12_025_550_100_u64 },
        "MESSAGE": "{name}: {security_code} {{x}}",
    });
    let text = settings_of("phone_verify.backends.nexmo.NexmoBackend", more);
    let read = settings("all.json", &text);
    for line in [
        "# TOKEN_LENGTH is 12; here it can be 6 to 10.",
        "code_length = 10 # TOKEN_LENGTH",
        "# template = \"{name}: {code} {x}\"",
        "kind = \"vonage\" # BACKEND",
        "api_key = \"k1\" # KEY",
        "from = \"12025550100\" # FROM",
        "# OTPOST__PROVIDERS__VONAGE__API_SECRET_FILE.",
        "# default_region = \"US\"",
    ] {
        assert!(read.lines().any(|found| found == line), "{line} is not in {read}");
    }
    assert!(!read.contains("stays"), "{read}");
    let sandbox = "phone_verify.backends.twilio.TwilioSandboxBackend";
    let read = settings("all.json", &settings_of(sandbox, json!({})));
    assert!(read.contains("sms = [\"console\"]") && read.contains("test_numbers"), "{read}");
    Place::with(&read).migrated().run(&["key", "list"]).exits(0);
    let read = settings("all.json", &settings_of("shop.sms.Ours", json!({})));
    assert!(read.contains("Ours is a backend of your own"), "{read}");
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    for (name, text, said) in [
        ("a.py", "", "there is no PHONE_VERIFICATION"),
        ("a.py", "PHONE_VERIFICATION = load()\n", "is not written as a dictionary"),
        ("a.py", "if x:\n    PHONE_VERIFICATION = {}\n", "inside a block, at line 2"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "no JSON object"),
    ] {
        let failed = place(name, text).run(&["import", "django-settings", name]);
        failed.fails_with(&[said, "manage.py shell"]);
    }
    Place::empty().run(&["import", "django-settings", "none.py"]).fails_with(&["cannot read none"]);
    let changed = "PHONE_VERIFICATION = {}\nPHONE_VERIFICATION[\"APP_NAME\"] = \"B\"\n";
    let read = settings("a.py", changed);
    assert!(read.contains("# Line 2 of your settings changes it"), "{read}");
}

const ROWS: &str = "id,created_at,modified_at,phone_number,is_verified\n\
    1,2026-01-01,2026-01-02,+12025550123,t\n\
    2,2026-01-01,2026-03-02,+12025550123,true\n\
    3,2026-01-01,2026-01-02,+447400123456,True\n\
    4,2026-01-01,2026-01-02,+12025550124,f\n\
    5,2026-01-01,2026-01-02,+1234567890,t\n";

#[test]
fn verified_numbers_are_listed_once() {
    let place = place("rows.csv", ROWS);
    let listed = place.run(&["import", "django-numbers", "rows.csv"]).exits(0);
    assert_eq!(listed.stdout, "+12025550123\n+447400123456\n");
    let said = "2 numbers were verified. Of 5 rows 1 were not, and 1 have no valid number.\n";
    assert_eq!(listed.stderr, said);
    let listed = place.run(&["import", "django-numbers", "rows.csv", "--json"]).exits(0).json();
    let expected = json!([
        { "to": "+12025550123", "verified_at": "2026-03-02" },
        { "to": "+447400123456", "verified_at": "2026-01-02" },
    ]);
    assert_eq!(listed, expected);
}

#[test]
fn a_dump_is_read_and_codes_are_refused() {
    let row = |code: &str| {
        json!({
            "model": "phone_verify.smsverification", "pk": "1",
            "fields": { "phone_number": "+12025550123", "is_verified": true, "security_code": code },
        })
    };
    let other = json!({ "model": "auth.user", "pk": 1, "fields": {} });
    let list =
        |text: &str| place("dump.json", text).run(&["import", "django-numbers", "dump.json"]);
    let good = list(&json!([other, row("")]).to_string()).exits(0);
    assert_eq!(good.stdout, "+12025550123\n");
    let bare = json!([{ "phone_number": "+12025550123", "is_verified": 1 }]).to_string();
    assert_eq!(list(&bare).exits(0).stdout, "+12025550123\n");
    let refused = list(&json!([row(""), row("135790")]).to_string());
    assert!(!refused.stderr.contains("135790") && refused.stdout.is_empty(), "{refused:?}");
    refused.fails_with(&["row 2 holds a code", "without security_code"]);
    list("{}").fails_with(&["not a list"]);
    list("[{\"phone_number\": \"+12025550123\"}]").fails_with(&["row 1 has no"]);
    let codes = "phone_number,is_verified,security_code\n+12025550123,t,135790\n";
    let place = place("rows.csv", codes);
    place.run(&["import", "django-numbers", "rows.csv"]).fails_with(&["row 1 holds a code"]);
}

fn a_service() -> serde_json::Value {
    json!({
        "sid": SERVICE,
        "account_sid": "AC00000000000000000000000000000001",
        "friendly_name": "My \"Shop\"",
        "code_length": 8,
        "lookup_enabled": true,
        "skip_sms_to_landlines": false,
        "dtmf_input_required": true,
        "tts_name": null,
        "psd2_enabled": false,
        "do_not_share_warning_enabled": true,
        "custom_code_enabled": true,
        "push": { "include_date": false, "apn_credential_sid": null },
        "totp": { "issuer": "Shop", "time_step": 30, "code_length": 6, "skew": 1 },
        "whatsapp": { "from": "whatsapp:+12025550100", "msg_service_sid": null },
        "default_template_sid": null,
        "something": "new",
        "date_created": "2026-01-01T00:00:00Z",
        "links": { "verifications": "https://verify.example.org" },
    })
}

const SERVICE: &str = "VA0123456789abcdef0123456789abcdef";

#[test]
fn a_service_becomes_a_configuration() {
    let place = place("service.json", &a_service().to_string());
    let read = place.run(&["import", "twilio-service", "service.json"]).exits(0).stdout;
    for line in [
        "# From the Service \"My \\\"Shop\\\"\". Look it through, then check it with `otpost doctor`.",
        "# lookup_enabled has no counterpart here: numbers are checked against the numbering plan, and no carrier is asked.",
        "# dtmf_input_required has no counterpart here: calls say the code at once, twice.",
        "# do_not_share_warning_enabled has no counterpart here: write the warning into the template.",
        "# totp has no counterpart here: there are no authenticator apps.",
        "# \"something\" has no counterpart here.",
        "app = \"My \\\"Shop\\\"\" # friendly_name",
        "code_length = 8 # code_length",
        "# custom_code_enabled: callers may bring codes of up to 10 letters and digits.",
        "# whatsapp: its sender belongs into a provider of kind \"whatsapp_cloud\".",
    ] {
        assert!(read.lines().any(|found| found == line), "{line} is not in {read}");
    }
    for silent in ["tts_name", "push has", "links", "skip_sms"] {
        assert!(!read.contains(silent), "{silent} is in {read}");
    }
    assert!(!place.path().join("otpost-data").exists(), "nothing is opened");
    // What is printed is a configuration.
    let place = Place::with(&read).migrated();
    let key = place.run(&["key", "create"]).exits(0);
    assert!(key.stderr.contains("AC00000000000000000000000000000000"), "{}", key.stderr);
    let key = place.run(&["key", "create", "--json"]).exits(0).json();
    assert_eq!(key["account_sid"], "AC00000000000000000000000000000000");
    assert!(key["key_sid"].as_str().is_some_and(|sid| sid.starts_with("SK")), "{key}");
}

#[test]
fn a_service_for_payments_says_what_is_paid_by_every_channel() {
    let mut service = a_service();
    service["psd2_enabled"] = json!(true);
    let place = place("service.json", &service.to_string());
    let read = place.run(&["import", "twilio-service", "service.json"]).exits(0).stdout;
    for key in ["template", "email_template", "voice_template"] {
        let line = read.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let line = line.unwrap_or_else(|| panic!("{key} is not in {read}"));
        assert!(["{code}", "{amount}", "{payee}"].iter().all(|name| line.contains(name)), "{line}");
    }
    Place::with(&read).migrated().run(&["key", "create"]).exits(0);
}

#[test]
fn a_service_comes_to_be_under_its_own_id() {
    let place = place("service.json", &a_service().to_string()).migrated();
    let create = ["import", "twilio-service", "service.json", "--create"];
    let made = place.run(&create).exits(0);
    let account = "AC00000000000000000000000000000000";
    assert_eq!(made.stdout.trim(), format!("Created {SERVICE} for the account {account}."));
    let again = place.run(&create).exits(1);
    assert!(again.stderr.contains(&format!("there is a Service {SERVICE} already")));
    let nowhere = [create.as_slice(), &["--purpose", "nothing"]].concat();
    place.run(&nowhere).exits(2);
    place.run(&[create.as_slice(), &["--tenant", "nobody"]].concat()).exits(1);
}

#[test]
fn what_is_no_service_is_refused() {
    let with = |name: &str, value: serde_json::Value| {
        let mut service = a_service();
        service[name] = value;
        service.to_string()
    };
    for (text, said) in [
        ("[]".to_owned(), "not a JSON object"),
        ("{}".to_owned(), "it has no sid of a Service"),
        (with("sid", json!("VE0123456789abcdef0123456789abcdef")), "it has no sid of a Service"),
        (with("friendly_name", json!(7)), "friendly_name is no text"),
        (with("friendly_name", json!("x".repeat(33))), "friendly_name is no text"),
        (with("code_length", json!(3)), "code_length is no number from 4 to 10"),
        (with("code_length", json!("6")), "code_length is no number from 4 to 10"),
    ] {
        let refused = place("a.json", &text).run(&["import", "twilio-service", "a.json"]).exits(1);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn short_codes_of_a_service_are_to_be_allowed() {
    let mut service = a_service();
    service["code_length"] = json!(4);
    let place = place("short.json", &service.to_string()).migrated();
    let read = place.run(&["import", "twilio-service", "short.json"]).exits(0).stdout;
    let said = "# code_length is 4, which is below 6: set policies.allow_short_codes = true";
    assert!(read.contains(said) && read.contains("code_length = 6 # code_length"), "{read}");
    let create = ["import", "twilio-service", "short.json", "--create"];
    let refused = place.run(&create).exits(1);
    assert!(refused.stderr.contains("policies.allow_short_codes"), "{}", refused.stderr);
    let allowed = "[policies]\nallow_short_codes = true\n";
    std::fs::write(place.path().join("otpost.toml"), allowed).expect("written");
    place.run(&create).exits(0);
}
