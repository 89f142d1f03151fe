//! The body as a stream (3.4.3, 3.4.4).

use super::{Algorithm, empty_lines::EmptyLines, squeeze::Squeeze};
use std::fmt;

/// Canonicalizes a body that arrives in chunks; where they are cut changes nothing.
///
/// The canonical octets go to a `sink`, in pieces of any size: parts of the chunk itself where that is possible, blocks
/// of 4 KiB where relaxed changes much. Memory is bounded and the work linear, whatever the body.
///
/// Lines end in CRLF only. A lone CR or LF is an ordinary octet, neither line end nor white space.
pub struct BodyCanonicalizer {
    algorithm: Algorithm,
    /// Only for relaxed.
    squeeze: Option<Squeeze>,
    empty_lines: EmptyLines,
}

impl BodyCanonicalizer {
    /// Starts a body.
    pub fn new(algorithm: Algorithm) -> Self {
        let squeeze = match algorithm {
            Algorithm::Simple => None,
            Algorithm::Relaxed => Some(Squeeze::new()),
        };
        Self { algorithm, squeeze, empty_lines: EmptyLines::default() }
    }

    /// Takes the next chunk.
    pub fn update(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let Self { squeeze, empty_lines, .. } = self;
        match squeeze {
            None => empty_lines.push(chunk, sink),
            // White space goes first, so that a line of blanks counts as empty.
            Some(squeeze) => squeeze.push(chunk, &mut |piece| empty_lines.push(piece, sink)),
        }
    }

    /// The body has ended.
    pub fn finish(self, sink: &mut impl FnMut(&[u8])) {
        let mut empty_lines = self.empty_lines;
        if let Some(squeeze) = self.squeeze {
            squeeze.finish(&mut |piece| empty_lines.push(piece, sink));
        }
        empty_lines.finish(self.algorithm, sink);
    }
}

