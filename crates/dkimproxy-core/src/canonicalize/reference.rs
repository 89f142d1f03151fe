//! The canonicalization of bodies once more: slow, whole, and to the letter of sections 3.4.3 and 3.4.4. It has no other
//! use than to check the stream, in tests and while fuzzing.

use super::Algorithm;

/// The canonical form of a whole body.
pub(crate) fn body(algorithm: Algorithm, body: &[u8]) -> Vec<u8> {
    let mut lines = lines(body);
    if algorithm == Algorithm::Relaxed {
        for line in &mut lines {
            *line = reduce_white_space(line);
        }
    }
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    if lines.is_empty() && algorithm == Algorithm::Simple {
        lines.push(Vec::new());
    }
    lines.iter().flat_map(|line| [line, &b"\r\n"[..]].concat()).collect()
}

/// The lines without their CRLF; empty after a final CRLF.
fn lines(body: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let mut octets = body.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        if octet == b'\r' && octets.next_if_eq(&b'\n').is_some() {
            lines.push(Vec::new());
        } else if let Some(line) = lines.last_mut() {
            line.push(octet);
        }
    }
    lines
}

/// "Ignore all whitespace at the end of lines. [...] Reduce all sequences of WSP within a line to a single SP."
fn reduce_white_space(line: &[u8]) -> Vec<u8> {
    let mut reduced: Vec<u8> = Vec::new();
    for &octet in line {
        match octet {
            b' ' | b'\t' if reduced.last() == Some(&b' ') => {}
            b'\t' => reduced.push(b' '),
            _ => reduced.push(octet),
        }
    }
    if reduced.last() == Some(&b' ') {
        reduced.pop();
    }
    reduced
}
