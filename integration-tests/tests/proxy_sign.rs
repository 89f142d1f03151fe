//! Which signatures a message gets: the tests of the original, case by case, through `dkimproxy-out sign`.
//!
//! The folder is named by the environment variable CORPORA, `../shared/corpora` beside the repository by default: one folder
//! `SUITE/CASE` with `expect.json` of the kind `proxy-sign`, a message and configuration files.

use integration_tests::{keys::Key, messages, programs};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn the_originals_own_tests() {
    let folder = env::var_os("CORPORA").map_or_else(|| programs::repository().join("../shared/corpora"), PathBuf::from);
    // Not part of the repository (licences differ), so nobody can be required to have it.
    if !folder.is_dir() {
        eprintln!("SKIPPED: the corpora: there is no folder {}", folder.display());
        return;
    }
    let problems: Vec<String> = cases(&folder).into_iter().filter_map(|(folder, case)| judge(&folder, &case)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// All cases of this kind, with their folders.
fn cases(folder: &Path) -> Vec<(PathBuf, Value)> {
    let folders = |path: &Path| {
        let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let mut cases = Vec::new();
    for case in folders(folder).iter().flat_map(|suite| folders(suite)) {
        let Ok(text) = fs::read(case.join("expect.json")) else { continue };
        let expect: Value = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        if expect["kind"] == "proxy-sign" {
            cases.push((case, expect));
        }
    }
    assert!(!cases.is_empty(), "{} has no case of kind proxy-sign", folder.display());
    cases
}

/// None if we agree; otherwise a line that says how we do not.
fn judge(folder: &Path, case: &Value) -> Option<String> {
    let work = copy(folder);
    let mut arguments: Vec<String> = vec!["sign".into(), "--header-only".into()];
    let key = work.path().join("s1.private").display().to_string();
    let written = case["config"]["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
    arguments.extend(written.map(|argument| argument.replace("/tmp/private.key", &key)));
    arguments.extend(case["config"]["conf_file"].as_str().map(|file| format!("--conf_file={file}")));
    arguments.extend(work.path().join("message.eml").exists().then(|| "message.eml".to_owned()));
    let mut command = Command::new(programs::ours("dkimproxy-out"));
    let output = programs::run(command.args(&arguments).current_dir(work.path()), b"");
    let said = String::from_utf8_lossy(&output.stderr);
    let wanted = case["expected_signatures"].as_array().cloned().unwrap_or_default();
    let code = match (case["expected_startup_failure"].as_bool(), wanted.is_empty()) {
        (Some(true), _) => 2,
        (_, true) => 1,
        (_, false) => 0,
    };
    let found = signatures(&output.stdout);
    let agree = output.status.code() == Some(code)
        && found.len() == wanted.len()
        && found.iter().zip(&wanted).all(|(found, wanted)| fits(found, wanted));
    (!agree).then(|| format!("{}: found {found:?}, wanted {wanted:?}, code {code}; {said}", folder.display()))
}

/// A copy of the case with a key in it, where its configuration looks for one.
fn copy(folder: &Path) -> tempfile::TempDir {
    let work = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(work.path(), "domain1.example", "s1", "rsa");
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let octets = fs::read(entry.path()).expect("a file of the case");
        let text = String::from_utf8_lossy(&octets);
        let file = work.path().join(entry.file_name());
        let is_configuration = !entry.file_name().to_string_lossy().ends_with(".eml");
        let named = text.replace("/tmp/private.key", &key.path.display().to_string());
        fs::write(file, if is_configuration { named.as_bytes() } else { &octets }).expect("a new file");
    }
    work
}

/// Type and tags of the fields in `printed`, top first.
fn signatures(printed: &[u8]) -> Vec<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(printed).replace("\r\n", "\n").replace('\n', "\r\n");
    let fields = messages::header(text.as_bytes());
    let of_field = |field: &String| {
        let (name, body) = field.split_once(':')?;
        let kind = if name.eq_ignore_ascii_case("DKIM-Signature") { "dkim" } else { "domainkeys" };
        let tags = body.split(';').filter_map(|tag| tag.split_once('='));
        let mut found = vec![("type".to_owned(), kind.to_owned())];
        found.extend(tags.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
        Some(found)
    };
    fields.iter().filter_map(of_field).collect()
}

fn fits(found: &[(String, String)], wanted: &Value) -> bool {
    let value = |name: &str| found.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    wanted.as_object().into_iter().flatten().all(|(name, wanted)| {
        let wanted = wanted.as_str().unwrap_or_default();
        match name.strip_suffix("_prefix") {
            Some(name) => value(name).starts_with(wanted),
            // A single word is for the header alone (RFC 6376 section 3.5).
            None => value(name) == wanted || (name == "c" && value(name) == format!("{wanted}/simple")),
        }
    })
}
