use super::*;
use dkimproxy_auth::spf::SpfResult;
use dkimproxy_core::{
    domain::DomainName,
    verify::{DkimResult, SignatureKind, Verification, VerifyError},
};
use std::net::IpAddr;

fn actions(rules: &[&str]) -> Actions {
    Actions { rules: rules.iter().map(|text| Rule::parse(text).unwrap()).collect(), ..Actions::default() }
}

fn signature(error: VerifyError, testing: bool) -> Verification {
    Verification {
        index: 0,
        kind: SignatureKind::Dkim,
        domain: DomainName::new("example.org").ok(),
        selector: None,
        algorithm: None,
        identity: None,
        signature_text: String::new(),
        key_bits: None,
        testing,
        uncovered: 0,
        outcome: Err(error),
    }
}

fn signed(found: &Verification) -> Facts<'_> {
    Facts { dkim: vec![Judged { found, objection: None }], ..Facts::default() }
}

fn spf(result: SpfResult) -> Facts<'static> {
    let explanation = Some("See https://example.org/why\r\n250 OK");
    let spf = Spf { result, domain: "example.org\r\n250 OK", explanation };
    Facts { client: Some(IpAddr::from([192, 0, 2, 1])), spf: Some(spf), ..Facts::default() }
}

fn dmarc(result: DmarcResult, disposition: Policy, lifted: bool) -> Facts<'static> {
    Facts { dmarc: Some(Dmarc { result, disposition, domain: Some("example.org"), lifted }), ..Facts::default() }
}

fn reply(actions: &Actions, facts: &Facts<'_>) -> Option<String> {
    judge(actions, facts).refusal.map(|refusal| String::from_utf8(refusal.reply.as_bytes().to_vec()).unwrap())
}

/// RFC 7372 section 3, RFC 8617 section 10.5, RFC 9989 section 7.2.
#[test]
fn each_method_has_its_own_codes() {
    let wrong = signature(VerifyError::BodyHash, false);
    let unknown = signature(VerifyError::KeyUnavailable, false);
    let arc = || Facts { arc: Some("fail"), ..Facts::default() };
    let iprev = |result| Facts { iprev: Some(result), ..Facts::default() };
    let domainkeys = || Facts { domainkeys: Some("fail"), ..Facts::default() };
    let objecting =
        |objection| Facts { dkim: vec![Judged { found: &wrong, objection: Some(objection) }], ..Facts::default() };
    for (rule, facts, expected) in [
        ("dkim=fail reject", signed(&wrong), "550 5.7.20 No passing DKIM signature: "),
        ("dkim=none reject", Facts::default(), "550 5.7.20 The message has no DKIM signature\r\n"),
        (
            "dkim=policy reject",
            objecting(Objection::ShortKey(512)),
            "550 5.7.21 No acceptable DKIM signature: a key of 512 ",
        ),
        ("dkim=policy reject", objecting(Objection::NotAligned), "550 5.7.22 No DKIM signature of the domain in From"),
        ("dkim=temperror tempfail", signed(&unknown), "451 4.7.5 Unable to verify signature - key server unavailable"),
        (
            "spf=fail reject",
            spf(SpfResult::Fail),
            "550-5.7.23 SPF: 192.0.2.1 may not send mail for the domain example.org??250 OK\r\n",
        ),
        ("spf=none reject", spf(SpfResult::None), "550 5.7.23 SPF for the domain example.org??250 OK does not say"),
        ("spf=permerror reject", spf(SpfResult::PermError), "550 5.7.24 SPF for the domain "),
        ("spf=temperror tempfail", spf(SpfResult::TempError), "451 4.7.24 SPF for the domain "),
        (
            "dmarc=fail reject",
            dmarc(DmarcResult::Fail, Policy::None, false),
            "550 5.7.1 DMARC of example.org: the message is ",
        ),
        (
            "dmarc=none reject",
            dmarc(DmarcResult::None, Policy::None, false),
            "550 5.7.1 DMARC of example.org: we require ",
        ),
        (
            "dmarc=temperror tempfail",
            dmarc(DmarcResult::TempError, Policy::None, false),
            "451 4.7.1 DMARC of example.org ",
        ),
        ("arc=fail reject", arc(), "550 5.7.29 The ARC chain"),
        ("iprev=fail reject", iprev("fail"), "550 5.7.25 "),
        ("iprev=temperror tempfail", iprev("temperror"), "451 4.7.25 "),
        ("domainkeys=fail reject", domainkeys(), "550 5.7.20 "),
        (
            "dkim=none arc=fail reject",
            arc(),
            "550 5.7.26 The message does not meet our requirements for authentication (DKIM, ARC)",
        ),
        ("arc=fail reject 554 5.6.0 No, sorry", arc(), "554 5.6.0 No, sorry\r\n"),
        ("arc=fail reject No, sorry", arc(), "550 5.7.29 No, sorry\r\n"),
    ] {
        let reply = reply(&actions(&[rule]), &facts).unwrap_or_default();
        assert!(reply.starts_with(expected), "{rule}: {reply}");
        assert!(reply.split_terminator("\r\n").all(|line| line.starts_with(expected.get(..3).unwrap())), "{reply}");
    }
}

