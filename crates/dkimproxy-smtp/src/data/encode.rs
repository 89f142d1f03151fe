//! Message -> mail data.

use memchr::memmem;

/// Writes a message as mail data: stuffs dots at line starts, ends it.
///
/// ```
/// # use dkimproxy_smtp::data::DataEncoder;
/// # let mut out = Vec::new();
/// let mut encoder = DataEncoder::new();
/// for mut chunk in [&b"Subject: x\r\n\r\n"[..], b".hidden\r\n"] {
///     while let Some(piece) = encoder.next_piece(&mut chunk) {
///         out.extend_from_slice(piece);
///     }
/// }
/// out.extend_from_slice(encoder.finish());
/// assert_eq!(out, b"Subject: x\r\n\r\n..hidden\r\n.\r\n");
/// ```
#[derive(Debug, Clone)]
pub struct DataEncoder {
    /// The last two octets sent.
    previous: [u8; 2],
}

impl DataEncoder {
    /// At the start of the mail data.
    pub fn new() -> Self {
        // The DATA command ended in CRLF.
        Self { previous: *b"\r\n" }
    }

    /// The next octets to send: a slice of `chunk`, which is moved on past it, or a stuffed dot. None: `chunk` is
    /// used up. Pieces are never empty.
    pub fn next_piece<'a>(&mut self, chunk: &mut &'a [u8]) -> Option<&'a [u8]> {
        if *chunk.first()? == b'.' && self.previous[1] == b'\n' {
            self.previous = *b"\n.";
            return Some(b".");
        }
        // Dots at line starts are rare: one search finds them. The search is for LF, not CRLF, in case a bare LF ever
        // gets here: to a relay that takes it for a line end, the dot after it must be stuffed.
        let end = memmem::find(chunk, b"\n.").map_or(chunk.len(), |at| at + 1);
        let (run, rest) = chunk.split_at_checked(end)?;
        *chunk = rest;
        self.previous = match *run {
            [.., before, last] => [before, last],
            [last] => [self.previous[1], last],
            [] => self.previous,
        };
        Some(run)
    }

    /// All octets to send for `chunk`, to `sink`.
    pub fn encode(&mut self, mut chunk: &[u8], mut sink: impl FnMut(&[u8])) {
        while let Some(piece) = self.next_piece(&mut chunk) {
            sink(piece);
        }
    }

    /// What ends the mail data: "." CRLF, with a CRLF before it if the message did not end in one (RFC 5321 section
    /// 4.1.1.4: "An extra `<CRLF>` MUST NOT be added" otherwise).
    pub fn finish(self) -> &'static [u8] {
        if self.previous == *b"\r\n" { b".\r\n" } else { b"\r\n.\r\n" }
    }
}

impl Default for DataEncoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut encoder = DataEncoder::new();
        let mut out = Vec::new();
        for chunk in chunks {
            encoder.encode(chunk, |piece| out.extend_from_slice(piece));
        }
        out.extend_from_slice(encoder.finish());
        out
    }

    #[test]
    fn dots_at_line_starts_are_stuffed_and_the_end_is_marked() {
        let rows: &[(&str, &str)] = &[
            ("", ".\r\n"),
            ("x\r\n", "x\r\n.\r\n"),
            ("x", "x\r\n.\r\n"),
            ("x\r\n\r\n", "x\r\n\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("..\r\n.x\r\n", "...\r\n..x\r\n.\r\n"),
            ("x.\r\n y.\r\n", "x.\r\n y.\r\n.\r\n"),
            ("x\n.y", "x\n..y\r\n.\r\n"),
            ("x\n", "x\n\r\n.\r\n"),
        ];
        for (message, wire) in rows {
            assert_eq!(encode([message.as_bytes()]), wire.as_bytes(), "{message:?}");
        }
    }

    /// Octet by octet.
    fn obvious(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, &octet) in message.iter().enumerate() {
            if octet == b'.' && (at == 0 || message[at - 1] == b'\n') {
                out.push(b'.');
            }
            out.push(octet);
        }
        if !message.is_empty() && !message.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_mail_data(
            message in proptest::collection::vec(proptest::sample::select(&b"x.\r\n"[..]), 0..60),
            size in 1usize..12,
        ) {
            prop_assert_eq!(encode(message.chunks(size)), obvious(&message));
        }
    }

    #[test]
    fn runs_are_slices_of_the_input() {
        let message = b"one\r\ntwo\r\n.three\r\nfour\r\n".repeat(2);
        let mut encoder = DataEncoder::new();
        let mut pieces = Vec::new();
        encoder.encode(&message, |piece| pieces.push(piece.len()));
        assert_eq!(pieces, [10, 1, 24, 1, 14], "two stuffed dots, and as few runs as that leaves");
    }
}
