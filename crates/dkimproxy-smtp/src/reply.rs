//! Replies: those of the relay, kept octet for octet, and our own (RFC 5321 section 4.2, RFC 2034, RFC 3463).

use bytes::Bytes;

/// A complete reply, one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    _wire: Bytes,
}

impl Reply {
    /// A reply of our own: `code`, enhanced status code of the same class (empty for none), text. Each line of `text`
    /// (cut at "\n") becomes a line of the reply; octets that are not printable ASCII become "?"; lines are cut to 512
    /// octets.
    pub fn new(code: u16, enhanced: &str, text: &str) -> Self {
        let _ = (code, enhanced, text);
        todo!()
    }

    /// The code: 200 to 599.
    pub fn code(&self) -> u16 {
        todo!()
    }

    /// True for 2xx.
    pub fn is_positive(&self) -> bool {
        self.code() / 100 == 2
    }

    /// As on the wire, CRLF after each line.
    pub fn as_bytes(&self) -> &[u8] {
        todo!()
    }
}
