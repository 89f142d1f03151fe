//! DomainKeys: what the signer writes, and what the verifier says of it. The names DK1 to DK10 are those of the checklist
//! for RFC 4870.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{crlf, file, keys, recording, signing_key, without_stuffing};
use dkimproxy_core::{
    domain::{DomainName, Selector},
    domainkeys::{
        DomainKeysCanonicalization::{self, NoFws, Simple},
        DomainKeysError, DomainKeysKey, DomainKeysKeyError, DomainKeysRequest, DomainKeysSignError, DomainKeysSigner,
        DomainKeysVerification, DomainKeysVerifier, SenderField,
    },
    header::Header,
    key::{KeyError, Keys, SigningKeyError},
    message::MessageReader,
    signature::SignatureError,
    verify::{DkimResult, VerifyError, VerifyPolicy},
};
use std::sync::Arc;

const MESSAGE: &str = "\
Received: from a by b
From: Joe SixPack <joe@football.example.org>
Comments: not covered
To: Suzie Q <suzie@shopping.example.net>,
 Bob <bob@shopping.example.net>
Subject: Is  dinner ready?

Hi. \t

We lost  the game.


";

fn key(name: &str) -> Result<DomainKeysKey, DomainKeysKeyError> {
    DomainKeysKey::from_pem(&file(&format!("keys/{name}.pem")))
}

fn request(canonicalization: DomainKeysCanonicalization) -> DomainKeysRequest {
    DomainKeysRequest {
        key: Arc::new(key("rsa1024").unwrap()),
        domain: DomainName::new("example.org").unwrap(),
        selector: Selector::new("sel").unwrap(),
        canonicalization,
    }
}

fn cut(message: &[u8]) -> (Arc<Header>, Vec<u8>) {
    let mut reader = MessageReader::new(1 << 20);
    let body = reader.push(message).unwrap().to_vec();
    (Arc::clone(reader.finish().unwrap()), body)
}

fn sign(message: &[u8], request: DomainKeysRequest) -> Result<Vec<u8>, DomainKeysSignError> {
    let (header, body) = cut(message);
    let signer = DomainKeysSigner::new(header, request)?;
    let mut hasher = signer.body_hasher();
    body.chunks(3).for_each(|chunk| hasher.update(chunk));
    signer.finish(&hasher.finish())
}

fn signed(message: &str, canonicalization: DomainKeysCanonicalization) -> String {
    let message = crlf(message);
    let field = sign(&message, request(canonicalization)).unwrap();
    String::from_utf8([field, message].concat()).unwrap()
}

fn verify_with(message: &str, keys: &Keys) -> Vec<DomainKeysVerification> {
    let (header, body) = cut(message.as_bytes());
    let verifier = DomainKeysVerifier::new(header, &VerifyPolicy::default());
    let mut hasher = verifier.body_hasher();
    body.chunks(3).for_each(|chunk| hasher.update(chunk));
    verifier.finish(&hasher.finish(), keys)
}

/// The key record of the tests, with these tags before p=.
fn published(tags: &str) -> Keys {
    let record = signing_key("rsa1024").record();
    keys("sel", "example.org", &[&format!("{tags}{}", record.split("; ").last().unwrap())])
}

fn outcome(message: &str) -> Result<(), DomainKeysError> {
    verify_with(message, &published("")).remove(0).outcome.map(drop)
}

/// Made with these keys and checked with another implementation, Mail::DKIM.
#[test]
fn what_is_signed_is_always_the_same() {
    for (canonicalization, vector) in [(Simple, "domainkeys-simple.eml"), (NoFws, "domainkeys-nofws.eml")] {
        let expected = String::from_utf8(file(&format!("vectors/{vector}"))).unwrap();
        assert_eq!(signed(MESSAGE, canonicalization), expected, "{vector}");
    }
}

#[test]
fn recordings_of_dkimproxy1_are_reproduced() {
    for folder in ["sign_domainkeys", "sign_two"] {
        let files = ["key2048.pem".to_owned(), format!("{folder}/input.eml"), format!("{folder}/output.eml")];
        let [Some(key), Some(input), Some(output)] = files.each_ref().map(|path| recording(path)) else { return };
        let key = Arc::new(DomainKeysKey::from_pem(&key).unwrap());
        let request = DomainKeysRequest { key, selector: Selector::new("s1").unwrap(), ..request(NoFws) };
        let input = without_stuffing(&input);
        let ours = [sign(&input, request).unwrap(), input].concat();
        let output = without_stuffing(&output);
        assert!(output.ends_with(&ours), "{folder}: {}", String::from_utf8_lossy(&ours));
    }
}

#[test]
fn what_is_signed_verifies() {
    for canonicalization in [Simple, NoFws] {
        let found = verify_with(&signed(MESSAGE, canonicalization), &published("")).remove(0);
        assert_eq!((found.outcome.clone().map(drop), found.result()), (Ok(()), DkimResult::Pass));
        assert_eq!((found.position, found.key_bits, found.testing), (0, Some(1024), false));
        assert_eq!(found.key_name.unwrap().to_string(), "sel._domainkey.example.org");
        let sender = found.sender.unwrap();
        assert_eq!(sender.field.property(), "header.from");
        assert_eq!(sender.address.to_string(), "joe@football.example.org");
    }
}

