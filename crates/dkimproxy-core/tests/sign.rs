//! What the signer writes.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{NOW, crlf, keys, request, sign, sign_chunks, signing_key, verify};
use dkimproxy_core::{
    canonicalize::Canonicalization,
    domain::{DomainName, Identity, Selector},
    header::Header,
    sign::{CoveredFields, SignError, Signer, SigningRequest},
    verify::DkimResult,
};
use std::sync::Arc;

fn relaxed(key: &str) -> SigningRequest {
    request(&signing_key(key), Canonicalization::RELAXED)
}

fn field(message: &str, request: SigningRequest) -> String {
    String::from_utf8(sign_chunks([crlf(message).as_slice()], &[request]).remove(0)).unwrap()
}

fn tag(field: &str, name: &str) -> Option<String> {
    let (_, tags) = field.split_once(':').unwrap();
    let mut pairs = tags.split(';').filter_map(|tag| tag.split_once('='));
    let (_, value) = pairs.find(|(found, _)| found.trim() == name)?;
    Some(value.split_whitespace().collect())
}

const MESSAGE: &str = "From: a@example.org\nTo: b@example.net\nSubject: Hi\nReceived: x\nList-Id: <l.example>\n\nHi.\n";

#[test]
fn the_looks_of_a_field() {
    let request = SigningRequest {
        identity: Some(Identity::new(b"j=oe@news.example.org").unwrap()),
        lifetime: Some(3600),
        ..relaxed("ed25519")
    };
    let field = field(MESSAGE, request);
    let (before, _) = field.split_once(" b=").unwrap();
    assert_eq!(
        before,
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;\r\n\
         \ts=sel; i=j=3Doe@news.example.org; t=1600000000; x=1600003600; h=from:\r\n\
         \tfrom:to:to:subject:subject:list-id;\r\n\
         \tbh=UrA8rmgY3eNBotmDWtzAmHyn5RyZv8Gea45sNGsP0zw=;"
    );
}

#[test]
fn optional_tags_are_left_out() {
    let field = field(MESSAGE, SigningRequest { timestamp: false, ..relaxed("ed25519") });
    for name in ["t", "x", "i", "l", "q"] {
        assert_eq!(tag(&field, name), None, "{name}=");
    }
}

#[test]
fn s10_lines_are_short_and_never_blank() {
    let long = format!("{}.example.org", "a".repeat(63));
    for key in ["rsa1024", "rsa4096", "ed25519"] {
        for selector in (1..60).map(|length| "s".repeat(length)) {
            let request = SigningRequest {
                domain: DomainName::new(&long).unwrap(),
                selector: Selector::new(&selector).unwrap(),
                covered: Arc::new(CoveredFields { present: vec!["x-a".to_owned()], ..CoveredFields::default() }),
                ..relaxed(key)
            };
            let message = format!("{}{MESSAGE}", "X-A: 1\n".repeat(100));
            for line in field(&message, request).lines() {
                let columns = line.len() + if line.starts_with('\t') { 7 } else { 0 };
                assert!(columns <= 78 || line.contains(&long), "{columns}: {line:?}");
                assert!(!line.trim().is_empty());
            }
        }
    }
}

#[test]
fn which_fields_are_covered() {
    let covered = |present: &[&str], sealed: &[&str], if_present: &[&str]| {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        CoveredFields { present: list(present), sealed: list(sealed), sealed_if_present: list(if_present) }
    };
    let cases = [
        (CoveredFields::default(), "From: a\nTo: b\nBcc: c\nReceived: d\nReturn-Path: <e>\n", "from:from:to:to"),
        (
            CoveredFields::default(),
            "From: a\nfrom: b\nDKIM-Signature: c\nAuthentication-Results: d\n",
            "from:from:from",
        ),
        (CoveredFields::default(), "From: a\nList-Id: b\nList-Id: c\nComments: d\n", "from:from:list-id:list-id"),
        (covered(&["to", "from"], &[], &[]), "From: a\nTo: b\nTo: c\nSubject: d\n", "to:to:from"),
        (covered(&[], &["subject"], &["to"]), "From: a\n", "subject:from"),
        (covered(&["TO"], &["From"], &["to"]), "From: a\nTo: b\n", "from:from:to:to"),
        (covered(&[], &[], &[]), "From: a\n", "from"),
    ];
    for (covered, header, expected) in cases {
        let field = field(&format!("{header}\n"), SigningRequest { covered: Arc::new(covered), ..relaxed("ed25519") });
        assert_eq!(tag(&field, "h").unwrap(), expected, "{header}");
    }
}

#[test]
fn h7_nothing_can_be_added_to_a_signed_message() {
    let key = signing_key("ed25519");
    let signed = String::from_utf8(sign(&crlf(MESSAGE), &[relaxed("ed25519")])).unwrap();
    let result =
        |message: String| verify(message.as_bytes(), &keys("sel", "example.org", &[&key.record()]))[0].result();
    assert_eq!(result(signed.clone()), DkimResult::Pass);
    for added in ["From: eve@example.com\r\n", "Subject: Money\r\n", "To: all@example.com\r\n"] {
        assert_eq!(result(format!("{added}{signed}")), DkimResult::Fail, "{added}");
        assert_eq!(result(signed.replace("Received: x\r\n", added)), DkimResult::Fail, "{added}");
    }
    for added in ["Received: y\r\n", "Date: today\r\n", "Message-ID: <x@y>\r\n", "DKIM-Signature: z\r\n"] {
        let found = verify(format!("{added}{signed}").as_bytes(), &keys("sel", "example.org", &[&key.record()]));
        assert_eq!(found.last().unwrap().result(), DkimResult::Pass, "{added}");
    }
}

#[test]
fn s12_a_message_without_from_is_not_signed() {
    let header = Arc::new(Header::parse(crlf("To: b@example.net\n")));
    let signer = Signer::new(header, vec![relaxed("ed25519"), relaxed("rsa1024")], NOW);
    let body = signer.body_hasher().finish();
    assert_eq!(signer.finish(&body), Err(SignError::NoFrom));
}

#[test]
fn hashes_of_another_message_are_refused() {
    let header = Arc::new(Header::parse(crlf("From: b@example.net\n")));
    let other = Signer::new(Arc::clone(&header), vec![request(&signing_key("ed25519"), Canonicalization::SIMPLE)], NOW);
    let signer = Signer::new(header, vec![relaxed("ed25519")], NOW);
    assert_eq!(signer.finish(&other.body_hasher().finish()), Err(SignError::BodyNotHashed));
}

#[test]
fn several_signatures_stand_in_the_order_asked() {
    let requests = [relaxed("rsa1024"), relaxed("ed25519")];
    let fields = sign_chunks([crlf(MESSAGE).as_slice()], &requests);
    let algorithms: Vec<_> =
        fields.iter().map(|field| tag(std::str::from_utf8(field).unwrap(), "a").unwrap()).collect();
    assert_eq!(algorithms, ["rsa-sha256", "ed25519-sha256"]);
}

#[test]
fn x_thousands_of_fields_do_not_make_a_field_that_nobody_reads() {
    let message = format!("{}From: a@example.org\n\n", "To: b@example.net\n".repeat(20_000));
    let signed = sign(&crlf(&message), &[relaxed("ed25519")]);
    let found = verify(&signed, &keys("sel", "example.org", &[&signing_key("ed25519").record()]));
    assert_eq!(found[0].result(), DkimResult::Pass);
}
