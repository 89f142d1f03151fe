//! RFC 8463 appendix A: one message, signed by Ed25519 and by RSA.

mod common;

use common::{file, keys, verify};
use dkimproxy_core::{
    key::{Keys, SigningAlgorithm},
    verify::{DkimResult, VerifyError},
};

const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2j\
    LQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIK\
    T+l/K4w3QIDAQAB";

fn published() -> Keys {
    let mut all = keys("brisbane", "football.example.com", &[ED25519]);
    all.extend(keys("test", "football.example.com", &[RSA]));
    all
}

#[test]
fn appendix_a_both_signatures() {
    let found = verify(&file("vectors/rfc8463-a.eml"), &published());
    let shown: Vec<_> =
        found.iter().map(|found| (found.algorithm.as_deref().unwrap(), found.result(), found.key_bits)).collect();
    let pass = DkimResult::Pass;
    assert_eq!(shown, [("ed25519-sha256", pass, Some(256)), ("rsa-sha256", pass, Some(1024))]);
}

#[test]
fn each_algorithm_detects_a_change() {
    let message = String::from_utf8(file("vectors/rfc8463-a.eml")).unwrap().replace("dinner", "lunch");
    for found in verify(message.as_bytes(), &published()) {
        assert_eq!(found.outcome, Err(VerifyError::SignatureMismatch));
    }
}

/// The seed that appendix A.2 prints gives the public key that it prints.
#[test]
fn the_private_key_of_the_appendix() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
               -----END PRIVATE KEY-----\n";
    let key = dkimproxy_core::key::SigningKey::from_pem(pem.as_bytes()).unwrap();
    assert_eq!((key.algorithm(), key.bits()), (SigningAlgorithm::Ed25519Sha256, 256));
    assert_eq!(key.record(), ED25519);
}
