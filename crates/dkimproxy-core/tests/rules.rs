//! The rules for DKIM-Signature fields and key records, each as a message that is signed soundly but for the one thing:
//! what the crypto accepts, the rules must decide. The letters and numbers are those of the checklist: T tag lists, C
//! canonicalization, H choice of header fields, L length, B hash inputs, G signature tags, A algorithms, K key records.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{
    NOW,
    forge::{forge, forge_field},
    keys, signing_key, verify,
};
use dkimproxy_core::{
    key::{KeyError, KeyRecordError, Keys},
    signature::SignatureError,
    verify::{DkimResult, Verification, VerifyError},
};

const HEADER: &str =
    "From: Joe <joe@example.org>\r\nTo: Suzie <suzie@example.net>\r\nSubject: Is  dinner\r\n ready?\r\n";
const BODY: &str = "Hi. \r\n\r\nWe lost  the game.\r\n\r\n\r\n";
const TAGS: &str = " v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=sel; h=from:to:subject; bh={bh}; b={b}";

/// Verifies with the forger's key under the record `v=DKIM1; p=...`, `{p}` standing for the key.
fn verify_with(message: &str, records: &[&str]) -> Verification {
    let key = signing_key("rsa1024").record();
    let p = key.split("p=").nth(1).unwrap();
    let records: Vec<_> = records.iter().map(|record| record.replace("{p}", p)).collect();
    let records: Vec<_> = records.iter().map(String::as_str).collect();
    verify(message.as_bytes(), &keys("sel", "example.org", &records)).remove(0)
}

fn outcome_of_tags(tags: &str) -> Result<(), VerifyError> {
    verify_with(&forge(tags, HEADER, BODY), &["p={p}"]).outcome.map(drop)
}

fn outcome_of_records(tags: &str, records: &[&str]) -> Result<(), VerifyError> {
    verify_with(&forge(tags, HEADER, BODY), records).outcome.map(drop)
}

fn signature(error: SignatureError) -> Result<(), VerifyError> {
    Err(VerifyError::Signature(error))
}

fn invalid(tag: &'static str) -> Result<(), VerifyError> {
    signature(SignatureError::InvalidTag { tag })
}

fn record(error: KeyRecordError) -> Result<(), VerifyError> {
    Err(VerifyError::KeyRecord(error))
}

