//! Tables that name tests: each of the tests exists.

use integration_tests::programs;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How many pains are known.
const PAINS: usize = 44;

#[test]
fn each_pain_is_mended_by_a_test_that_exists_or_does_not_apply() {
    let rows = rows(&programs::repository().join("integration-tests/pains.md"));
    let numbers: Vec<String> = (1..=PAINS).map(|number| number.to_string()).collect();
    assert_eq!(rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), numbers);
    let tests = tests();
    for row in &rows {
        let names = names(&row[2]);
        assert!(!names.is_empty() || row[2].contains("does not apply"), "{row:?}");
        for name in names {
            assert!(tests.contains(&name), "{}: there is no test {name}", row[0]);
        }
    }
}

#[test]
fn each_difference_from_1_4_1_is_shown_by_a_test() {
    let path = programs::repository().join("MIGRATING.md");
    let rows: Vec<Vec<String>> = rows(&path).into_iter().filter(|row| row.len() == 5).collect();
    assert!(rows.len() > 30, "only {} rows", rows.len());
    let tests = tests();
    for row in &rows {
        let names = names(&row[4]);
        assert!(!names.is_empty(), "no test: {row:?}");
        for name in names {
            assert!(tests.contains(&name), "there is no test {name}: {row:?}");
        }
    }
}

/// The rows of all tables of a document, without their heads; cells trimmed.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) {
            Some(line) if line.contains("---") => drop(rows.pop()), // what stands above it was the head
            Some(line) => rows.push(line.replace("\\|", "/").split('|').map(|cell| cell.trim().to_owned()).collect()),
            None => {}
        }
    }
    rows
}

/// The names of tests in a cell: what stands in backquotes.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let mut folders: Vec<PathBuf> = ["crates", "integration-tests"].map(|f| programs::repository().join(f)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests.extend(tests_in(&fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    assert!(tests.len() > 100, "the sources were read wrongly: {tests:?}");
    tests
}

/// Names of the functions behind `#[test]`, `#[tokio::test]` and the like.
fn tests_in(source: &str) -> Vec<String> {
    let mut is_test = false;
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        match line.split_once("fn ") {
            Some((_, rest)) if is_test && !line.starts_with("//") => {
                found.extend(rest.split(['(', '<']).next().map(str::to_owned));
                is_test = false;
            }
            _ => is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
        }
    }
    found
}
