//! RFC 6376 appendices A and C.

mod common;

use common::{file, keys, verify};
use dkimproxy_core::verify::{DkimResult, VerifyError};

/// The key of appendix C.
const RECORD: &str = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2S\
    nFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPN\
    UYckcQ2QIDAQAB";

/// Appendix A.2, with what its typesetting changed put back: one space in "game. Are", and six spaces before each
/// continuation line.
#[test]
fn appendix_a2() {
    let found = verify(&file("vectors/rfc6376-a2.eml"), &keys("brisbane", "example.com", &[RECORD]));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].result(), found[0].key_bits), (DkimResult::Pass, Some(1024)));
    assert_eq!(found[0].identity.as_ref().unwrap().to_string(), "joe@football.example.com");
}

/// As the RFC prints it, it does not verify.
#[test]
fn appendix_a2_as_printed() {
    let message = String::from_utf8(file("vectors/rfc6376-a2.eml")).unwrap().replace("game. Are", "game.  Are");
    let found = verify(message.as_bytes(), &keys("brisbane", "example.com", &[RECORD]));
    assert_eq!(found[0].outcome, Err(VerifyError::BodyHash));
}
