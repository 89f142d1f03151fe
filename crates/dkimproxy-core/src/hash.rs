//! One pass over the body answers every signature's question (hash, canonicalization, length).

use crate::canonicalize::Algorithm;

/// Which hash is computed. RFC 8301 leaves one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
}

/// What one signature wants to know about the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyHashRequest {
    /// The hash of a=.
    pub hash: HashAlgorithm,
    /// The body part of c=.
    pub canonicalization: Algorithm,
    /// l=: only so many octets of the canonicalized body are hashed. None: all.
    pub length: Option<u64>,
}

impl BodyHashRequest {
    /// A SHA-256 request.
    pub fn sha256(canonicalization: Algorithm, length: Option<u64>) -> Self {
        Self { hash: HashAlgorithm::Sha256, canonicalization, length }
    }
}

/// The answer to one [`BodyHashRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyHash {
    /// What bh= holds, before base64.
    pub digest: [u8; 32],
    /// Octets of the whole canonicalized body.
    pub canonical_length: u64,
    /// Octets that `digest` covers. Less than the requested length if the body is shorter (then l= is invalid, section
    /// 3.5: "MUST NOT be larger than the actual number of octets in the canonicalized message body").
    pub hashed: u64,
}

/// Hashes a body that arrives in chunks, for all signatures at once: each canonicalization is computed once.
#[derive(Debug)]
pub struct BodyHasher {}

impl BodyHasher {
    /// A hasher that answers these requests, in any order, repeated or not. Without requests it does nothing.
    pub fn new(requests: impl IntoIterator<Item = BodyHashRequest>) -> Self {
        let _ = requests.into_iter();
        todo!()
    }

    /// Takes the next piece of the body, in network form (CRLF line ends, no dot-stuffing).
    pub fn update(&mut self, chunk: &[u8]) {
        let _ = chunk;
        todo!()
    }

    /// The body has ended.
    pub fn finish(self) -> BodyHashes {
        todo!()
    }
}

/// The answers of a [`BodyHasher`].
#[derive(Debug)]
pub struct BodyHashes {}

impl BodyHashes {
    /// The answer to a request. None if it was not among those the hasher was made for.
    pub fn get(&self, request: &BodyHashRequest) -> Option<&BodyHash> {
        let _ = request;
        todo!()
    }
}
