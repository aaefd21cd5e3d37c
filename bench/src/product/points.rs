//! The statements by which a packet on its way to Postgres is known: each is part of the text of
//! one kind of statement and of no other.

/// Accepting: the rows of verifications, many in one statement that is its own transaction.
pub(crate) const ACCEPT: &str = "INSERT INTO verifications";
/// Claiming: messages become a worker's own. The first attempt of a code is written down with it.
pub(crate) const CLAIM: &str = "SET state = 'sending'";
/// Beginning: the attempt of a text that is not a code, or of a code that was tried before, is
/// written down before the first byte leaves.
pub(crate) const BEGIN: &str = "UPDATE messages AS m SET lease_until";
/// Recording: what became of attempts.
pub(crate) const OUTCOME: &str = "UPDATE attempts";

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// How many lines below this folder hold each of the texts.
    fn count(folder: &Path, texts: &[&str], found: &mut [usize]) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                count(&path, texts, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            for (wanted, found) in texts.iter().zip(&mut *found) {
                *found += text.lines().filter(|line| line.contains(wanted)).count();
            }
        }
    }

    #[test]
    fn each_point_is_a_statement_of_the_product() {
        let points = [ACCEPT, CLAIM, BEGIN, OUTCOME];
        let mut found = [0; 4];
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src");
        count(&shared, &points, &mut found);
        assert!(found.iter().all(|count| *count > 0), "{points:?} are found {found:?} times");
    }
}
