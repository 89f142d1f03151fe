//! The subcommand `verify`, as a user runs it.
#![allow(clippy::unwrap_used)] // a test may fail loudly, in its helpers too

use assert_cmd::Command;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// The example of RFC 8463 appendix A: two signatures, both good.
const MESSAGE: &str = include_str!("../../dkimproxy-core/tests/vectors/rfc8463-a.eml");

const ZONE: &str = r#"{
    "brisbane._domainkey.football.example.com": ["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
    "test._domainkey.football.example.com": "timeout",
    "spf.example": ["v=spf1 ip4:192.0.2.1 exp=why.spf.example -all"],
    "why.spf.example": ["Not from %{i}"],
    "1.2.0.192.in-addr.arpa": {"PTR": ["mx.spf.example"]},
    "mx.spf.example": {"A": ["192.0.2.1"]},
    "_dmarc.example.org": ["v=DMARC1; p=quarantine"],
    "sel._domainkey.example.org": ["v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCu/B0kzMe26gMG1T7tyQ/LkP2ANiCSR/TA2LBemFQm4nwf2CgcxZlNDI3EUbDjWCQosGN5zwjBo3R8WlF2cWwetaXieX1TnEs7ynJmH0ql25SvsHE4L/8EGVLqCMk7vP0gTzEV5Nj0S/hG6n8K+7cGBWkTZU1acE+g6ANoV52NxwIDAQAB"]
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
         \"i\":\"@football.example.com\",\"result\":\"pass\",\"reason\":null,\"policy\":null}},\
         {{\"index\":1,\"type\":\"dkim\",\"d\":\"football.example.com\",\"s\":\"test\",\"a\":\"rsa-sha256\",\
         \"i\":\"@football.example.com\",\"result\":\"temperror\",\"reason\":\"key unavailable\",\"policy\":null}}],\
         \"spf\":null,\"dmarc\":{{\"result\":\"none\",\"policy\":null,\"disposition\":\"none\",\
         \"from_domain\":\"football.example.com\",\"record_domain\":null,\"lifted_by\":null,\"reason\":null}},\
         \"arc\":{{\"result\":\"none\",\"oldest_pass\":null,\"reason\":null}},\"iprev\":null,\"author_policy\":null,\"refusal\":null,\
         \"authentication_results\":\"mx.example.org; \
         dkim=pass (256-bit key) header.d=football.example.com header.i=@football.example.com header.s=brisbane \
         header.a=ed25519-sha256 header.b=\\\"/gCrinpc\\\"; \
         dkim=temperror reason=\\\"key unavailable\\\" header.d=football.example.com \
         header.i=@football.example.com header.s=test header.a=rsa-sha256 header.b=F45dVWDf; \
         dmarc=none reason=\\\"no DMARC record\\\" header.from=football.example.com; arc=none\"}}"
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

/// One object, the client being told.
fn told(zone: &PathBuf, message: &PathBuf, arguments: &[&str]) -> serde_json::Value {
    let client = ["--client-ip", "192.0.2.1", "--client-name", "mx.spf.example", "--helo", "mx.spf.example"];
    serde_json::from_str(&stdout(verify(zone).args(client).args(arguments).arg("--json").arg(message))).unwrap()
}

#[test]
fn who_brought_the_message_can_be_told() {
    let (_folder, message, zone) = folder();
    let sender = ["--mail-from", "<joe@spf.example>", "--iprev", "on"];
    let found = told(&zone, &message, &sender);
    let spf = serde_json::json!({"result": "pass", "domain": "spf.example", "explanation": null, "reason": null});
    assert_eq!(found["spf"], spf);
    assert_eq!(found["iprev"], serde_json::json!({"result": "pass", "ip": "192.0.2.1", "name": "mx.spf.example"}));
    // The last one counts, as with all options.
    let other = ["--mail-from", "joe@spf.example", "--action", "spf=fail reject"];
    let out = stdout(verify(&zone).args(["--json", "--client-ip", "192.0.2.9"]).args(other).arg(&message));
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&found["spf"]["result"], &found["spf"]["explanation"]), (&"fail".into(), &"Not from 192.0.2.9".into()));
    let refusal = found["refusal"].as_str().unwrap();
    assert!(refusal.starts_with("550-5.7.23 SPF: 192.0.2.9 may not send mail for the domain spf.example"), "{refusal}");
    let off = ["--spf", "off", "--dmarc", "off", "--arc", "off"];
    let found = told(&zone, &message, &off);
    assert!(["spf", "dmarc", "arc", "iprev"].iter().all(|method| found[*method].is_null()), "{found}");
}

