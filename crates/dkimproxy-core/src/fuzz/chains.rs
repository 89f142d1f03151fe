//! Bodies of fuzz targets for ARC and DomainKeys.

use crate::{
    arc::{ArcResult, ArcVerifier, MAX_INSTANCES},
    domainkeys::DomainKeysVerifier,
    header::Header,
    key::{KeyError, Keys},
    verify::{DkimResult, VerifyPolicy},
};
use std::sync::Arc;

/// A chain that nobody published a key for never passes, and asks for two keys per set at most.
pub fn arc(octets: &[u8]) {
    let header = Arc::new(Header::parse(octets.to_vec()));
    let verifier = ArcVerifier::new(header, &VerifyPolicy::default(), 1_600_000_000);
    let names = verifier.key_names();
    assert!(names.len() <= 2 * MAX_INSTANCES && verifier.body_requests().count() <= MAX_INSTANCES);
    let keys: Keys = names.into_iter().map(|name| (name, Err(KeyError::NotFound))).collect();
    let body = verifier.body_hasher().finish();
    let outcome = verifier.finish(&body, &keys);
    assert_ne!(outcome.result, ArcResult::Pass);
    assert_eq!(outcome.failure.is_some(), outcome.result == ArcResult::Fail);
    assert!(outcome.sealers.is_empty() && outcome.failure.is_none_or(|failure| !failure.is_temporary()));
}

/// A DomainKeys signature that nobody published a key for never passes.
pub fn domainkeys(octets: &[u8]) {
    let header = Arc::new(Header::parse(octets.to_vec()));
    let verifier = DomainKeysVerifier::new(header, &VerifyPolicy::default());
    let keys: Keys = verifier.key_names().into_iter().map(|name| (name, Err(KeyError::NotFound))).collect();
    let hashes = verifier.body_hasher().finish();
    let found = verifier.finish(&hashes, &keys);
    assert!(found.iter().all(|found| found.result() == DkimResult::PermError));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const SET: &str = "(ARC-(Seal: ?i=[1-3] ?; cv=(none|pass|fail); a=rsa-sha256; d=a.b; s=c; b=AAAA|Message-Signature: \
        i=[1-3]; a=rsa-sha256; d=a.b; s=c; h=from; bh=AAAA; b=AAAA|Authentication-Results: ?\\(?i=[1-3]\\)?; a; none)\r\n){0,9}";

    proptest! {
        #[test]
        fn chains_hold(octets in SET) {
            super::arc(octets.as_bytes());
        }

        #[test]
        fn domainkeys_hold(octets in "((DomainKey-Signature: (c=(simple|nofws); )?d=[ab].b; s=c; (h=from(:to|:sender)?; )?b=AAAA|\
            From: x@a.b|Sender: <[xy]@b.b>|To: x)\r\n){0,6}") {
            super::domainkeys(octets.as_bytes());
        }
    }
}