#[test]
fn dk6_dk7_what_may_change() {
    const PASS: Result<(), DomainKeysError> = Ok(());
    const FAIL: Result<(), DomainKeysError> = Err(DomainKeysError::SignatureMismatch);
    for (what, old, new, simple, nofws) in [
        ("nothing", "", "", PASS, PASS),
        ("a header field", "Subject: Is", "Subject: Was", FAIL, FAIL),
        ("the body", "lost", "won", FAIL, FAIL),
        ("white space in the header", "Is  dinner", "Is dinner", FAIL, PASS),
        ("folding", "net>,\r\n Bob", "net>, Bob", FAIL, PASS),
        ("white space in the body", "lost  the", "lost the", FAIL, PASS),
        ("blanks at a line end", "Hi. \t\r\n", "Hi.\r\n", FAIL, PASS),
        ("empty lines at the end", "game.\r\n\r\n\r\n", "game.\r\n", PASS, PASS),
        ("an empty line inside", "\r\n\r\nWe", "\r\nWe", FAIL, FAIL),
        ("case of a name", "Subject:", "SUBJECT:", FAIL, FAIL),
        ("what is not in h=", "Comments: not covered", "Comments: x", PASS, PASS),
        ("a field above", "DomainKey-Signature", "Subject: x\r\nDomainKey-Signature", PASS, PASS),
        ("DK5 another one below", "Comments:", "Subject: x\r\nComments:", FAIL, FAIL),
        ("DK4 the signature field itself", "q=dns;", "q=dns; x=y;", PASS, PASS),
    ] {
        for (canonicalization, expected) in [(Simple, simple), (NoFws, nofws)] {
            let message = signed(MESSAGE, canonicalization);
            assert!(message.contains(old), "{what}");
            assert_eq!(outcome(&message.replacen(old, new, 1)), expected, "{what} {canonicalization}");
        }
    }
}

/// h= with the names in another order than the message has them: fields were moved on the way.
#[test]
fn dk5_reordered_fields() {
    let message = signed(MESSAGE, NoFws);
    let moved = message.replace("Subject: Is  dinner ready?\r\n", "");
    let moved = moved.replacen("From: Joe", "Subject: Is dinner ready?\r\nFrom: Joe", 1);
    assert_eq!(outcome(&moved), Ok(()));
}

#[test]
fn dk1_dk2_dk3_signatures_that_cannot_count() {
    let message = signed(MESSAGE, NoFws);
    for (what, old, new, expected) in [
        ("DK1 another From", "Received:", "From: x@example.org\r\nReceived:", DomainKeysError::NoSendingAddress),
        ("DK1 another From above", "Domain", "From: x@example.org\r\nDomain", DomainKeysError::NoSendingAddress),
        ("DK1 an invalid Sender", "Received:", "Sender: x\r\nReceived:", DomainKeysError::NoSendingAddress),
        ("DK3 another Sender", "Received:", "Sender: x@example.net\r\nReceived:", DomainKeysError::DomainMismatch),
        ("DK5 Sender unsigned", "Received:", "Sender: x@example.org\r\nReceived:", DomainKeysError::AddressNotSigned),
        ("DK3 another d=", "d=example.org", "d=xample.org", DomainKeysError::DomainMismatch),
        ("DK2 no rsa-sha1", "rsa-sha1", "rsa-sha256", DomainKeysError::Signature(SignatureError::Algorithm)),
        ("DK2 DKIM's word", "nofws", "relaxed", DomainKeysError::Signature(SignatureError::Canonicalization)),
    ] {
        let altered = message.replacen(old, new, 1);
        let found = verify_with(&altered, &published("")).remove(0);
        assert_eq!(found.result(), DkimResult::PermError, "{what}");
        assert_eq!(found.outcome.map(drop), Err(expected), "{what}");
    }
}

#[test]
fn dk8_key_records() {
    let message = signed(MESSAGE, NoFws);
    for (tags, expected) in [
        ("", Ok(())),
        ("k=rsa; n=note; ", Ok(())),
        ("v=DKIM1; ", Ok(())),
        ("g=; ", Ok(())),
        ("g=joe; ", Ok(())),
        ("g=*; ", Ok(())),
        ("g=jo; ", Err(DomainKeysError::KeyGranularity)),
        ("h=sha1:sha256; ", Ok(())),
        ("h=sha256; ", Err(DomainKeysError::KeyHash)),
    ] {
        let found = verify_with(&message, &published(tags)).remove(0);
        assert_eq!(found.outcome.map(drop), expected, "{tags}");
    }
    assert!(verify_with(&message, &published("t=y; ")).remove(0).testing);
    let ed25519 = keys("sel", "example.org", &[&signing_key("ed25519").record()]);
    assert_eq!(verify_with(&message, &ed25519).remove(0).outcome.map(drop), Err(DomainKeysError::KeyAlgorithm));
}

