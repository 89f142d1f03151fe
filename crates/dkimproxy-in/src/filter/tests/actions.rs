//! What is done for a result.

use super::{
    receiver::{BODY_LENGTH, ours, results, see},
    *,
};
use crate::policy::DISPOSITION_FIELD;

const GOOD: &str = "ADDR=192.0.2.1 HELO=mx.example.org";
const BAD: &str = "ADDR=192.0.2.9 HELO=somewhere";

async fn outcome(options: &[(&str, &str)], message: &str, xforward: &str, mail_from: &str) -> Option<(u16, String)> {
    refused(&see(options, message, xforward, mail_from).await)
}

#[tokio::test]
async fn a_rule_refuses_with_the_code_for_its_result() {
    let from = "joe@example.org";
    for (action, options, xforward, expected) in [
        ("spf=fail reject", ("arc", "on"), BAD, Some((550, "5.7.23"))),
        ("spf=fail reject", ("arc", "on"), GOOD, None),
        ("spf=fail dmarc=fail reject", ("arc", "on"), BAD, Some((550, "5.7.26"))),
        ("dmarc=fail reject", ("arc", "on"), BAD, Some((550, "5.7.1"))),
        ("iprev=fail reject", ("iprev", "on"), BAD, Some((550, "5.7.25"))),
        ("dkim=none reject 554 5.7.0 Sign your mail", ("arc", "on"), GOOD, Some((554, "5.7.0"))),
        ("spf=fail accept", ("dmarc_action", "policy"), BAD, None),
    ] {
        let found = outcome(&[("action", action), options], MESSAGE, xforward, from).await;
        assert_eq!(found, expected.map(|(code, enhanced)| (code, enhanced.to_owned())), "{action}");
    }
}

#[tokio::test]
async fn an_spf_refusal_says_who_explains_it() {
    let decision = see(&[("action", "spf=fail reject")], MESSAGE, BAD, "joe@example.org").await;
    let Verdict::Refuse(reply) = decision.verdict else { panic!("relayed") };
    assert_eq!(
        String::from_utf8_lossy(reply.as_bytes()),
        "550-5.7.23 SPF: 192.0.2.9 may not send mail for the domain example.org\r\n\
         550 5.7.23 The domain example.org explains: See https://example.org/spf?ip=192.0.2.9\r\n"
    );
}

#[tokio::test]
async fn dns_trouble_is_a_4xx_only_where_asked_for() {
    let message = MESSAGE.replace("example.org", "slow.example");
    let slow = "ADDR=192.0.2.8 HELO=slow.example";
    for (action, expected) in [
        ("spf=temperror tempfail", Some((451, "4.7.24"))),
        ("dmarc=temperror tempfail", Some((451, "4.7.1"))),
        ("iprev=temperror tempfail 450 4.7.0 Later", Some((450, "4.7.0"))),
        ("spf=fail reject", None),
    ] {
        let found = outcome(&[("iprev", "on"), ("action", action)], &message, slow, "a@slow.example").await;
        assert_eq!(found, expected.map(|(code, enhanced)| (code, enhanced.to_owned())), "{action}");
    }
}

#[tokio::test]
async fn fields_are_added_and_nobody_else_can_add_them() {
    let options =
        [("action", "spf=fail add_header X-Spf-Says: fail"), ("action", "dmarc=fail add_header X-Dmarc-Says: no")];
    let message = format!("x-spf-says: pass\r\nX-Other: stays\r\nX-SPF-Says:\r\n pass\r\n{MESSAGE}");
    let text = relayed(&see(&options, &message, BAD, "joe@example.org").await, &message);
    assert!(
        text.ends_with(&format!("\r\nX-Spf-Says: fail\r\nX-Dmarc-Says: no\r\nX-Other: stays\r\n{MESSAGE}")),
        "{text}"
    );
    let text = relayed(&see(&options, &message, GOOD, "joe@example.org").await, &message);
    assert!(!text.to_ascii_lowercase().contains("-says") && text.contains("X-Other: stays"), "{text}");
}

#[tokio::test]
async fn what_a_domain_asks_for_by_dmarc_is_done_only_on_demand() {
    let obey = ("dmarc_action", "policy");
    assert_eq!(outcome(&[], MESSAGE, BAD, "joe@example.org").await, None);
    let decision = see(&[obey], MESSAGE, BAD, "joe@example.org").await;
    assert_eq!(refused(&decision), Some((550, "5.7.1".into())));
    let Verdict::Refuse(reply) = decision.verdict else { panic!("relayed") };
    assert!(String::from_utf8_lossy(reply.as_bytes()).contains("DMARC"));
    assert_eq!(outcome(&[obey], MESSAGE, GOOD, "joe@example.org").await, None);

    let message = format!("{DISPOSITION_FIELD}: none\r\n{}", MESSAGE.replace("example.org", "soft.example"));
    let text = relayed(&see(&[obey], &message, BAD, "a@soft.example").await, &message);
    assert_eq!(text.matches(DISPOSITION_FIELD).count(), 1);
    assert!(text.contains("\r\nX-DMARC-Disposition: quarantine\r\nFrom: "), "{text}");
    let text = relayed(&see(&[], &message, BAD, "a@soft.example").await, &message);
    assert!(!text.contains("quarantine\r\nFrom"), "{text}");
}

