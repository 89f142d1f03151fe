//! Messages of every kind, each with a number of its own.

use crate::rng::Rng;
use integration_tests::messages;

/// Author domains, so that DNS is asked again and again though answers are remembered.
pub(crate) const DOMAINS: usize = 100;

/// The field that carries the number.
pub(crate) const ID: &str = "X-Soak-Id";

/// A message.
pub(crate) struct Mail {
    pub(crate) id: u64,
    pub(crate) domain: usize,
    /// As it is handed in.
    pub(crate) message: Vec<u8>,
}

impl Mail {
    pub(crate) fn new(id: u64, rng: &mut Rng) -> Self {
        let domain = rng.below(DOMAINS);
        let body = body(rng);
        let mut message = format!(
            "From: Jean Kevin <jean@d{domain}.example.net>\r\nTo: pierre@example.org\r\nSubject: soak\r\n{ID}: {id}\r\n\
             Date: Tue, 26 Jan 2010 12:57:07 +0100\r\nMessage-ID: <{id}@d{domain}.example.net>\r\n"
        )
        .into_bytes();
        // Some have no body, not even the empty line before it.
        if !rng.percent(2) {
            message.extend_from_slice(b"\r\n");
            message.extend_from_slice(&body);
        }
        Self { id, domain, message }
    }

    /// What the next hop must get of it, below our fields: with newlines as they are normalized.
    pub(crate) fn expected(&self) -> Vec<u8> {
        let mut ended = self.message.clone();
        if !ended.ends_with(b"\r\n") {
            ended.extend_from_slice(b"\r\n");
        }
        normalized(&ended)
    }
}

/// The number of a message that arrived.
pub(crate) fn id_of(message: &[u8]) -> Option<u64> {
    // The fields before it are short, and bodies may be long.
    let head = message.get(..16_384).unwrap_or(message);
    messages::fields(head, ID).first()?.parse().ok()
}

/// A bare LF becomes CRLF, a stray CR a blank.
fn normalized(message: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(message.len());
    for (at, &octet) in message.iter().enumerate() {
        let after_cr = at > 0 && message[at - 1] == b'\r';
        let before_lf = message.get(at + 1) == Some(&b'\n');
        match octet {
            b'\n' if !after_cr => all.extend_from_slice(b"\r\n"),
            b'\r' if !before_lf => all.push(b' '),
            octet => all.push(octet),
        }
    }
    all
}

fn body(rng: &mut Rng) -> Vec<u8> {
    let lines = rng.below(40);
    match rng.below(100) {
        0..40 => text(rng, lines, b"abc def  ghi \tjkl.", b"\r\n"),
        40..55 => text(rng, lines, b". .", b"\r\n"),
        55..65 => text(rng, lines, b"\x80\xff\0 x\t", b"\r\n"),
        65..72 => text(rng, lines, b"x. \r\n", b"\n"),
        72..80 => b"\r\n".repeat(lines),
        80..86 => text(rng, 1, b"one long line ", b"").repeat(1 + rng.below(1000)),
        86..90 => Vec::new(),
        90..98 => text(rng, 50, b"abc def", b"\r\n").repeat(1 + rng.below(60)),
        _ => text(rng, 500, b"abc. def\t ", b"\r\n").repeat(1 + rng.below(150)),
    }
}

/// Lines of these octets.
fn text(rng: &mut Rng, lines: usize, octets: &[u8], end: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..lines {
        for _ in 0..rng.below(70) {
            text.push(rng.pick(octets));
        }
        text.extend_from_slice(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_are_normalized() {
        assert_eq!(normalized(b"a\nb\rc\r\n\n\r\r\n"), b"a\r\nb c\r\n\r\n \r\n");
    }

    #[test]
    fn a_message_is_known_by_its_number() {
        let mail = Mail::new(77, &mut Rng::new(1, 2));
        assert_eq!(id_of(&mail.expected()), Some(77));
    }
}