#[test]
fn the_tags_of_a_signature() {
    let with = |tag: &str| TAGS.replace(" v=1;", &format!(" v=1; {tag};"));
    let instead = |old: &str, new: &str| TAGS.replace(old, new);
    let missing = |tag| signature(SignatureError::MissingTag { tag });
    let cases = [
        ("as it is", TAGS.to_owned(), Ok(())),
        ("T1 final semicolon", format!("{TAGS};"), Ok(())),
        ("T3 a= is case-sensitive", instead("rsa-sha256", "RSA-SHA256"), signature(SignatureError::Algorithm)),
        ("T8 unknown tag", with("xyz=1"), Ok(())),
        ("G1 v= missing", instead(" v=1;", ""), missing("v")),
        ("G1 a= missing", instead(" a=rsa-sha256;", ""), missing("a")),
        ("G1 bh= missing", instead(" bh={bh};", ""), missing("bh")),
        ("G1 d= missing", instead(" d=example.org;", ""), missing("d")),
        ("G1 h= missing", instead(" h=from:to:subject;", ""), missing("h")),
        ("G1 s= missing", instead(" s=sel;", ""), missing("s")),
        ("G1 s= empty", instead("s=sel", "s="), invalid("s")),
        ("G1 bh= no base64", instead("{bh}", "{bh}*"), invalid("bh")),
        ("G2 v=2", instead("v=1", "v=2"), signature(SignatureError::Version)),
        ("G2 v=1.0 is another string", instead("v=1", "v=1.0"), signature(SignatureError::Version)),
        ("G2 V= is another tag", instead("v=1", "V=1"), missing("v")),
        ("G3 unknown algorithm", instead("rsa-sha256", "rsa-sha512"), signature(SignatureError::Algorithm)),
        ("A3 rsa-sha1", instead("rsa-sha256", "rsa-sha1"), signature(SignatureError::Sha1)),
        ("C1 c= absent is simple/simple", instead(" c=relaxed/relaxed;", ""), Ok(())),
        ("C1 c=relaxed is relaxed/simple", instead("relaxed/relaxed", "relaxed"), Ok(())),
        ("C1 simple/relaxed", instead("relaxed/relaxed", "simple/relaxed"), Ok(())),
        ("C1 simple/simple", instead("relaxed/relaxed", "simple/simple"), Ok(())),
        ("C2 c=nofws", instead("relaxed/relaxed", "nofws"), signature(SignatureError::Canonicalization)),
        (
            "C2 c= with unknown body",
            instead("relaxed/relaxed", "relaxed/x"),
            signature(SignatureError::Canonicalization),
        ),
        ("G5 one label", instead("d=example.org", "d=org"), invalid("d")),
        ("G5 trailing dot", instead("d=example.org", "d=example.org."), invalid("d")),
        ("G5 address literal", instead("d=example.org", "d=[192.0.2.1]"), invalid("d")),
        ("G5 upper case", instead("d=example.org", "d=Example.ORG"), Ok(())),
        ("G7 i= with local part", with("i=joe@example.org"), Ok(())),
        ("G7 i= without local part", with("i=@example.org"), Ok(())),
        ("G7 i= below d=", with("i=@News.Example.org"), Ok(())),
        ("G7 i= encoded", with("i=joe=20x=3D@example.org"), invalid("i")),
        ("G7 i= above d=", with("i=@org.example"), signature(SignatureError::DomainMismatch)),
        ("G7 i= ends alike", with("i=@notexample.org"), signature(SignatureError::DomainMismatch)),
        ("G7 i= empty", with("i="), invalid("i")),
        ("G7 i= without @", with("i=example.org"), invalid("i")),
        ("G9 q=dns/txt", with("q=dns/txt"), Ok(())),
        ("G9 one known method is enough", with("q=foo/bar : dns/txt"), Ok(())),
        ("G9 no known method", with("q=foo"), signature(SignatureError::QueryMethod)),
        ("T9 q= empty is not absent", with("q="), signature(SignatureError::QueryMethod)),
        ("G10 t= in the past", with("t=1"), Ok(())),
        ("G10 t= within the skew", with(&format!("t={}", NOW + 300)), Ok(())),
        ("G10 t= in the future", with(&format!("t={}", NOW + 301)), Err(VerifyError::Future)),
        ("G10 t= of 13 digits", with("t=1000000000000"), Err(VerifyError::Future)),
        ("G10 t= no number", with("t=-1"), invalid("t")),
        ("G11 x= in the future", with(&format!("x={}", NOW + 1)), Ok(())),
        ("G11 x= within the skew", with(&format!("x={}", NOW - 300)), Ok(())),
        ("G11 x= in the past", with(&format!("x={}", NOW - 301)), Err(VerifyError::Expired)),
        ("G11 x= beyond 64 bits", with("t=1; x=99999999999999999999999"), Ok(())),
        ("G11 x= equal to t=", with("t=5; x=5"), signature(SignatureError::ExpiresBeforeMade)),
        ("G12 z= is not read", with("z=From:nobody|b=x"), Ok(())),
        ("H1 white space around colons", instead("from:to:subject", "From : \r\n\tto :Subject"), Ok(())),
        ("H1 empty name", instead("from:to:subject", "from::to"), invalid("h")),
        ("H4 more than there are", instead("from:to:subject", "from:from:to:x-none:subject"), Ok(())),
        ("H6 From not signed", instead("from:to:subject", "to:subject"), signature(SignatureError::FromNotSigned)),
        ("L1 l= no number", with("l=-5"), invalid("l")),
        ("L1 l= of 77 digits", with(&format!("l={}", "0".repeat(77))), invalid("l")),
        ("L3 l= larger than the body", with("l=27"), Err(VerifyError::BodyTooShort)),
        ("L3 l= beyond 64 bits", with("l=99999999999999999999999"), Err(VerifyError::BodyTooShort)),
        ("L4 l=0", with("l=0"), Ok(())),
        ("L5 l= of the whole body", with("l=26"), Ok(())),
        ("B1 bh= folded", instead("bh={bh}", "bh= {bh}\r\n\t"), Ok(())),
        ("B3 white space around the value of b=", instead("b={b}", "b= \r\n\t{b} \r\n\t; r=y"), Ok(())),
        ("B3 the same in simple", instead("b={b}", "b= \r\n\t{b} ; r=y").replace("relaxed", "simple"), Ok(())),
        ("B4 b= first", format!(" b={{b}};{}", instead("; b={b}", "")), Ok(())),
        ("B4 b= elsewhere", format!("{}; z=b=1|bb:=; xb=2", instead("{b}", "{b}")), Ok(())),
        ("B4 b CRLF SP =", instead("b={b}", "b\r\n ={b}"), Ok(())),
        ("B6 relaxed, blanks after the last tag", instead("b={b}", "b={b} \r\n  "), Ok(())),
    ];
    for (what, tags, expected) in cases {
        assert_eq!(outcome_of_tags(&tags), expected, "{what}: {tags}");
    }
}