impl fmt::Debug for BodyCanonicalizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyCanonicalizer").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reference, *};
    use proptest::prelude::*;

    const SIMPLE: Algorithm = Algorithm::Simple;
    const RELAXED: Algorithm = Algorithm::Relaxed;

    /// Body, simple form, relaxed form.
    const BODIES: &[(&str, &str, &str, &str)] = &[
        ("C18 section 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"),
        ("C11 C12 empty", "", "\r\n", ""),
        ("C11 C12 one CRLF", "\r\n", "\r\n", ""),
        ("C11 C12 three CRLFs", "\r\n\r\n\r\n", "\r\n", ""),
        ("C11 C12 a line", "x\r\n", "x\r\n", "x\r\n"),
        ("C11 C12 no final CRLF", "x", "x\r\n", "x\r\n"),
        ("C11 C12 no final CRLF after a line", "x\r\ny", "x\r\ny\r\n", "x\r\ny\r\n"),
        ("C11 C12 empty lines at the end", "x\r\n\r\n\r\n", "x\r\n", "x\r\n"),
        ("C11 C12 empty lines inside", "x\r\n\r\n\r\ny\r\n", "x\r\n\r\n\r\ny\r\n", "x\r\n\r\n\r\ny\r\n"),
        ("C11 C12 empty lines at the start", "\r\n\r\nx", "\r\n\r\nx\r\n", "\r\n\r\nx\r\n"),
        ("C12 white space at a line end", "x \r\ny\t\r\nz \t \r\n", "x \r\ny\t\r\nz \t \r\n", "x\r\ny\r\nz\r\n"),
        ("C12 white space at the very end", "x \t", "x \t\r\n", "x\r\n"),
        ("C12 a run of SP", "x  y   z\r\n", "x  y   z\r\n", "x y z\r\n"),
        ("C12 a TAB", "x\ty\r\n", "x\ty\r\n", "x y\r\n"),
        ("C12 a run of TABs", "x\t\t\ty\r\n", "x\t\t\ty\r\n", "x y\r\n"),
        ("C12 a mixed run", "x \t y\t z \tw\r\n", "x \t y\t z \tw\r\n", "x y z w\r\n"),
        ("C12 a lone SP", "x y\r\n", "x y\r\n", "x y\r\n"),
        ("C13 a line of SP", " \r\n", " \r\n", ""),
        ("C13 a line of TAB", "\t\r\n", "\t\r\n", ""),
        ("C13 SP and no CRLF", " ", " \r\n", ""),
        ("C13 TABs and no CRLF", "\t\t", "\t\t\r\n", ""),
        ("C13 lines of blanks at the end", "Hello\r\n \t\r\n\r\n", "Hello\r\n \t\r\n", "Hello\r\n"),
        ("C13 blanks without CRLF at the end", "Hello\r\n\r\n  ", "Hello\r\n\r\n  \r\n", "Hello\r\n"),
        ("C13 lines of blanks inside", "x\r\n \r\n\t\r\ny\r\n", "x\r\n \r\n\t\r\ny\r\n", "x\r\n\r\n\r\ny\r\n"),
        ("C13 lines of blanks at the start", " \r\n\t\r\nx\r\n", " \r\n\t\r\nx\r\n", "\r\n\r\nx\r\n"),
        ("C14 leading SP", " x\r\n", " x\r\n", " x\r\n"),
        ("C14 leading TAB", "\tx\r\n", "\tx\r\n", " x\r\n"),
        ("C14 leading run", "\t  x\r\n \ty\r\n", "\t  x\r\n \ty\r\n", " x\r\n y\r\n"),
        ("C16 bare LF", "x\ny\r\n", "x\ny\r\n", "x\ny\r\n"),
        ("C16 bare LF at the end", "x\n", "x\n\r\n", "x\n\r\n"),
        ("C16 bare LF alone", "\n", "\n\r\n", "\n\r\n"),
        ("C16 bare LFs at the end", "x\r\n\n\n", "x\r\n\n\n\r\n", "x\r\n\n\n\r\n"),
        ("C16 white space before a bare LF", "x \ny\t\nz \t\n", "x \ny\t\nz \t\n\r\n", "x \ny \nz \n\r\n"),
        ("C16 bare CR", "x\ry\r\n", "x\ry\r\n", "x\ry\r\n"),
        ("C16 bare CR at the end", "x\r", "x\r\r\n", "x\r\r\n"),
        ("C16 bare CR alone", "\r", "\r\r\n", "\r\r\n"),
        ("C16 bare CR after empty lines", "\r\n\r\n\r", "\r\n\r\n\r\r\n", "\r\n\r\n\r\r\n"),
        ("C16 white space before a bare CR", "x \ry\t\rz \t\r", "x \ry\t\rz \t\r\r\n", "x \ry \rz \r\r\n"),
        ("C16 SP CR at the end", "x \r", "x \r\r\n", "x \r\r\n"),
        ("C16 CR CR LF", "x\r\r\n", "x\r\r\n", "x\r\r\n"),
        ("C16 SP CR CR LF", "x \r\r\n", "x \r\r\n", "x \r\r\n"),
        ("C16 CR SP CRLF", "x\r \r\n", "x\r \r\n", "x\r\r\n"),
        ("C16 CR SP LF", "x\r \n", "x\r \n\r\n", "x\r \n\r\n"),
        ("C16 LF CR", "\n\r", "\n\r\r\n", "\n\r\r\n"),
        ("C16 CRLF CR CRLF", "x\r\n\r\r\n", "x\r\n\r\r\n", "x\r\n\r\r\n"),
        ("C16 CRLF LF CRLF", "x\r\n\n\r\n\r\n", "x\r\n\n\r\n", "x\r\n\n\r\n"),
        ("C10 VT, FF and NUL", "x\x0b \x0c \0  y\r\n", "x\x0b \x0c \0  y\r\n", "x\x0b \x0c \0 y\r\n"),
        ("C10 8-bit octets", "\u{e9}\u{a0} \u{a0}  \r\n", "\u{e9}\u{a0} \u{a0}  \r\n", "\u{e9}\u{a0} \u{a0}\r\n"),
    ];

    /// The canonical form of a body that arrives in these chunks.
    fn canonical<'a>(algorithm: Algorithm, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut sink = |octets: &[u8]| out.extend_from_slice(octets);
        let mut canonicalizer = BodyCanonicalizer::new(algorithm);
        for chunk in chunks {
            canonicalizer.update(chunk, &mut sink);
        }
        canonicalizer.finish(&mut sink);
        out
    }

    /// Cuts at the given places, each taken modulo what is left.
    fn cut<'a>(mut body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut chunks = Vec::new();
        for cut in cuts {
            let (chunk, rest) = body.split_at(cut % (body.len() + 1));
            chunks.push(chunk);
            body = rest;
        }
        chunks.push(body);
        chunks
    }

    #[test]
    fn c11_to_c16_bodies() {
        for (what, body, simple, relaxed) in BODIES {
            for (algorithm, expected) in [(SIMPLE, simple), (RELAXED, relaxed)] {
                let found = canonical(algorithm, [body.as_bytes()]);
                assert_eq!(found.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string(), "{what}");
                assert_eq!(reference::body(algorithm, body.as_bytes()), found, "{what}: the obvious version");
            }
        }
    }

    #[test]
    fn c15_every_split_in_three_and_octet_by_octet() {
        for (what, body, simple, relaxed) in BODIES {
            let body = body.as_bytes();
            for (algorithm, expected) in [(SIMPLE, simple.as_bytes()), (RELAXED, relaxed.as_bytes())] {
                assert_eq!(canonical(algorithm, body.chunks(1)), expected, "{what}, octet by octet");
                for second in 0..=body.len() {
                    for first in 0..=second {
                        let chunks = [&body[..first], &body[first..second], &body[second..]];
                        assert_eq!(canonical(algorithm, chunks), expected, "{what}, cut at {first} and {second}");
                    }
                }
            }
        }
    }

    /// Everything of up to 5 octets that matter.
    #[test]
    fn all_short_bodies() {
        for len in 0..=5 {
            for number in 0..5_usize.pow(len) {
                let digits = (0..len).map(|place| number / 5_usize.pow(place) % 5);
                let body: Vec<u8> = digits.map(|digit| b"x \t\r\n"[digit]).collect();
                for algorithm in [SIMPLE, RELAXED] {
                    assert_eq!(canonical(algorithm, [&body[..]]), reference::body(algorithm, &body), "{body:?}");
                }
            }
        }
    }

    /// Bodies that must neither be kept in memory nor be looked at twice.
    #[test]
    fn x_long_bodies_of_nothing() {
        for filling in ["\r\n", " ", "\t", " \r\n", "\r", "\n", " \r", "x ", "\t\r\n "] {
            let body = filling.repeat(200_000 / filling.len());
            for algorithm in [SIMPLE, RELAXED] {
                let expected = reference::body(algorithm, body.as_bytes());
                assert!(canonical(algorithm, body.as_bytes().chunks(4096)) == expected, "{filling:?} {algorithm}");
                assert!(canonical(algorithm, body.as_bytes().chunks(1)) == expected, "{filling:?} {algorithm}");
            }
        }
    }

    #[test]
    fn held_back_lines_are_counted_not_kept() {
        let mut canonicalizer = BodyCanonicalizer::new(RELAXED);
        let mut pieces = Vec::new();
        canonicalizer.update(b"x", &mut |octets| pieces.push(octets.len()));
        for _ in 0..1000 {
            canonicalizer.update(b"\r\n \t\r\n", &mut |octets| pieces.push(octets.len()));
        }
        canonicalizer.finish(&mut |octets| pieces.push(octets.len()));
        assert_eq!(pieces, [1, 2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn c15_streaming_equals_the_obvious(body in "[x \t\r\n]{0,40}", cuts in proptest::collection::vec(0..16_usize, 0..8)) {
            for algorithm in [SIMPLE, RELAXED] {
                let chunks = cut(body.as_bytes(), &cuts);
                prop_assert_eq!(canonical(algorithm, chunks), reference::body(algorithm, body.as_bytes()));
            }
        }

        #[test]
        fn c15_long_bodies(
            parts in proptest::collection::vec(("[x \t\r\n]{0,6}", 0..600_usize, "(\r\n){0,2}"), 0..120),
            cuts in proptest::collection::vec(0..9000_usize, 0..8),
        ) {
            let body: String = parts.iter().map(|(mixed, len, end)| format!("{mixed}{}{end}", "y".repeat(*len))).collect();
            for algorithm in [SIMPLE, RELAXED] {
                let chunks = cut(body.as_bytes(), &cuts);
                prop_assert!(canonical(algorithm, chunks) == reference::body(algorithm, body.as_bytes()));
            }
        }
    }
}