/// The explanation is a third party's, and says so.
#[test]
fn promise_7_an_spf_explanation_is_one_line_of_the_reply() {
    let reply = reply(&actions(&["spf=fail reject"]), &spf(SpfResult::Fail)).unwrap();
    let lines: Vec<&str> = reply.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2);
    let expected = "550 5.7.23 The domain example.org??250 OK explains: See https://example.org/why??250 OK";
    assert_eq!(lines.get(1), Some(&expected));
}

#[test]
fn the_first_rule_that_accepts_or_refuses_decides() {
    let wrong = signature(VerifyError::BodyHash, false);
    let facts = Facts { arc: Some("pass"), ..signed(&wrong) };
    let fields = |judgement: &Judgement| judgement.fields.iter().map(|field| field.value.clone()).collect::<Vec<_>>();
    for (rules, refused, added) in [
        (&["dkim=fail reject", "dkim=fail accept"][..], true, &[][..]),
        (&["arc=pass accept", "dkim=fail reject"], false, &[]),
        (
            &["arc=pass,none dkim=fail add_header X-A: 1", "dkim=fail add_header X-A: 2", "dkim=fail reject"],
            true,
            &["1", "2"],
        ),
        (&["arc=fail add_header X-A: 1", "arc=fail dkim=fail reject", "spf=fail reject"], false, &[]),
    ] {
        let judgement = judge(&actions(rules), &facts);
        assert_eq!(
            (judgement.refusal.is_some(), fields(&judgement)),
            (refused, added.iter().map(|s| s.to_string()).collect())
        );
    }
}

#[test]
fn what_the_domain_asks_for_is_done_only_if_told() {
    let obeying = Actions { obey_dmarc: true, ..Actions::default() };
    let reject = dmarc(DmarcResult::Fail, Policy::Reject, false);
    assert_eq!(reply(&Actions::default(), &reject), None);
    let refused = reply(&obeying, &reject).unwrap();
    assert!(refused.starts_with("550 5.7.1 Refused by the DMARC policy of example.org: "), "{refused}");
    let quarantine = judge(&obeying, &dmarc(DmarcResult::Fail, Policy::Quarantine, false));
    assert!(quarantine.refusal.is_none());
    assert_eq!(quarantine.fields, [AddedField { name: DISPOSITION_FIELD.into(), value: "quarantine".into() }]);
    for facts in [
        dmarc(DmarcResult::Fail, Policy::None, false),
        dmarc(DmarcResult::Fail, Policy::Reject, true),
        dmarc(DmarcResult::Pass, Policy::None, false),
        dmarc(DmarcResult::TempError, Policy::None, false),
        Facts::default(),
    ] {
        let judgement = judge(&obeying, &facts);
        assert!(judgement.refusal.is_none() && judgement.fields.is_empty(), "{facts:?}");
    }
    let first = Actions { obey_dmarc: true, ..actions(&["dmarc=fail accept"]) };
    assert_eq!(reply(&first, &reject), None);
    assert_eq!(
        reply(&actions(&["dmarc=fail reject"]), &dmarc(DmarcResult::Fail, Policy::Reject, true)),
        None,
        "lifted"
    );
}

/// The result of several signatures is what could be best for the message; test mode never counts against it.
#[test]
fn the_result_of_all_signatures_together() {
    let (wrong, wrong_test) = (signature(VerifyError::BodyHash, false), signature(VerifyError::BodyHash, true));
    let (unknown, expired) = (signature(VerifyError::KeyUnavailable, false), signature(VerifyError::Expired, false));
    for (found, expected) in [
        (&[][..], DkimResult::None),
        (&[&wrong], DkimResult::Fail),
        (&[&wrong_test], DkimResult::None),
        (&[&expired, &wrong], DkimResult::Fail),
        (&[&wrong_test, &expired], DkimResult::PermError),
        (&[&wrong, &unknown], DkimResult::TempError),
    ] {
        let judged: Vec<Judged<'_>> = found.iter().map(|found| Judged { found, objection: None }).collect();
        assert_eq!(of_message(&judged), expected);
        let objecting = Judged { found: &expired, objection: Some(Objection::NotAligned) };
        assert_eq!(of_message(&[objecting]), DkimResult::Policy);
    }
}
