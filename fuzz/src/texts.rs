//! Short texts that people and programs write: numbers, codes, tokens, templates, limits.

use std::{collections::BTreeMap, net::IpAddr, sync::LazyLock};

use otpost_shared::{
    channel::Channel,
    config::{Network, Purpose, load_with},
    limits::{Charge, Limiter, Rule, Scope},
    policy::DEFAULT_PURPOSE,
    recipient::Recipient,
    secrets::{Code, Handle},
    segments::Segments,
    template::{self, Template},
    texts::{Asked, Draft, LONGEST_LOCALE, Locale, Need, Rows, Texts},
};
use otpost_worker::providers::smpp::alphabet::Alphabet;
use uuid::Uuid;

use super::{first_line, runtime};

/// First line: the region of national numbers. Rest: the number, or an e-mail address.
pub fn recipient(data: &[u8]) {
    let (region, rest) = first_line(data);
    let (region, text) = (String::from_utf8_lossy(region), String::from_utf8_lossy(rest));
    let region = (!region.is_empty()).then_some(&*region);
    email(&text);
    if let Ok(recipient) = Recipient::parse_unchecked(&text, region) {
        is_e164(&recipient);
    }
    match Recipient::parse(&text, region) {
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && said.len() < 200, "{said}");
        }
        Ok(recipient) => {
            is_e164(&recipient);
            // The same number when it is read again, as it is from every row.
            for again in [Recipient::parse, Recipient::parse_unchecked] {
                assert_eq!(again(recipient.address(), None).as_ref(), Ok(&recipient));
            }
            let masked = recipient.masked();
            assert!(masked.bytes().filter(u8::is_ascii_digit).count() <= 5, "{masked}");
            assert!(!format!("{recipient:?}{recipient}").contains(recipient.address()));
        }
    }
}

fn email(text: &str) {
    let recipient = match Recipient::parse_email(text) {
        Ok(recipient) => recipient,
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && said.len() < 200, "{said}");
            return;
        }
    };
    let address = recipient.address();
    assert!(address.len() <= 254, "{address}");
    assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "{address}");
    assert_eq!(address.matches('@').count(), 1, "{address}");
    assert!(!address.contains(['<', '>', '(', ')', '"', ',', ';', '[', ']', '\\']), "{address}");
    assert_eq!(Recipient::parse_email(address).as_ref(), Ok(&recipient));
    let other = Recipient::parse_email(&address.to_ascii_uppercase()).expect("the same");
    assert_eq!(other.identity(), recipient.identity());
    // One whose letters are stars looks the same when it is masked.
    let shown = format!("{recipient:?}{recipient}");
    assert!(address.contains('*') || !shown.contains(address), "{shown}");
}

fn is_e164(recipient: &Recipient) {
    let digits = recipient.digits();
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "not only digits");
    assert!((3..=20).contains(&digits.len()), "{} digits", digits.len());
    assert_eq!(recipient.address(), format!("+{digits}"));
}

