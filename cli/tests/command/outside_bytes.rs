//! Bytes from outside: every input of the corpus, and random changes of it, through each parser.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::{
    any::Any,
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};
use targets::{TARGETS, Target};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

/// The seeds of a target, by name.
fn seeds(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fs::read_dir(corpus().join(target.name)).expect("a folder for each target");
    let mut seeds: Vec<_> = folder
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(path).expect("a file")))
        .collect();
    seeds.sort();
    seeds
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn every_target_holds_on_its_corpus() {
    let mut found = Vec::new();
    for target in TARGETS {
        let seeds = seeds(&target);
        assert!(seeds.len() >= 5, "{} has too few seeds", target.name);
        for (path, data) in seeds {
            let run = target.run;
            if let Err(panic) = catch_unwind(|| run(&data)) {
                found.push(format!("{}: {}", path.display(), said(&*panic)));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_target_has_a_fuzzer_and_a_corpus() {
    let names = |folder: &str| -> BTreeSet<String> {
        fs::read_dir(corpus().join("..").join(folder))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect()
    };
    let known: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names("corpus"), known);
    assert_eq!(names("fuzz_targets"), known);
}

/// One change of an input.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// The rest is another seed's.
    Splice(Index, Index),
    Double(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let telling = prop::sample::select(
        [
            &b"\0"[..],
            b"\xff",
            b"\r\n",
            b"{",
            b"}",
            b"[",
            b"\"",
            b"-",
            b"/",
            b"9223372036854775807",
            b"1e999",
            "\u{661}".as_bytes(),
            "\u{1f44d}".as_bytes(),
            b"\\u0000",
            b"%00",
        ]
        .map(<[u8]>::to_vec)
        .to_vec(),
    );
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        3 => (any::<Index>(), telling).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        3 => (any::<Index>(), 1..16_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(at, other)| Change::Splice(at, other)),
        1 => any::<Index>().prop_map(Change::Double),
    ]
}

fn changed(mut data: Vec<u8>, change: &Change, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    match change {
        Change::Set(at, byte) if !data.is_empty() => *at.get_mut(&mut data) = *byte,
        Change::Set(..) => {}
        Change::Insert(at, bytes) => {
            let at = at.index(data.len() + 1);
            data.splice(at..at, bytes.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = at.index(data.len() + 1);
            data.drain(at..(at + count).min(data.len()));
        }
        Change::Splice(at, other) => {
            data.truncate(at.index(data.len() + 1));
            let other = &other.get(seeds).1;
            data.extend_from_slice(&other[data.len().min(other.len())..]);
        }
        Change::Double(at) => {
            let at = at.index(data.len() + 1);
            data.extend_from_within(at..);
        }
    }
    data
}

#[test]
fn every_target_holds_on_changes_of_its_corpus() {
    for target in TARGETS {
        let seeds = seeds(&target);
        let mut config = ProptestConfig {
            failure_persistence: None,
            max_shrink_iters: 500,
            ..ProptestConfig::default()
        };
        if std::env::var_os("PROPTEST_CASES").is_none() {
            config.cases = target.cases;
        }
        let strategy = (any::<Index>(), vec(change(), 0..6)).prop_map(|(seed, changes)| {
            let seed = seed.get(&seeds).1.clone();
            changes.iter().fold(seed, |data, change| changed(data, change, &seeds))
        });
        let run = target.run;
        let result = TestRunner::new(config).run(&strategy, |data| {
            catch_unwind(|| run(&data)).map_err(|panic| {
                TestCaseError::fail(format!(
                    "{}: {:?}",
                    said(&*panic),
                    String::from_utf8_lossy(&data)
                ))
            })
        });
        if let Err(failure) = result {
            panic!("{}: put the input into fuzz/corpus/{0}: {failure}", target.name);
        }
    }
}
