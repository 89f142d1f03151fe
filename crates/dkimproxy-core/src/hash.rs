//! One pass over the body answers every signature's question (hash, canonicalization, length).

/// Hashes a body that arrives in chunks, for all signatures at once: each canonicalization is computed once.
#[derive(Debug)]
pub struct BodyHasher {}

impl BodyHasher {
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
