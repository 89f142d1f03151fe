//! Verifying (section 3.7).

use super::{
    FIELD_NAME, MAX_SIGNATURES,
    canonicalize::DomainKeysCanonicalization,
    hash::{Coverage, DomainKeysHasher, DomainKeysHashes},
    sender::SendingAddress,
    signature::Signature,
};
use crate::{
    header::{Field, Header},
    key::{KeyName, KeyRecord, Keys},
    signature::{Description, SignatureError},
    verify::{DkimResult, VerifyError, VerifyPolicy, readable_records},
};
use std::{collections::BTreeSet, sync::Arc};
use thiserror::Error;

/// Proof that the crypto said yes. Made in one place only. It says nothing to DMARC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainKeysVerified(());

/// Why a signature does not pass.
///
/// The texts hold nothing from the message or from DNS but names of tags (letters, digits, `_`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DomainKeysError {
    /// More signatures than the policy or [`MAX_SIGNATURES`] allows.
    #[error("too many signatures")]
    TooManySignatures,
    /// The field is no usable signature.
    #[error("{0}")]
    Signature(SignatureError),
    /// Not exactly one From, more than one Sender, or no address in them, below the signature (section 3.1).
    #[error("no sending address")]
    NoSendingAddress,
    /// d= is neither the domain of the sending address nor above it.
    #[error("domain mismatch between d= and the sending address")]
    DomainMismatch,
    /// h= "MUST include the header that was used to identify the sending domain".
    #[error("sending address not signed")]
    AddressNotSigned,
    /// There is no usable key.
    #[error("{0}")]
    Key(VerifyError),
    /// The key is not RSA.
    #[error("inappropriate key algorithm")]
    KeyAlgorithm,
    /// h= of the key record does not list sha1.
    #[error("inappropriate hash algorithm")]
    KeyHash,
    /// g= of the key record is for another local part.
    #[error("key not for this address")]
    KeyGranularity,
    /// The message was altered, or signed with another key.
    #[error("signature did not verify")]
    SignatureMismatch,
    /// The hashes given to [`DomainKeysVerifier::finish`] do not come from this verifier's own hasher.
    #[error("the message was not hashed for this signature")]
    NotHashed,
}

impl DomainKeysError {
    /// The RFC 8601 word (section 2.7.2 there: those of DKIM).
    pub fn result(&self) -> DkimResult {
        match self {
            Self::SignatureMismatch => DkimResult::Fail,
            Self::NotHashed => DkimResult::TempError,
            Self::Key(error) => error.result(),
            Self::TooManySignatures
            | Self::Signature(_)
            | Self::NoSendingAddress
            | Self::DomainMismatch
            | Self::AddressNotSigned
            | Self::KeyAlgorithm
            | Self::KeyHash
            | Self::KeyGranularity => DkimResult::PermError,
        }
    }
}

/// What was found about one signature.
#[derive(Debug, Clone)]
pub struct DomainKeysVerification {
    /// Position of the field in the header ([`Field::index`]).
    pub position: usize,
    /// s= and d=, where both could be read.
    pub key_name: Option<KeyName>,
    /// The address that the signature vouches for if it passes, and the field it stands in.
    pub sender: Option<SendingAddress>,
    /// b= without white space, as written; base64 characters only.
    pub signature_text: String,
    /// Size of the public key in bits, where a key was found.
    pub key_bits: Option<usize>,
    /// The key record says t=y.
    pub testing: bool,
    /// The finding.
    pub outcome: Result<DomainKeysVerified, DomainKeysError>,
}

impl DomainKeysVerification {
    /// The RFC 8601 word for the outcome.
    pub fn result(&self) -> DkimResult {
        match &self.outcome {
            Ok(_) => DkimResult::Pass,
            Err(error) => error.result(),
        }
    }
}

/// Verifies the DomainKeys signatures of one message in one pass over its body.
#[derive(Debug)]
pub struct DomainKeysVerifier {
    header: Arc<Header>,
    candidates: Vec<Candidate>,
}

/// A signature field, and what is known of it before DNS answers and the body has ended.
#[derive(Debug)]
struct Candidate {
    position: usize,
    description: Description,
    sender: Option<SendingAddress>,
    read: Result<Sound, DomainKeysError>,
}

/// A signature that only the key and the hash can still refute.
#[derive(Debug)]
struct Sound {
    signature: Signature,
    position: usize,
    local_part: String,
}

impl DomainKeysVerifier {
    /// Reads the signature fields. Of the policy, max_signatures counts, up to [`MAX_SIGNATURES`].
    pub fn new(header: Arc<Header>, policy: &VerifyPolicy) -> Self {
        let limit = policy.max_signatures.min(MAX_SIGNATURES);
        let fields = header.named(FIELD_NAME).enumerate();
        let candidates = fields.map(|(index, field)| Candidate::read(&header, field, index < limit)).collect();
        Self { header, candidates }
    }

    /// The key records needed: each name once, none for signatures that failed already.
    pub fn key_names(&self) -> Vec<KeyName> {
        let mut seen = BTreeSet::new();
        let names = self.sound().map(|sound| &sound.signature.key_name);
        names.filter(|name| seen.insert(*name)).cloned().collect()
    }

    /// What the body is to be fed to. The header is hashed here.
    pub fn body_hasher(&self) -> DomainKeysHasher {
        DomainKeysHasher::new(&self.header, self.sound().map(Sound::to_hash))
    }

    /// The findings, top to bottom.
    pub fn finish(self, hashes: &DomainKeysHashes, keys: &Keys) -> Vec<DomainKeysVerification> {
        let mut number = 0;
        let finish = |candidate: Candidate| {
            let own = hashes.get(number);
            number += usize::from(candidate.read.is_ok());
            candidate.finish(own, keys)
        };
        self.candidates.into_iter().map(finish).collect()
    }

