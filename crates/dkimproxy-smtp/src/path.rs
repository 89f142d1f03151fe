//! Reverse-path and forward-path (RFC 5321 section 4.1.2).

/// The text between "<" and ">", kept as it came: UTF-8 or not. Empty for the null reverse-path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(Vec<u8>);

impl Path {
    /// The octets between the angle brackets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The null reverse-path `<>`.
    pub fn is_null(&self) -> bool {
        self.0.is_empty()
    }

    /// What follows the last "@" outside quotes, if any.
    pub fn domain(&self) -> Option<&[u8]> {
        todo!()
    }
}