#[test]
fn dk11_without_a_key() {
    let message = signed(MESSAGE, NoFws);
    let name = common::key_name("sel", "example.org");
    for (answer, error, result) in [
        (KeyError::NotFound, VerifyError::NoKey, DkimResult::PermError),
        (KeyError::Unavailable, VerifyError::KeyUnavailable, DkimResult::TempError),
    ] {
        let found = verify_with(&message, &Keys::from([(name.clone(), Err(answer))])).remove(0);
        assert_eq!(found.result(), result);
        assert_eq!(found.outcome.map(drop), Err(DomainKeysError::Key(error)));
    }
}

#[test]
fn sender_counts_where_there_is_one() {
    let message = format!("Sender: list@example.org\n{}", MESSAGE.replace("football.example.org", "example.com"));
    let found = verify_with(&signed(&message, NoFws), &published("")).remove(0);
    assert_eq!((found.result(), found.sender.unwrap().field), (DkimResult::Pass, SenderField::Sender));
}

#[test]
fn dk1_dk9_what_is_not_signed() {
    let mismatch = DomainKeysSignError::DomainMismatch(DomainName::new("example.org").unwrap());
    let twice = signed(MESSAGE, NoFws).replace("\r\n", "\n");
    for (what, message, expected) in [
        ("no From", MESSAGE.replace("From:", "X-From:"), Some(DomainKeysSignError::NoSendingAddress)),
        ("only Sender", MESSAGE.replace("From:", "Sender:"), Some(DomainKeysSignError::NoSendingAddress)),
        ("two From", format!("From: joe@example.org\n{MESSAGE}"), Some(DomainKeysSignError::NoSendingAddress)),
        ("another domain", MESSAGE.replace("football.example.org", "example.com"), Some(mismatch)),
        ("signed already", twice.clone(), Some(DomainKeysSignError::AlreadySigned)),
        ("signed, then a list added Sender", format!("Sender: list@example.org\n{twice}"), None),
        (
            "signed with Sender",
            signed(&format!("Sender: list@example.org\n{MESSAGE}"), NoFws).replace("\r\n", "\n"),
            Some(DomainKeysSignError::AlreadySigned),
        ),
    ] {
        assert_eq!(sign(&crlf(&message), request(NoFws)).err(), expected, "{what}");
    }
}

#[test]
fn dk10_the_list_signs_above_the_author() {
    let twice = signed(MESSAGE, NoFws).replace("\r\n", "\n");
    let listed = signed(&format!("Sender: list@example.org\n{twice}"), Simple);
    let found = verify_with(&listed, &published(""));
    let senders: Vec<_> = found.iter().map(|found| found.sender.as_ref().unwrap().field.property()).collect();
    assert_eq!(senders, ["header.sender", "header.from"]);
    assert!(found.iter().all(|found| found.result() == DkimResult::Pass));
}

#[test]
fn signatures_beyond_the_limit_cost_nothing() {
    let (header, _) = cut(&crlf(&format!("{}{MESSAGE}", "DomainKey-Signature: x\n".repeat(7))));
    let verifier = DomainKeysVerifier::new(header, &VerifyPolicy::default());
    let found = verifier.finish(&sign_nothing().finish(), &Keys::new());
    assert_eq!(found.len(), 7);
    let beyond = found.iter().filter(|found| found.outcome == Err(DomainKeysError::TooManySignatures));
    assert_eq!(beyond.map(|found| found.position).collect::<Vec<_>>(), [5, 6]);
}

/// A hasher for a message without signatures.
fn sign_nothing() -> dkimproxy_core::domainkeys::DomainKeysHasher {
    DomainKeysVerifier::new(cut(b"A: b\r\n\r\n").0, &VerifyPolicy::default()).body_hasher()
}

#[test]
fn hashes_of_another_message_are_no_proof() {
    let (header, _) = cut(signed(MESSAGE, NoFws).as_bytes());
    let verifier = DomainKeysVerifier::new(header, &VerifyPolicy::default());
    let found = verifier.finish(&sign_nothing().finish(), &published("")).remove(0);
    assert_eq!(found.outcome.map(drop), Err(DomainKeysError::NotHashed));
}

#[test]
fn keys_that_sign() {
    assert_eq!(format!("{:?}", key("rsa2048-pkcs1").unwrap()), "DomainKeysKey(2048 bits)");
    for (name, expected) in [
        ("ed25519", DomainKeysKeyError::NotRsa),
        ("rsa768", DomainKeysKeyError::Key(SigningKeyError::Size { bits: 768 })),
        ("encrypted-pkcs8", DomainKeysKeyError::Key(SigningKeyError::Encrypted)),
        ("ec-pkcs8", DomainKeysKeyError::Key(SigningKeyError::Malformed)),
    ] {
        assert_eq!(key(name).err(), Some(expected), "{name}");
    }
}
