//! The texts of an XML document, each under the path of the elements around it.

use xml::{ParserConfig, reader::XmlEvent};

/// Answers are flat. The limit keeps the paths of a hostile one short.
const DEEPEST: usize = 16;

pub(super) struct XmlTexts(Vec<(String, String)>);

impl XmlTexts {
    /// `None` if the document is not well-formed to its end. One with a DOCTYPE is not read
    /// either: it could define what its texts stand for.
    pub(super) fn read(document: &[u8]) -> Option<Self> {
        let events = ParserConfig::new()
            .trim_whitespace(true)
            .cdata_to_characters(true)
            .allow_multiple_root_elements(false)
            .create_reader(document);
        let mut path = Vec::new();
        let mut texts = Vec::new();
        for event in events {
            match event.ok()? {
                XmlEvent::StartElement { name, .. } if path.len() < DEEPEST => {
                    path.push(name.local_name);
                }
                XmlEvent::StartElement { .. } | XmlEvent::Doctype { .. } => return None,
                XmlEvent::EndElement { .. } => drop(path.pop()),
                XmlEvent::Characters(text) => texts.push((path.join("/"), text)),
                _ => {}
            }
        }
        Some(Self(texts))
    }

    /// The first text under `path`, as in `"PublishResponse/PublishResult/MessageId"`.
    pub(super) fn at(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == path).map(|(_, text)| text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST, XmlTexts};

    fn read(document: &str, path: &str) -> Option<String> {
        XmlTexts::read(document.as_bytes())?.at(path).map(str::to_owned)
    }

    #[test]
    fn texts_are_found_by_their_path() {
        let document = "<?xml version=\"1.0\"?>\n<a xmlns=\"urn:x\">\n <!-- b --> <b>1 &lt; 2</b>\n\
            <c><b><![CDATA[<3>]]></b></c><b>2</b><d/></a>\n";
        assert_eq!(read(document, "a/b").as_deref(), Some("1 < 2"));
        assert_eq!(read(document, "a/c/b").as_deref(), Some("<3>"));
        for missing in ["a", "b", "a/d", "a/c", "", "a/b/"] {
            assert_eq!(read(document, missing), None, "{missing}");
        }
    }

    #[test]
    fn a_document_must_be_whole() {
        for broken in [
            "",
            "text",
            "<a><b>1</b>",
            "<a><b>1</b></a",
            "<a><b>1</a></b>",
            "<a><b>1</b></a><a/>",
            "<a><b>1</b></a>more",
            "<a><b>&unknown;</b></a>",
            "<!DOCTYPE a [<!ENTITY e \"1\">]><a><b>&e;</b></a>",
            "<html><body><br></body></html>",
            "\u{0}",
        ] {
            assert!(XmlTexts::read(broken.as_bytes()).is_none(), "{broken}");
        }
        assert!(XmlTexts::read(b"<a>\xff</a>").is_none());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| format!("{}1{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(XmlTexts::read(nested(DEEPEST).as_bytes()).is_some());
        assert!(XmlTexts::read(nested(DEEPEST + 1).as_bytes()).is_none());
    }
}