/// The RFC's verdict and what local rules make of it stand side by side.
#[test]
fn a_local_rule_leaves_the_verdict_of_the_rfc_alone() {
    let (folder, _, zone) = folder();
    let message = folder.path().join("part.eml");
    fs::write(&message, include_str!("vectors/body-length.eml")).unwrap();
    let found = told(&zone, &message, &["--mail-from", ""]);
    assert_eq!(found["dkim"][0]["result"], "pass");
    assert_eq!(found["dkim"][0]["policy"]["result"], "policy");
    assert_eq!(found["dkim"][0]["policy"]["rule"], "uncovered-body");
    assert_eq!(found["dmarc"]["result"], "fail", "it does not count: {found}");
    assert_eq!(
        (&found["dmarc"]["policy"], &found["dmarc"]["disposition"]),
        (&"quarantine".into(), &"quarantine".into())
    );
    assert_eq!(found["dmarc"]["from_domain"], "example.org");
    let found = told(&zone, &message, &["--mail-from", "", "--uncovered-body", "accept"]);
    assert!(found["dkim"][0]["policy"].is_null());
    assert_eq!(found["dmarc"]["result"], "pass");
}

#[test]
fn domainkeys_stand_among_the_signatures_if_switched_on() {
    let (folder, _, zone) = folder();
    let message = folder.path().join("old.eml");
    let old = format!("DomainKey-Signature: a=rsa-sha1; d=example.com; s=x; b=AAAA\r\n{MESSAGE}");
    fs::write(&message, old).unwrap();
    let types = |found: &serde_json::Value| {
        let all = found["dkim"].as_array().unwrap().clone();
        all.iter().map(|one| format!("{} {}", one["index"], one["type"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(types(&told(&zone, &message, &[])), ["0 dkim", "1 dkim"]);
    assert_eq!(types(&told(&zone, &message, &["--domainkeys", "on"])), ["0 domainkeys", "1 dkim", "2 dkim"]);
}

#[test]
fn the_human_reader_sees_every_check_and_what_would_be_done() {
    let (folder, _, zone) = folder();
    let message = folder.path().join("sealed.eml");
    fs::write(&message, include_str!("vectors/arc-sealed.eml")).unwrap();
    let arguments = [
        "--client-ip",
        "192.0.2.9",
        "--helo",
        "h.example",
        "--mail-from",
        "a@spf.example",
        "--iprev=on",
        "--action=dmarc=fail add_header X-A: b",
        "--action=spf=fail reject",
    ];
    let out = stdout(verify(&zone).args(arguments).arg(&message));
    for part in [
        ": not signed\n",
        "  \u{2718} spf=fail  MAIL FROM spf.example\n      it says   Not from 192.0.2.9\n",
        "  \u{2718} dmarc=fail From example.org, policy quarantine, asks for quarantine\n",
        "  \u{2718} arc=fail",
        "  \u{2718} iprev=permerror 192.0.2.9\n",
        "  + field     X-A: b\n",
        "  \u{2718} refused   550-5.7.23 SPF: 192.0.2.9 may not send mail for the domain spf.example\n",
        "\n\nAuthentication-Results: mx.example.org;\n\tdkim=none;\n",
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

#[test]
fn policies_of_before_dmarc_are_told_where_asked_for() {
    let (folder, message, zone) = folder();
    let records = ZONE.replacen(
        '{',
        r#"{ "_adsp._domainkey.football.example.com": ["dkim=discardable"], "_domainkey.football.example.com": ["o=-"],"#,
        1,
    );
    fs::write(&zone, records).unwrap();
    let on = ["--author-policy", "on", "--domainkeys", "on", "--reject-fail", "on"];
    let good = stdout(verify(&zone).args(on).arg(&message));
    assert!(good.contains("\n  author policy result: accept\n      ADSP      pass football.example.com\n"), "{good}");
    assert!(good.contains("\n  sender policy result: accept\n"), "{good}");
    let unsigned = folder.path().join("unsigned.eml");
    fs::write(&unsigned, "From: joe@football.example.com\r\n\r\nHello\r\n").unwrap();
    let found = told(&zone, &unsigned, &on);
    let adsp = serde_json::json!([{"domain": "football.example.com", "result": "discard"}]);
    let sender = serde_json::json!({"domain": "football.example.com", "result": "reject"});
    assert_eq!(found["author_policy"], serde_json::json!({"author": "reject", "adsp": adsp, "sender": sender}));
    assert!(
        found["refusal"].as_str().unwrap().starts_with("550 5.7.1 Refused by the ADSP policy of football"),
        "{found}"
    );
    let classic = stdout(verify(&zone).args(on).arg("--classic").arg(&unsigned));
    assert!(classic.ends_with("\nsender policy result: reject\nADSP policy result: reject\n"), "{classic}");
}
