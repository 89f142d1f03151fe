//! CRLF lines out of arbitrary chunks, with a limit; over-long ones are read to their end, then refused.
//!
//! Only CRLF ends a line: RFC 5321 section 2.3.8, "Conforming implementations MUST NOT recognize or generate any other
//! character or character sequence as a line terminator." A bare CR or LF spoils its line, it does not end it.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2, memmem};
use thiserror::Error;

/// What is wrong with a line. The line was read to its end: the connection is in sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineError {
    /// Longer than the limit, whatever is in it.
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
#[derive(Debug, Clone)]
pub struct LineReader {
    limit: usize,
    /// So many octets at the front of the input were searched and hold no CRLF.
    searched: usize,
    /// The front of this line was thrown away because it is over-long.
    overlong: bool,
}

impl LineReader {
    /// A reader for lines of at most `limit` octets, CRLF included.
    pub fn new(limit: usize) -> Self {
        Self { limit, searched: 0, overlong: false }
    }

    /// The next whole line, without its CRLF, taken from the front of `input`. None: more input is needed (then
    /// `input` holds at most `limit` octets, for the rest of an over-long line is thrown away as it comes). Between
    /// two calls `input` may only grow, unless the last one returned a line.
    pub fn next_line(&mut self, input: &mut BytesMut) -> Option<Result<Bytes, LineError>> {
        let Some(end) = find_crlf(input, self.searched) else {
            self.wait(input);
            return None;
        };
        let mut line = input.split_to(end);
        let too_long = self.overlong || line.len() > self.limit;
        (self.searched, self.overlong) = (0, false);
        if too_long {
            return Some(Err(LineError::TooLong { limit: self.limit }));
        }
        line.truncate(line.len().saturating_sub(CRLF));
        let stray = memchr2(b'\r', b'\n', &line).or_else(|| memchr(0, &line));
        Some(if stray.is_some() { Err(LineError::StrayControl) } else { Ok(line.freeze()) })
    }

    /// No CRLF so far: remembers what was searched, and keeps no more than the limit.
    fn wait(&mut self, input: &mut BytesMut) {
        // A CR at the end may be half of a CRLF.
        let undecided = usize::from(input.last() == Some(&b'\r'));
        if self.overlong || input.len() >= self.limit {
            // The CRLF is still to come, so the line is longer than the limit.
            self.overlong = true;
            input.advance(input.len() - undecided);
        }
        self.searched = input.len() - undecided;
    }
}

/// The octets in CRLF.
const CRLF: usize = 2;

/// The index behind the first CRLF that begins at `from` or later.
fn find_crlf(input: &[u8], from: usize) -> Option<usize> {
    let rest = input.get(from..)?;
    memmem::find(rest, b"\r\n").map(|at| from + at + CRLF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Line = Result<Vec<u8>, LineError>;

    /// All of the input at once, in the plainest words.
    fn obvious(input: &[u8], limit: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut start = 0;
        for end in 2..=input.len() {
            if end < start + 2 || &input[end - 2..end] != b"\r\n" {
                continue;
            }
            let line = &input[start..end - 2];
            lines.push(if end - start > limit {
                Err(LineError::TooLong { limit })
            } else if line.iter().any(|octet| b"\r\n\0".contains(octet)) {
                Err(LineError::StrayControl)
            } else {
                Ok(line.to_vec())
            });
            start = end;
        }
        lines
    }

    fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Line> {
        let mut reader = LineReader::new(limit);
        let mut input = BytesMut::new();
        let mut lines = Vec::new();
        for chunk in chunks {
            input.extend_from_slice(chunk);
            while let Some(line) = reader.next_line(&mut input) {
                lines.push(line.map(|line| line.to_vec()));
            }
            assert!(input.len() <= limit, "{} octets kept", input.len());
        }
        lines
    }

    #[test]
    fn only_crlf_ends_a_line() {
        let lines = read([&b"NOOP\r\nMAIL\nRCPT\r\nA\rB\r\nC\0\r\n\r\n\r\r\nrest"[..]], 100);
        let stray = Err(LineError::StrayControl);
        let expected = [Ok(b"NOOP".to_vec()), stray.clone(), stray.clone(), stray.clone(), Ok(Vec::new()), stray];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_limit_counts_the_crlf() {
        let too_long = Err(LineError::TooLong { limit: 8 });
        assert_eq!(
            read([&b"123456\r\n1234567\r\nok\r\n"[..]], 8),
            [Ok(b"123456".to_vec()), too_long, Ok(b"ok".to_vec())]
        );
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let piece = [b'x'; 1000];
        let chunks = std::iter::repeat_n(&piece[..], 1000).chain([&b"\r"[..], &b"\nNOOP\r\n"[..]]);
        let lines = read(chunks, 2048);
        assert_eq!(lines, [Err(LineError::TooLong { limit: 2048 }), Ok(b"NOOP".to_vec())]);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(
            input in proptest::collection::vec(proptest::sample::select(&b"xxx\r\n\0"[..]), 0..60),
            size in 1usize..12,
            limit in 2usize..12,
        ) {
            prop_assert_eq!(read(input.chunks(size), limit), obvious(&input, limit));
        }
    }
}