    fn sound(&self) -> impl Iterator<Item = &Sound> {
        self.candidates.iter().filter_map(|candidate| candidate.read.as_ref().ok())
    }
}

impl Candidate {
    fn read(header: &Header, field: Field<'_>, is_within_limit: bool) -> Self {
        let position = field.index();
        if !is_within_limit {
            let (description, read) = (Description::default(), Err(DomainKeysError::TooManySignatures));
            return Self { position, description, sender: None, read };
        }
        let sender = SendingAddress::of(header, Some(position));
        let (description, signature) = Signature::read(field.body());
        let read = signature
            .map_err(DomainKeysError::Signature)
            .and_then(|signature| Sound::new(signature, position, sender.as_ref()));
        Self { position, description, sender, read }
    }

    fn finish(self, hashes: Option<&[[u8; 20]]>, keys: &Keys) -> DomainKeysVerification {
        let finding = match self.read {
            Ok(sound) => sound.verify(hashes, keys),
            Err(error) => Finding::of(Err(error)),
        };
        let Description { domain, selector, signature_text, .. } = self.description;
        DomainKeysVerification {
            position: self.position,
            key_name: domain.zip(selector).map(|(domain, selector)| KeyName { selector, domain }),
            sender: self.sender,
            signature_text,
            key_bits: finding.key_bits,
            testing: finding.testing,
            outcome: finding.outcome,
        }
    }
}

/// What the key and the hash say.
struct Finding {
    key_bits: Option<usize>,
    testing: bool,
    outcome: Result<DomainKeysVerified, DomainKeysError>,
}

impl Finding {
    fn of(outcome: Result<DomainKeysVerified, DomainKeysError>) -> Self {
        Self { key_bits: None, testing: false, outcome }
    }
}

impl Sound {
    /// Rules 1 to 3 of section 3.7.3. Rule 5, that the earlier of several signatures counts, is left to the reader of
    /// the findings.
    fn new(signature: Signature, position: usize, sender: Option<&SendingAddress>) -> Result<Self, DomainKeysError> {
        let sender = sender.ok_or(DomainKeysError::NoSendingAddress)?;
        if !sender.domain.is_within(&signature.key_name.domain) {
            return Err(DomainKeysError::DomainMismatch);
        }
        if !signature.covers(sender.field.name()) {
            return Err(DomainKeysError::AddressNotSigned);
        }
        Ok(Self { signature, position, local_part: sender.address.local_part().into() })
    }

    fn to_hash(&self) -> (DomainKeysCanonicalization, Coverage<'_>) {
        let names = self.signature.signed_fields.as_deref();
        (self.signature.canonicalization, Coverage { signature: Some(self.position), names })
    }

    /// Each key is tried by itself; the best outcome counts.
    fn verify(&self, hashes: Option<&[[u8; 20]]>, keys: &Keys) -> Finding {
        let records = match readable_records(&self.signature.key_name, keys) {
            Ok(records) => records,
            Err(error) => return Finding::of(Err(DomainKeysError::Key(error))),
        };
        let tried = records.into_iter().map(|record| (record, self.verify_with(record, hashes)));
        match tried.min_by_key(|(_, outcome)| rank(outcome)) {
            Some((record, outcome)) => Finding { key_bits: Some(record.bits()), testing: record.is_testing(), outcome },
            None => Finding::of(Err(DomainKeysError::Key(VerifyError::NoKey))),
        }
    }

    fn verify_with(
        &self,
        record: &KeyRecord,
        hashes: Option<&[[u8; 20]]>,
    ) -> Result<DomainKeysVerified, DomainKeysError> {
        if !record.key().is_rsa() {
            return Err(DomainKeysError::KeyAlgorithm);
        }
        if !record.allows_sha1() {
            return Err(DomainKeysError::KeyHash);
        }
        if !is_for(record.granularity(), self.local_part.as_bytes()) {
            return Err(DomainKeysError::KeyGranularity);
        }
        let hashes = hashes.ok_or(DomainKeysError::NotHashed)?;
        if hashes.iter().any(|hash| record.key().verify_sha1(hash, &self.signature.signature)) {
            Ok(DomainKeysVerified(()))
        } else {
            Err(DomainKeysError::SignatureMismatch)
        }
    }
}

/// "If present with a non-zero length value, this value MUST exactly match the local part of the sending address"
/// (section 3.2.3). A `*` stands for anything, as in the key records that were made for both this and RFC 4871.
fn is_for(granularity: &[u8], local_part: &[u8]) -> bool {
    match granularity.iter().position(|octet| *octet == b'*') {
        None => granularity.is_empty() || granularity == local_part,
        Some(star) => {
            let (start, end) = granularity.split_at_checked(star).unwrap_or_default();
            let rest = local_part.strip_prefix(start);
            rest.is_some_and(|rest| rest.ends_with(end.strip_prefix(b"*").unwrap_or(end)))
        }
    }
}

/// A pass is better than a mismatch, and that better than a key which does not fit.
fn rank(outcome: &Result<DomainKeysVerified, DomainKeysError>) -> u8 {
    match outcome {
        Ok(_) => 0,
        Err(DomainKeysError::SignatureMismatch) => 1,
        Err(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::is_for;

    #[test]
    fn dk8_granularity() {
        for (granularity, local_part, expected) in [
            ("", "joe", true),
            ("joe", "joe", true),
            ("joe", "Joe", false),
            ("joe", "joey", false),
            ("*", "joe", true),
            ("jo*", "joe", true),
            ("*-news", "joe-news", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(is_for(granularity.as_bytes(), local_part.as_bytes()), expected, "{granularity} {local_part}");
        }
    }
}
