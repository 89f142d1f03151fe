//! Our verifier, asked on the command line.

use crate::programs;
use serde_json::{Map, Value};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Verifies messages with `dkimproxy-in verify --json`; one object for each, in their order.
///
/// `now` is the clock, in seconds since 1970; None: the real one.
pub fn verify(messages: &[&Path], dns: &Path, now: Option<u64>) -> Vec<Value> {
    verify_with(&[], messages, dns, now)
}

/// The same with further flags: who the client is, which checks are made.
pub fn verify_with(flags: &[&str], messages: &[&Path], dns: &Path, now: Option<u64>) -> Vec<Value> {
    let mut command = Command::new(programs::ours("dkimproxy-in"));
    command.args(["verify", "--json", "--authserv-id", "mail.example.net", "--dns"]).arg(dns).args(flags);
    if let Some(now) = now {
        command.arg("--now").arg(now.to_string());
    }
    // It ends with an error if a message did not pass, which is not for us to judge.
    let output = programs::run(command.args(messages), b"");
    let printed = String::from_utf8_lossy(&output.stdout);
    let objects: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(objects.len(), messages.len(), "{command:?} printed {printed:?} and said {said}");
    objects
}

/// The results of all signatures of one message, top first, the texts of `zone` being DNS.
pub fn results(message: &[u8], zone: &[(String, String)]) -> Vec<String> {
    results_of_all(&[message], zone).remove(0)
}

/// The same for several messages at once.
pub fn results_of_all(messages: &[&[u8]], zone: &[(String, String)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files: Vec<PathBuf> = (0..messages.len()).map(|number| folder.path().join(number.to_string())).collect();
    for (file, message) in files.iter().zip(messages) {
        fs::write(file, message).expect("a new file");
    }
    let zone: Map<String, Value> =
        zone.iter().map(|(name, text)| (name.clone(), Value::from(vec![text.as_str()]))).collect();
    let dns = folder.path().join("dns.json");
    fs::write(&dns, Value::from(zone).to_string()).expect("a new file");
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    verify(&files, &dns, None).iter().map(result_words).collect()
}

fn result_words(object: &Value) -> Vec<String> {
    let signatures = object["dkim"].as_array().unwrap_or_else(|| panic!("no list of signatures in {object}"));
    signatures.iter().map(|signature| signature["result"].as_str().unwrap_or_default().to_owned()).collect()
}
