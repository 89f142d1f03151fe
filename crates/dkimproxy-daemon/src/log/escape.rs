//! Makes foreign text harmless.

use std::fmt::{self, Write};

/// Characters of one value that are logged; "..." stands for the rest.
pub const LONGEST: usize = 512;

/// Foreign octets as they may stand in a log line: at most [`LONGEST`] characters of them, and nothing that could end the
/// line, the field, its brackets or its quotes, or show on a terminal as something else than it is.
///
/// What cannot stay is written as `\x0a` (an octet) or `\u{202e}` (a character); so is the backslash itself, which makes
/// the form unambiguous.
pub fn escape(octets: &[u8]) -> impl fmt::Display {
    Escaped { octets, keep: |c| !matches!(c, '"' | '\\' | ',' | ';' | '<' | '>'), longest: LONGEST }
}

/// As [`escape`], for a whole line of our own that may have foreign text in it: keeps punctuation, but still nothing can
/// split the line.
pub(super) fn escape_line(octets: &[u8]) -> impl fmt::Display {
    Escaped { octets, keep: |_| true, longest: 8 * LONGEST }
}

/// As [`escape`], for the head of a message's line, up to the first semicolon.
pub(super) fn escape_head(octets: &[u8]) -> impl fmt::Display {
    Escaped { octets, keep: |c| !matches!(c, '\\' | ';' | '<' | '>'), longest: LONGEST }
}

struct Escaped<'a> {
    octets: &'a [u8],
    /// The printable characters that may stay.
    keep: fn(char) -> bool,
    longest: usize,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.longest;
        for chunk in self.octets.utf8_chunks() {
            for c in chunk.valid().chars() {
                if !spend(&mut left) {
                    return f.write_str("...");
                }
                write_char(f, c, self.keep)?;
            }
            for octet in chunk.invalid() {
                if !spend(&mut left) {
                    return f.write_str("...");
                }
                write!(f, "\\x{octet:02x}")?;
            }
        }
        Ok(())
    }
}

fn spend(left: &mut usize) -> bool {
    match left.checked_sub(1) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

fn write_char(f: &mut fmt::Formatter<'_>, c: char, keep: fn(char) -> bool) -> fmt::Result {
    match c {
        ' '..='~' if keep(c) => f.write_char(c),
        '\0'..='\x7f' => write!(f, "\\x{:02x}", u32::from(c)),
        _ if is_invisible(c) => write!(f, "\\u{{{:x}}}", u32::from(c)),
        _ => f.write_char(c),
    }
}

/// Beyond ASCII: controls, line and paragraph separators, what turns the direction of writing, and what has no width.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_forge_is_written_out() {
        for (octets, expected) in [
            (&b"plain text@example.org"[..], "plain text@example.org"),
            (b"a\r\nb\tc\0\x7f", r"a\x0d\x0ab\x09c\x00\x7f"),
            (b"x>, from=<evil", r"x\x3e\x2c from=\x3cevil"),
            (b"a;b\"c\\d", r"a\x3bb\x22c\x5cd"),
            ("grün@例え".as_bytes(), "grün@例え"),
            (b"a\xffb\xe2\x82", r"a\xffb\xe2\x82"),
            ("a\u{202e}b\u{2028}c\u{85}d".as_bytes(), r"a\u{202e}b\u{2028}c\u{85}d"),
        ] {
            assert_eq!(escape(octets).to_string(), expected);
        }
        assert_eq!(escape(&[b'x'; 5000]).to_string(), "x".repeat(LONGEST) + "...");
        assert_eq!(escape(&[b'x'; LONGEST]).to_string(), "x".repeat(LONGEST));
    }

    proptest! {
        #[test]
        fn promise_7_no_octets_leave_their_field(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = escape(&octets).to_string();
            prop_assert!(!text.contains(|c: char| c.is_control() || "\",;<>".contains(c)));
            let line = escape_line(&octets).to_string();
            prop_assert!(!line.contains(char::is_control));
        }
    }
}
