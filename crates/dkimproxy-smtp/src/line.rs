//! CRLF lines out of arbitrary chunks, with a limit; over-long ones are read to their end, then refused.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

/// What is wrong with a line. The line was read to its end: the connection is in sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineError {
    /// Longer than the limit.
    #[error("line longer than {limit} octets")]
    TooLong {
        /// The limit in octets, CRLF included.
        limit: usize,
    },
    /// A CR or LF that is not part of a CRLF, or a NUL.
    #[error("bare CR, bare LF or NUL in a line")]
    StrayControl,
}

/// Takes lines out of a buffer that the network fills.
#[derive(Debug)]
pub struct LineReader {
    _limit: usize,
}

impl LineReader {
    /// A reader for lines of at most `limit` octets, CRLF included.
    pub fn new(limit: usize) -> Self {
        Self { _limit: limit }
    }

    /// The next whole line, without its CRLF, taken from the front of `input`. None: more input is needed (then
    /// `input` holds at most `limit` octets, for the rest of an over-long line is thrown away as it comes).
    pub fn next_line(&mut self, input: &mut BytesMut) -> Option<Result<Bytes, LineError>> {
        let _ = input;
        todo!()
    }
}
