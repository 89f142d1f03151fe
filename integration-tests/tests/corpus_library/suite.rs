//! Finds the cases, runs them, and tells how they ended.

use dkimproxy_auth::dns::Zone;
use integration_tests::programs;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

/// One case: what is expected, and where it lies.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) expect: Value,
}

/// What we found, and whether it is as expected.
pub(crate) struct Finding {
    /// One word, as the exceptions have it.
    pub(crate) ours: String,
    pub(crate) agrees: bool,
    /// More about it, for the reader of a disagreement.
    pub(crate) detail: String,
}

impl Finding {
    /// A yes or no that is to be as `expected` says.
    pub(crate) fn yes_or_no(ours: bool, expected: &Value, detail: impl std::fmt::Debug) -> Self {
        let word = if ours { "valid" } else { "invalid" };
        Self { ours: word.into(), agrees: Some(ours) == expected.as_bool(), detail: format!("{detail:?}") }
    }
}

impl Case {
    /// What DNS says in this case.
    pub(crate) fn zone(&self) -> Zone {
        let text = fs::read_to_string(self.folder.join("dns.json")).unwrap_or_else(|_| "{}".into());
        Zone::from_json(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// A member of the expectation that is text.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.expect[member].as_str().unwrap_or_default()
    }
}

/// True if `found` is the result that is expected, or another that is as good.
pub(crate) fn is_acceptable(expected: &Value, found: &str) -> bool {
    let others = expected["accept"].as_array().into_iter().flatten();
    std::iter::once(&expected["result"]).chain(others).any(|wanted| wanted == found)
}

type Judge = fn(&Case) -> Option<Finding>;

/// Runs all cases of these kinds and reports one line for each suite, then each disagreement.
pub(crate) fn run(kinds: &[(&str, Judge)], exceptions: &str) {
    let folder = env::var_os("CORPORA").map_or_else(|| programs::repository().join("../shared/corpora"), PathBuf::from);
    // Not part of the repository (licences differ), so nobody can be required to have it.
    if !folder.is_dir() {
        programs::aloud(&format!("SKIPPED: the corpora: there is no folder {}", folder.display()));
        return;
    }
    let exceptions = read_exceptions(exceptions);
    let mut suites: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    for case in cases(&folder) {
        let kind = case.text("kind");
        let Some((_, judge)) = kinds.iter().find(|(name, _)| *name == kind) else { continue };
        let Some(finding) = judge(&case) else { continue };
        let exception = exceptions.iter().find(|exception| exception.covers(&case, &finding));
        used.extend(exception.map(|exception| exception.line));
        let suite = case.name.split('/').next().unwrap_or_default();
        let (agreeing, total) = suites.entry(format!("{suite} ({kind})")).or_default();
        *total += 1;
        *agreeing += usize::from(finding.agrees || exception.is_some());
        if !finding.agrees && exception.is_none() {
            problems
                .push(format!("{}: ours [{}] {}; expected {}", case.name, finding.ours, finding.detail, case.expect));
        }
    }
    for (suite, (agreeing, total)) in &suites {
        programs::aloud(&format!("{suite}: {agreeing}/{total}"));
    }
    // Cases that are not there may need their exceptions elsewhere; those that are there and agree do not.
    let present: BTreeSet<&str> = suites.keys().filter_map(|suite| suite.split(' ').next()).collect();
    let idle = exceptions.iter().filter(|one| !used.contains(&one.line) && !one.is_class());
    let idle = idle.filter(|one| one.case.split('/').next().is_some_and(|suite| present.contains(suite)));
    problems.extend(idle.map(|one| format!("{}: agrees or is absent, so strike it from the exceptions", one.case)));
    problems.iter().for_each(|problem| programs::aloud(problem));
    assert!(problems.is_empty(), "{} disagreements", problems.len());
}

/// All cases below `folder`, in order.
fn cases(folder: &Path) -> impl Iterator<Item = Case> {
    folders(folder).into_iter().flat_map(|suite| folders(&suite)).filter_map(|folder| {
        let expect = fs::read(folder.join("expect.json")).ok()?;
        let expect = serde_json::from_slice(&expect).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let parts: Vec<_> = folder.iter().rev().take(2).map(|part| part.to_string_lossy().into_owned()).collect();
        let [case, suite] = parts.as_slice() else { return None };
        Some(Case { name: format!("{suite}/{case}"), folder, expect })
    })
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// A case, or a class of them, where the RFC is right.
struct Exception {
    line: usize,
    /// `SUITE/CASE`, or the beginning of it and `*`.
    case: String,
    ours: String,
}

impl Exception {
    fn covers(&self, case: &Case, finding: &Finding) -> bool {
        let named = match self.case.strip_suffix('*') {
            Some(start) => case.name.starts_with(start),
            None => case.name == self.case,
        };
        named && !finding.agrees && finding.ours == self.ours
    }

    fn is_class(&self) -> bool {
        self.case.ends_with('*')
    }
}

/// `SUITE/CASE OURS: REASON` in each line; the reason names the RFC.
fn read_exceptions(name: &str) -> Vec<Exception> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let parse = |(line, text): (usize, &str)| {
        let (head, reason) = text.split_once(": ")?;
        let (case, ours) = head.split_once(' ')?;
        reason.contains("RFC").then(|| Exception { line, case: case.into(), ours: ours.trim().into() })
    };
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("no `CASE OURS: RFC ...` in {:?}", line.1))).collect()
}
