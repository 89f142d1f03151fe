//! The conformance data of other projects, case by case, through `dkimproxy-in verify`.
//!
//! The folder is named by the environment variable CORPORA, `../shared/corpora` beside the repository by default. One folder
//! `SUITE/CASE` holds `message.eml`, `dns.json` and `expect.json`. Where the text of an RFC overrules an expectation, the case
//! stands in `corpus-exceptions.txt` with our results and the RFC's sentence.

use integration_tests::{ours, programs};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// One case: what is expected, and where it lies.
struct Case {
    name: String,
    folder: PathBuf,
    expect: Value,
}

#[test]
fn messages_are_judged_as_expected() {
    let folder = env::var_os("CORPORA").map_or_else(|| programs::repository().join("../shared/corpora"), PathBuf::from);
    // Not part of the repository (licences differ), so nobody can be required to have it.
    if !folder.is_dir() {
        programs::aloud(&format!("SKIPPED: the corpora: there is no folder {}", folder.display()));
        return;
    }
    let cases: Vec<Case> = cases(&folder).into_iter().filter(has_message).collect();
    let exceptions = exceptions();
    let mut suites: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut problems = Vec::new();
    for (case, found) in cases.iter().zip(verify_all(&cases)) {
        let suite = case.name.split('/').next().unwrap_or_default();
        let problem = judge(case, &found, exceptions.get(&case.name));
        let (agreeing, total) = suites.entry(suite).or_default();
        *total += 1;
        *agreeing += usize::from(problem.is_none());
        problems.extend(problem);
    }
    for (suite, (agreeing, total)) in suites {
        programs::aloud(&format!("{suite}: {agreeing}/{total}"));
    }
    for problem in &problems {
        programs::aloud(problem);
    }
    assert!(problems.is_empty(), "{} of {} cases disagree", problems.len(), cases.len());
}

/// All cases below `folder`, in order.
fn cases(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in folders(folder) {
        for folder in folders(&suite) {
            let Ok(expect) = fs::read(folder.join("expect.json")) else { continue };
            let expect =
                serde_json::from_slice(&expect).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            let [suite, case] = [&suite, &folder].map(|path| path.file_name().unwrap_or_default().to_string_lossy());
            cases.push(Case { name: format!("{suite}/{case}"), folder: folder.clone(), expect });
        }
    }
    cases
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Of the kinds that are about whole messages.
fn has_message(case: &Case) -> bool {
    match case.expect["kind"].as_str() {
        Some("dkim" | "both" | "arc" | "auth-results" | "e2e") => true,
        Some("dmarc") => !case.expect["input"].is_null(),
        _ => false,
    }
}

/// What we say about each case, in their order. Processes run side by side.
fn verify_all(cases: &[Case]) -> Vec<Value> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((&case.name, verify(case)));
        }
        done
    };
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let mut found: BTreeMap<&String, Value> = thread::scope(|threads| {
        let workers: Vec<_> = (0..workers).map(|_| threads.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("the message above")).collect()
    });
    cases.iter().map(|case| found.remove(&case.name).expect("each case was run")).collect()
}

fn verify(case: &Case) -> Value {
    let (message, dns) = (case.folder.join("message.eml"), case.folder.join("dns.json"));
    let input = &case.expect["input"];
    let mut flags = vec!["--iprev", "on"];
    for (flag, member) in [("--client-ip", "ip"), ("--helo", "helo"), ("--mail-from", "mailfrom")] {
        flags.extend(
            input[member].as_str().filter(|text| !text.is_empty()).map(|text| [flag, text]).into_iter().flatten(),
        );
    }
    ours::verify_with(&flags, &[&message], &dns, case.expect["as_of"].as_u64()).remove(0)
}

/// None if we agree; otherwise a line that says how we do not.
fn judge(case: &Case, found: &Value, exception: Option<&(String, String)>) -> Option<String> {
    let differing: Vec<Comparison> = comparisons(&case.expect, found).into_iter().filter(|one| !one.agrees()).collect();
    let ours: Vec<String> = differing.iter().map(|one| format!("{}={}", one.method, one.ours.join(","))).collect();
    let ours = ours.join(";");
    match exception {
        None if differing.is_empty() => None,
        None => {
            let wanted: Vec<_> = differing.iter().map(|one| (one.method, &one.wanted)).collect();
            Some(format!("{}: ours [{ours}], expected {wanted:?}; {found}", case.name))
        }
        Some(_) if differing.is_empty() => Some(format!("{}: agrees, so strike it from the exceptions", case.name)),
        Some((results, _)) if *results == ours => None,
        Some((results, _)) => Some(format!("{}: ours [{ours}], but the exception says [{results}]", case.name)),
    }
}

/// What one method should say and what we say: a list of one, but for DKIM one for each signature.
struct Comparison<'a> {
    method: &'static str,
    wanted: Vec<Vec<&'a str>>,
    ours: Vec<&'a str>,
}

impl Comparison<'_> {
    fn agrees(&self) -> bool {
        let agree = |(wanted, ours): (&Vec<&str>, &&str)| wanted.contains(ours);
        self.wanted.len() == self.ours.len() && self.wanted.iter().zip(&self.ours).all(agree)
    }
}

/// Where the case expects something. DomainKeys signatures have no result by RFC 6376; they are no part of this test.
fn comparisons<'a>(expect: &'a Value, found: &'a Value) -> Vec<Comparison<'a>> {
    let mut comparisons = Vec::new();
    // The suite authheaders switches DKIM off in most of its cases; what it lists besides is what other programs say.
    if expect["dkim"].is_array() && expect["options"]["dkim"] != Value::Bool(false) {
        comparisons.push(Comparison {
            method: "dkim",
            wanted: dkim_entries(expect).map(acceptable).collect(),
            ours: dkim_entries(found).map(|entry| entry["result"].as_str().unwrap_or("?")).collect(),
        });
    }
    for method in ["spf", "dmarc", "arc"] {
        if !expect[method]["result"].is_null() {
            let ours = vec![found[method]["result"].as_str().unwrap_or("not-checked")];
            comparisons.push(Comparison { method, wanted: vec![acceptable(&expect[method])], ours });
        }
    }
    let reported = &expect["authentication_results"]["iprev"][0]["result"];
    if let Some(wanted) = reported.as_str() {
        let ours = vec![found["iprev"]["result"].as_str().unwrap_or("not-checked")];
        comparisons.push(Comparison { method: "iprev", wanted: vec![vec![wanted]], ours });
    }
    comparisons
}

fn dkim_entries(value: &Value) -> impl Iterator<Item = &Value> {
    value["dkim"].as_array().into_iter().flatten().filter(|entry| entry["type"] == "dkim")
}

fn acceptable(entry: &Value) -> Vec<&str> {
    let others = entry["accept"].as_array().into_iter().flatten();
    std::iter::once(&entry["result"]).chain(others).filter_map(Value::as_str).collect()
}

/// `SUITE/CASE METHOD=RESULT...: REASON` in each line: case -> (our results, the RFC's sentence).
fn exceptions() -> BTreeMap<String, (String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus-exceptions.txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let parse = |line: &str| {
        let (head, reason) = line.split_once(": ")?;
        let (case, results) = head.split_once(' ')?;
        reason.contains("RFC").then(|| (case.to_owned(), (results.trim().to_owned(), reason.to_owned())))
    };
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("no `CASE RESULTS: RFC ...` in {line:?}"))).collect()
}
