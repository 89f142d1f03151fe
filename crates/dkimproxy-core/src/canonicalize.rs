//! Canonicalization (section 3.4): header fields, and the body as a stream.

mod body;
mod empty_lines;
mod field;
pub(crate) mod reference;
mod squeeze;

pub use body::BodyCanonicalizer;
pub(crate) use empty_lines::EmptyLines;
pub use field::{header_field, signature_field};

use std::fmt;

/// One of the two canonicalization algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Tolerates almost nothing (3.4.1, 3.4.3).
    Simple,
    /// Tolerates white space and case (3.4.2, 3.4.4).
    Relaxed,
}

impl Algorithm {
    fn parse(name: &[u8]) -> Option<Self> {
        [Self::Simple, Self::Relaxed]
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.as_str().as_bytes()))
    }

    /// The word of c=.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relaxed => "relaxed",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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

    /// Reads the value of c=; `relaxed` alone is `relaxed/simple`. None: unknown algorithm (C2).
    ///
    /// ASCII case-insensitive: values are case-sensitive "unless the specific tag semantics specify otherwise" (section
    /// 3.2), but the grammar of c= is made of literals, which match either case (RFC 5234 section 2.3).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut names = value.splitn(2, |&octet| octet == b'/');
        let header = Algorithm::parse(names.next()?)?;
        let body = names.next().map_or(Some(Algorithm::Simple), Algorithm::parse)?;
        Some(Self { header, body })
    }
}

impl fmt::Display for Canonicalization {
    /// As c= writes it: `relaxed/simple`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.header, self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_c2_values_of_c() {
        const CASES: &[(&str, Option<&str>)] = &[
            ("simple", Some("simple/simple")),
            ("relaxed", Some("relaxed/simple")),
            ("simple/relaxed", Some("simple/relaxed")),
            ("relaxed/relaxed", Some("relaxed/relaxed")),
            ("Relaxed/SIMPLE", Some("relaxed/simple")),
            ("", None),
            ("nowsp", None),
            ("relaxed/", None),
            ("/relaxed", None),
            ("relaxed/nofws", None),
            ("relaxed/simple/simple", None),
            ("relaxed /simple", None),
        ];
        for (value, expected) in CASES {
            let found = Canonicalization::parse(value.as_bytes()).map(|c| c.to_string());
            assert_eq!(found.as_deref(), *expected, "{value}");
        }
    }
}
