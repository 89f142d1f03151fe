//! Cuts a stream of chunks into header section and body.

use crate::header::Header;
use memchr::memmem;
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
///
/// The first empty line ends the header section, and it may be the first line of all. Only CRLF ends a line.
#[derive(Debug)]
pub struct MessageReader {
    limit: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The octets so far, none of which belongs to the body.
    InHeader(Vec<u8>),
    InBody(Arc<Header>),
    TooLong,
}

/// The end of the last header line, then an empty line.
const END: &[u8] = b"\r\n\r\n";
/// Octets of [`END`] that an earlier chunk may have brought.
const BEFORE: usize = END.len() - 1;

impl MessageReader {
    /// A reader that takes header sections of at most `limit` octets, the empty line not counted.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: State::InHeader(Vec::new()) }
    }

    /// Takes the next chunk and returns that part of it which belongs to the body.
    /// After an error every further call returns the same error.
    pub fn push<'a>(&mut self, chunk: &'a [u8]) -> Result<&'a [u8], HeaderTooLong> {
        let header = match &mut self.state {
            State::InHeader(header) => header,
            State::InBody(_) => return Ok(chunk),
            State::TooLong => return Err(self.too_long()),
        };
        let end = end_of_header(header, chunk);
        let (section, body) = chunk.split_at_checked(end.unwrap_or(chunk.len())).unwrap_or((chunk, b""));
        // Beyond the limit may stand the empty line, or as much of it as can be there without being one.
        let empty_line = if end.is_some() { 2 } else { 1 };
        if header.len() + section.len() > self.limit.saturating_add(empty_line) {
            return Err(self.too_long());
        }
        header.extend_from_slice(section);
        if end.is_some() {
            header.truncate(header.len().saturating_sub(empty_line));
            self.end_header();
        }
        Ok(body)
    }

    /// The header section, once its end was seen.
    pub fn header(&self) -> Option<&Arc<Header>> {
        match &self.state {
            State::InBody(header) => Some(header),
            State::InHeader(_) | State::TooLong => None,
        }
    }

    /// The message has ended. Without an empty line all of it was header and the body is empty (C17).
    pub fn finish(&mut self) -> Result<&Arc<Header>, HeaderTooLong> {
        match &self.state {
            State::InHeader(header) if header.len() > self.limit => self.state = State::TooLong,
            State::InHeader(_) => self.end_header(),
            State::InBody(_) | State::TooLong => {}
        }
        let limit = self.limit;
        self.header().ok_or(HeaderTooLong { limit })
    }

    fn end_header(&mut self) {
        if let State::InHeader(raw) = &mut self.state {
            let header = Header::parse(std::mem::take(raw));
            self.state = State::InBody(Arc::new(header));
        }
    }

    fn too_long(&mut self) -> HeaderTooLong {
        self.state = State::TooLong;
        HeaderTooLong { limit: self.limit }
    }
}