#[tokio::test]
async fn a_dry_run_only_writes_what_would_be_done() {
    let options = [
        ("dry_run", "on"),
        ("action", "spf=fail add_header X-Spf-Says: fail"),
        ("action", "spf=fail reject"),
        ("dmarc_action", "policy"),
    ];
    let decision = see(&options, MESSAGE, BAD, "joe@example.org").await;
    let text = ours(&decision).replace("\r\n\t", " ");
    assert!(!text.contains("X-Spf-Says"), "{text}");
    assert!(text.contains("spf=fail (dry run: would be refused with 550 5.7.23, client 192.0.2.9"), "{text}");
    assert!(decision.fields.contains(&("reason", "dry run: would be refused with 550 5.7.23".into())));
    let decision = see(&options, MESSAGE, GOOD, "joe@example.org").await;
    assert!(!ours(&decision).contains("dry run") && !decision.fields.iter().any(|(name, _)| *name == "reason"));
}

#[tokio::test]
async fn a_signature_that_leaves_part_of_the_body_uncovered_is_policy() {
    let decision = see(&[], BODY_LENGTH, GOOD, "joe@example.org").await;
    let text = ours(&decision).replace("\r\n\t", " ");
    assert!(
        text.contains("dkim=policy (1024-bit key, 14 octets of the body not signed) reason=\"14 octets of the body"),
        "{text}"
    );
    assert!(text.contains("policy.dkim-rules=uncovered-body"), "{text}");
    assert_eq!(decision.summary, "DKIM verify - policy (14 octets of the body are not signed)");
    let found = results(&see(&[("uncovered_body", "accept")], BODY_LENGTH, GOOD, "joe@example.org").await);
    assert_eq!(found.first().map(String::as_str), Some("dkim=pass"));
    let refused = outcome(&[("action", "dkim=policy reject")], BODY_LENGTH, GOOD, "joe@example.org").await;
    assert_eq!(refused, Some((550, "5.7.21".into())));
}

/// What local rules do not believe is no identifier for DMARC either.
#[tokio::test]
async fn a_signature_that_breaks_a_local_rule_does_not_count_for_dmarc() {
    for (rule, expected) in [(("uncovered_body", "policy"), "dmarc=fail"), (("uncovered_body", "accept"), "dmarc=pass")]
    {
        let found = results(&see(&[rule], BODY_LENGTH, BAD, "owner@lists.example.net").await);
        assert!(found.contains(&expected.to_owned()), "{rule:?}: {found:?}");
    }
}

#[tokio::test]
async fn keys_can_be_required_to_be_longer() {
    let options = [("uncovered_body", "accept"), ("min_key_bits", "2048")];
    let text = ours(&see(&options, BODY_LENGTH, GOOD, "joe@example.org").await).replace("\r\n\t", " ");
    assert!(text.contains("dkim=policy") && text.contains("policy.dkim-rules=min-key-bits"), "{text}");
    let signed = Signed::new(MESSAGE, None);
    let text = relayed(
        &decide(configured(&[("min_key_bits", "4096")]), signed.zone(), &signed.message).await,
        &signed.message,
    );
    assert!(text.contains("dkim=pass (256-bit key)"), "Ed25519 keys are short: {text}");
}

#[tokio::test]
async fn signatures_can_be_required_to_be_of_the_domain_in_from() {
    for (from, aligned, expected) in [
        ("example.org", "strict", "pass"),
        ("sub.example.org", "strict", "policy"),
        ("sub.example.org", "relaxed", "pass"),
        ("example.com", "relaxed", "policy"),
        ("example.com", "off", "pass"),
    ] {
        let signed = Signed::new(&format!("From: Joe <joe@{from}>\r\n\r\nHello\r\n"), None);
        let zone = signed.zone().with_txt("_dmarc.example.org", ["v=DMARC1; p=none"]);
        let config = configured(&[("dmarc", "on"), ("require_aligned", aligned), ("action", "dkim=policy reject")]);
        let decision = decide(config, zone, &signed.message).await;
        assert!(decision.summary.starts_with(&format!("DKIM verify - {expected}")), "{from} {aligned}: {decision:?}");
        let reply = (expected == "policy").then(|| (550, "5.7.22".to_owned()));
        assert_eq!(refused(&decision), reply, "{from} {aligned}");
    }
}

#[tokio::test]
async fn signatures_beyond_the_limit_are_not_looked_at() {
    let signed = Signed::new(MESSAGE, None);
    let junk = "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=from; bh=eA==; b=eA==\r\n";
    let message = format!("{junk}{}", signed.message);
    let decision = decide(configured(&[("max_signatures", "1")]), signed.zone(), &message).await;
    assert!(relayed(&decision, &message).contains("too many signatures: 1 more not looked at"));
}
