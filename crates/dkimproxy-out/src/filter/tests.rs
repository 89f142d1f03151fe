use super::*;
use crate::{config, test_keys};
use dkimproxy_core::{
    key::{KeyAnswer, KeyRecord, Keys},
    verify::{DkimResult, Verifier, VerifyPolicy},
};
use dkimproxy_daemon::config::{Entry, Origin, Problems, RawConfig};
use std::{fs, os::unix::fs::PermissionsExt};
use tempfile::TempDir;

const MESSAGE: &str = "Received: from x by y\r\n\
    Message-ID: <m1@example.org>\r\n\
    From: Alice Example <alice@example.org>\r\n\
    Subject: test one\r\n\
    \r\n\
    Hello  world\r\n\
    \r\n\
    .dots \r\n\
    \r\n\r\n";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, pem) in [("rsa", test_keys::RSA_2048), ("ed", test_keys::ED25519)] {
        let path = folder.path().join(name);
        fs::write(&path, pem).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

/// A filter from options as they would be written; `{}` stands for the folder of the keys.
fn filter(options: &[(&str, &str)]) -> Arc<SigningFilter> {
    let folder = folder();
    let entries = options.iter().map(|&(name, value)| Entry {
        key: config::PROGRAM.option(name).unwrap(),
        value: value.replace("{}", folder.path().to_str().unwrap()),
        origin: Origin::Flag,
    });
    let raw = RawConfig::new(&config::PROGRAM, entries.collect(), Vec::new());
    let mut problems = Problems::default();
    let filter = config::load(&raw, &mut problems).unwrap_or_else(|| panic!("{problems}"));
    Arc::new(SigningFilter { clock: || 1_700_000_000, ..filter })
}

fn decide(filter: &Arc<SigningFilter>, message: &[u8], chunk_len: usize) -> Decision {
    let mut signing = filter.message();
    for chunk in message.chunks(chunk_len) {
        signing.chunk(chunk);
    }
    signing.decide()
}

fn prepended(decision: &Decision) -> &[u8] {
    match &decision.verdict {
        Verdict::Relay(edits) => {
            assert!(edits.cut.is_empty());
            &edits.prepend
        }
        Verdict::Refuse(reply) => panic!("{reply:?}"),
    }
}

fn field<'a>(decision: &'a Decision, name: &str) -> Option<&'a str> {
    decision.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn example_org() -> Arc<SigningFilter> {
    filter(&[("domain", "example.org,example.com"), ("selector", "s1"), ("keyfile", "{}/rsa")])
}

#[test]
fn what_is_signed_verifies() {
    let filter = filter(&[
        ("signature", "dkim(d=example.org,s=r,key={}/rsa,c=simple/simple)"),
        ("signature", "dkim(d=example.org,s=e,key={}/ed)"),
    ]);
    let decision = decide(&filter, MESSAGE.as_bytes(), MESSAGE.len());
    assert_eq!(decision.summary, "DKIM signing - signed");
    let signed = [prepended(&decision), MESSAGE.as_bytes()].concat();

    let mut reader = MessageReader::new(1 << 20);
    let body = reader.push(&signed).unwrap().to_vec();
    let header = reader.header().unwrap();
    let verifier = Verifier::new(Arc::clone(header), &VerifyPolicy::default(), 1_700_000_001);
    let keys: Keys = verifier
        .key_names()
        .into_iter()
        .map(|name| {
            let pem = if name.selector.as_str() == "e" { test_keys::ED25519 } else { test_keys::RSA_2048 };
            let record = dkimproxy_core::key::SigningKey::from_pem(pem.as_bytes()).unwrap().record();
            let answer: KeyAnswer = Ok(Arc::new(vec![KeyRecord::parse(record.as_bytes())]));
            (name, answer)
        })
        .collect();
    let mut hasher = verifier.body_hasher();
    hasher.update(&body);
    let results: Vec<_> = verifier.finish(&hasher.finish(), &keys).iter().map(|v| v.result()).collect();
    assert_eq!(results, [DkimResult::Pass, DkimResult::Pass]);
}

#[test]
fn promise_5_mail_that_no_rule_covers_passes_untouched() {
    let filter = example_org();
    for message in [
        MESSAGE.replace("example.org", "elsewhere.example"),
        "Subject: no author\r\n\r\nbody\r\n".to_owned(),
        "From: nobody\r\n\r\nbody\r\n".to_owned(),
        "no header at all".to_owned(),
        String::new(),
        "\r\n\r\n".to_owned(),
    ] {
        let decision = decide(&filter, message.as_bytes(), 7);
        assert_eq!(decision.verdict, Verdict::Relay(Edits::default()), "{message}");
        assert_eq!(decision.summary, "DKIM signing - skipped");
        assert_eq!(field(&decision, "reason"), Some("no rule covers it"));
        assert!(!decision.warn);
    }
}

#[test]
fn promise_4_chunks_do_not_matter() {
    let filter = example_org();
    let expected = decide(&filter, MESSAGE.as_bytes(), MESSAGE.len());
    assert!(prepended(&expected).starts_with(b"DKIM-Signature:"));
    for chunk_len in 1..40 {
        assert_eq!(decide(&filter, MESSAGE.as_bytes(), chunk_len), expected, "{chunk_len}");
    }
}

#[test]
fn a_message_without_body_is_signed() {
    let decision = decide(&example_org(), b"From: a@example.org\r\n", 100);
    assert_eq!(decision.summary, "DKIM signing - signed");
}