/// How many octets of `chunk` complete the first empty line of the message that is `earlier`, then `chunk`.
fn end_of_header(earlier: &[u8], chunk: &[u8]) -> Option<usize> {
    // The message starts as if after a line end.
    let end_of_earlier: Vec<u8> = match earlier.last_chunk::<BEFORE>() {
        Some(end) => end.to_vec(),
        None => [b"\r\n", earlier].concat(),
    };
    let border = [&end_of_earlier, chunk.get(..BEFORE).unwrap_or(chunk)].concat();
    match memmem::find(&border, END) {
        Some(at) => Some(at + END.len() - end_of_earlier.len()),
        None => memmem::find(chunk, END).map(|at| at + END.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Message, header section, body.
    const MESSAGES: &[(&str, &str, &str, &str)] = &[
        ("header and body", "A: b\r\n\r\nbody\r\n", "A: b\r\n", "body\r\n"),
        ("empty body", "A: b\r\n\r\n", "A: b\r\n", ""),
        ("empty lines in the body", "A: b\r\n\r\n\r\n\r\nx", "A: b\r\n", "\r\n\r\nx"),
        ("C17 no empty line", "A: b\r\n", "A: b\r\n", ""),
        ("C17 no line end", "A: b", "A: b", ""),
        ("C17 half of an empty line", "A: b\r\n\r", "A: b\r\n\r", ""),
        ("C17 nothing at all", "", "", ""),
        ("empty header", "\r\nbody", "", "body"),
        ("nothing but the empty line", "\r\n", "", ""),
        ("CR LF CR LF at the start", "\r\n\r\n", "", "\r\n"),
        ("C16 bare LF", "A: b\n\nC: d\r\n\r\nx", "A: b\n\nC: d\r\n", "x"),
        ("C16 LF CRLF", "A: b\n\r\nC: d\r\n\r\nx", "A: b\n\r\nC: d\r\n", "x"),
        ("C16 CRLF CR CRLF", "A: b\r\n\r\r\n\r\nx", "A: b\r\n\r\r\n", "x"),
        ("C16 CRLF LF", "A: b\r\n\n\r\n\r\nx", "A: b\r\n\n\r\n", "x"),
        ("C9 a blank line is no empty line", "A: b\r\n \r\nC: d\r\n\r\nx", "A: b\r\n \r\nC: d\r\n", "x"),
    ];

    fn read(chunks: &[&[u8]], limit: usize) -> Result<(Vec<u8>, Vec<u8>), HeaderTooLong> {
        let mut reader = MessageReader::new(limit);
        let mut body = Vec::new();
        for chunk in chunks {
            body.extend_from_slice(reader.push(chunk)?);
        }
        Ok((reader.finish()?.as_bytes().to_vec(), body))
    }

    #[test]
    fn every_split_in_three() {
        for (what, message, header, body) in MESSAGES {
            let message = message.as_bytes();
            for second in 0..=message.len() {
                for first in 0..=second {
                    let chunks = [&message[..first], &message[first..second], &message[second..]];
                    let expected = (header.as_bytes().to_vec(), body.as_bytes().to_vec());
                    assert_eq!(read(&chunks, header.len()), Ok(expected), "{what} {first} {second}");
                    if let Some(limit) = header.len().checked_sub(1) {
                        assert_eq!(read(&chunks, limit), Err(HeaderTooLong { limit }), "{what} {first} {second}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_body_is_not_copied() {
        let mut reader = MessageReader::new(10);
        let chunk = b"A: b\r\n\r\nbody";
        assert!(std::ptr::eq(reader.push(chunk).unwrap(), &chunk[8..]));
        assert!(std::ptr::eq(reader.push(chunk).unwrap(), chunk));
    }

    #[test]
    fn an_error_stays() {
        let mut reader = MessageReader::new(4);
        let error = HeaderTooLong { limit: 4 };
        assert_eq!(reader.push(b"A: b\r\n"), Err(error));
        assert_eq!(reader.push(b""), Err(error));
        assert!(reader.header().is_none());
        assert_eq!(reader.finish().err(), Some(error));
    }

    #[test]
    fn x_memory_stays_within_the_limit() {
        let mut reader = MessageReader::new(100);
        assert!((0..1000).any(|_| reader.push(b"xxxxxxxxxxxxxxxx").is_err()));
        assert!(matches!(reader.state, State::TooLong));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(message in "[a:\r\n ]{0,40}", cuts in proptest::collection::vec(0..40_usize, 0..6)) {
            let message = message.into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(message.len())).chain([message.len()]).collect();
            cuts.sort();
            let starts = [0].iter().chain(&cuts);
            let chunks: Vec<&[u8]> = starts.zip(&cuts).map(|(start, end)| &message[*start..*end]).collect();
            prop_assert_eq!(read(&chunks, 100), read(&[&message], 100));
        }
    }
}
