//! Chains that are soundly sealed but for the one thing: what the crypto accepts, the rules must decide. The names AC1
//! to AC11 are those of the checklist for RFC 8617.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod common;

use common::{
    NOW, key_name, keys, read, request,
    seal::{Seal, seal},
    sign, signing_key,
};
use dkimproxy_core::{
    arc::{ArcError, ArcField, ArcOutcome, ArcResult, ArcVerifier, MAX_RESULTS_LEN},
    canonicalize::Canonicalization,
    hash::BodyHasher,
    key::{KeyError, Keys},
    signature::SignatureError,
    verify::{DkimResult, Verifier, VerifyError, VerifyPolicy},
};
use std::sync::Arc;

const MESSAGE: &str = "From: Joe <joe@example.org>\r\nTo: list@example.net\r\nSubject: Hi\r\n\r\nHi.\r\n";

/// The keys of so many sealers.
fn sealers_keys(count: u32) -> Keys {
    let record = signing_key("rsa1024").record();
    (1..=count).flat_map(|i| keys("sel", &format!("mx{i}.example"), &[&record])).collect()
}

fn verify_with(message: &str, keys: &Keys) -> ArcOutcome {
    let start = |header: &Arc<_>| {
        let verifier = ArcVerifier::new(Arc::clone(header), &VerifyPolicy::default(), NOW);
        let body = verifier.body_hasher();
        (verifier, body)
    };
    let (verifier, body) = read([message.as_bytes()], start);
    verifier.finish(&body.finish(), keys)
}

fn verify(message: &str) -> ArcOutcome {
    verify_with(message, &sealers_keys(3))
}

#[test]
fn a_chain_of_three() {
    let outcome = verify(&seal(MESSAGE, 3));
    assert_eq!(outcome.failure, None);
    assert_eq!((outcome.result, outcome.instances, outcome.oldest_pass), (ArcResult::Pass, 3, Some(0)));
    let sealers: Vec<_> = outcome.sealers.iter().map(|domain| domain.as_str()).collect();
    assert_eq!(sealers, ["mx3.example", "mx2.example", "mx1.example"]);
    let newest = String::from_utf8(outcome.assessments[0].clone()).unwrap();
    assert_eq!(newest, " mx3.example;\r\n\tspf=pass smtp.mailfrom=a@b.c");
}

#[test]
fn ac5_no_chain() {
    let outcome = verify(MESSAGE);
    assert_eq!((outcome.result, outcome.instances, outcome.oldest_pass), (ArcResult::None, 0, None));
    assert_eq!(outcome.failure, None);
}

#[test]
fn ac8_the_oldest_pass_is_where_the_message_was_last_altered() {
    let altered = seal(MESSAGE, 1).replace("Subject: Hi", "Subject: [list] Hi");
    let altered = Seal::new(3).add_to(&Seal::new(2).add_to(&altered));
    let outcome = verify(&altered);
    assert_eq!((outcome.result, outcome.oldest_pass), (ArcResult::Pass, Some(2)));
}

#[test]
fn ac4_ac5_fifty_sets_and_no_more() {
    let fifty = seal(MESSAGE, 50);
    let keys = sealers_keys(50);
    let outcome = verify_with(&fifty, &keys);
    assert_eq!((outcome.result, outcome.instances), (ArcResult::Pass, 50));
    let more = format!("ARC-Seal: i=50; cv=pass\r\n{fifty}");
    let failure = Some(ArcError::TooManySets { field: ArcField::Seal });
    assert_eq!(verify_with(&more, &keys).failure, failure);
}