#[test]
fn b1_missing_b_needs_no_forger() {
    let message = format!("DKIM-Signature:{}\r\n{HEADER}\r\n{BODY}", TAGS.replace("; b={b}", ""));
    let found = verify_with(&message, &["p={p}"]);
    assert_eq!(found.outcome.map(drop), signature(SignatureError::MissingTag { tag: "b" }));
}

#[test]
fn t7_a_tag_that_occurs_twice_spoils_the_signature() {
    for tags in [format!("{TAGS}; d=example.org"), format!("{TAGS}; x-y=1; x-y=1").replace("x-y", "xy")] {
        assert!(matches!(outcome_of_tags(&tags), Err(VerifyError::Signature(SignatureError::TagList(_)))));
    }
}

#[test]
fn the_tags_of_a_key_record() {
    let with_i = TAGS.replace(" v=1;", " v=1; i=@sub.example.org;");
    let cases = [
        ("K3 v= absent", "p={p}", Ok(())),
        ("K3 v=DKIM1", "v=DKIM1; p={p}", Ok(())),
        ("K3 v=DKIM1.0", "v=DKIM1.0; p={p}", record(KeyRecordError::Version)),
        ("K3 v=dkim1", "v=dkim1; p={p}", record(KeyRecordError::Version)),
        ("K3 v= not first", "p={p}; v=DKIM1", record(KeyRecordError::VersionNotFirst)),
        ("K4 k=rsa", "k=rsa; p={p}", Ok(())),
        ("K4 k=dsa", "k=dsa; p={p}", record(KeyRecordError::KeyType)),
        ("K5 h=sha256 in a list", "h=foo : sha256 ; p={p}", Ok(())),
        ("K5 h=sha1 only", "h=sha1; p={p}", Err(VerifyError::KeyHash)),
        ("K6 s=*", "s=foo : *; p={p}", Ok(())),
        ("K6 s=email", "s=email; p={p}", Ok(())),
        ("K6 s=tlsrpt", "s=tlsrpt; p={p}", record(KeyRecordError::NotForEmail)),
        ("K7 unknown flag", "t=z; p={p}", Ok(())),
        ("G8 t=s, i= is d=", "t=y:s; p={p}", Ok(())),
        ("K8 p= empty", "v=DKIM1; p=", record(KeyRecordError::Revoked)),
        ("K8 p= of white space", "v=DKIM1; p= ;", record(KeyRecordError::Revoked)),
        ("K8 p= absent", "v=DKIM1; k=rsa", record(KeyRecordError::MissingKey)),
        ("K8 p= no base64", "p=***", record(KeyRecordError::Base64)),
        ("K10 n= and g= are ignored", "v=DKIM1; g=nobody; n=note; p={p}", Ok(())),
        ("K14 ed25519 for an rsa signature", "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", {
            Err(VerifyError::KeyAlgorithm)
        }),
        ("T11 white space in p=", "p= \t{p} ;", Ok(())),
    ];
    for (what, record, expected) in cases {
        assert_eq!(outcome_of_records(TAGS, &[record]), expected, "{what}");
    }
    assert_eq!(outcome_of_records(&with_i, &["t=s; p={p}"]), Err(VerifyError::KeyStrict), "G8 t=s, i= below d=");
    assert_eq!(outcome_of_records(&with_i, &["t=y; p={p}"]), Ok(()), "G8 no t=s, i= below d=");
    let twice = outcome_of_records(TAGS, &["p={p}; n=1; n=2"]);
    assert!(matches!(twice, Err(VerifyError::KeyRecord(KeyRecordError::TagList(_)))), "K2 duplicate tag");
    let long = format!("p={{p}}; n={}", "x".repeat(16 * 1024));
    assert_eq!(outcome_of_records(TAGS, &[&long]), record(KeyRecordError::TooLong), "K15");
}

