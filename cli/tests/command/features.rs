//! The table of features names the tests that show them: each must be there.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn page() -> String {
    std::fs::read_to_string(docs().join("features.md")).expect("a page")
}

/// Each link to a file of ours: its label, and the file.
fn links(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("](") {
        let (target, next) = after.split_once(')').expect("a link ends");
        let label = before.rsplit('[').next().expect("a label");
        if !target.starts_with("http") && !target.starts_with('#') {
            found.push((label, target.split('#').next().expect("a file")));
        }
        rest = next;
    }
    found
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let page = page();
    let links = links(&page);
    let mut tests = 0;
    for (label, target) in &links {
        let file = docs().join(target);
        assert!(file.exists(), "[{label}]({target}) leads nowhere");
        if Path::new(target).extension().is_some_and(|kind| kind == "rs") {
            let name = label.trim_matches('`');
            let source = std::fs::read_to_string(&file).expect("a source");
            assert!(source.contains(&format!("fn {name}(")), "{target} has no test {name}");
            tests += 1;
        }
    }
    assert!(tests > 80, "{tests} tests are named");
}

#[test]
fn every_feature_has_its_row() {
    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let numbers: Vec<u32> = rows.filter_map(|(first, _)| first.parse().ok()).collect();
    let different: HashSet<u32> = numbers.iter().copied().collect();
    assert_eq!((numbers.len(), different), (50, (1..=50).collect()));
}
