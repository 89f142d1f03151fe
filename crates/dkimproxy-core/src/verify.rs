//! Verifying (section 6): every signature of a message, each on its own.

use crate::{
    domain::{DomainName, Identity, Selector},
    hash::{BodyHasher, BodyHashes},
    header::Header,
    key::{KeyName, Keys},
};
use std::sync::Arc;
use thiserror::Error;

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

/// Proof that the crypto said yes and the body hash agreed. Made in one place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified(());

/// Why a signature does not pass. One variant per cause; [`VerifyError::result`] is the RFC 8601 word.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// More signatures than the policy allows.
    #[error("too many signatures")]
    TooManySignatures,
    // one variant per cause, filled in with the verifier
}

/// The RFC 8601 section 2.7.1 word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DkimResult {
    /// The message was not signed.
    None,
    /// Verified.
    Pass,
    /// Signed, but the signature or body hash does not fit.
    Fail,
    /// Verified or not, a local rule objects.
    Policy,
    /// Could not be processed: syntax.
    Neutral,
    /// DNS trouble; a later attempt may tell more.
    TempError,
    /// Cannot be verified, now or later.
    PermError,
}

impl DkimResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl VerifyError {
    /// The one translation of errors to RFC 8601 words: an exhaustive match.
    pub fn result(&self) -> DkimResult {
        match self {
            Self::TooManySignatures => DkimResult::PermError,
        }
    }
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
pub struct Verifier {}

impl Verifier {
    /// Reads the signature fields. `now` is the time of receipt in seconds since the epoch.
    pub fn new(header: Arc<Header>, policy: &VerifyPolicy, now: u64) -> Self {
        let _ = (header, policy, now);
        todo!()
    }

    /// The key records needed: each name once, none for signatures that failed already.
    pub fn key_names(&self) -> Vec<KeyName> {
        todo!()
    }

    /// What the body is to be fed to.
    pub fn body_hasher(&self) -> BodyHasher {
        todo!()
    }

    /// The findings, top to bottom.
    pub fn finish(self, body: &BodyHashes, keys: &Keys) -> Vec<Verification> {
        let _ = (body, keys);
        todo!()
    }
}
