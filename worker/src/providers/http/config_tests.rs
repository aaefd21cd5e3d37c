//! Tests of the `http` configuration.

use super::HttpConfig;
use crate::providers::{Net, http::HttpGateway};

fn built(keys: &str) -> Result<(), String> {
    let config: HttpConfig = toml::from_str(keys).map_err(|error| error.to_string())?;
    HttpGateway::new("sms", config, &Net::default()).map(drop).map_err(|error| error.to_string())
}

fn with(keys: &str) -> Result<(), String> {
    built(&format!("url = 'http://localhost/'\n{keys}"))
}

#[test]
fn urls() {
    for good in [
        "http://h/",
        "https://h:81/a?to={to_digits}&t={text}",
        "http://[::1]:8080/{to}",
        "https://h?to={to}",
    ] {
        assert_eq!(built(&format!("url = '{good}'")), Ok(()), "{good}");
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
    ] {
        assert!(built(&format!("url = '{wrong}'")).is_err(), "{wrong}");
    }
}

#[test]
fn bodies() {
    assert_eq!(with(r#"body = '{"to":{to_digits},"ttl":{validity_secs},"t":"{text}"}'"#), Ok(()));
    let unquoted = with(r#"body = '{"t":{text}}'"#).unwrap_err();
    assert!(unquoted.contains("not JSON once filled"), "{unquoted}");
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
    assert!(with("headers = { X = '{text}' }").is_err());
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
    assert!(with("id_json_pointer = 'id'").is_err());
    assert!(with("success_values = ['0']").is_err());
    assert!(with("errors = { 21 = 'recipient' }").is_err());
    let pointer = "error_code_json_pointer = '/code'\n";
    assert_eq!(with(&format!("{pointer}errors = {{ 21 = 'recipient' }}")), Ok(()));
    let class = with(&format!("{pointer}errors = {{ 21 = 'recipent' }}")).unwrap_err();
    assert!(class.contains("did you mean \"recipient\"?"), "{class}");
}
