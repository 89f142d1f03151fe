//! All checks in one pass: who the client is, what is asked, what is written.

use super::*;
use dkimproxy_smtp::{path::Path, xforward::Update};

/// The key of both vectors.
pub(super) const KEY: &str = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCu/B0kzMe26gMG1T7tyQ/LkP2ANiCSR/TA2LBemFQm4nwf2CgcxZlNDI3EUbDjWCQosGN5zwjBo3R8WlF2cWwetaXieX1TnEs7ynJmH0ql25SvsHE4L/8EGVLqCMk7vP0gTzEV5Nj0S/hG6n8K+7cGBWkTZU1acE+g6ANoV52NxwIDAQAB";

/// Signed with l=, and more appended.
pub(super) const BODY_LENGTH: &str = include_str!("../../../tests/vectors/body-length.eml");

/// Changed by a mailing list that says by ARC that DMARC had passed.
pub(super) const SEALED: &str = include_str!("../../../tests/vectors/arc-sealed.eml");

/// What DNS has beside keys: example.org may be sent from 192.0.2.1 only, and asks to refuse the rest.
const WORLD: &str = r#"{
    "example.org": ["v=spf1 ip4:192.0.2.1 exp=why.example.org -all"],
    "why.example.org": ["See https://example.org/spf?ip=%{i}"],
    "_dmarc.example.org": ["v=DMARC1; p=reject"],
    "soft.example": ["v=spf1 ~all"],
    "_dmarc.soft.example": ["v=DMARC1; p=quarantine"],
    "slow.example": "timeout",
    "_dmarc.slow.example": "timeout",
    "1.2.0.192.in-addr.arpa": {"PTR": ["mx.example.org"]},
    "mx.example.org": {"A": ["192.0.2.1"], "TXT": ["v=spf1 a -all"]},
    "9.2.0.192.in-addr.arpa": {"PTR": ["mx.example.org"]},
    "8.2.0.192.in-addr.arpa": "timeout",
    "sel._domainkey.example.org": ["KEY"],
    "arc._domainkey.lists.example.net": ["KEY"]
}"#;

pub(super) fn world() -> Zone {
    Zone::from_json(&WORLD.replace("KEY", KEY)).unwrap()
}

/// Mail that Postfix hands on with XFORWARD.
pub(super) fn envelope(xforward: &str, mail_from: &str) -> Transaction {
    let mut transaction = Transaction { reverse_path: Some(Path::new(mail_from)), ..Transaction::default() };
    transaction.xforward(Update::parse(xforward.as_bytes()).unwrap());
    transaction
}

pub(super) fn all_on(options: &[(&str, &str)]) -> Config {
    config_of(&[&[("hostname", "mx.example.net")], options].concat())
}

pub(super) async fn see(options: &[(&str, &str)], message: &str, xforward: &str, mail_from: &str) -> Decision {
    decide_in_chunks(all_on(options), world(), message, usize::MAX, &envelope(xforward, mail_from)).await
}

/// What stands in front of the message: our fields.
pub(super) fn ours(decision: &Decision) -> String {
    let Verdict::Relay(edits) = &decision.verdict else { panic!("refused: {decision:?}") };
    String::from_utf8(edits.prepend.clone()).unwrap()
}

/// METHOD=RESULT of each result of our field.
pub(super) fn results(decision: &Decision) -> Vec<String> {
    let ours = ours(decision);
    let field = ours.strip_prefix("Authentication-Results:").unwrap();
    let end = field.match_indices("\r\n").map(|(at, _)| at).find(|at| !field[at + 2..].starts_with('\t')).unwrap();
    let read =
        dkimproxy_auth::results::parse(&field.as_bytes()[..end]).unwrap_or_else(|error| panic!("{error}: {ours}"));
    assert_eq!(read.authserv_id, "mx.example.net");
    read.results.iter().map(|one| format!("{}={}", one.method, one.result)).collect()
}

const GOOD: &str = "ADDR=192.0.2.1 NAME=mx.example.org HELO=mx.example.org";
const BAD: &str = "ADDR=192.0.2.9 NAME=[UNAVAILABLE] HELO=somewhere";

