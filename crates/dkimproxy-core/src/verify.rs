//! Verifying (section 6): every signature of a message, each on its own.

mod check;
mod error;

pub use check::Verified;
pub(crate) use check::{check_suitable, rank, readable_records, without};
pub use error::{DkimResult, VerifyError};

use crate::{
    domain::{DomainName, Identity, Selector},
    hash::{BodyHashRequest, BodyHasher, BodyHashes},
    header::{Field, Header},
    key::{KeyName, Keys},
    signature::{Description, FIELD_NAME, Signature},
};
use std::{collections::BTreeSet, sync::Arc};

/// What the verifier may decide by itself (the MAYs of section 6).
#[derive(Debug, Clone)]
pub struct VerifyPolicy {
    /// Signatures looked at, counted from the top; the rest are reported as [`VerifyError::TooManySignatures`].
    pub max_signatures: usize,
    /// Seconds by which clocks may differ, for t= and x=.
    pub clock_skew: u64,
}

impl Default for VerifyPolicy {
    fn default() -> Self {
        Self { max_signatures: 20, clock_skew: 300 }
    }
}

/// Which kind of signature field it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureKind {
    /// DKIM-Signature.
    Dkim,
}

/// What was found about one signature.
#[derive(Debug, Clone)]
pub struct Verification {
    /// Position among the signature fields of the message, top to bottom, from 0.
    pub index: usize,
    /// Which field.
    pub kind: SignatureKind,
    /// d=, where it could be read and is a domain name.
    pub domain: Option<DomainName>,
    /// s=, likewise.
    pub selector: Option<Selector>,
    /// a= as written, if it is a plain token (letters, digits, hyphens).
    pub algorithm: Option<String>,
    /// i=, or its default `@d`, where d= could be read and i= is valid.
    pub identity: Option<Identity>,
    /// b= without white space, as written; base64 characters only (for header.b, RFC 6008).
    pub signature_text: String,
    /// Size of the public key in bits, where a key was found.
    pub key_bits: Option<usize>,
    /// The key record says t=y.
    pub testing: bool,
    /// Octets of the canonicalized body that l= leaves uncovered.
    pub uncovered: u64,
    /// The finding.
    pub outcome: Result<Verified, VerifyError>,
}

impl Verification {
    /// The RFC 8601 word for the outcome.
    pub fn result(&self) -> DkimResult {
        match &self.outcome {
            Ok(_) => DkimResult::Pass,
            Err(error) => error.result(),
        }
    }
}

/// Verifies all signatures of one message in one pass over its body.
#[derive(Debug)]
pub struct Verifier {
    header: Arc<Header>,
    candidates: Vec<Candidate>,
}

/// A signature field, and what is known of it before DNS answers and the body has ended.
#[derive(Debug)]
struct Candidate {
    description: Description,
    read: Result<Sound, VerifyError>,
}

/// A signature that only the key and the hashes can still refute.
#[derive(Debug)]
pub(crate) struct Sound {
    signature: Signature,
    key_name: KeyName,
    /// Position of its field in the header.
    position: usize,
}

impl Verifier {
    /// Reads the signature fields. `now` is the time of receipt in seconds since the epoch.
    pub fn new(header: Arc<Header>, policy: &VerifyPolicy, now: u64) -> Self {
        let candidates = header
            .named(FIELD_NAME)
            .enumerate()
            .map(|(index, field)| {
                if index < policy.max_signatures {
                    Candidate::read(field, policy, now)
                } else {
                    Candidate { description: Description::default(), read: Err(VerifyError::TooManySignatures) }
                }
            })
            .collect();
        Self { header, candidates }
    }

    /// The key records needed: each name once, none for signatures that failed already.
    pub fn key_names(&self) -> Vec<KeyName> {
        let mut seen = BTreeSet::new();
        self.sound().map(|sound| &sound.key_name).filter(|name| seen.insert(*name)).cloned().collect()
    }

    /// What the body is to be fed to.
    pub fn body_hasher(&self) -> BodyHasher {
        BodyHasher::new(self.body_requests())
    }

    /// What [`Self::finish`] needs to know of the body: for a hasher that answers others besides.
    pub fn body_requests(&self) -> impl Iterator<Item = BodyHashRequest> {
        self.sound().map(Sound::body_hash_request)
    }

    /// The findings, top to bottom.
    pub fn finish(self, body: &BodyHashes, keys: &Keys) -> Vec<Verification> {
        let header = &self.header;
        let candidates = self.candidates.into_iter().enumerate();
        candidates.map(|(index, candidate)| candidate.finish(index, header, body, keys)).collect()
    }

    fn sound(&self) -> impl Iterator<Item = &Sound> {
        self.candidates.iter().filter_map(|candidate| candidate.read.as_ref().ok())
    }
}

impl Candidate {
    fn read(field: Field<'_>, policy: &VerifyPolicy, now: u64) -> Self {
        let (description, signature) = Signature::read(field.body());
        let read =
            signature.map_err(VerifyError::Signature).and_then(|signature| Sound::new(signature, field, policy, now));
        Self { description, read }
    }

    fn finish(self, index: usize, header: &Header, body: &BodyHashes, keys: &Keys) -> Verification {
        let finding = match self.read {
            Ok(sound) => sound.verify(header, body, keys),
            Err(error) => check::Finding::of(Err(error)),
        };
        let Description { domain, selector, algorithm, identity, signature_text } = self.description;
        Verification {
            index,
            kind: SignatureKind::Dkim,
            domain,
            selector,
            algorithm,
            identity,
            signature_text,
            key_bits: finding.key_bits,
            testing: finding.testing,
            uncovered: finding.uncovered,
            outcome: finding.outcome,
        }
    }
}

impl Sound {
    /// Looks at the times; `field` is the one that the signature was read from.
    pub(crate) fn new(
        signature: Signature,
        field: Field<'_>,
        policy: &VerifyPolicy,
        now: u64,
    ) -> Result<Self, VerifyError> {
        check::check_time(&signature, policy.clock_skew, now)?;
        let key_name = KeyName { selector: signature.selector.clone(), domain: signature.domain.clone() };
        Ok(Self { signature, key_name, position: field.index() })
    }

    pub(crate) fn key_name(&self) -> &KeyName {
        &self.key_name
    }

    /// True if h= lists a name for which `matches` is true.
    pub(crate) fn covers(&self, matches: impl Fn(&[u8]) -> bool) -> bool {
        self.signature.signed_fields.iter().any(|name| matches(name))
    }

    pub(crate) fn body_hash_request(&self) -> BodyHashRequest {
        BodyHashRequest::sha256(self.signature.canonicalization.body, self.signature.body_length)
    }
}
