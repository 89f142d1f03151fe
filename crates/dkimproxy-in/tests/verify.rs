//! The subcommand `verify`, as a user runs it.
#![allow(clippy::unwrap_used)] // a test may fail loudly, in its helpers too

use assert_cmd::Command;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// The example of RFC 8463 appendix A: two signatures, both good.
const MESSAGE: &str = include_str!("../../dkimproxy-core/tests/vectors/rfc8463-a.eml");

const ZONE: &str = r#"{
    "brisbane._domainkey.football.example.com": ["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
    "test._domainkey.football.example.com": "timeout"
}"#;

/// A folder with the message and the zone in it.
fn folder() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (message, zone) = (folder.path().join("message.eml"), folder.path().join("dns.json"));
    fs::write(&message, MESSAGE).unwrap();
    fs::write(&zone, ZONE).unwrap();
    (folder, message, zone)
}

fn verify(zone: &PathBuf) -> Command {
    let mut command = Command::cargo_bin("dkimproxy-in").unwrap();
    command.args(["verify", "--authserv-id", "mx.example.org", "--now", "1528637909", "--dns"]).arg(zone);
    command
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

#[test]
fn json_is_one_line_per_message_in_header_order() {
    let (_folder, message, zone) = folder();
    let out = stdout(verify(&zone).arg("--json").arg(&message).arg(&message));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], lines[1]);
    let file = message.display();
    let expected = format!(
        "{{\"file\":\"{file}\",\"dkim\":[\
         {{\"index\":0,\"type\":\"dkim\",\"d\":\"football.example.com\",\"s\":\"brisbane\",\"a\":\"ed25519-sha256\",\
         \"i\":\"@football.example.com\",\"result\":\"pass\",\"reason\":null}},\
         {{\"index\":1,\"type\":\"dkim\",\"d\":\"football.example.com\",\"s\":\"test\",\"a\":\"rsa-sha256\",\
         \"i\":\"@football.example.com\",\"result\":\"temperror\",\"reason\":\"key unavailable\"}}],\
         \"authentication_results\":\"mx.example.org; \
         dkim=pass (256-bit key) header.d=football.example.com header.i=@football.example.com header.s=brisbane \
         header.a=ed25519-sha256 header.b=\\\"/gCrinpc\\\"; \
         dkim=temperror reason=\\\"key unavailable\\\" header.d=football.example.com \
         header.i=@football.example.com header.s=test header.a=rsa-sha256 header.b=F45dVWDf\"}}"
    );
    assert_eq!(lines[0], expected);
}

#[test]
fn the_human_reader_sees_result_reason_and_field() {
    let (_folder, message, zone) = folder();
    let out = stdout(verify(&zone).arg(&message));
    for part in [
        "2 signatures, 1 of them good\n",
        "\u{2714} pass      football.example.com\n",
        "key at    brisbane._domainkey.football.example.com\n",
        "algorithm ed25519-sha256, 256-bit key\n",
        "\u{2718} temperror football.example.com\n      because   key unavailable\n",
        "\n\nAuthentication-Results: mx.example.org;\n\tdkim=pass (256-bit key)",
    ] {
        assert!(out.contains(part), "{part}\n---\n{out}");
    }
}

#[test]
fn lf_line_ends_of_a_saved_message_are_taken_for_crlf() {
    let (_folder, _, zone) = folder();
    let saved = MESSAGE.replace("\r\n", "\n");
    let out = stdout(verify(&zone).write_stdin(saved.clone()));
    assert!(out.starts_with("-: 2 signatures, 1 of them good\n  (LF line ends"), "{out}");
    let raw = stdout(verify(&zone).arg("--raw").write_stdin(saved));
    assert!(!raw.contains("LF line ends") && !raw.contains("pass"), "{raw}");
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_done() {
    let (folder, message, zone) = folder();
    let absent = folder.path().join("absent.eml");
    let assert = verify(&zone).arg(&absent).arg(&message).assert().code(1);
    let output = assert.get_output();
    assert!(String::from_utf8_lossy(&output.stderr).contains("absent.eml: No such file"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 signatures"));
    fs::write(&zone, r#"{"a.example": 5}"#).unwrap();
    let assert = verify(&zone).arg(&message).assert().code(1);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("dns.json: a.example: expected a list"));
}

#[test]
fn mistakes_in_the_configuration_end_with_2() {
    let (_folder, message, zone) = folder();
    let assert = verify(&zone).args(["--resolver", "nowhere", "--max-signatures", "0"]).arg(&message).assert().code(2);
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("--resolver: ") && stderr.contains("--max_signatures: "), "{stderr}");
}