#[test]
fn k7_testing_changes_no_result() {
    let message = forge(TAGS, HEADER, BODY);
    let found = verify_with(&message, &["t=y; p={p}"]);
    assert_eq!((found.result(), found.testing), (DkimResult::Pass, true));
    let found = verify_with(&message.replace("lost", "won"), &["t=y; p={p}"]);
    assert_eq!((found.result(), found.testing), (DkimResult::Fail, true));
}

#[test]
fn k9_pkcs1_keys_are_taken() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let spki = signing_key("rsa1024").public_key();
    // SEQUENCE(3) AlgorithmIdentifier(15) BIT STRING(3) unused bits(1), then PKCS#1
    let pkcs1 = format!("p={}", STANDARD.encode(&spki[22..]));
    assert_eq!(outcome_of_records(TAGS, &[&pkcs1]), Ok(()));
}

#[test]
fn k11_one_good_record_among_several_is_enough() {
    let other = signing_key("rsa2048").record();
    let cases: [(&[&str], _); 7] = [
        (&["v=spf1 -all", "p={p}"], Ok(())),
        (&["p={p}", "v=spf1 -all"], Ok(())),
        (&["v=DKIM1; p=", "p={p}"], Ok(())),
        (&[&other, "p={p}"], Ok(())),
        (&["k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "p={p}"], Ok(())),
        (&["k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", &other], Err(VerifyError::SignatureMismatch)),
        (&["v=spf1 -all", "v=DKIM1; p="], record(KeyRecordError::Revoked)),
    ];
    for (records, expected) in cases {
        assert_eq!(outcome_of_records(TAGS, records), expected, "{records:?}");
    }
}

#[test]
fn k13_what_dns_could_not_say() {
    let message = forge(TAGS, HEADER, BODY);
    let name = common::key_name("sel", "example.org");
    let result = |keys: Keys| verify(message.as_bytes(), &keys).remove(0).result();
    assert_eq!(result(Keys::from([(name.clone(), Err(KeyError::NotFound))])), DkimResult::PermError);
    assert_eq!(result(Keys::from([(name.clone(), Err(KeyError::Unavailable))])), DkimResult::TempError);
    assert_eq!(result(Keys::from([(name, Ok(Vec::new().into()))])), DkimResult::PermError);
    assert_eq!(result(Keys::new()), DkimResult::TempError);
}

#[test]
fn what_is_altered_fails() {
    let message = forge(TAGS, HEADER, BODY);
    let outcome = |message: String| verify_with(&message, &["p={p}"]).outcome.map(drop);
    let altered = |old: &str, new: &str| outcome(message.replacen(old, new, 1));
    assert_eq!(altered("lost", "won"), Err(VerifyError::BodyHash));
    assert_eq!(altered("Suzie", "Susan"), Err(VerifyError::SignatureMismatch));
    assert_eq!(altered("xyz", "xyz"), Ok(()));
    assert_eq!(altered(" v=1;", " v=1; q=dns/txt;"), Err(VerifyError::SignatureMismatch), "B7 all tags are hashed");
    assert_eq!(altered("Is  dinner\r\n ready?", "is dinner ready?"), Err(VerifyError::SignatureMismatch));
    assert_eq!(altered("Is  dinner\r\n ready?", "Is\tdinner ready? "), Ok(()), "C6 relaxed tolerates white space");
}

#[test]
fn h3_h4_instances_are_counted_from_the_bottom() {
    let header = format!("Subject: top\r\n{HEADER}");
    let once = forge(TAGS, &header, BODY);
    let passes = |message: String| verify_with(&message, &["p={p}"]).result() == DkimResult::Pass;
    assert!(passes(once.replace("Subject: top", "Subject: altered")), "only the lowest is signed");
    assert!(!passes(once.replace("dinner", "lunch")));
    let sealed = forge(&TAGS.replace("h=from:", "h=from:from:"), HEADER, BODY);
    assert!(passes(sealed.clone()));
    assert!(!passes(sealed.replace("To: Suzie", "From: Eve <eve@example.com>\r\nTo: Suzie")), "added below");
    assert!(!passes(format!("From: Eve <eve@example.com>\r\n{sealed}")), "added above");
}

#[test]
fn h5_a_signature_does_not_pick_itself() {
    let tags = TAGS.replace("h=from", "h=dkim-signature:from");
    let header = format!("DKIM-Signature: v=1; other; b=abc\r\n{HEADER}");
    let message = forge(&tags, &header, BODY);
    assert_eq!(verify_with(&message, &["p={p}"]).result(), DkimResult::Pass);
    assert_eq!(verify_with(&message.replace("b=abc", "b=abd"), &["p={p}"]).result(), DkimResult::Fail);
}

#[test]
fn c7_white_space_before_the_colon_and_b5_case_of_the_name() {
    let header = HEADER.replace("Subject:", "Subject \t:");
    for c in ["relaxed/relaxed", "simple/simple"] {
        let tags = TAGS.replace("relaxed/relaxed", c);
        for name in ["DKIM-Signature:", "dkim-SIGNATURE:"] {
            let message = forge_field(&format!("{name}{tags}\r\n"), &header, BODY);
            assert_eq!(verify_with(&message, &["p={p}"]).result(), DkimResult::Pass, "{c} {name}");
        }
    }
}

#[test]
fn l5_what_is_not_covered_is_reported() {
    let tags = TAGS.replace(" v=1;", " v=1; l=5;");
    let found = verify_with(&forge(&tags, HEADER, BODY), &["p={p}"]);
    assert_eq!((found.result(), found.uncovered), (DkimResult::Pass, 21));
    let found = verify_with(&forge(TAGS, HEADER, BODY), &["p={p}"]);
    assert_eq!((found.result(), found.uncovered), (DkimResult::Pass, 0));
}

#[test]
fn what_can_be_read_is_reported() {
    let found = verify_with(&forge(&TAGS.replace(" v=1;", " v=1; i=joe@sub.Example.org;"), HEADER, BODY), &["p={p}"]);
    let shown = |text: Option<String>| text.unwrap_or_default();
    assert_eq!(shown(found.domain.map(|domain| domain.to_string())), "example.org");
    assert_eq!(shown(found.selector.map(|selector| selector.to_string())), "sel");
    assert_eq!(shown(found.identity.map(|identity| identity.to_string())), "joe@sub.example.org");
    assert_eq!(shown(found.algorithm), "rsa-sha256");
    assert_eq!((found.signature_text.len(), found.key_bits), (172, Some(1024)));
}

#[test]
fn what_could_inject_is_not_reported() {
    let message = "DKIM-Signature: v=1; a=x\"(y; d=bank.example\\; s=sel); i=joe=0D=0AX-Injected:=20yes@example.org;\r\n \
                   b=abc\"def; bh=x; h=from\r\nFrom: a@b.example\r\n\r\n";
    let found = verify(message.as_bytes(), &Keys::new()).remove(0);
    assert_eq!((found.domain, found.selector, found.algorithm, found.identity), (None, None, None, None));
    assert_eq!(found.signature_text, "");
}

#[test]
fn x_signatures_beyond_the_limit_cost_nothing() {
    let one = format!("DKIM-Signature:{}\r\n", TAGS.replace("{bh}", "abc=").replace("{b}", "abc="));
    let message = format!("{}{HEADER}\r\n{BODY}", one.repeat(10_000));
    let found = verify(message.as_bytes(), &Keys::new());
    assert_eq!(found.len(), 10_000);
    let looked_at = found.iter().filter(|found| found.outcome != Err(VerifyError::TooManySignatures)).count();
    assert_eq!(looked_at, 20);
    assert!(found.iter().skip(20).all(|found| found.domain.is_none()));
}

#[test]
fn x_absurd_fields_are_refused() {
    let long = format!("{TAGS}; z={}", "x".repeat(16 * 1024));
    assert_eq!(outcome_of_tags(&long), signature(SignatureError::TooLong));
    let many = TAGS.replace("h=from", &format!("h={}from", "a:".repeat(1000)));
    assert_eq!(outcome_of_tags(&many), signature(SignatureError::TooManyFields));
}
