//! Reverse-path and forward-path (RFC 5321 section 4.1.2).

/// The text between "<" and ">", kept as it came: UTF-8 or not. Empty for the null reverse-path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(Vec<u8>);

impl Path {
    /// A path from the octets between the angle brackets.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// The octets between the angle brackets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The null reverse-path `<>`.
    pub fn is_null(&self) -> bool {
        self.0.is_empty()
    }

    /// The path without its source route: RFC 5321 appendix C, "SHOULD strip [it] and ignore" it.
    pub fn mailbox(&self) -> &[u8] {
        todo!()
    }

    /// What stands before the last "@" outside quotes, source route removed, quotes kept; the whole mailbox where
    /// there is no "@" (`<postmaster>`).
    pub fn local_part(&self) -> &[u8] {
        todo!()
    }

    /// What follows the last "@" outside quotes, if any.
    pub fn domain(&self) -> Option<&[u8]> {
        todo!()
    }
}
