//! The tools in the form of those that 1.4.1 came with.

use integration_tests::{keys::Key, messages, programs};
use std::{fs, process::Command};

#[test]
fn the_lines_of_dkimproxy_verify() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "s", "ed25519");
    let dns = folder.path().join("dns.json");
    fs::write(&dns, serde_json::json!({ key.name.clone(): [key.record] }).to_string()).expect("a new file");
    let message = messages::text("x", "", "Hello\n");
    let mut sign = Command::new(programs::ours("dkimproxy-out"));
    sign.args(["sign", "--selector=s", "--identity=jean@example.net", "--key"]).arg(&key.path);
    let signed = programs::output_of(&mut sign, message.as_bytes());
    let altered = signed.replace("Hello", "Goodbye");
    for (text, results) in [
        (&message, ""),
        (&signed, "signature identity: jean@example.net\nverify result: pass\n"),
        (&altered, "signature identity: jean@example.net\nverify result: fail ("),
    ] {
        let mut verify = Command::new(programs::ours("dkimproxy-in"));
        verify.args(["verify", "--classic", "--hostname=mail.example.org", "--dns"]).arg(&dns);
        let printed = programs::output_of(&mut verify, text.as_bytes());
        assert!(printed.starts_with(&format!("originator address: jean@example.net\n{results}")), "{printed}");
        assert_eq!(printed.lines().count(), 1 + 2 * usize::from(!results.is_empty()), "{printed}");
    }
}

#[test]
fn signing_as_dkimproxy_sign_did() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "selector1", "rsa");
    let message = messages::text("x", "", "Hello \n").replace("\r\n", "\n");
    let canonical = folder.path().join("canonical");
    let mut sign = Command::new(programs::ours("dkimproxy-out"));
    sign.args(["sign", "--header-only", "--layout=dkimproxy1", "--type=dkim", "--algorithm=rsa-sha256"]);
    sign.args(["--method", "simple", "--selector", "selector1", "--expiration", "3600", "--key-protocol=dns"]);
    sign.arg("--debug-canonicalization").arg(&canonical).arg("--key").arg(&key.path);
    let printed = programs::output_of(&mut sign, message.as_bytes());
    let start = "DKIM-Signature: v=1; a=rsa-sha256; c=simple; d=example.net; h=";
    assert!(printed.starts_with(start), "{printed}");
    assert!(printed.contains("x="), "{printed}");
    assert!(!printed.contains('\r') && printed.ends_with("\n"), "line ends as they came: {printed:?}");
    let canonical = fs::read_to_string(&canonical).expect("the text that was signed");
    assert!(canonical.contains("Subject: x\r\n") && canonical.ends_with("b=\r\n\r\nHello \r\n"), "{canonical}");
}