#[test]
fn the_log_keeps_the_shape_of_old() {
    let decision = decide(&example_org(), MESSAGE.as_bytes(), 1000);
    let fields: Vec<_> = decision.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        fields,
        [
            "message-id=m1@example.org",
            "signer=@example.org",
            "from=alice@example.org",
            "rule=domain:example.org",
            "key=s1._domainkey.example.org",
            "a=rsa-sha256",
        ]
    );
    let by_sender = "Sender: List <list@example.com>\r\nFrom: a@elsewhere.example\r\n\r\n";
    let decision = decide(&example_org(), by_sender.as_bytes(), 1000);
    assert_eq!(field(&decision, "sender"), Some("list@example.com"));
    assert_eq!(field(&decision, "from"), None);
    assert_eq!(field(&decision, "signer"), Some("@example.com"));
}

/// As in 1.4.1: not for mail of others, but with a reason in the log.
#[test]
fn domainkeys_sign_mail_of_their_domain_only() {
    let filter = filter(&[
        ("domain", "example.org"),
        ("selector", "s1"),
        ("keyfile", "{}/rsa"),
        ("signature", "domainkeys"),
        ("signature", "dkim"),
    ]);
    let decision = decide(&filter, MESSAGE.as_bytes(), 10);
    let fields = String::from_utf8(prepended(&decision).to_vec()).unwrap();
    assert!(fields.starts_with("DomainKey-Signature: a=rsa-sha1; c=nofws; d=example.org;"), "{fields}");
    assert!(fields.contains("\r\nDKIM-Signature: "), "the order is that of the configuration: {fields}");
    assert_eq!(field(&decision, "a"), Some("rsa-sha1+rsa-sha256"));
    assert_eq!(field(&decision, "reason"), None);

    let foreign = MESSAGE.replace("alice@example.org", "alice@example.com");
    let decision = decide(&filter, foreign.as_bytes(), 10);
    assert_eq!(decision.summary, "DKIM signing - signed");
    assert!(prepended(&decision).starts_with(b"DKIM-Signature: "));
    let reason = "no DomainKeys signature: the sending address does not belong to example.org";
    assert_eq!(field(&decision, "reason"), Some(reason));
}

#[test]
fn domainkeys_alone_may_leave_mail_unsigned() {
    let options = [("domain", "example.org"), ("selector", "s1"), ("keyfile", "{}/rsa"), ("signature", "domainkeys")];
    let decision = decide(&filter(&options), MESSAGE.as_bytes(), 10);
    assert_eq!(field(&decision, "signer"), Some("alice@example.org"));
    let decision = decide(&filter(&options), MESSAGE.replace("alice@example.org", "a@x.example").as_bytes(), 10);
    assert_eq!(decision.verdict, Verdict::Relay(Edits::default()));
    assert_eq!(decision.summary, "DKIM signing - skipped");
    assert!(field(&decision, "reason").unwrap().starts_with("no DomainKeys signature: "));
}

#[test]
fn a_rule_without_key_passes_mail_unsigned_or_refuses_it() {
    let folder = folder();
    let map = folder.path().join("map");
    fs::write(&map, "example.org dkim(s=s1)\n").unwrap();
    let map = map.to_str().unwrap();

    let decision = decide(&filter(&[("sender_map", map)]), MESSAGE.as_bytes(), 1000);
    assert_eq!(decision.verdict, Verdict::Relay(Edits::default()));
    assert_eq!(decision.summary, "DKIM signing - error");
    assert_eq!(field(&decision, "reason"), Some("the rule has no key file or no selector"));
    assert_eq!(field(&decision, "rule"), Some("sender_map:example.org"));
    assert!(decision.warn);

    let decision = decide(&filter(&[("sender_map", map), ("reject_error", "yes")]), MESSAGE.as_bytes(), 1000);
    assert_refused(&decision, "450 4.7.0 DKIM - temperror (");
}

#[test]
fn a_message_at_fault_is_refused_for_good_if_so_configured() {
    let options = [("domain", "example.org"), ("selector", "s1"), ("keyfile", "{}/rsa"), ("header_limit", "2K")];
    let strict = [&options[..], &[("reject_error", "on")]].concat();
    let no_from = "Subject: x\r\n\r\nbody\r\n".to_owned();
    let long = format!("From: a@example.org\r\nX: {}\r\n\r\nbody\r\n", "x".repeat(3000));
    let continuation = "\tof a field\r\nFrom: a@example.org\r\n\r\nbody\r\n".to_owned();
    for (message, reply) in [
        (no_from, "550 5.6.0 DKIM - permerror ("),
        (long, "552 5.3.4 DKIM - permerror ("),
        (continuation, "550 5.6.0 DKIM - permerror ("),
    ] {
        let decision = decide(&filter(&options), message.as_bytes(), 100);
        assert_eq!(decision.verdict, Verdict::Relay(Edits::default()));
        assert_eq!(decision.summary, "DKIM signing - error");
        assert!(decision.warn);
        assert_eq!(field(&decision, "signer"), None);
        assert_refused(&decide(&filter(&strict), message.as_bytes(), 100), reply);
    }
}

fn assert_refused(decision: &Decision, start: &str) {
    match &decision.verdict {
        Verdict::Refuse(reply) => {
            let text = String::from_utf8_lossy(reply.as_bytes()).into_owned();
            assert!(text.starts_with(start), "{text}");
        }
        Verdict::Relay(edits) => panic!("{edits:?}"),
    }
}
