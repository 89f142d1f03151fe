//! Signing (section 5).

use crate::{
    canonicalize::Canonicalization,
    domain::{DomainName, Identity, Selector},
    hash::{BodyHasher, BodyHashes},
    header::Header,
    key::SigningKey,
};
use std::sync::Arc;
use thiserror::Error;

/// One signature to be made: a field per tag.
#[derive(Debug, Clone)]
pub struct SigningRequest {
    /// The private key; it settles a=.
    pub key: Arc<SigningKey>,
    /// d=, the signing domain.
    pub domain: DomainName,
    /// s=
    pub selector: Selector,
    /// c=
    pub canonicalization: Canonicalization,
    /// i=, written only if given; its domain is `domain` or below (G7).
    pub identity: Option<Identity>,
    /// h=: which header fields are covered.
    pub covered: CoveredFields,
    /// t=: write the time of signing.
    pub timestamp: bool,
    /// x=: seconds from now.
    pub lifetime: Option<u64>,
}

/// Which header fields a signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredFields {
    /// Every instance of these is covered, if there are any.
    pub present: Vec<String>,
    /// Covered once more than they are present, so that none can be added ("oversigning", H4, H7).
    pub sealed: Vec<String>,
}

impl Default for CoveredFields {
    /// What a receiver needs (5.4.1), From sealed; never Received, Return-Path, Bcc (H9, H11).
    fn default() -> Self {
        todo!()
    }
}

/// Why no signature could be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignError {
    /// The message has no From field: a signature must cover it (5.4), so there is nothing to sign.
    #[error("the message has no From field")]
    NoFrom,
    /// The library refused to sign.
    #[error("the private key for {0} failed to sign")]
    Crypto(String),
}

/// Makes all signatures of one message in one pass over its body.
#[derive(Debug)]
pub struct Signer {}

impl Signer {
    /// `now` is the time of signing in seconds since the epoch.
    pub fn new(header: Arc<Header>, requests: Vec<SigningRequest>, now: u64) -> Self {
        let _ = (header, requests, now);
        todo!()
    }

    /// What the body is to be fed to.
    pub fn body_hasher(&self) -> BodyHasher {
        todo!()
    }

    /// The signature fields, in the order of the requests, first one to stand topmost, each a whole field that ends in
    /// CRLF. All or none: one failure yields no field at all.
    pub fn finish(self, body: &BodyHashes) -> Result<Vec<Vec<u8>>, SignError> {
        let _ = body;
        todo!()
    }
}
