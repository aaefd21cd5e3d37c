//! TwiML: what Twilio is told to do in a call.

use xml::writer::{EmitterConfig, EventWriter, Result, XmlEvent};

/// Seconds before the first word, for whoever is still lifting the phone to an ear, and between the two
/// times that it is said.
const PAUSE: &str = "1";

/// A document that has a text said twice in a language (BCP 47) and then hangs up. `None` for a language
/// that could not stand in an attribute.
pub(super) fn said_twice(text: &str, language: &str) -> Option<String> {
    let is_of_tag = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if language.is_empty() || !language.bytes().all(is_of_tag) {
        return None;
    }
    // XML cannot hold most control characters, not even escaped.
    let text: String = text.chars().map(|c| if is_for_xml(c) { c } else { ' ' }).collect();
    let mut document = Vec::new();
    write(&mut document, &text, language).ok()?;
    String::from_utf8(document).ok()
}

fn is_for_xml(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

fn write(into: &mut Vec<u8>, text: &str, language: &str) -> Result<()> {
    let config = EmitterConfig::new().write_document_declaration(false);
    let mut writer = EventWriter::new_with_config(into, config);
    writer.write(XmlEvent::start_element("Response"))?;
    for _ in 0..2 {
        writer.write(XmlEvent::start_element("Pause").attr("length", PAUSE))?;
        writer.write(XmlEvent::end_element())?;
        writer.write(XmlEvent::start_element("Say").attr("language", language))?;
        writer.write(XmlEvent::characters(text))?;
        writer.write(XmlEvent::end_element())?;
    }
    writer.write(XmlEvent::end_element())
}

#[cfg(test)]
mod tests {
    use super::said_twice;
    use crate::providers::xml_texts::XmlTexts;

    #[test]
    fn a_text_is_said_twice_after_a_pause() {
        let said = said_twice("Ihr Code: 1, 2.", "de-DE").unwrap();
        let once = r#"<Pause length="1" /><Say language="de-DE">Ihr Code: 1, 2.</Say>"#;
        assert_eq!(said, format!("<Response>{once}{once}</Response>"));
    }

    #[test]
    fn nothing_in_a_text_is_taken_for_a_command() {
        for text in
            ["A & B", "</Say><Hangup/>", "]]>", "<!--", "&amp;", "\"d\" 'é' 您", "<![CDATA[x"]
        {
            let said = said_twice(text, "en-US").unwrap();
            let read = XmlTexts::read(said.as_bytes()).expect(text);
            assert_eq!(read.at("Response/Say"), Some(text), "{said}");
            assert_eq!(said.matches("<Say ").count(), 2, "{said}");
            assert!(!said.contains("<Hangup"), "{said}");
        }
        let said = said_twice("a\u{0}b\u{1b}[2J\n\u{ffff}c", "en-US").unwrap();
        assert!(said.contains(">a b [2J  c</Say>"), "{said}");
        for language in ["", "en\"/><Hangup/>", "en US"] {
            assert_eq!(said_twice("hi", language), None, "{language}");
        }
    }

    #[test]
    fn the_longest_text_fits_whatever_is_in_it() {
        for character in ['<', '&', '"', 'é', '您'] {
            let text = character.to_string().repeat(otpost_shared::speech::LONGEST_SPEECH);
            let said = said_twice(&text, "cmn-CN").unwrap();
            assert!(said.chars().count() <= 4_000, "{character}: {}", said.chars().count());
        }
    }
}
