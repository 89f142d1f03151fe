//! Our signatures before foreign verifiers, foreign signatures before ours: every canonicalization, kind of key and kind of
//! message, without a mail server in between.

use integration_tests::{
    foreign::{Foreign, Wanted},
    keys::Key,
    messages, ours, programs,
};
use std::process::Command;

const CANONICALIZATIONS: [&str; 4] = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"];

/// A key of each kind, in a folder that lives as long as the keys are used.
fn keys() -> (tempfile::TempDir, [Key; 2]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keys = ["rsa", "ed25519"].map(|kind| Key::generate(folder.path(), "example.net", kind, kind));
    (folder, keys)
}

fn zone(key: &Key) -> [(String, String); 1] {
    [(key.name.clone(), key.record.clone())]
}

/// `message` with our signature on top.
fn signed(message: &[u8], key: &Key, canonicalization: &str) -> Vec<u8> {
    let (selector, domain) = key.name.split_once("._domainkey.").expect("the name of a key record");
    let signature = format!("dkim(s={selector},d={domain},c={canonicalization},a={})", key.algorithm);
    let mut command = Command::new(programs::ours("dkimproxy-out"));
    command.args(["sign", "--signature", &signature, "--domain", domain, "--selector", selector]);
    let signed = programs::run(command.arg("--keyfile").arg(&key.path), message);
    assert!(signed.status.success(), "{command:?}: {}", String::from_utf8_lossy(&signed.stderr));
    signed.stdout
}

#[test]
fn our_signatures_are_accepted() {
    let judges = Foreign::installed();
    let (_folder, keys) = keys();
    for key in &keys {
        let mut cases = Vec::new();
        for canonicalization in CANONICALIZATIONS {
            for kind in messages::kinds() {
                let signed = signed(&kind.message, key, canonicalization);
                let what = format!("{} {canonicalization} {}", key.algorithm, kind.name);
                assert!(signed.ends_with(&kind.message), "{what}: the message was changed");
                cases.push((what, signed));
            }
        }
        let signed: Vec<&[u8]> = cases.iter().map(|(_, signed)| signed.as_slice()).collect();
        assert_all_pass("our own verifier", &cases, &ours::results_of_all(&signed, &zone(key)));
        for judge in judges.iter().filter(|judge| judge.knows(key.algorithm)) {
            assert_all_pass(&format!("{judge:?}"), &cases, &judge.verify_all(&signed, &zone(key)));
        }
    }
}

#[test]
fn foreign_signatures_are_accepted() {
    let (_folder, keys) = keys();
    let kinds = messages::kinds();
    let messages: Vec<&[u8]> = kinds.iter().map(|kind| kind.message.as_slice()).collect();
    for signer in Foreign::installed() {
        for key in keys.iter().filter(|key| signer.knows(key.algorithm)) {
            for canonicalization in CANONICALIZATIONS {
                let signed = signer.sign_all(&messages, &Wanted { key, canonicalization });
                let what = |name: &str| format!("{signer:?} {} {canonicalization} {name}", key.algorithm);
                let cases: Vec<_> = kinds.iter().map(|kind| what(kind.name)).zip(signed).collect();
                let signed: Vec<&[u8]> = cases.iter().map(|(_, signed)| signed.as_slice()).collect();
                assert_all_pass("our own verifier", &cases, &ours::results_of_all(&signed, &zone(key)));
            }
        }
    }
}

/// Each case has exactly one signature, and it is good.
fn assert_all_pass(judge: &str, cases: &[(String, Vec<u8>)], results: &[Vec<String>]) {
    for ((what, _), results) in cases.iter().zip(results) {
        assert_eq!(*results, ["pass"], "{judge}: {what}");
    }
}

/// All agree, too, that a signature is no longer good.
#[test]
fn changed_messages_are_told_apart_by_all() {
    let (_folder, [key, _]) = keys();
    let message = messages::text("changed", "", "Pay 10 euro.\n");
    let signed = String::from_utf8(signed(message.as_bytes(), &key, "relaxed/relaxed")).expect("text");
    for (what, change) in [("Pay 10 ", "Pay 1000 "), ("Subject: changed", "Subject: other")] {
        let changed = signed.replace(what, change);
        assert_ne!(changed, signed);
        assert_eq!(ours::results(changed.as_bytes(), &zone(&key)), ["fail"]);
        for judge in Foreign::installed() {
            assert_ne!(judge.verify(changed.as_bytes(), &zone(&key)), ["pass"], "{judge:?}");
        }
    }
}
