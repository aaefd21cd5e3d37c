//! The endpoints that answer as django-phone-verify does: every known answer, from the same table that
//! `scripts/compat/django.py` asks the original with; and who tries to get around them.

mod attacks;
mod limits;
mod surroundings;

use std::collections::BTreeMap;

use otpost_shared::secrets::Handle;
use otpost_testbed::on_both_homes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    check::other_than,
    service::{Call, Service, number},
};

const PROBES: &str = include_str!("../../../../scripts/compat/django_probes.json");

const REGISTER: &str = "/api/phone/register";
const VERIFY: &str = "/api/phone/verify";

const ON: &str = "[compat.django]\nenabled = true\n";
/// With limits per address that no test reaches by chance.
const UNLIMITED: &str = "[limits]\nclient_ip = [\"10000/1s\"]\n[compat.django]\nenabled = true\n\
    wrong_per_client = [\"10000/1s\"]\n";

const VALID: &str = r#"{"message":"Security code is valid."}"#;
const NOT_VALID: &str = r#"{"non_field_errors":["Security code is not valid"]}"#;
const EXPIRED: &str = r#"{"non_field_errors":["Security code has expired"]}"#;
const ALREADY: &str = r#"{"non_field_errors":["Security code is already verified"]}"#;
const TOO_MANY: &str =
    r#"{"non_field_errors":["Too many failed verification attempts. Please request a new code."]}"#;

/// One row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    name: String,
    /// Below the common path.
    path: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default = "json_kind")]
    kind: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    /// A body that is no text.
    hex: Option<String>,
    /// What happens before.
    #[serde(default)]
    first: Vec<String>,
    status: u16,
    /// To the byte, but for `$ANY`; none where only the status is held to.
    answer: Option<String>,
    /// Of the header.
    allow: Option<String>,
    /// False where nobody has seen the original answer so.
    #[serde(default, rename = "seen")]
    _seen: Option<bool>,
    /// Where ours is another answer, and why.
    ours: Option<Ours>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ours {
    status: u16,
    answer: String,
    why: String,
}

fn post() -> String {
    "POST".to_owned()
}

fn json_kind() -> String {
    "application/json".to_owned()
}

/// What a person's app holds after it has registered a number.
#[derive(Clone, Debug)]
struct Registered {
    phone: String,
    token: String,
    code: String,
}

async fn ask(service: &Service, path: &str, body: &Value) -> Answer {
    service.post(path, body).by_nobody().any().await
}

/// Registers a number from this machine's address.
async fn register(service: &Service, phone: &str) -> Registered {
    register_by(service, phone, |call| call).await
}

async fn register_by(service: &Service, phone: &str, with: impl Fn(Call) -> Call) -> Registered {
    let call = service.post(REGISTER, &json!({ "phone_number": phone })).by_nobody();
    let answer = with(call).any().await.is(200);
    let token = answer.str("session_token").to_owned();
    let id = Handle::parse(&token).expect("a token of ours").id;
    Registered { phone: phone.to_owned(), token, code: service.code_of(id).await }
}

impl Registered {
    fn body(&self, code: &str) -> Value {
        json!({ "phone_number": self.phone, "session_token": self.token, "security_code": code })
    }

    async fn verify(&self, service: &Service, code: &str) -> Answer {
        ask(service, VERIFY, &self.body(code)).await
    }

    async fn right(&self, service: &Service) -> Answer {
        self.verify(service, &self.code).await
    }

    async fn wrong(&self, service: &Service) -> Answer {
        self.verify(service, &other_than(&self.code)).await
    }
}

#[track_caller]
fn assert_said(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status, answer.text.as_str()), (status, text));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("allow"), "POST, OPTIONS");
}

/// What stands for the placeholders of one probe.
struct Filling {
    phone: String,
    registered: Option<Registered>,
    old: Option<Registered>,
    other: Option<Registered>,
}

impl Filling {
    /// Does what comes before the probe; `n` tells its numbers from those of others.
    async fn make(service: &Service, probe: &Probe, n: u32) -> Self {
        let phone = number(n);
        let mut filling = Self { phone, registered: None, old: None, other: None };
        for step in &probe.first {
            filling.take(service, step, n).await;
        }
        filling
    }

