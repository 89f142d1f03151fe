//! Header fields (3.4.1, 3.4.2).

use super::Algorithm;
use crate::header;

/// Appends the canonical form of a whole field ([`Field::raw`](crate::header::Field::raw)). It ends in exactly one
/// CRLF, whether or not the field does.
pub fn header_field(algorithm: Algorithm, raw: &[u8], out: &mut Vec<u8>) {
    signature_field(algorithm, raw, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the canonical form of the field that holds the signature itself, the value of its b= already deleted: "the
/// DKIM-Signature header field MUST be \[hashed\] without a trailing CRLF" (section 3.7).
pub fn signature_field(algorithm: Algorithm, raw: &[u8], out: &mut Vec<u8>) {
    let field = raw.strip_suffix(b"\r\n").unwrap_or(raw);
    match algorithm {
        Algorithm::Simple => out.extend_from_slice(field),
        Algorithm::Relaxed => relax(field, out),
    }
}

fn relax(field: &[u8], out: &mut Vec<u8>) {
    let (name, rest) = field.split_at_checked(header::name_len(field)).unwrap_or_default();
    out.reserve(field.len());
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    let mut rest = rest;
    if !name.is_empty() {
        rest = rest.trim_ascii_start().strip_prefix(b":").unwrap_or(rest);
        out.push(b':');
    }
    relax_body(rest, out);
}

/// Unfolds, makes one SP of each run of white space, and removes it at both ends.
fn relax_body(body: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut space = false;
    let mut rest = body;
    loop {
        rest = match rest {
            [] => return,
            [b' ' | b'\t', tail @ ..] | [b'\r', b'\n', b' ' | b'\t', tail @ ..] => {
                space = true;
                tail
            }
            // The first octet is ordinary, even if it is a CR.
            [_, tail @ ..] => {
                if std::mem::take(&mut space) && out.len() > start {
                    out.push(b' ');
                }
                let is_special = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r');
                let plain = tail.iter().position(is_special).unwrap_or(tail.len());
                let (word, later) = rest.split_at_checked(1 + plain).unwrap_or((rest, b""));
                out.extend_from_slice(word);
                later
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field, relaxed form.
    const RELAXED: &[(&str, &str, &str)] = &[
        ("C18 section 3.4.5, first", "A: X\r\n", "a:X\r\n"),
        ("C18 section 3.4.5, second", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"),
        ("C6 name in lower case", "SUBJect: AbC\r\n", "subject:AbC\r\n"),
        ("C6 unfold", "A: b\r\n c\r\n", "a:b c\r\n"),
        ("C6 unfold with white space on both sides", "A: b \t\r\n\t c\r\n", "a:b c\r\n"),
        ("C6 several folds", "A: b\r\n \r\n\t\r\n c\r\n", "a:b c\r\n"),
        ("C6 runs of white space", "A: b \t  c\td\r\n", "a:b c d\r\n"),
        ("C6 white space at the end", "A: b \t \r\n", "a:b\r\n"),
        ("C6 fold at the end", "A: b\r\n \r\n", "a:b\r\n"),
        ("C6 fold after the colon", "A:\r\n b\r\n", "a:b\r\n"),
        ("C6 no white space after the colon", "A:b\r\n", "a:b\r\n"),
        ("C6 further colons", "A: b : c:d\r\n", "a:b : c:d\r\n"),
        ("C7 white space before the colon", "Subject \t : x\r\n", "subject:x\r\n"),
        ("C8 empty", "Subject:\r\n", "subject:\r\n"),
        ("C8 only white space", "Subject: \t \r\n", "subject:\r\n"),
        ("C8 only folds", "Subject:\r\n \r\n\t\r\n", "subject:\r\n"),
        ("C9 a line of white space", "A: b\r\n \t \r\n c\r\n", "a:b c\r\n"),
        ("C10 8-bit octets", "\u{41}: \u{dc} \u{a0}\u{a0}  x\r\n", "a:\u{dc} \u{a0}\u{a0} x\r\n"),
        ("C10 VT and FF are no white space", "A: b\x0b\x0b \x0c\r\n", "a:b\x0b\x0b \x0c\r\n"),
        ("C16 bare CR and LF are ordinary", "A: b\n c\r d\r\n", "a:b\n c\r d\r\n"),
        ("H8 no CRLF", "A: b", "a:b\r\n"),
        ("H8 no CRLF after white space", "A: b ", "a:b\r\n"),
        ("H8 half a CRLF", "A: b\r", "a:b\r\r\n"),
    ];

    #[test]
    fn c6_to_c10_relaxed() {
        for (what, field, expected) in RELAXED {
            let mut out = b"before ".to_vec();
            header_field(Algorithm::Relaxed, field.as_bytes(), &mut out);
            assert_eq!(out, [b"before ", expected.as_bytes()].concat(), "{what}");
        }
    }

    #[test]
    fn c5_simple() {
        for field in ["A: X\r\n", "B : Y\t\r\n\tZ  \r\n", "Subject:\r\n", "A:\u{dc}\r\n"] {
            let mut out = Vec::new();
            header_field(Algorithm::Simple, field.as_bytes(), &mut out);
            assert_eq!(out, field.as_bytes());
        }
        let mut out = Vec::new();
        header_field(Algorithm::Simple, b"A: b", &mut out);
        assert_eq!(out, b"A: b\r\n");
    }

    /// Signature field without the value of b=, its simple and its relaxed form.
    const SIGNATURES: &[(&str, &str, &str, &str)] = &[
        ("B5 B6 b= last", "DKIM-Signature: v=1;\r\n b=\r\n", "DKIM-Signature: v=1;\r\n b=", "dkim-signature:v=1; b="),
        ("B5 B6 final semicolon", "D: v=1; b=;\r\n", "D: v=1; b=;", "d:v=1; b=;"),
        ("B6 white space before b=", "D: v=1;\r\n\t b=\r\n", "D: v=1;\r\n\t b=", "d:v=1; b="),
        ("H8 no CRLF to remove", "D: v=1; b=", "D: v=1; b=", "d:v=1; b="),
    ];

    #[test]
    fn b2_no_final_crlf_for_the_signature_itself() {
        for (what, field, simple, relaxed) in SIGNATURES {
            for (algorithm, expected) in [(Algorithm::Simple, simple), (Algorithm::Relaxed, relaxed)] {
                let mut out = Vec::new();
                signature_field(algorithm, field.as_bytes(), &mut out);
                assert_eq!(out, expected.as_bytes(), "{what}");
            }
        }
    }
}
