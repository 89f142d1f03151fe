//! Bodies of fuzz targets for what strangers sign and publish.

use crate::{
    crypto::{MAX_RSA_BITS_TO_VERIFY, MIN_RSA_BITS},
    hash::BodyHasher,
    key::{KeyError, KeyRecord, Keys},
    message::MessageReader,
    signature::Signature,
    verify::{DkimResult, Verification, Verifier, VerifyPolicy},
};
use std::sync::Arc;

/// What is read of a signature is sound, and what is reported of it is the same and safe.
pub fn signature(octets: &[u8]) {
    let (description, signature) = Signature::read(octets);
    assert_is_plain(&description.signature_text);
    assert_is_plain(description.algorithm.as_deref().unwrap_or_default());
    match signature {
        Ok(signature) => {
            assert_eq!(description.domain.as_ref(), Some(&signature.domain));
            assert_eq!(description.selector.as_ref(), Some(&signature.selector));
            assert_eq!(description.identity.as_ref(), Some(&signature.identity));
            assert_eq!(description.algorithm, Some(signature.algorithm.to_string()));
            assert!(signature.identity.domain().is_within(&signature.domain));
            assert!(octets.get(signature.signature_span).is_some_and(|value| !value.is_empty()));
        }
        Err(error) => assert_is_plain(&error.to_string()),
    }
}

/// A key record that is taken has a key of a size that is taken.
pub fn key_record(octets: &[u8]) {
    match KeyRecord::parse(octets) {
        Ok(record) => assert!(record.bits() == 256 || (MIN_RSA_BITS..=MAX_RSA_BITS_TO_VERIFY).contains(&record.bits())),
        Err(error) => assert_is_plain(&error.to_string()),
    }
}

/// A message that nobody published a key for never passes, each signature has its finding, and no text of a finding
/// can break out of where it is written. The first octet says where the message is cut, which changes nothing.
pub fn verify_message(octets: &[u8]) {
    let (chunks, message) = super::chunks(octets);
    let found = verify(chunks, message.len());
    let whole = verify([message], message.len());
    assert_eq!(found.len(), whole.len());
    for (index, (found, whole)) in found.iter().zip(&whole).enumerate() {
        assert_eq!((found.index, &found.outcome), (index, &whole.outcome));
        assert_eq!(found.result(), DkimResult::PermError);
        assert_is_plain(&found.outcome.as_ref().map_or_else(ToString::to_string, |_| String::new()));
    }
}

fn verify<'m>(chunks: impl IntoIterator<Item = &'m [u8]>, limit: usize) -> Vec<Verification> {
    let start = |header: &Arc<_>| -> (Verifier, BodyHasher) {
        let verifier = Verifier::new(Arc::clone(header), &VerifyPolicy::default(), 1_600_000_000);
        let body = verifier.body_hasher();
        (verifier, body)
    };
    let mut reader = MessageReader::new(limit);
    let mut work = None;
    for chunk in chunks {
        let body = reader.push(chunk).unwrap_or_else(|error| panic!("{error}"));
        if let Some(header) = reader.header() {
            work.get_or_insert_with(|| start(header)).1.update(body);
        }
    }
    let header = reader.finish().unwrap_or_else(|error| panic!("{error}"));
    let (verifier, body) = work.unwrap_or_else(|| start(header));
    let keys: Keys = verifier.key_names().into_iter().map(|name| (name, Err(KeyError::NotFound))).collect();
    verifier.finish(&body.finish(), &keys)
}

fn assert_is_plain(text: &str) {
    assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Tags in any order, mostly sound.
    const FIELD: &str = "( v=1;| a=rsa-sha(256|1);| a=ed25519-sha256;| d=[a-c.]{1,5};| s=[a-z.]{1,3};| h=(from|to|:){1,4};\
                         | b=[a-zA-Z0-9+/ =]{0,8};| bh=[a-z=]{4};| c=(simple|relaxed)(/relaxed)?;| i=[a=@.0-9A-F]{0,9};\
                         | [ltx]=[0-9]{0,25};| q=[a-z/:]{0,9};|\r\n ){0,14}";
    const RECORD: &str = "( ?v=DKIM1;| ?k=(rsa|ed25519|x);| ?[hst]=[a-z0-9*:]{0,9};| ?p=[a-zA-Z0-9+/=]{0,60};){0,6}";

    proptest! {
        #[test]
        fn signatures_hold(octets in FIELD) {
            super::signature(octets.as_bytes());
        }

        #[test]
        fn key_records_hold(octets in RECORD) {
            super::key_record(octets.as_bytes());
        }

        #[test]
        fn messages_hold(fields in proptest::collection::vec(FIELD, 0..4), rest in "(From: a@b\r\n)?(\r\n[a \r\n]{0,9})?") {
            let fields: String = fields.iter().map(|field| format!("DKIM-Signature:{field} z=\r\n")).collect();
            super::verify_message(format!("\u{7}{fields}{rest}").as_bytes());
        }

        #[test]
        fn any_octets_hold(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            super::signature(&octets);
            super::key_record(&octets);
            super::verify_message(&octets);
        }
    }
}
