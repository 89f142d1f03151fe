//! Cuts a stream of chunks into header section and body.

use crate::header::Header;
use std::sync::Arc;
use thiserror::Error;

/// The header section is longer than the limit given to [`MessageReader::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("header section longer than {limit} octets")]
pub struct HeaderTooLong {
    /// The limit, in octets.
    pub limit: usize,
}

/// Reads a message chunk by chunk. Where the chunks are cut changes nothing.
#[derive(Debug)]
pub struct MessageReader {
    _limit: usize,
}

impl MessageReader {
    /// A reader that takes header sections of at most `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self { _limit: limit }
    }

    /// Takes the next chunk and returns that part of it which belongs to the body.
    /// After an error every further call returns the same error.
    pub fn push<'a>(&mut self, chunk: &'a [u8]) -> Result<&'a [u8], HeaderTooLong> {
        let _ = chunk;
        todo!()
    }

    /// The header section, once its end was seen.
    pub fn header(&self) -> Option<&Arc<Header>> {
        todo!()
    }

    /// The message has ended. Without an empty line all of it was header and the body is empty (C17).
    pub fn finish(&mut self) -> Result<&Arc<Header>, HeaderTooLong> {
        todo!()
    }
}
