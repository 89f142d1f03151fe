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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    const SIMPLE: Algorithm = Algorithm::Simple;
    const RELAXED: Algorithm = Algorithm::Relaxed;

    fn hash(requests: &[BodyHashRequest], chunks: &[&[u8]]) -> BodyHashes {
        let mut hasher = BodyHasher::new(requests.iter().copied());
        for chunk in chunks {
            hasher.update(chunk);
        }
        hasher.finish()
    }

    #[test]
    fn c11_c12_the_empty_body() {
        const CASES: &[(Algorithm, &str, u64)] = &[
            (SIMPLE, "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=", 2),
            (RELAXED, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", 0),
        ];
        for (algorithm, expected, length) in CASES {
            let request = BodyHashRequest::sha256(*algorithm, None);
            let hashes = hash(&[request], &[]);
            let answer = hashes.get(&request).unwrap();
            assert_eq!(STANDARD.encode(answer.digest), *expected);
            assert_eq!((answer.canonical_length, answer.hashed), (*length, *length));
        }
    }

    /// Body, algorithm, l=, the octets that are hashed.
    const LENGTHS: &[(&str, &str, Algorithm, u64, &str)] = &[
        ("L4 nothing, simple", "x\r\n", SIMPLE, 0, ""),
        ("L4 nothing, relaxed", "x\r\n", RELAXED, 0, ""),
        ("L4 nothing of an empty body", "", SIMPLE, 0, ""),
        ("L2 part", "x \ty\r\n", SIMPLE, 3, "x \t"),
        ("L2 counted after canonicalization", "x \t y\r\nz\r\n", RELAXED, 4, "x y\r"),
        ("L2 all but one", "x\r\n\r\n", SIMPLE, 2, "x\r"),
        ("L2 all", "x\r\n\r\n", RELAXED, 3, "x\r\n"),
        ("L2 within lines held back", "\r\n\r\n\r\nx", RELAXED, 5, "\r\n\r\n\r"),
        ("L3 one too many", "x\r\n\r\n", RELAXED, 4, "x\r\n"),
        ("L1 L3 absurd", "x\r\n", SIMPLE, u64::MAX, "x\r\n"),
    ];

    #[test]
    fn l1_to_l4_lengths() {
        for (what, body, algorithm, length, expected) in LENGTHS {
            let request = BodyHashRequest::sha256(*algorithm, Some(*length));
            let whole = BodyHashRequest::sha256(*algorithm, None);
            for requests in [&[request][..], &[whole, request, request], &[request, whole]] {
                let hashes = hash(requests, &body.as_bytes().chunks(1).collect::<Vec<_>>());
                let answer = hashes.get(&request).unwrap();
                assert_eq!(answer.digest, Sha256::digest(expected.as_bytes()), "{what}");
                assert_eq!(answer.hashed, expected.len() as u64, "{what}");
                assert_eq!(
                    hashes.get(&whole).map(|whole| whole.hashed),
                    requests.get(1).map(|_| answer.canonical_length)
                );
            }
        }
    }

    #[test]
    fn only_what_was_asked_is_answered() {
        let request = BodyHashRequest::sha256(RELAXED, None);
        let hashes = hash(&[request], &[b"x"]);
        assert!(hashes.get(&BodyHashRequest::sha256(SIMPLE, None)).is_none());
        assert!(hashes.get(&BodyHashRequest::sha256(RELAXED, Some(1))).is_none());
        assert!(hash(&[], &[b"x"]).get(&request).is_none());
    }

    proptest! {
        #[test]
        fn every_question_gets_its_own_answer(
            body in "[x \t\r\n]{0,60}",
            questions in proptest::collection::vec((any::<bool>(), proptest::option::of(0..70_u64)), 0..12),
            size in 1..20_usize,
        ) {
            let requests: Vec<BodyHashRequest> = questions
                .iter()
                .map(|(simple, length)| BodyHashRequest::sha256(if *simple { SIMPLE } else { RELAXED }, *length))
                .collect();
            let hashes = hash(&requests, &body.as_bytes().chunks(size).collect::<Vec<_>>());
            for request in &requests {
                let canonical = crate::canonicalize::reference::body(request.canonicalization, body.as_bytes());
                let length = request.length.map_or(canonical.len(), |length| canonical.len().min(length as usize));
                let expected = BodyHash {
                    digest: Sha256::digest(&canonical[..length]),
                    canonical_length: canonical.len() as u64,
                    hashed: length as u64,
                };
                prop_assert_eq!(hashes.get(request), Some(&expected));
            }
        }
    }
}