pub fn code(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(code) = Code::normalised(&text) else { return };
    let digits = code.as_str();
    assert!((1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    let again = Code::normalised(digits).expect("digits");
    assert!(again.matches(&code) && code.matches(&again));
    assert!(!format!("{code:?}").contains(digits));
}

/// Session tokens, and API keys behind their prefix.
pub fn handle(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let text = text.strip_prefix(otpost_shared::api_key::PREFIX).unwrap_or(&text);
    let Some(handle) = Handle::parse(text) else { return };
    assert_eq!(handle.to_text().as_str(), text, "two texts for one token");
    assert!(handle.matches(&handle.hash()) && !handle.matches(&[]) && !handle.matches(&[0; 32]));
    assert!(!format!("{handle:?}").contains(&text[22..]), "its secret shows");
}

pub fn template(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let template = Template::parse(&text);
    let names: Vec<String> = template.names().map(str::to_owned).collect();
    assert!(names.iter().all(|name| template::is_name(name)));
    // Filled with its own placeholders it is itself again: nothing is lost or read twice.
    let own = names.iter().map(|name| (name.clone(), format!("{{{name}}}")));
    assert_eq!(template.render(&own.collect()), text);
    let empty = template.render(&BTreeMap::new());
    let filled_in: usize = names.iter().map(|name| name.len() + 2).sum();
    assert_eq!(empty.len() + filled_in, text.len());
    assert_eq!(Template::try_from(text.clone()).is_ok(), !text.is_empty());
    draft(text, &names);
}

/// What is saved has a code, and no brace that means nothing.
fn draft(text: String, names: &[String]) {
    let template = Template::parse(&text);
    let draft = Draft { text, ..Draft::default() };
    match draft.check(Channel::Sms) {
        Ok(()) => {
            let known = |name: &String| template::RESERVED.contains(&name.as_str());
            assert!(names.iter().all(known) && names.iter().any(|name| name == "code"));
            assert_eq!(template.stray_brace(), None, "{:?}", draft.text);
        }
        Err(mistake) => {
            let said = mistake.to_string();
            assert!(!said.is_empty() && said.len() < 1_000, "{said}");
        }
    }
}

/// First line: a language by name. Rest: an `Accept-Language` header.
pub fn languages(data: &[u8]) {
    let (name, header) = first_line(data);
    let (name, header) = (String::from_utf8_lossy(name), String::from_utf8_lossy(header));
    let name = Locale::parse(&name);
    if let Some(name) = &name {
        let text = name.to_string();
        assert!(text.len() <= LONGEST_LOCALE, "{text}");
        assert_eq!(Locale::parse(&text).as_ref(), Some(name), "{text}");
    }
    let asked = Asked::new(name, Some(&header));
    let texts = Texts::load(Rows::default(), "en");
    let need = Need {
        tenant_id: Uuid::nil(),
        purpose: DEFAULT_PURPOSE,
        channel: Channel::Sms,
        locale: None,
        country: None,
        minutes: 10,
    };
    let wanted = texts.wanted(policy(), [need], &asked).map(ToString::to_string);
    assert!(wanted.is_none_or(|text| text.len() <= LONGEST_LOCALE));
}

fn policy() -> &'static Purpose {
    static POLICY: LazyLock<Purpose> = LazyLock::new(|| {
        let config = load_with(None, std::iter::empty()).expect("the defaults are good");
        config.purposes[DEFAULT_PURPOSE].clone()
    });
    &POLICY
}

pub fn limit_rule(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(rule) = Rule::parse(&text) else { return };
    assert!(rule.count > 0 && rule.window_ms > 0 && rule.window_ms % 1_000 == 0);
    let written = format!("{}/{}s", rule.count, rule.window_ms / 1_000);
    assert_eq!(Rule::parse(&written), Some(rule));
    assert_eq!(Rule::parse(&rule.to_string()), Some(rule));
    // Whatever is a rule can be kept.
    let rules = [rule];
    let charge = [Charge::new(Scope::Client, "a".into(), &rules)];
    let limiter = Limiter::new(None);
    runtime().block_on(async {
        for now in [1_800_000_000_000, 1_800_000_020_000] {
            let taken = limiter.charge(Uuid::nil(), &charge, None, now).await;
            let over = now > 1_800_000_000_000 && rule.count == 1 && rule.window_ms > 20_000;
            assert_eq!(taken.is_err(), over, "{text} at {now}");
        }
    });
}

/// First line: a network. Second line: an address.
pub fn network(data: &[u8]) {
    let (network, address) = first_line(data);
    let (network, address) = (String::from_utf8_lossy(network), String::from_utf8_lossy(address));
    let Some(parsed) = Network::parse(&network) else { return };
    let base = network.split('/').next().unwrap_or_default().trim();
    let base: IpAddr = base.parse().expect("it was an address");
    assert!(parsed.contains(base), "{network} does not hold its own address");
    if let Ok(address) = address.trim().parse::<IpAddr>() {
        let alone = Network::parse(&address.to_string()).expect("an address");
        assert!(alone.contains(address));
        assert_eq!(alone.contains(base), alone == Network::parse(&base.to_string()).expect("one"));
    }
}

pub fn segments(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let count = Segments::of(&text).count;
    let units: usize = text.chars().map(|c| c.len_utf16().max(2)).sum();
    assert!(count >= 1 && count <= 1 + units / 66, "{count} parts for {units} units");
    for alphabet in [Alphabet::Gsm7, Alphabet::Latin1] {
        let encoded = alphabet.encode(&text);
        let is_counted = alphabet == Alphabet::Latin1 || encoded.parts.len() == count;
        assert!(is_counted, "{} parts instead of {count}", encoded.parts.len());
        let most = if encoded.parts.len() == 1 { 160 } else { 153 };
        assert!(encoded.parts.iter().all(|part| part.len() <= most));
        let decoded = alphabet.decode(encoded.data_coding, &encoded.parts.concat());
        assert_eq!(decoded.as_deref(), Some(&*text));
    }
}
