//! The two canonicalizations of section 3.4.2. They are not those of DKIM.

use crate::{
    canonicalize::{Algorithm, EmptyLines},
    header::Field,
};
use std::fmt;

/// How header and body are prepared; c= of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DomainKeysCanonicalization {
    /// Lines as they are (section 3.4.2.1).
    Simple,
    /// No folding white space: all of it is deleted (section 3.4.2.2).
    NoFws,
}

impl DomainKeysCanonicalization {
    /// Reads the value of c=.
    pub fn parse(value: &[u8]) -> Option<Self> {
        [Self::Simple, Self::NoFws].into_iter().find(|known| value == known.as_str().as_bytes())
    }

    /// The word of c=.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::NoFws => "nofws",
        }
    }

    /// Passes on the canonical form of a header field, with CRLF at its end.
    pub(super) fn header_field(self, field: Field<'_>, sink: &mut impl FnMut(&[u8])) {
        let line = field.raw().strip_suffix(b"\r\n").unwrap_or(field.raw());
        match self {
            Self::Simple => sink(line),
            Self::NoFws => line.split(is_fws).for_each(&mut *sink),
        }
        sink(b"\r\n");
    }
}

impl fmt::Display for DomainKeysCanonicalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// "Decimal ASCII values 9 (HTAB), 10 (NL), 13 (CR), and 32 (SP)".
fn is_fws(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// Canonicalizes the body with the empty line before it; where the chunks are cut changes nothing.
///
/// "If the body consists entirely of empty lines, then the header/body line is similarly ignored": that line is just the
/// first of the empty lines that vanish at the end.
pub(super) struct Body {
    /// Only for nofws: a CR stands at the end of what came so far.
    cr: Option<bool>,
    empty_lines: EmptyLines,
}

impl Body {
    pub(super) fn new(canonicalization: DomainKeysCanonicalization) -> Self {
        let mut empty_lines = EmptyLines::default();
        empty_lines.push(b"\r\n", &mut |_| ()); // is held back
        let cr = match canonicalization {
            DomainKeysCanonicalization::Simple => None,
            DomainKeysCanonicalization::NoFws => Some(false),
        };
        Self { cr, empty_lines }
    }

    pub(super) fn update(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let Self { cr, empty_lines } = self;
        match cr {
            None => empty_lines.push(chunk, sink),
            Some(cr) => *cr = without_fws(*cr, chunk, |piece| empty_lines.push(piece, sink)),
        }
    }

    /// The body has ended. What is left ends in CRLF, unless nothing is left: as in DKIM's relaxed.
    pub(super) fn finish(self, sink: &mut impl FnMut(&[u8])) {
        self.empty_lines.finish(Algorithm::Relaxed, sink);
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// Deletes white space, also CR and LF that make no line end. `cr`: the last chunk ended in CR. Returns the same about
/// this one.
fn without_fws(mut cr: bool, chunk: &[u8], mut sink: impl FnMut(&[u8])) -> bool {
    let mut rest = chunk;
    while let Some(at) = rest.iter().position(is_fws) {
        let (text, from_blank) = rest.split_at_checked(at).unwrap_or((rest, b""));
        sink(text);
        cr &= at == 0;
        rest = match from_blank {
            [b'\n', tail @ ..] => {
                if cr {
                    sink(b"\r\n");
                }
                cr = false;
                tail
            }
            [blank, tail @ ..] => {
                cr = *blank == b'\r';
                tail
            }
            [] => b"",
        };
    }
    sink(rest);
    cr && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Header;
    use DomainKeysCanonicalization::{NoFws, Simple};
    use proptest::prelude::*;

    fn body<'c>(canonicalization: DomainKeysCanonicalization, chunks: impl IntoIterator<Item = &'c [u8]>) -> String {
        let mut out = Vec::new();
        let mut sink = |piece: &[u8]| out.extend_from_slice(piece);
        let mut body = Body::new(canonicalization);
        for chunk in chunks {
            body.update(chunk, &mut sink);
        }
        body.finish(&mut sink);
        String::from_utf8(out).unwrap()
    }

    /// Body, its simple and its nofws form, both with the empty line before it.
    const BODIES: &[(&str, &str, &str, &str)] = &[
        ("lines", "a b\r\nc\r\n", "\r\na b\r\nc\r\n", "\r\nab\r\nc\r\n"),
        ("no body", "", "", ""),
        ("only empty lines", "\r\n\r\n", "", ""),
        ("only blank lines", " \r\n\t\r\n", "\r\n \r\n\t\r\n", ""),
        ("empty lines at the end", "a\r\n\r\n\r\n", "\r\na\r\n", "\r\na\r\n"),
        ("blank lines at the end", "a\r\n \r\n\r\n", "\r\na\r\n \r\n", "\r\na\r\n"),
        ("empty lines at the start", "\r\n\r\na\r\n", "\r\n\r\n\r\na\r\n", "\r\n\r\n\r\na\r\n"),
        ("no CRLF at the end", "a", "\r\na\r\n", "\r\na\r\n"),
        ("lone CR and LF", "a\rb\nc\r\n", "\r\na\rb\nc\r\n", "\r\nabc\r\n"),
        ("CR SP LF", "a\r \nb", "\r\na\r \nb\r\n", "\r\nab\r\n"),
        ("CR CR LF", "a\r\r\nb", "\r\na\r\r\nb\r\n", "\r\na\r\nb\r\n"),
        ("CR at the end", "a\r", "\r\na\r\r\n", "\r\na\r\n"),
    ];

    #[test]
    fn dk6_dk7_bodies() {
        for (what, text, simple, nofws) in BODIES {
            assert_eq!(body(Simple, [text.as_bytes()]), *simple, "{what}");
            assert_eq!(body(NoFws, [text.as_bytes()]), *nofws, "{what}");
        }
    }

    #[test]
    fn dk6_dk7_header_fields() {
        for (field, simple, nofws) in [
            ("Subject : a  b\r\n\tc \r\n", "Subject : a  b\r\n\tc \r\n", "Subject:abc\r\n"),
            ("A:\r\n", "A:\r\n", "A:\r\n"),
            ("A: b", "A: b\r\n", "A:b\r\n"),
        ] {
            let header = Header::parse(field.into());
            for (canonicalization, expected) in [(Simple, simple), (NoFws, nofws)] {
                let mut out = Vec::new();
                let mut sink = |piece: &[u8]| out.extend_from_slice(piece);
                canonicalization.header_field(header.field(0).unwrap(), &mut sink);
                assert_eq!(out, expected.as_bytes(), "{field}");
            }
        }
    }

    /// Section 3.4.2.2 word by word.
    fn obvious_nofws(text: &str) -> String {
        let mut lines: Vec<String> = text.split("\r\n").map(|line| line.replace([' ', '\t', '\r', '\n'], "")).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        if lines.is_empty() { String::new() } else { format!("\r\n{}\r\n", lines.join("\r\n")) }
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in "[x \t\r\n]{0,30}", size in 1..8_usize) {
            for canonicalization in [Simple, NoFws] {
                prop_assert_eq!(body(canonicalization, text.as_bytes().chunks(size)), body(canonicalization, [text.as_bytes()]));
            }
            prop_assert_eq!(body(NoFws, text.as_bytes().chunks(size)), obvious_nofws(&text));
        }
    }
}
