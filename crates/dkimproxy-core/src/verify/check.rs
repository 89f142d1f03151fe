//! The key and the hashes (6.1.2, 6.1.3): the steps that need DNS and the body.

use super::{DkimResult, Sound, VerifyError};
use crate::{
    hash::{BodyHash, BodyHashes},
    header::{Field, Header},
    key::{KeyError, KeyName, KeyRecord, KeyRecordError, Keys, SigningAlgorithm},
    signature::{Signature, header_hash_input},
};
use std::{cell::OnceCell, ops::Range};

/// Keys tried for one signature, where DNS has several.
const MAX_KEYS_TRIED: usize = 4;

/// Proof that the crypto said yes and the body hash agreed. Made in one place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified(());

/// What the key and the hashes say.
pub(crate) struct Finding {
    pub(super) key_bits: Option<usize>,
    pub(super) testing: bool,
    pub(super) uncovered: u64,
    pub(crate) outcome: Result<Verified, VerifyError>,
}

impl Finding {
    pub(super) fn of(outcome: Result<Verified, VerifyError>) -> Self {
        Self { key_bits: None, testing: false, uncovered: 0, outcome }
    }
}

/// The times are a receiver's MAY (3.5, t= and x=), and clocks differ by `skew` seconds.
pub(super) fn check_time(signature: &Signature, skew: u64, now: u64) -> Result<(), VerifyError> {
    if signature.timestamp.is_some_and(|made| made > now.saturating_add(skew)) {
        return Err(VerifyError::Future);
    }
    if signature.expiration.is_some_and(|expires| expires.saturating_add(skew) < now) {
        return Err(VerifyError::Expired);
    }
    Ok(())
}

impl Sound {
    /// Steps 6.1.2 and 6.1.3. Each key is tried by itself; the best outcome counts.
    pub(crate) fn verify(&self, header: &Header, body: &BodyHashes, keys: &Keys) -> Finding {
        let records = match readable_records(&self.key_name, keys) {
            Ok(records) => records,
            Err(error) => return Finding::of(Err(error)),
        };
        let input = OnceCell::new();
        let input = || input.get_or_init(|| self.header_hash_input(header)).as_slice();
        let tried = records.into_iter().map(|record| (record, self.verify_with(record, body, input)));
        let Some((record, outcome)) = tried.min_by_key(|(_, outcome)| rank(outcome)) else {
            return Finding::of(Err(VerifyError::NoKey));
        };
        let uncovered = self.body_hash(body).map_or(0, |hash| hash.canonical_length.saturating_sub(hash.hashed));
        Finding { key_bits: Some(record.bits()), testing: record.is_testing(), uncovered, outcome }
    }

    /// Key first, then body, then signature: "the result MUST be equivalent" to that order (6.1).
    fn verify_with<'i>(
        &self,
        record: &KeyRecord,
        body: &BodyHashes,
        input: impl Fn() -> &'i [u8],
    ) -> Result<Verified, VerifyError> {
        self.check_suitable(record)?;
        self.check_body(self.body_hash(body).ok_or(VerifyError::BodyNotHashed)?)?;
        if !record.key().verify(input(), &self.signature.signature) {
            return Err(VerifyError::SignatureMismatch);
        }
        Ok(Verified(()))
    }

    /// Is it a key for this signature?
    fn check_suitable(&self, record: &KeyRecord) -> Result<(), VerifyError> {
        check_suitable(record, self.signature.algorithm)?;
        if record.is_strict() && *self.signature.identity.domain() != self.signature.domain {
            return Err(VerifyError::KeyStrict);
        }
        Ok(())
    }

    fn check_body(&self, hash: &BodyHash) -> Result<(), VerifyError> {
        if self.signature.body_length.is_some_and(|length| length > hash.canonical_length) {
            return Err(VerifyError::BodyTooShort);
        }
        if hash.digest.as_slice() != self.signature.body_hash {
            return Err(VerifyError::BodyHash);
        }
        Ok(())
    }

    fn body_hash<'b>(&self, body: &'b BodyHashes) -> Option<&'b BodyHash> {
        body.get(&self.body_hash_request())
    }

    fn header_hash_input(&self, header: &Header) -> Vec<u8> {
        let Signature { canonicalization, signed_fields, signature_span, .. } = &self.signature;
        let own_field = header.field(self.position).map_or_else(Vec::new, |field| without(field, signature_span));
        let names = signed_fields.iter().map(Vec::as_slice);
        header_hash_input(header, Some(self.position), names, canonicalization.header, &own_field)
    }
}

/// The key records that could be read, a few of them (6.1.2 step 4: if there are several, "the Verifier MAY choose one
/// of the key records or may cycle through the key records").
pub(crate) fn readable_records<'k>(name: &KeyName, keys: &'k Keys) -> Result<Vec<&'k KeyRecord>, VerifyError> {
    let answer = match keys.get(name) {
        Some(Ok(answer)) => answer,
        Some(Err(KeyError::NotFound)) => return Err(VerifyError::NoKey),
        Some(Err(KeyError::Unavailable)) | None => return Err(VerifyError::KeyUnavailable),
    };
    let records: Vec<_> = answer.iter().filter_map(|record| record.as_ref().ok()).take(MAX_KEYS_TRIED).collect();
    if records.is_empty() { Err(unreadable(answer)) } else { Ok(records) }
}

/// Is it a key for a=?
pub(crate) fn check_suitable(record: &KeyRecord, algorithm: SigningAlgorithm) -> Result<(), VerifyError> {
    if record.algorithm() != algorithm {
        return Err(VerifyError::KeyAlgorithm);
    }
    if !record.allows_sha256() {
        return Err(VerifyError::KeyHash);
    }
    Ok(())
}

/// The field without its CRLF, and with that range of its body deleted.
pub(crate) fn without(field: Field<'_>, span: &Range<usize>) -> Vec<u8> {
    let raw = field.raw().strip_suffix(b"\r\n").unwrap_or(field.raw());
    let body_start = raw.len() - field.body().len();
    let before = raw.get(..body_start + span.start).unwrap_or_default();
    let after = raw.get(body_start + span.end..).unwrap_or_default();
    [before, after].concat()
}

/// A pass is better than a mismatch, and that better than a key which does not fit.
pub(crate) fn rank<T>(outcome: &Result<T, VerifyError>) -> u8 {
    match outcome {
        Ok(_) => 0,
        Err(error) if error.result() == DkimResult::Fail => 1,
        Err(_) => 2,
    }
}

/// What to say where no record could be read: rather about a record that is meant as a key than about SPF and the like,
/// which a wildcard puts everywhere.
fn unreadable(answer: &[Result<KeyRecord, KeyRecordError>]) -> VerifyError {
    let errors = || answer.iter().filter_map(|record| record.as_ref().err());
    let stranger = |error: &&KeyRecordError| {
        matches!(error, KeyRecordError::TagList(_) | KeyRecordError::Version | KeyRecordError::MissingKey)
    };
    let error = errors().find(|error| !stranger(error)).or_else(|| errors().next());
    error.map_or(VerifyError::NoKey, |error| VerifyError::KeyRecord(error.clone()))
}
