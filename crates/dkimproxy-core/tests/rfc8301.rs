//! RFC 8301: rsa-sha1 never, RSA keys of 1024 bits and more, none below.

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{crlf, file, forge, keys, request, sign, signing_key, verify};
use dkimproxy_core::{
    canonicalize::Canonicalization,
    crypto::PublicKeyError,
    key::{KeyRecord, KeyRecordError, SigningKey, SigningKeyError},
    signature::SignatureError,
    verify::{DkimResult, VerifyError},
};
use rsa::{
    RsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePublicKey},
};

/// "Signers MUST use RSA keys of at least 1024 bits for all keys."
#[test]
fn short_keys_do_not_sign() {
    for bits in [512, 768, 1016, 5120] {
        let refused = SigningKey::from_pem(&file(&format!("keys/rsa{bits}.pem"))).err();
        assert_eq!(refused, Some(SigningKeyError::Size { bits }));
    }
}

/// "Verifiers MUST NOT consider signatures using RSA keys of less than 1024 bits as valid signatures."
#[test]
fn short_keys_do_not_verify() {
    for bits in [512, 768, 1016] {
        let pem = String::from_utf8(file(&format!("keys/rsa{bits}.pem"))).unwrap();
        let key = RsaPrivateKey::from_pkcs8_pem(&pem).unwrap().to_public_key().to_public_key_der().unwrap();
        let record = format!("v=DKIM1; p={}", STANDARD.encode(key));
        let refused = KeyRecordError::PublicKey(PublicKeyError::TooShort { bits });
        assert_eq!(KeyRecord::parse(record.as_bytes()).err(), Some(refused.clone()));

        let message =
            sign(&crlf("From: a@example.org\n\nHi.\n"), &[request(&signing_key("rsa1024"), Canonicalization::RELAXED)]);
        let found = verify(&message, &keys("sel", "example.org", &[&record])).remove(0);
        assert_eq!((found.result(), found.outcome), (DkimResult::PermError, Err(VerifyError::KeyRecord(refused))));
    }
}

/// "Verifiers MUST be able to validate signatures with keys ranging from 1024 bits to 4096 bits."
#[test]
fn keys_from_1024_to_4096_bits_sign_and_verify() {
    for name in ["rsa1024", "rsa2048", "rsa2048-exponent3", "rsa2500", "rsa3072", "rsa4096"] {
        let key = signing_key(name);
        let message = sign(&crlf("From: a@example.org\n\nHi.\n"), &[request(&key, Canonicalization::RELAXED)]);
        let found = verify(&message, &keys("sel", "example.org", &[&key.record()])).remove(0);
        assert_eq!((found.result(), found.key_bits), (DkimResult::Pass, Some(key.bits())), "{name}");
    }
}

/// "The rsa-sha1 hash algorithm MUST NOT be used for signing or verifying."
#[test]
fn sha1_is_a_permanent_failure_and_asks_for_no_key() {
    let tags = " v=1; a=rsa-sha1; d=example.org; s=sel; h=from; bh={bh}; b={b}";
    let message = forge::forge(tags, "From: a@example.org\r\n", "Hi.\r\n");
    let found = verify(message.as_bytes(), &keys("sel", "example.org", &[&signing_key("rsa1024").record()])).remove(0);
    assert_eq!(found.outcome, Err(VerifyError::Signature(SignatureError::Sha1)));
    assert_eq!(
        (found.outcome.unwrap_err().result(), found.algorithm.as_deref()),
        (DkimResult::PermError, Some("rsa-sha1"))
    );
}
