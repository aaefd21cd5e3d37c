//! What a gateway says of a refusal in a JSON answer: its code and its sentence.

use serde_json::Value;

use super::http_call::Answer;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Option<String>,
    pub(super) text: Option<String>,
}

impl Refusal {
    /// Takes each from the first of its JSON pointers that leads to a text or a number; `None`
    /// if the body is no JSON object.
    pub(super) fn read(answer: &Answer, codes: &[&str], texts: &[&str]) -> Option<Self> {
        let body: Value = answer.json().filter(Value::is_object)?;
        let first = |pointers: &[&str]| {
            pointers.iter().find_map(|pointer| match body.pointer(pointer)? {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
        };
        Some(Self { code: first(codes), text: first(texts) })
    }

    /// The sentence for the operator when it refused the check of the credentials.
    pub(super) fn check_failed(self, kind: &str, status: u16) -> String {
        let words: Vec<String> = [self.code, self.text].into_iter().flatten().collect();
        let said = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
        format!("{kind} answered HTTP {status}{said}")
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;
    use crate::providers::http_call::Answer;

    fn read(body: &str) -> Option<Refusal> {
        let answer = Answer { status: 400, retry_after: None, body: body.into() };
        Refusal::read(&answer, &["/code", "/error/code"], &["/text"])
    }

    fn refusal(code: Option<&str>, text: Option<&str>) -> Refusal {
        Refusal { code: code.map(str::to_owned), text: text.map(str::to_owned) }
    }

    #[test]
    fn the_first_place_that_says_something() {
        let both = read(r#"{"code": "a", "error": {"code": "b"}, "text": "no"}"#);
        assert_eq!(both, Some(refusal(Some("a"), Some("no"))));
        for inner in
            [r#"{"error": {"code": 7}}"#, r#"{"code": "", "error": {"code": 7}, "text": []}"#]
        {
            assert_eq!(read(inner), Some(refusal(Some("7"), None)), "{inner}");
        }
        assert_eq!(read(r#"{"error": "no"}"#), Some(Refusal::default()));
        for none in ["", "<html>", "[]", "\"code\"", "null", "{"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_sentence_for_the_operator() {
        let sentence = |code, text| refusal(code, text).check_failed("sms", 401);
        assert_eq!(sentence(None, None), "sms answered HTTP 401");
        assert_eq!(sentence(Some("E1"), Some("no")), "sms answered HTTP 401: E1, no");
        assert_eq!(sentence(None, Some("no")), "sms answered HTTP 401: no");
    }
}
