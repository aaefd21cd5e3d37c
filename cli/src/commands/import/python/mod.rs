//! Literals of a Python file, read without running it: texts, whole numbers and their products, `True`,
//! `False`, `None`, lists, tuples and dictionaries. Whatever else stands in their place is code, and is
//! passed over.

mod literal;
mod reader;

use self::reader::Reader;

/// What stands to the right of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
    Nothing,
    List(Vec<Value>),
    /// With the names that are texts.
    Dict(Vec<(String, Value)>),
    /// Something that only Python can work out.
    Code,
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Nothing,
            Json::Bool(truth) => Self::Truth(truth),
            Json::Number(number) => number.as_i64().map_or(Self::Code, Self::Number),
            Json::String(text) => Self::Text(text),
            Json::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Json::Object(members) => {
                Self::Dict(members.into_iter().map(|(name, v)| (name, v.into())).collect())
            }
        }
    }
}

/// What a file says of one name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Assigned {
    /// Of the last assignment that begins a line.
    pub(super) value: Option<Value>,
    /// The first line, from 1, that says more of it: inside a block, or changing a part.
    pub(super) also: Option<usize>,
}

/// Looks a name up.
pub(super) fn assigned(source: &str, name: &str) -> Assigned {
    let mut reader = Reader::new(source);
    let mut found = Assigned::default();
    while reader.peek().is_some() {
        let start = reader.at;
        let indented = reader.skip_while(|c| " \t".contains(c)) > 0;
        if reader.take_word(name) {
            reader.skip_annotation();
            match (indented, reader.take_assignment()) {
                (false, true) => {
                    let value = reader.value(0, &['\n', ';', '#']);
                    found = Assigned { value: Some(value), also: None };
                }
                (_, false) if !reader.changes_a_part() => {}
                _ => {
                    found.also.get_or_insert_with(|| reader.line());
                }
            }
        }
        reader.at = start;
        reader.skip_line();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn value(source: &str) -> Value {
        assigned(&format!("X = {source}\n"), "X").value.expect("assigned")
    }

    #[test]
    fn literals_are_read() {
        for (source, read) in [
            ("'a'", text("a")),
            ("\"a\" 'b'  # c", text("ab")),
            ("('a'\n  # comment\n  \"b\")", text("ab")),
            ("'a' + 'b'", text("ab")),
            ("\"\"\"a\n'b'\"\"\"", text("a\n'b'")),
            (r"'it\'s \x41\u00e9\n'", text("it's A\u{e9}\n")),
            ("u'a'", text("a")),
            ("_('a')", text("a")),
            ("gettext_lazy(\n'a',\n)", text("a")),
            ("600", Value::Number(600)),
            ("-1_000", Value::Number(-1_000)),
            ("60 * 60 + 1", Value::Number(3_601)),
            ("True", Value::Truth(true)),
            ("None", Value::Nothing),
            ("[1, 'a',]", Value::List(vec![Value::Number(1), text("a")])),
            ("(1,)", Value::List(vec![Value::Number(1)])),
            ("(1)", Value::Number(1)),
            ("{}", Value::Dict(Vec::new())),
        ] {
            assert_eq!(value(source), read, "{source}");
        }
    }

    #[test]
    fn what_is_no_literal_is_code_and_ends_where_it_ends() {
        for source in [
            "os.environ['A']",
            "env('A', default='a, b')",
            "f'{a}'",
            "b'a'",
            "'a' % b",
            "'a'.upper()",
            "1.5",
            "0x10",
            "2 ** 3",
            "9999999999 * 9999999999",
            "lambda: 1",
            "[1",
            "'a",
            r"'\N{BULLET}'",
            "r'\\d'",
            "Truth",
            "",
        ] {
            let whole = format!("X = {{'a': {source}, 'b': 1}}\nY = 2\n");
            let found = assigned(&whole, "X").value;
            if let Some(Value::Dict(members)) = &found {
                let a = members.iter().find(|(name, _)| name == "a").map(|(_, value)| value);
                assert!(
                    matches!(a, Some(Value::Code | Value::List(_)) | None),
                    "{source}: {found:?}"
                );
            } else {
                assert_eq!(found, Some(Value::Code), "{source}");
            }
        }
        let members = value("{'a': env('A', default='}'), 'b': 1, **other, C: 2, 'd': _('x')}");
        let expected = vec![
            ("a".to_owned(), Value::Code),
            ("b".to_owned(), Value::Number(1)),
            ("d".to_owned(), text("x")),
        ];
        assert_eq!(members, Value::Dict(expected));
    }

    #[test]
    fn only_an_assignment_that_begins_a_line_counts() {
        let source = "'''\nX = 1\n'''\n# X = 2\nprint('X = 3')\nXY = 4\nX == 5\nX: int = 6\n";
        let found = Assigned { value: Some(Value::Number(6)), also: None };
        assert_eq!(assigned(source, "X"), found);
        let source = "X = {\n'a': 1,\n}\nif a:\n    X = 7\nX['a'] = 8\n";
        assert_eq!(assigned(source, "X").also, Some(5));
        assert_eq!(assigned("X = {}\nX.update(a=1)\n", "X").also, Some(2));
        assert_eq!(assigned("print(X)\nY = X\n", "X"), Assigned::default());
        assert_eq!(assigned("X = 1\nX = 2", "X").value, Some(Value::Number(2)));
    }

    #[test]
    fn nothing_that_is_written_makes_it_hang_or_fall() {
        for bracket in ["(", "[", "{", "{'a':", "_(", "'", "\"\"\"", "\\", "(]", "{)", "**", "*"] {
            let source = format!("X = {}", bracket.repeat(3_000));
            assert!(assigned(&source, "X").value.is_some(), "{bracket}");
        }
    }
}
