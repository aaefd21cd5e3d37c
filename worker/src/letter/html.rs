//! An e-mail's text as HTML: the same words, readable in any mail program, light or dark.
//!
//! Styles stand in the tags, since many programs drop others; no colour is set, so that each program
//! keeps its own in the dark; and nothing is fetched from anywhere.

use std::ops::Range;

use otpost_shared::texts::Locale;

const HEAD: &str = "<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n\
    <meta name=\"supported-color-schemes\" content=\"light dark\">\n";
const BODY: &str = "margin:0;padding:24px 16px;\
    font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
    font-size:16px;line-height:1.5;";
const COLUMN: &str = "max-width:560px;margin:0 auto;";
const PARAGRAPH: &str = "margin:0 0 16px;";
/// Of a code that is a paragraph of its own.
const LARGE: &str = "margin:0 0 16px;padding:16px;border:1px solid #8a8a8a;border-radius:8px;\
    text-align:center;font-family:Consolas,Menlo,monospace;font-size:32px;line-height:1.25;\
    font-weight:bold;letter-spacing:4px;";

/// A text, and where in it the code stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) text: String,
    codes: Vec<Range<usize>>,
}

impl Words {
    /// Adds words; every kind of line break becomes a line feed.
    pub(super) fn push(&mut self, words: &str) {
        self.text.push_str(&words.replace("\r\n", "\n").replace('\r', "\n"));
    }

    pub(super) fn push_code(&mut self, code: &str) {
        let begin = self.text.len();
        self.text.push_str(code);
        self.codes.push(begin..self.text.len());
    }

    /// The whole page. `language` goes into the first tag, with the direction of its script.
    pub(super) fn page(&self, title: &str, language: &str) -> String {
        let is_rtl = Locale::parse_lossy(language).is_some_and(|read| read.is_right_to_left());
        let direction = if is_rtl { " dir=\"rtl\"" } else { "" };
        let (title, language) = (escaped(title), escaped(language));
        let paragraphs = paragraphs(&self.text).into_iter().map(|paragraph| {
            let style = if self.codes.contains(&paragraph) { LARGE } else { PARAGRAPH };
            format!("<p style=\"{style}\">{}</p>\n", self.marked(paragraph))
        });
        let body: String = paragraphs.collect();
        format!(
            "<!doctype html>\n<html lang=\"{language}\"{direction}>\n<head>\n{HEAD}<title>{title}</title>\n</head>\n\
             <body style=\"{BODY}\">\n<div style=\"{COLUMN}\">\n{body}</div>\n</body>\n</html>\n"
        )
    }

    /// A paragraph with its line breaks; a code among other words is bold.
    fn marked(&self, paragraph: Range<usize>) -> String {
        let lines = |words: &str| escaped(words).replace('\n', "<br>\n");
        if self.codes.contains(&paragraph) {
            return lines(&self.text[paragraph]);
        }
        let (mut marked, mut from) = (String::new(), paragraph.start);
        let inside = |code: &&Range<usize>| {
            paragraph.start <= code.start && code.end <= paragraph.end && !code.is_empty()
        };
        for code in self.codes.iter().filter(inside) {
            marked.push_str(&lines(&self.text[from..code.start]));
            marked.extend(["<strong>", &lines(&self.text[code.clone()]), "</strong>"]);
            from = code.end;
        }
        marked.push_str(&lines(&self.text[from..paragraph.end]));
        marked
    }
}

/// What stands between empty lines, without the space around it.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut begin, mut end) = (Vec::new(), None, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let words = line.trim_end();
        if words.trim_start().is_empty() {
            found.extend(begin.take().map(|begin| begin..end));
        } else {
            let first = at + (words.len() - words.trim_start().len());
            begin = begin.or(Some(first));
            end = at + words.len();
        }
        at += line.len();
    }
    found.extend(begin.map(|begin| begin..end));
    found
}