    async fn take(&mut self, service: &Service, step: &str, n: u32) {
        let held = self.registered.clone();
        match (step, held) {
            ("register", _) => self.registered = Some(register(service, &self.phone).await),
            ("again", held) => {
                self.old = held;
                self.registered = Some(register(service, &self.phone).await);
            }
            ("other", _) => self.other = Some(register(service, &number(n + 1)).await),
            ("register until no zero", _) => {
                for another in n.. {
                    let registered = register(service, &number(another)).await;
                    self.phone.clone_from(&registered.phone);
                    let found = !registered.code.starts_with('0');
                    self.registered = Some(registered);
                    if found {
                        break;
                    }
                }
            }
            ("wrong", Some(held)) => assert_said(&held.wrong(service).await, 400, NOT_VALID),
            ("right", Some(held)) => assert_said(&held.right(service).await, 200, VALID),
            ("expire", _) => service.home.clock.advance(600_001),
            (step, _) => panic!("{step:?} is no step here"),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let digits = self.phone.trim_start_matches('+');
        let (area, rest) = digits[1..].split_at(3);
        let wide = |c: char| char::from_u32(u32::from(c) - 0x30 + 0xff10).expect("a digit");
        let mut values = vec![
            ("$PHONE", self.phone.clone()),
            ("$DIGITS", digits.to_owned()),
            ("$SPACED", format!("+1 ({area}) {}-{}", &rest[..3], &rest[3..])),
            ("$DASHED", format!("+1-{area}-{}-{}", &rest[..3], &rest[3..])),
            ("$WIDE", format!("+{}", digits.chars().map(wide).collect::<String>())),
        ];
        if let Some(held) = &self.registered {
            values.push(("$TOKEN", held.token.clone()));
            values.push(("$CODE", held.code.clone()));
            values.push(("$WRONG", other_than(&held.code)));
            values.push(("$HALF", held.code[..3].to_owned()));
            values.push(("$REST", held.code[3..].to_owned()));
        }
        for (held, token, code) in
            [(&self.old, "$OLD_TOKEN", "$OLD_CODE"), (&self.other, "$OTHER_TOKEN", "$OTHER_CODE")]
        {
            if let Some(held) = held {
                values.push((token, held.token.clone()));
                values.push((code, held.code.clone()));
            }
        }
        values
    }

    fn fill(&self, text: &str) -> String {
        let values = self.values();
        let filled = values.iter().fold(text.to_owned(), |text, (name, v)| text.replace(name, v));
        assert!(!filled.contains('$'), "{filled}: nothing stands for this");
        filled
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let read = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    pairs.map(|pair| read(pair).expect("hexadecimal")).collect()
}

async fn ask_probe(service: &Service, probe: &Probe, filling: &Filling) -> Answer {
    let method = Method::from_bytes(probe.method.as_bytes()).expect("a method");
    let mut call = service.call(method, &format!("/api/phone/{}", probe.path)).by_nobody();
    for (name, value) in &probe.headers {
        call = call.header(name, value);
    }
    call = match (&probe.body, &probe.hex) {
        (Some(body), _) => call.raw(&probe.kind, filling.fill(body)),
        (None, Some(hex)) => call.raw(&probe.kind, bytes_of(hex)),
        (None, None) => call,
    };
    call.any().await
}

/// `$ANY` stands for one text of a JSON string.
fn is_as_known(text: &str, known: &str) -> bool {
    match known.split_once("$ANY") {
        None => text == known,
        Some((before, after)) => text
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|any| !any.is_empty() && !any.contains('"')),
    }
}

#[test]
fn the_table_says_where_ours_differs() {
    let probes: Vec<Probe> = serde_json::from_str(PROBES).expect("the table");
    assert!(probes.len() > 100, "{}", probes.len());
    for probe in &probes {
        let Some(ours) = &probe.ours else { continue };
        let differs = (probe.status, probe.answer.as_ref()) != (ours.status, Some(&ours.answer));
        assert!(differs && !ours.why.is_empty(), "{probe:?}");
    }
}

on_both_homes! {
    async fn every_known_answer_is_given(bed, UNLIMITED) {
        let service = Service::start(&bed).await;
        let probes: Vec<Probe> = serde_json::from_str(PROBES).expect("the table");
        let mut wrong = Vec::new();
        for (probe, n) in probes.iter().zip((0..).step_by(20)) {
            let filling = Filling::make(&service, probe, n).await;
            let answer = ask_probe(&service, probe, &filling).await;
            let (status, known) = match &probe.ours {
                Some(ours) => (ours.status, Some(&ours.answer)),
                None => (probe.status, probe.answer.as_ref()),
            };
            let is_known = known.is_none_or(|known| is_as_known(&answer.text, known));
            let allows = probe.allow.as_ref().is_none_or(|allow| answer.header("allow") == allow);
            if answer.status != status || !is_known || !allows {
                wrong.push(format!("{}: {} {}", probe.name, answer.status, answer.text));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
