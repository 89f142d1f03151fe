//! What DKIMproxy 1.4.1 signed, byte for byte: in its layout, where the signed text is the same, so are bh= and b=.
//!
//! The recordings are not part of the project; the environment variable DKIMPROXY_SAMPLES says where they are.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{crlf, keys, recording, request, sign, signing_key, verify, without_stuffing};
use dkimproxy_core::{
    canonicalize::Canonicalization,
    domain::{Identity, Selector},
    key::SigningKey,
    sign::{CoveredFields, SigningRequest},
    signature::Layout,
    verify::DkimResult,
};
use std::sync::Arc;

fn like_dkimproxy1(key: &Arc<SigningKey>, c: &str) -> SigningRequest {
    SigningRequest {
        selector: Selector::new("s1").unwrap(),
        covered: Arc::new(CoveredFields::dkimproxy1()),
        timestamp: false,
        layout: Layout::DkimProxy1 { canonicalization: c.to_owned() },
        ..request(key, Canonicalization::parse(c.as_bytes()).unwrap())
    }
}

#[test]
fn recordings_are_reproduced() {
    for (folder, c, identity) in
        [("sign_sha256", "relaxed", None), ("sign_relaxedrelaxed_i", "relaxed/relaxed", Some("@sub.example.org"))]
    {
        let files = ["key2048.pem".to_owned(), format!("{folder}/input.eml"), format!("{folder}/output.eml")];
        let [Some(key), Some(input), Some(output)] = files.each_ref().map(|path| recording(path)) else { return };
        let key = Arc::new(SigningKey::from_pem(&key).unwrap());
        let identity = identity.map(|identity| Identity::new(identity.as_bytes()).unwrap());
        let signed = sign(&without_stuffing(&input), &[SigningRequest { identity, ..like_dkimproxy1(&key, c) }]);
        assert_eq!(
            String::from_utf8(signed).unwrap(),
            String::from_utf8(without_stuffing(&output)).unwrap(),
            "{folder}"
        );
    }
}

const MESSAGE: &str = "\
Received: x
Subject : one
From: a@example.org
Bcc: b@example.net
To: c@example.net
subject: two
X-Foo: bar

Hi.
";

fn head(message: Vec<u8>) -> String {
    let text = String::from_utf8(message).unwrap();
    text.split_once("; bh=").unwrap().0.to_owned()
}

#[test]
fn names_stand_in_the_order_of_the_message_every_occurrence_none_sealed() {
    let key = signing_key("rsa2048");
    let request = like_dkimproxy1(&key, "relaxed");
    let expected = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed; d=example.org; h=subject\r\n\t:from:to:subject; s=s1";
    let signed = sign(&crlf(MESSAGE), &[request]);
    let found = verify(&signed, &keys("s1", "example.org", &[&key.record()]));
    assert_eq!(found.iter().map(|found| found.result()).collect::<Vec<_>>(), [DkimResult::Pass]);
    assert_eq!(head(signed), expected);
}

#[test]
fn sealed_names_stand_behind_those_of_the_message() {
    let request = SigningRequest {
        covered: Arc::new(CoveredFields::default()),
        ..like_dkimproxy1(&signing_key("rsa2048"), "simple")
    };
    let h = head(sign(&crlf(MESSAGE), &[request])).split_whitespace().collect::<String>();
    assert!(h.contains("h=subject:from:to:subject:from:to:subject;"), "{h}");
}

#[test]
fn a_spelling_that_means_something_else_is_not_written() {
    for (written, expected) in
        [("relaxed", "c=relaxed/relaxed;"), ("RELAXED/relaxed", "c=RELAXED/relaxed;"), ("x", "c=relaxed/relaxed;")]
    {
        let request = SigningRequest {
            layout: Layout::DkimProxy1 { canonicalization: written.to_owned() },
            ..like_dkimproxy1(&signing_key("rsa2048"), "relaxed/relaxed")
        };
        let head = head(sign(&crlf(MESSAGE), &[request]));
        assert!(head.contains(expected), "{head}");
    }
}
