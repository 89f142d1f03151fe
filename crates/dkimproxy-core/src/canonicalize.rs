//! Canonicalization (section 3.4): header fields, and the body as a stream.

use std::fmt;

/// One of the two canonicalization algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Tolerates almost nothing (3.4.1, 3.4.3).
    Simple,
    /// Tolerates white space and case (3.4.2, 3.4.4).
    Relaxed,
}

/// What c= says: one algorithm for the header, one for the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Canonicalization {
    /// For header fields.
    pub header: Algorithm,
    /// For the body.
    pub body: Algorithm,
}

impl Canonicalization {
    /// What a signer takes if nothing else is said.
    pub const RELAXED: Self = Self { header: Algorithm::Relaxed, body: Algorithm::Relaxed };
    /// What c= means where it is absent (3.5).
    pub const SIMPLE: Self = Self { header: Algorithm::Simple, body: Algorithm::Simple };

    /// Reads the value of c=, ASCII case-insensitive; `relaxed` alone is `relaxed/simple`. None: unknown algorithm (C2).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let _ = value;
        todo!()
    }
}

impl fmt::Display for Canonicalization {
    /// As c= writes it: `relaxed/simple`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}