/// A message with one set that is made otherwise.
fn first(change: impl FnOnce(&mut Seal<'_>)) -> String {
    let mut set = Seal::new(1);
    change(&mut set);
    set.add_to(MESSAGE)
}

/// The same with a second set on top.
fn second(change: impl FnOnce(&mut Seal<'_>)) -> String {
    let mut set = Seal::new(2);
    change(&mut set);
    set.add_to(&seal(MESSAGE, 1))
}

fn tags(set: &mut Seal<'_>, old: &str, new: &str) {
    assert!(set.message_tags.contains(old), "{old}");
    set.message_tags = set.message_tags.replace(old, new);
}

fn without(message: &str, start: &str) -> String {
    let fields = common::forge::split_fields(message);
    assert!(fields.iter().any(|field| field.starts_with(start)), "{start}");
    fields.into_iter().filter(|field| !field.starts_with(start)).collect()
}

fn message_signature(instance: u32, error: VerifyError) -> Option<ArcError> {
    Some(ArcError::MessageSignature { instance, error })
}

fn seal_error(instance: u32, error: VerifyError) -> Option<ArcError> {
    Some(ArcError::Seal { instance, error })
}

#[test]
fn the_structure_of_a_chain() {
    use ArcField::{MessageSignature, Results, Seal as SealField};
    let two = seal(MESSAGE, 2);
    let cases = [
        ("as it is", two.clone(), None),
        (
            "AC1 i= stands first",
            first(|set| set.results = "ARC-Authentication-Results: mx1.example; i=1; none\r\n".to_owned()),
            Some(ArcError::Instance { field: Results }),
        ),
        (
            "AC4 i= of the seal is 51",
            two.replace("ARC-Seal: i=2", "ARC-Seal: i=51"),
            Some(ArcError::Instance { field: SealField }),
        ),
        (
            "AC4 no i=",
            two.replace("ARC-Message-Signature: i=2;", "ARC-Message-Signature:"),
            Some(ArcError::Instance { field: MessageSignature }),
        ),
        ("AC6 marked as failed", second(|set| set.cv = "fail"), Some(ArcError::MarkedFailed { instance: 2 })),
        (
            "AC7 no results",
            without(&two, "ARC-Authentication-Results: i=1"),
            Some(ArcError::Missing { instance: 1, field: Results }),
        ),
        (
            "AC7 no message signature",
            without(&two, "ARC-Message-Signature: i=2"),
            Some(ArcError::Missing { instance: 2, field: MessageSignature }),
        ),
        ("AC7 no seal", without(&two, "ARC-Seal: i=1"), Some(ArcError::Missing { instance: 1, field: SealField })),
        (
            "AC7 only a seal",
            format!("ARC-Seal: i=1; cv=none\r\n{MESSAGE}"),
            Some(ArcError::Missing { instance: 1, field: Results }),
        ),
        ("AC7 a gap", Seal::new(3).add_to(&seal(MESSAGE, 1)), Some(ArcError::Missing { instance: 2, field: Results })),
        (
            "AC7 a repetition",
            format!("ARC-Authentication-Results: i=1; x; none\r\n{two}"),
            Some(ArcError::Repeated { instance: 1, field: Results }),
        ),
        ("AC7 i=1 says pass", first(|set| set.cv = "pass"), Some(ArcError::ChainValidation { instance: 1 })),
        ("AC7 i=2 says none", second(|set| set.cv = "none"), Some(ArcError::ChainValidation { instance: 2 })),
        ("AC7 nonsense", second(|set| set.cv = "passed"), Some(ArcError::ChainValidation { instance: 2 })),
        ("case of a literal", second(|set| set.cv = "Pass"), None),
        (
            "results of absurd length",
            first(|set| {
                set.results = format!("ARC-Authentication-Results: i=1;{}\r\n", "x".repeat(MAX_RESULTS_LEN + 1))
            }),
            Some(ArcError::ResultsTooLong),
        ),
    ];
    for (what, message, expected) in cases {
        assert_eq!(verify(&message).failure, expected, "{what}");
    }
}

#[test]
fn the_signatures_of_a_chain() {
    let two = seal(MESSAGE, 2);
    let cases = [
        ("AC2 v= is ignored", second(|set| tags(set, " i=2;", " v=7; i=2;")), None),
        (
            "AC2 covers seals",
            second(|set| tags(set, "h=from", "h=arc-seal:from")),
            Some(ArcError::CoversSeals { instance: 2 }),
        ),
        (
            "AC2 From is not covered",
            second(|set| tags(set, "h=from:", "h=")),
            message_signature(2, VerifyError::Signature(SignatureError::FromNotSigned)),
        ),
        ("AC2 expired", second(|set| tags(set, " i=2;", " i=2; x=1000;")), message_signature(2, VerifyError::Expired)),
        ("AC3 h= in a seal", second(|set| set.seal_tags = "; h=from"), Some(ArcError::SealListsFields { instance: 2 })),
        ("AC3 other tags are ignored", second(|set| set.seal_tags = "; c=simple; bh=x"), None),
        (
            "AC3 a tag twice",
            second(|set| set.seal_tags = "; s=sel"),
            Some(ArcError::Instance { field: ArcField::Seal }),
        ),
        ("AC8 altered body", two.replace("Hi.\r\n", "Ho.\r\n"), message_signature(2, VerifyError::BodyHash)),
        (
            "AC8 altered header",
            two.replace("Subject: Hi", "Subject: Ho"),
            message_signature(2, VerifyError::SignatureMismatch),
        ),
        ("AC9 altered results", two.replacen("spf=pass", "spf=fail", 1), seal_error(2, VerifyError::SignatureMismatch)),
        (
            "AC9 altered old results",
            two.replace("mx1.example;\r\n\tspf=pass", "mx1.example;\r\n\tspf=none"),
            seal_error(2, VerifyError::SignatureMismatch),
        ),
        (
            "AC9 an old seal that does not fit",
            Seal::new(2).add_to(&seal(MESSAGE, 1).replacen("b=", "b=AAAA", 1)),
            seal_error(1, VerifyError::SignatureMismatch),
        ),
        ("AC9 refolded", two.replace("mx1.example;\r\n\tspf", "mx1.example; \r\n  spf"), None),
        (
            "AC11 rsa-sha1 seal",
            two.replacen("a=rsa-sha256", "a=rsa-sha1", 1),
            seal_error(2, VerifyError::Signature(SignatureError::Sha1)),
        ),
        (
            "AC11 rsa-sha1 message signature",
            second(|set| tags(set, "rsa-sha256", "rsa-sha1")),
            message_signature(2, VerifyError::Signature(SignatureError::Sha1)),
        ),
    ];
    for (what, message, expected) in cases {
        assert_eq!(verify(&message).failure, expected, "{what}");
    }
}

#[test]
fn ac10_all_errors_are_permanent_but_known() {
    let two = seal(MESSAGE, 2);
    let name = key_name("sel", "mx1.example");
    for (answer, error, is_temporary) in [
        (Some(Err(KeyError::Unavailable)), VerifyError::KeyUnavailable, true),
        (None, VerifyError::KeyUnavailable, true),
        (Some(Err(KeyError::NotFound)), VerifyError::NoKey, false),
    ] {
        let mut keys = sealers_keys(2);
        keys.remove(&name);
        keys.extend(answer.map(|answer| (name.clone(), answer)));
        let outcome = verify_with(&two, &keys);
        assert_eq!((outcome.result, &outcome.failure), (ArcResult::Fail, &seal_error(1, error)));
        assert_eq!(outcome.failure.unwrap().is_temporary(), is_temporary);
        assert_eq!((outcome.sealers, outcome.assessments, outcome.oldest_pass), (vec![], vec![], None));
    }
}

#[test]
fn k_a_key_of_another_kind() {
    let mut ed25519 = sealers_keys(1);
    ed25519.extend(keys("sel", "mx1.example", &[&signing_key("ed25519").record()]));
    let failure = verify_with(&seal(MESSAGE, 1), &ed25519).failure;
    assert_eq!(failure, message_signature(1, VerifyError::KeyAlgorithm));
}

#[test]
fn questions_are_asked_once_and_only_if_answers_matter() {
    let names = |message: &str| {
        let start = |header: &Arc<_>| {
            let verifier = ArcVerifier::new(Arc::clone(header), &VerifyPolicy::default(), NOW);
            let body = verifier.body_hasher();
            (verifier, body)
        };
        let (verifier, _) = read([message.as_bytes()], start);
        let requests = verifier.body_requests().count();
        (verifier.key_names().iter().map(ToString::to_string).collect::<Vec<_>>(), requests)
    };
    let expected = ["sel._domainkey.mx2.example", "sel._domainkey.mx1.example"].map(str::to_owned).to_vec();
    assert_eq!(names(&seal(MESSAGE, 2)), (expected, 2));
    assert_eq!(names(&second(|set| set.cv = "fail")), (vec![], 0));
    assert_eq!(names(MESSAGE), (vec![], 0));
}

#[test]
fn one_pass_over_the_body_serves_dkim_and_arc() {
    let key = signing_key("rsa2048");
    let signed = sign(MESSAGE.as_bytes(), &[request(&key, Canonicalization::SIMPLE)]);
    let sealed = seal(&String::from_utf8(signed).unwrap(), 1);
    let start = |header: &Arc<_>| {
        let dkim = Verifier::new(Arc::clone(header), &VerifyPolicy::default(), NOW);
        let arc = ArcVerifier::new(Arc::clone(header), &VerifyPolicy::default(), NOW);
        let body = BodyHasher::new(dkim.body_requests().chain(arc.body_requests()));
        ((dkim, arc), body)
    };
    let ((dkim, arc), body) = read([sealed.as_bytes()], start);
    let body = body.finish();
    let mut keys = sealers_keys(1);
    keys.extend(common::keys("sel", "example.org", &[&key.record()]));
    assert_eq!(dkim.finish(&body, &keys)[0].result(), DkimResult::Pass);
    assert_eq!(arc.finish(&body, &keys).result, ArcResult::Pass);
}
