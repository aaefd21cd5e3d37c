//! A file of people, as people have them: most lines are good, some are not.

use crate::{numbers::Numbers, product};

/// Far from the numbers of the people who ask for codes.
const FIRST: u64 = 400_000_000;
/// After so many good lines comes a wrong one.
const EACH: u64 = 250;
/// More letters than a text may have.
const ENDLESS: usize = 1_700;
/// The code of a line whose number an earlier one has.
const TWICE: &str = "duplicate_recipient";

/// Somebody who can be sent to.
pub(super) struct Person {
    /// Which line it is, counted from the first after the header.
    pub(super) row: usize,
    pub(super) to: String,
    pub(super) name: String,
}

/// A line nobody can be sent to.
pub(super) struct Wrong {
    /// The line's number as an editor shows it.
    line: usize,
    cells: String,
    code: &'static str,
}

pub(super) struct List {
    pub(super) text: String,
    /// Lines after the header.
    pub(super) rows: usize,
    pub(super) people: Vec<Person>,
    pub(super) wrong: Vec<Wrong>,
}

impl List {
    /// So many people, every one different, and wrong lines of each kind among them.
    pub(super) fn new(seed: u64, count: u64) -> Self {
        let numbers = Numbers::new(seed);
        let (text, people, wrong) = (product::recipient_csv(None), Vec::new(), Vec::new());
        let mut list = Self { text, rows: 0, people, wrong };
        for place in 0..count {
            let (to, name) = (numbers.american(FIRST + place), name(place));
            list.text.push_str(&product::recipient_csv(Some((&to, &name))));
            if place % EACH == EACH - 1 {
                let unused = numbers.american(FIRST + count + place);
                let (cells, kept, code) = wrong_line(place / EACH, &to, &unused);
                list.people.push(Person { row: list.rows, to, name });
                list.rows += 1;
                // The header is the first line.
                list.wrong.push(Wrong { line: list.rows + 2, cells: kept, code });
                list.text.push_str(&cells);
                list.text.push('\n');
            } else {
                list.people.push(Person { row: list.rows, to, name });
            }
            list.rows += 1;
        }
        list
    }
}

/// A line that is refused, its cells as they come back, and with which code.
fn wrong_line(nth: u64, known: &str, unused: &str) -> (String, String, &'static str) {
    let same = |line: String, code| (line.clone(), line, code);
    match nth % 4 {
        0 => same("+4915,Bad".to_owned(), "recipient_invalid"),
        1 => (format!("{unused},too,many"), format!("{unused},too"), "malformed_body"),
        2 => same(format!("{known},Twice"), TWICE),
        _ => same(format!("{unused},{}", "x".repeat(ENDLESS)), "invalid_field"),
    }
}

/// A different one for every place, without digits.
fn name(mut place: u64) -> String {
    let mut name = String::from("Ann ");
    loop {
        name.push(char::from(b'a' + u8::try_from(place % 26).unwrap_or(0)));
        place /= 26;
        if place == 0 {
            return name;
        }
    }
}

impl Wrong {
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// False for one whose person is sent to by another line: it is counted, and written nowhere.
    pub(super) fn is_to_be_mended(&self) -> bool {
        self.code != TWICE
    }

    /// Whether a line of the refused file is this one, with its number, its code and a reason.
    pub(super) fn is_told_by(&self, told: &str) -> bool {
        let Self { line, cells, code } = self;
        let reason = told.strip_prefix(&format!("{cells},{line},{code},"));
        reason.is_some_and(|reason| !reason.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everybody_is_somebody_else_and_every_line_is_counted() {
        let list = List::new(1, 2_000);
        let numbers: HashSet<&str> = list.people.iter().map(|it| it.to.as_str()).collect();
        let names: HashSet<&str> = list.people.iter().map(|it| it.name.as_str()).collect();
        assert_eq!((numbers.len(), names.len(), list.wrong.len()), (2_000, 2_000, 8));
        let lines: Vec<&str> = list.text.lines().collect();
        assert_eq!(lines.len(), list.rows + 1);
        for Person { row, to, name } in &list.people {
            assert_eq!(lines[row + 1], format!("{to},{name}"));
            assert!(product::code_in(name).is_none());
        }
        assert!(list.wrong.iter().all(|it| lines[it.line - 1].starts_with(&it.cells)));
        let codes: HashSet<&str> = list.wrong.iter().map(Wrong::code).collect();
        assert_eq!(codes.len(), 4);
    }

    #[test]
    fn a_refused_line_needs_its_place_its_code_and_a_reason() {
        let wrong = Wrong { line: 7, cells: "+4915,Bad".to_owned(), code: "recipient_invalid" };
        assert!(wrong.is_told_by("+4915,Bad,7,recipient_invalid,the number is too short"));
        assert!(!wrong.is_told_by("+4915,Bad,8,recipient_invalid,the number is too short"));
        assert!(!wrong.is_told_by("+4915,Bad,7,malformed_body,the number is too short"));
        assert!(!wrong.is_told_by("+4915,Bad,7,recipient_invalid,"));
    }
}
