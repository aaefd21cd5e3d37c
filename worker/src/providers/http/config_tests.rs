//! Tests of the `http` configuration.

use otpost_shared::config::{ConfigError, section};

use super::HttpConfig;
use crate::providers::{Net, http::HttpGateway};

fn made(keys: &str, net: &Net) -> Result<(), ConfigError> {
    let config: HttpConfig = section("sms", &keys.parse().unwrap())?;
    HttpGateway::new("sms", config, net).map(drop)
}

fn built(keys: &str) -> Result<(), String> {
    made(keys, &Net::default()).map_err(|error| error.to_string())
}

fn with(keys: &str) -> Result<(), String> {
    built(&format!("url = 'http://localhost/?p={{to}}&t={{text}}'\n{keys}"))
}

#[test]
fn urls() {
    let built =
        |url: &str| built(&format!("url = '{url}'\nbody_type = 'text'\nbody = '{{to}}{{text}}'"));
    for good in [
        "http://h/",
        "https://h:81/a?to={to_digits}&t={text}",
        "http://[::1]:8080/{to}",
        "https://h?to={to}",
    ] {
        assert_eq!(built(good), Ok(()), "{good}");
    }
    for wrong in [
        "",
        "h/x",
        "ftp://h/",
        "http://{to}/",
        "http://h{to_digits}/",
        "http://h:99999/",
        "http://h/{nobody}",
        "http://h/{from}",
        "http://{report_reference}/",
    ] {
        assert!(built(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn bodies() {
    assert_eq!(with(r#"body = '{"to":{to_digits},"ttl":{validity_secs},"t":"{text}"}'"#), Ok(()));
    let unquoted = with(r#"body = '{"t":{text}}'"#).unwrap_err();
    assert!(unquoted.contains("not JSON once filled"), "{unquoted}");
    let number = with(r#"body = '{"code":{code}}'"#).unwrap_err();
    assert!(number.contains("not JSON once filled"), "a code may begin with 0: {number}");
    assert_eq!(with("body_type = 'form'\nbody = 'to={to}'"), Ok(()));
    assert_eq!(with("body_type = 'xml'\nbody = '<m>{text}</m>'"), Ok(()));
    assert_eq!(with("body_type = 'text'\nbody = '{text}'"), Ok(()));
    assert!(with("body_type = 'yaml'").is_err());
    assert!(with("method = 'GET'\nbody = '{}'").is_err());
    assert_eq!(with("method = 'get'"), Ok(()));
    let method = with("method = 'POTS'").unwrap_err();
    assert!(method.contains("did you mean \"POST\"?"), "{method}");
}

#[test]
fn headers() {
    assert_eq!(with("headers = { Authorization = 'Bearer x' }"), Ok(()));
    assert_eq!(with("headers = { Idempotency-Key = '{message_id}' }"), Ok(()));
    for slot in ["{text}", "{title}", "{html}"] {
        let said = with(&format!("headers = {{ X = '{slot}' }}")).unwrap_err();
        assert!(said.contains(&format!("{slot} cannot stand in a header")), "{said}");
    }
    assert!(with("headers = { 'a b' = 'x' }").is_err());
    assert!(with("headers = { X = \"a\\nb\" }").is_err());
    assert!(with("headers = { X = '{from}' }\nfrom = \"a\\nb\"").is_err());
}

#[test]
fn readings() {
    assert_eq!(with("success_status = [202, '200-204', '207']"), Ok(()));
    for wrong in ["[]", "['x']", "['299-200']", "[700]", "[-1]", "200"] {
        assert!(with(&format!("success_status = {wrong}")).is_err(), "{wrong}");
    }
    let near = with("success_codes = [200]").unwrap_err();
    assert!(near.contains("\"success_status\""), "both it may have meant: {near}");
    let from = with("body = '{\"from\":\"{from}\",\"to\":\"{to}\",\"t\":\"{text}\"}'").unwrap_err();
    assert!(from.contains("set from, which is the sender also for countries"), "{from}");
    assert!(with("id_json_pointer = 'id'").is_err());
    assert!(with("success_values = ['0']").is_err());
    assert!(with("errors = { 21 = 'recipient' }").is_err());
    let pointer = "error_code_json_pointer = '/code'\n";
    assert_eq!(with(&format!("{pointer}errors = {{ 21 = 'recipient' }}")), Ok(()));
    let class = with(&format!("{pointer}errors = {{ 21 = 'recipent' }}")).unwrap_err();
    assert!(class.contains("did you mean \"recipient\"?"), "{class}");
}

#[test]
fn prices_have_a_currency() {
    for good in [
        "segments_json_pointer = '/parts'",
        "price_json_pointer = '/price'\ndefault_currency = 'EUR'",
        "price_json_pointer = '/price'\ncurrency_json_pointer = '/currency'",
        "price_json_pointer = '/p'\ncurrency_json_pointer = '/c'\ndefault_currency = 'EUR'",
    ] {
        assert_eq!(with(good), Ok(()), "{good}");
    }
    for (keys, key) in [
        ("segments_json_pointer = 'parts'", "segments_json_pointer"),
        ("price_json_pointer = 'price'\ndefault_currency = 'EUR'", "price_json_pointer"),
        ("price_json_pointer = '/price'", "price_json_pointer"),
        ("default_currency = 'EUR'", "price_json_pointer"),
        ("currency_json_pointer = '/currency'", "price_json_pointer"),
        ("price_json_pointer = '/p'\ncurrency_json_pointer = 'c'", "currency_json_pointer"),
        ("price_json_pointer = '/p'\ndefault_currency = 'euros'", "default_currency"),
    ] {
        let said = with(keys).unwrap_err();
        assert!(said.starts_with(&format!("providers.sms.{key}: ")), "{keys}: {said}");
    }
}

#[test]
fn a_request_has_a_recipient_and_a_text() {
    let mistake = |keys: &str| built(keys).unwrap_err();
    for url in ["http://h/?t={text}", "http://h/?p={to}", "http://h/"] {
        let said = mistake(&format!("url = '{url}'"));
        assert!(said.contains("providers.sms.url"), "{said}");
        assert!(said.contains(if url.contains("{to}") { "{code}" } else { "{to}" }), "{said}");
        let said = mistake(&format!("url = '{url}'\nbody = '{{}}'"));
        assert!(said.contains("providers.sms.body"), "{said}");
    }
    for keys in [
        "url = 'http://h/{to_digits}'\nbody = '\"{text}\"'",
        "url = 'http://h/?t={text}'\nheaders = { To = '{to}' }",
        "url = 'http://h/'\nbody_type = 'form'\nbody = 'p={to}&t={text}'",
        "url = 'http://h/?p={to}&c={code}&l={language}'",
        "url = 'http://h/?p={to}'\nheaders = { Code = '{code}' }",
    ] {
        assert_eq!(built(keys), Ok(()), "{keys}");
    }
}

/// Asks for reports, and says in `report` how they are read.
fn reporting(report: &str) -> String {
    format!(
        "url = 'http://h/?p={{to}}&t={{text}}'\nheaders = {{ Dlr = '{{report_url}}' }}\n\
         [report]\n{report}"
    )
}

const WORDS: &str = "status = '/status'\ndelivered = ['DELIVRD']\n";

#[test]
fn how_reports_are_read() {
    assert_eq!(built(&reporting(WORDS)), Ok(()));
    let all = "sent = ['ACCEPTD']\nundelivered = ['UNDELIV']\ncode = 'err'\n\
        errors = { 5 = 'recipient' }\nsegments = '/parts'\nsignature = { header = 'X-Signature', \
        secret = 's', algorithm = 'sha1', encoding = 'base64' }\n\
        price = '/price'\ncurrency = '/currency'\ndefault_currency = 'EUR'";
    assert_eq!(built(&reporting(&format!("{WORDS}{all}"))), Ok(()));
    let mistake = |report: &str, key: &str| {
        let said = built(&reporting(report)).unwrap_err();
        assert!(said.starts_with(&format!("providers.sms.report{key}: ")), "{report}: {said}");
    };
    mistake("delivered = ['x']", "");
    mistake("status = 's'", ".delivered");
    for (more, key) in [
        ("colour = 1", ".colour"),
        ("sent = [7]", ".sent[0]"),
        ("code = ''", ".code"),
        ("price = ''\ndefault_currency = 'EUR'", ".price"),
        ("price = '/price'", ".price"),
        ("currency = '/currency'", ".price"),
        ("price = '/price'\ndefault_currency = 'E'", ".default_currency"),
        ("sent = ['DELIVRD']", ".delivered"),
        ("undelivered = ['x', 'x']", ".undelivered"),
        ("errors = { 5 = 'recipient' }", ".errors"),
        ("code = 'e'\nerrors = { 5 = 'recipent' }", ".errors"),
        ("code = 'e'\nerrors = { 5 = 'ok' }", ".errors"),
        ("secret = 's'", ".secret"),
        ("signature = { secret = 's' }", ".signature"),
        ("signature = { header = 'x' }", ".signature"),
        ("signature = { header = 'x', secret = '' }", ".signature.secret"),
        ("signature = { header = '', secret = 's' }", ".signature.header"),
        ("signature = { header = 'X Signature', secret = 's' }", ".signature.header"),
        ("signature = { header = 'X-Signature:', secret = 's' }", ".signature.header"),
        ("signature = { header = 'X-Prüfsumme', secret = 's' }", ".signature.header"),
        ("signature = { header = 'x', secret = 's', colour = 1 }", ".signature.colour"),
        ("signature = { header = 'x', secret = 's', algorithm = 'md4' }", ".signature.algorithm"),
        ("signature = { header = 'x', secret = 's', encoding = 'base32' }", ".signature.encoding"),
        ("reference = '/ref'", ".reference"),
    ] {
        mistake(&format!("{WORDS}{more}"), key);
    }
}

#[test]
fn how_what_people_write_is_read() {
    let section = |keys: &str| format!("url = 'http://h/?p={{to}}&t={{text}}'\n[inbound]\n{keys}");
    let places = "from = '/msisdn'\ntext = '/text'\n";
    assert_eq!(built(&section(places)), Ok(()));
    let signed = format!(
        "{places}signature = {{ header = 'X-Signature', secret = 's', algorithm = 'sha512', \
         encoding = 'base64' }}"
    );
    assert_eq!(built(&section(&signed)), Ok(()));
    for (keys, key) in [
        ("from = '/msisdn'", ""),
        ("from = ''\ntext = 't'", ".from"),
        ("from = 'f'\ntext = ''", ".text"),
        ("from = 'f'\ntext = 't'\nsignature = { secret = 's' }", ".signature"),
        (
            "from = 'f'\ntext = 't'\nsignature = { header = 'a b', secret = 's' }",
            ".signature.header",
        ),
        ("from = 'f'\ntext = 't'\nsignature = { header = 'x', secret = '' }", ".signature.secret"),
        (
            "from = 'f'\ntext = 't'\nsignature = { header = 'x', secret = 's', key = 'k' }",
            ".signature.key",
        ),
        ("from = 'f'\ntext = 't'\ncolour = 1", ".colour"),
    ] {
        let said = built(&section(keys)).unwrap_err();
        assert!(said.starts_with(&format!("providers.sms.inbound{key}: ")), "{keys}: {said}");
    }
    let hidden = Net { is_reachable: false, ..Net::default() };
    let said = made(&section(places), &hidden).unwrap_err().to_string();
    assert!(said.contains("providers.sms.inbound: needs server.public_url"), "{said}");
}

#[test]
fn reports_are_asked_for_where_they_are_read() {
    let (url, address) = ("http://h/?p={to}&t={text}", "url = 'http://h/?p={to}&t={text}");
    for (keys, key) in [
        (format!("{address}&d={{report_url}}'"), "report"),
        (format!("{address}&d={{report_reference}}'"), "report"),
        (format!("url = '{url}'\n[report]\n{WORDS}"), "report"),
        (format!("{address}&d={{report_reference}}'\n[report]\n{WORDS}"), "report.reference"),
        (format!("url = '{url}'\n[report]\nreference = 'r'\n{WORDS}"), "report.reference"),
    ] {
        let said = built(&keys).unwrap_err();
        assert!(said.starts_with(&format!("providers.sms.{key}: ")), "{keys}: {said}");
    }
    let lent = format!("{address}&d={{report_reference}}'\n[report]\nreference = 'r'\n{WORDS}");
    assert_eq!(built(&lent), Ok(()));
    let hidden = Net { is_reachable: false, ..Net::default() };
    let said = made(&lent, &hidden).unwrap_err().to_string();
    assert!(said.contains("providers.sms.report: needs server.public_url"), "{said}");
}