/// Fit for text and for attributes in double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            character if character.is_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pieces: &[(&str, bool)]) -> Words {
        let mut words = Words::default();
        for (piece, is_code) in pieces {
            if *is_code {
                words.push_code(piece);
            } else {
                words.push(piece);
            }
        }
        words
    }

    /// The inside of each paragraph, and whether it is the large code.
    fn seen(words: &Words) -> Vec<(String, bool)> {
        let page = words.page("title", "en");
        let paragraphs = page.split("<p style=\"").skip(1).map(|rest| {
            let (style, rest) = rest.split_once("\">").expect("a tag");
            let (inside, _) = rest.split_once("</p>").expect("its end");
            (inside.to_owned(), style == LARGE)
        });
        paragraphs.collect()
    }

    fn plain(text: &str) -> (String, bool) {
        (text.to_owned(), false)
    }

    #[test]
    fn a_code_of_its_own_is_large() {
        let letter = words(&[
            ("Your code is:\r\n\r\n", false),
            ("123456", true),
            ("\n\nIt is valid\nfor 15 minutes.\n", false),
        ]);
        assert_eq!(letter.text, "Your code is:\n\n123456\n\nIt is valid\nfor 15 minutes.\n");
        let expected = [
            plain("Your code is:"),
            ("123456".to_owned(), true),
            plain("It is valid<br>\nfor 15 minutes."),
        ];
        assert_eq!(seen(&letter), expected);
        // The same digits elsewhere are no code.
        let other = words(&[("123456\n\n", false), ("123456", true), (" \r\rbye", false)]);
        assert_eq!(seen(&other), [plain("123456"), ("123456".to_owned(), true), plain("bye")]);
    }

    #[test]
    fn a_code_among_words_is_bold() {
        let code = ("1234", true);
        let letter = words(&[("", true), ("Code ", false), code, (", or ", false), code]);
        let bold = "Code <strong>1234</strong>, or <strong>1234</strong>";
        assert_eq!(seen(&letter), [plain(bold)]);
    }

    #[test]
    fn paragraphs_are_what_stands_between_empty_lines() {
        for (text, expected) in [
            ("", vec![]),
            (" \n\n\t\n", vec![]),
            ("a", vec!["a"]),
            ("\n\n a \n b\n \n\n\nc\n", vec!["a \n b", "c"]),
            ("\u{fc}\n\n\u{fc}\u{a0}", vec!["\u{fc}", "\u{fc}"]),
        ] {
            let found: Vec<&str> = paragraphs(text).into_iter().map(|part| &text[part]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn what_callers_send_stays_text() {
        let evil = "<script>alert(\"1\")</script> & 'x' </p></body>\u{0}\u{1b}[2J";
        let letter = words(&[("Hi ", false), (evil, false), (": ", false), ("1<2", true)]);
        let page = letter.page("</title><script>2</script>", "en\"><script>");
        assert!(!page.contains("<script") && !page.contains(['\u{0}', '\u{1b}']), "{page}");
        assert_eq!(page.matches("<p ").count(), 1);
        for tag in ["</p>", "</body>", "</title>", "</html>"] {
            assert_eq!(page.matches(tag).count(), 1, "{tag}: {page}");
        }
        let escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;";
        assert!(page.contains(escaped) && page.contains("<strong>1&lt;2</strong>"), "{page}");
    }

    #[test]
    fn a_script_from_right_to_left_is_set_so() {
        let page = |language: &str| words(&[("a", false)]).page("A title", language);
        for language in ["ar", "fa-IR", "he"] {
            let tag = format!("<html lang=\"{language}\" dir=\"rtl\">");
            assert!(page(language).contains(&tag), "{language}");
        }
        for language in ["en", "ja", "no language"] {
            assert!(!page(language).contains("dir="), "{language}");
        }
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        let page = words(&[("a", false)]).page("A title", "pt-BR");
        assert!(page.starts_with("<!doctype html>\n<html lang=\"pt-BR\">"), "{page}");
        assert!(page.contains("<title>A title</title>") && page.contains("light dark"), "{page}");
        for word in ["http", "src=", "href", "url(", "@import", "<link", "<style", "background"] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }
}
