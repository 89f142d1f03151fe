//! One pass over the body answers every signature's question (hash, canonicalization, length).

use crate::{
    canonicalize::{Algorithm, BodyCanonicalizer},
    crypto::Sha256,
};

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

/// Hashes a body that arrives in chunks, for all signatures at once: each canonicalization runs once, and each of its
/// octets is hashed once, however many lengths are asked for.
#[derive(Debug)]
pub struct BodyHasher {
    passes: Vec<Pass>,
}

impl BodyHasher {
    /// A hasher that answers these requests, in any order, repeated or not. Without requests it does nothing.
    pub fn new(requests: impl IntoIterator<Item = BodyHashRequest>) -> Self {
        let mut passes: Vec<Pass> = Vec::new();
        for request in requests {
            let HashAlgorithm::Sha256 = request.hash;
            match passes.iter_mut().find(|pass| pass.algorithm == request.canonicalization) {
                Some(pass) => pass.lengths.add(request.length),
                None => passes.push(Pass::new(request)),
            }
        }
        for pass in &mut passes {
            pass.lengths.sort();
        }
        Self { passes }
    }

    /// Takes the next piece of the body, in network form (CRLF line ends, no dot-stuffing).
    pub fn update(&mut self, chunk: &[u8]) {
        for Pass { canonicalizer, lengths, .. } in &mut self.passes {
            canonicalizer.update(chunk, &mut |octets| lengths.update(octets));
        }
    }

    /// The body has ended.
    pub fn finish(self) -> BodyHashes {
        let mut answers = Vec::new();
        for Pass { algorithm, canonicalizer, mut lengths } in self.passes {
            canonicalizer.finish(&mut |octets| lengths.update(octets));
            lengths.finish(algorithm, &mut answers);
        }
        BodyHashes { answers }
    }
}

/// The answers of a [`BodyHasher`].
#[derive(Debug)]
pub struct BodyHashes {
    answers: Vec<(BodyHashRequest, BodyHash)>,
}

impl BodyHashes {
    /// The answer to a request. None if it was not among those the hasher was made for.
    pub fn get(&self, request: &BodyHashRequest) -> Option<&BodyHash> {
        self.answers.iter().find(|(asked, _)| asked == request).map(|(_, answer)| answer)
    }
}

/// One canonicalization and all that is asked of it.
#[derive(Debug)]
struct Pass {
    algorithm: Algorithm,
    canonicalizer: BodyCanonicalizer,
    lengths: Lengths,
}

impl Pass {
    fn new(request: BodyHashRequest) -> Self {
        let algorithm = request.canonicalization;
        let mut lengths = Lengths::default();
        lengths.add(request.length);
        Self { algorithm, canonicalizer: BodyCanonicalizer::new(algorithm), lengths }
    }
}

/// The hashes of one canonical body, cut to several lengths.
#[derive(Debug, Default)]
struct Lengths {
    /// The hash of all octets so far, as long as it is needed.
    state: Sha256,
    /// Octets so far.
    length: u64,
    /// The hash of the whole body is asked for.
    whole: bool,
    /// Lengths not reached so far, longest first.
    ahead: Vec<u64>,
    /// Lengths reached, with their hashes.
    reached: Vec<(u64, [u8; 32])>,
}

impl Lengths {
    fn add(&mut self, length: Option<u64>) {
        match length {
            None => self.whole = true,
            Some(length) => self.ahead.push(length),
        }
    }

    fn sort(&mut self) {
        self.ahead.sort_unstable_by(|a, b| b.cmp(a));
        self.ahead.dedup();
    }

    fn update(&mut self, mut octets: &[u8]) {
        let end = self.length + octets.len() as u64;
        while let Some(next) = self.ahead.pop_if(|next| *next <= end) {
            let missing = usize::try_from(next - self.length).unwrap_or(octets.len());
            let (before, after) = octets.split_at_checked(missing).unwrap_or((octets, b""));
            self.state.update(before);
            self.reached.push((next, self.state.clone().finish()));
            self.length = next;
            octets = after;
        }
        if self.whole || !self.ahead.is_empty() {
            self.state.update(octets);
        }
        self.length = end;
    }

    fn finish(self, canonicalization: Algorithm, answers: &mut Vec<(BodyHashRequest, BodyHash)>) {
        let canonical_length = self.length;
        let mut answer = |length, digest, hashed| {
            let request = BodyHashRequest::sha256(canonicalization, length);
            answers.push((request, BodyHash { digest, canonical_length, hashed }));
        };
        for (length, digest) in self.reached {
            answer(Some(length), digest, length);
        }
        // Not reached, so the whole body was hashed.
        let digest = self.state.finish();
        for length in self.ahead {
            answer(Some(length), digest, canonical_length);
        }
        if self.whole {
            answer(None, digest, canonical_length);
        }
    }
}
