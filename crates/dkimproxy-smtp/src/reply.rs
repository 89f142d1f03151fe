//! Replies: those of the relay, kept octet for octet, and our own (RFC 5321 section 4.2, RFC 2034, RFC 3463).

mod standard;

use bytes::{Bytes, BytesMut};
use thiserror::Error;

pub use self::standard::Standard;
use crate::line::{LineError, LineReader};

/// A complete reply, one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    wire: Bytes,
}

/// The first digit of a code (RFC 5321 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2xx
    Positive,
    /// 3xx
    Intermediate,
    /// 4xx
    Transient,
    /// 5xx
    Permanent,
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
        self.code
    }

    /// The class of the code.
    pub fn class(&self) -> Class {
        todo!()
    }

    /// True for 2xx.
    pub fn is_positive(&self) -> bool {
        self.class() == Class::Positive
    }

    /// True for 3xx: to DATA, "go on".
    pub fn is_intermediate(&self) -> bool {
        self.class() == Class::Intermediate
    }

    /// The enhanced status code of the first line (RFC 2034), like `4.3.0`: of the same class as the code.
    pub fn enhanced(&self) -> Option<&str> {
        todo!()
    }

    /// The text of each line: what follows the code and "-" or SP.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::empty()
    }

    /// As on the wire, CRLF after each line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.wire
    }

    /// As on the wire, shared.
    pub fn to_wire(&self) -> Bytes {
        self.wire.clone()
    }
}

/// What is wrong with the relay's reply. The replies after it cannot be trusted: close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// A line is too long or has a bare CR, bare LF or NUL.
    #[error("reply: {0}")]
    Line(#[from] LineError),
    /// A line does not begin with a code of 200 to 599 and "-", SP or the end of line.
    #[error("reply line without a valid code")]
    Malformed,
    /// RFC 5321 section 4.2.1: "the reply code on each of the lines MUST be the same".
    #[error("lines of one reply have different codes")]
    CodesDiffer,
    /// More than `MAX_REPLY` octets or `MAX_LINES` lines.
    #[error("reply too long")]
    TooLong,
}

/// Puts the relay's lines together to replies.
#[derive(Debug)]
pub struct ReplyReader {
    _lines: LineReader,
}

impl ReplyReader {
    /// The longest line of a reply in octets, CRLF included; RFC 5321 section 4.5.3.1.5 asks for 512.
    pub const MAX_LINE: usize = 4096;
    /// The longest reply in octets.
    pub const MAX_REPLY: usize = 65_536;
    /// The most lines of a reply.
    pub const MAX_LINES: usize = 1024;

    /// A reader at the start of a reply.
    pub fn new() -> Self {
        Self { _lines: LineReader::new(Self::MAX_LINE) }
    }

    /// The next whole reply, taken from the front of `input`. None: more input is needed.
    pub fn next_reply(&mut self, input: &mut BytesMut) -> Option<Result<Reply, ReplyError>> {
        let _ = input;
        todo!()
    }
}

impl Default for ReplyReader {
    fn default() -> Self {
        Self::new()
    }
}