#[tokio::test]
async fn client_sender_and_helo_of_xforward_reach_spf_and_all_results_stand_in_one_field() {
    let decision = see(&[("iprev", "on")], MESSAGE, GOOD, "joe@example.org").await;
    let found = results(&decision);
    for expected in ["dkim=none", "spf=pass", "dmarc=pass", "iprev=pass"] {
        assert!(found.iter().any(|one| one == expected), "{expected}: {found:?}");
    }
    assert_eq!(ours(&decision).matches("\nAuthentication-Results").count(), 0);
    let decision = see(&[("iprev", "on")], MESSAGE, BAD, "joe@example.org").await;
    let found = results(&decision);
    for expected in ["dkim=none", "spf=fail", "dmarc=fail", "iprev=fail"] {
        assert!(found.iter().any(|one| one == expected), "{expected}: {found:?}");
    }
    let text = ours(&decision).replace("\r\n\t", " ");
    for part in
        ["smtp.mailfrom=example.org", "header.from=example.org", "policy.dmarc=reject", "policy.iprev=192.0.2.9"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let field = |name: &str| decision.fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    assert_eq!(
        ["message-id", "from", "spf", "dmarc", "iprev", "helo"].map(field),
        ["1@example.org", "joe@example.org", "fail", "fail", "fail", "somewhere"].map(Some)
    );
}

#[tokio::test]
async fn each_check_has_a_switch() {
    let all = ["spf", "dmarc", "arc", "iprev", "domainkeys"];
    for on in all {
        let options = all.map(|name| (name, if name == on { "on" } else { "off" }));
        let found = results(&see(&options, SEALED, GOOD, "joe@example.org").await);
        let others: Vec<&String> = found.iter().filter(|one| !one.starts_with("dkim=")).collect();
        assert!(others.iter().all(|one| one.starts_with(&format!("{on}="))), "{on}: {found:?}");
        // Without SPF a DMARC failure proves nothing.
        assert_eq!(others.is_empty(), on == "dmarc", "{on}: {found:?}");
    }
}

#[tokio::test]
async fn the_null_sender_is_checked_by_its_helo() {
    let found = results(&see(&[], MESSAGE, GOOD, "").await);
    assert!(found.contains(&"spf=pass".to_owned()) && found.contains(&"dmarc=pass".to_owned()), "{found:?}");
}

/// A secondary MX of ours: what it says stays, and SPF would only say that it is not the sender.
#[tokio::test]
async fn relays_of_ours_are_believed_and_not_judged() {
    let trusted = ("trusted_networks", "192.0.2.8/30");
    let brought = "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=example.org\r\n";
    let message = format!("{brought}{MESSAGE}");
    let decision = see(&[trusted, ("iprev", "on")], &message, BAD, "joe@example.org").await;
    assert!(relayed(&decision, &message).ends_with(&message));
    let found = results(&decision);
    assert!(
        !found.iter().any(|one| one.starts_with("spf") || one.starts_with("iprev") || *one == "dmarc=fail"),
        "{found:?}"
    );
    let refusing = [trusted, ("action", "dkim=none reject"), ("dmarc_action", "policy")];
    assert!(refused(&see(&refusing, &message, BAD, "joe@example.org").await).is_none());
    assert!(refused(&see(&refusing, &message, GOOD, "joe@example.org").await).is_some());
    let decision = see(&[trusted], &message, GOOD, "joe@example.org").await;
    assert!(!relayed(&decision, &message).contains(brought), "192.0.2.1 is a stranger");
}

#[tokio::test]
async fn mail_of_this_host_or_of_nobody_knows_whom_has_no_spf() {
    for xforward in ["ADDR=127.0.0.1 HELO=localhost", "ADDR=[UNAVAILABLE] SOURCE=LOCAL", "ADDR=::1"] {
        let found = results(&see(&[("iprev", "on")], MESSAGE, xforward, "joe@example.org").await);
        assert!(found.iter().all(|one| one.starts_with("dkim=") || one.starts_with("arc=")), "{xforward}: {found:?}");
        let forged = format!("Authentication-Results: mx.example.net; spf=pass\r\n{MESSAGE}");
        let decision = see(&[], &forged, xforward, "joe@example.org").await;
        assert!(!relayed(&decision, &forged).contains("spf=pass"), "{xforward}");
    }
}

#[tokio::test]
async fn received_spf_on_demand() {
    assert!(!ours(&see(&[], MESSAGE, GOOD, "joe@example.org").await).contains("Received-SPF"));
    let text = ours(&see(&[("received_spf", "on")], MESSAGE, GOOD, "joe@example.org").await);
    let (_, field) = text.split_once("\r\nReceived-SPF: pass").unwrap_or_else(|| panic!("{text}"));
    assert!(field.contains("192.0.2.1"), "{text}");
}

#[tokio::test]
async fn results_of_friends_stay_where_all_others_go() {
    let options = [("remove_results", "all"), ("keep_results", "mx.partner.example")];
    let kept = "Authentication-Results: mx.partner.example; dkim=pass\r\n";
    let gone = "Authentication-Results: mx.stranger.example; dkim=pass\r\nAuthentication-Results: ; dkim=pass\r\n\
                Authentication-Results: MX.example.net; dkim=pass\r\nX-DKIM-Authentication-Results: pass\r\n\
                Authentication-Results: mx.partner.example 2; dkim=pass\r\n";
    let message = format!("{gone}{kept}{gone}{MESSAGE}");
    let text = relayed(&see(&options, &message, GOOD, "joe@example.org").await, &message);
    assert!(text.ends_with(&format!("{kept}{MESSAGE}")) && text.matches("\r\nAuth").count() == 1, "{text}");
}

#[tokio::test]
async fn dns_trouble_is_written_and_the_mail_passes() {
    let message = MESSAGE.replace("example.org", "slow.example");
    let found = results(&see(&[("iprev", "on")], &message, "ADDR=192.0.2.8 HELO=slow.example", "a@slow.example").await);
    for expected in ["spf=temperror", "dmarc=temperror", "iprev=temperror"] {
        assert!(found.iter().any(|one| one == expected), "{expected}: {found:?}");
    }
}

#[tokio::test]
async fn promise_4_where_the_message_is_cut_changes_no_result() {
    let transaction = envelope(GOOD, "joe@example.org");
    let options = [("iprev", "on"), ("domainkeys", "on"), ("received_spf", "on")];
    let whole = decide_in_chunks(all_on(&options), world(), SEALED, usize::MAX, &transaction).await;
    for size in [1, 7, 100] {
        let cut = decide_in_chunks(all_on(&options), world(), SEALED, size, &transaction).await;
        assert_eq!(cut, whole, "chunks of {size}");
    }
}

#[tokio::test]
async fn a_trusted_seal_lifts_a_dmarc_failure_and_that_is_written() {
    let obey = ("dmarc_action", "policy");
    let refused_by = |decision: &Decision| refused(decision).map(|(code, enhanced)| format!("{code} {enhanced}"));
    let decision = see(&[obey], SEALED, BAD, "owner@lists.example.net").await;
    assert_eq!(refused_by(&decision).as_deref(), Some("550 5.7.1"));
    for (sealer, lifted) in [("lists.example.net", true), ("lists.example.com", false)] {
        let options = [obey, ("arc_trusted_sealers", sealer)];
        let decision = see(&options, SEALED, BAD, "owner@lists.example.net").await;
        assert_eq!(refused(&decision).is_none(), lifted, "{sealer}");
        assert_eq!(decision.fields.contains(&("lifted-by", sealer.to_owned())), lifted);
        if lifted {
            let text = ours(&decision).replace("\r\n\t", " ");
            assert!(text.contains("dmarc=fail") && text.contains("arc=pass"), "{text}");
            let (_, dmarc) = text.split_once("dmarc=fail").unwrap();
            assert!(dmarc.split(';').next().unwrap().contains("lists.example.net"), "{text}");
        }
    }
    let broken = SEALED.replace("Hello", "Jello");
    let options = [obey, ("arc_trusted_sealers", "lists.example.net")];
    let decision = see(&options, &broken, BAD, "owner@lists.example.net").await;
    assert_eq!(refused_by(&decision).as_deref(), Some("550 5.7.1"));
}

#[tokio::test]
async fn domainkeys_on_demand() {
    let message =
        "DomainKey-Signature: a=rsa-sha1; c=nofws; d=example.org; s=sel; q=dns; b=AAAA\r\n".to_owned() + MESSAGE;
    let decision = see(&[("domainkeys", "on"), ("spf", "off")], &message, GOOD, "joe@example.org").await;
    let text = ours(&decision).replace("\r\n\t", " ");
    assert!(text.contains("domainkeys=fail"), "{text}");
    assert!(text.contains("header.from=joe@example.org"), "{text}");
}
