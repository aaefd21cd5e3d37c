//! Forms in parts (RFC 7578), as far as text fields go: the body is small and in memory.

use serde_json::{Map, Value};

/// The fields of a body. Of several with one name the last counts; what is cut off counts as far as it
/// came, and a file is there but is no text.
pub(super) fn fields(body: &[u8], boundary: &str) -> Map<String, Value> {
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter begins the body, all others a line.
    let whole = [b"\r\n", body].concat();
    let mut rest = split_once(&whole, delimiter.as_bytes()).map(|(_, after)| after);
    let mut fields = Map::new();
    while let Some(after) = rest.filter(|after| !after.starts_with(b"--")) {
        let next = split_once(after, delimiter.as_bytes());
        let part = next.map_or(after, |(part, _)| part);
        if let Some((name, value)) = field(part) {
            fields.insert(name, value);
        }
        rest = next.map(|(_, after)| after);
    }
    fields
}

/// One part: its head, an empty line, its content.
fn field(part: &[u8]) -> Option<(String, Value)> {
    let (head, content) = split_once(part, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head);
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let name = parameter(disposition, "name")?;
    if parameter(disposition, "filename").is_some() {
        return Some((name, Value::Object(Map::new())));
    }
    Some((name, Value::String(String::from_utf8_lossy(content).into_owned())))
}

/// The value of a header's parameter, such as `name` in `form-data; name="a"`.
pub(super) fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after);
        // A word without a value may stand before it.
        let name = name.rsplit(';').next().unwrap_or(name);
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// A value and what follows the semicolon after it. A quoted one may hold semicolons, and quotes behind
/// a backslash.
fn value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or_default();
                return (value, after.split_once(';').map_or("", |(_, rest)| rest));
            }
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

fn split_once<'a>(bytes: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(by.len()).position(|window| window == by)?;
    Some((&bytes[..at], &bytes[at + by.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
        content-disposition: form-data; name=b\r\nContent-Type: text/plain\r\n\r\n+2\r\n\r\n\r\n--x--\r\n";

    #[test]
    fn each_part_is_a_field() {
        let read = fields(WHOLE.as_bytes(), "x");
        assert_eq!(read.len(), 2);
        assert_eq!(read["a"], "1");
        assert_eq!(read["b"], "+2\r\n\r\n");
    }

    #[test]
    fn what_is_broken_brings_what_it_can() {
        assert!(fields(WHOLE.as_bytes(), "y").is_empty());
        assert!(fields(b"--x", "x").is_empty() && fields(b"--x--", "x").is_empty());
        for length in 0..WHOLE.len() {
            let read = fields(&WHOLE.as_bytes()[..length], "x");
            let came = read.get("a").and_then(Value::as_str).unwrap_or_default();
            assert!("1\r\n--".starts_with(came), "{length}: {read:?}");
        }
        let file =
            "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"1\"\r\n\r\n1\r\n--x--";
        assert!(fields(file.as_bytes(), "x")["a"].is_object());
    }

    #[test]
    fn parameters_are_quoted_or_not() {
        let found = |header, name| parameter(header, name);
        let header = r#"form-data; x; name="a;\"b" ; File=c"#;
        assert_eq!(found(header, "name").as_deref(), Some("a;\"b"));
        assert_eq!(found(header, "file").as_deref(), Some("c"));
        assert_eq!(found(header, "form-data"), None);
        assert_eq!(found("multipart/form-data; boundary=", "boundary").as_deref(), Some(""));
        assert_eq!(found("multipart/form-data", "boundary"), None);
    }
}
