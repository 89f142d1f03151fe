//! The end of a body, which both algorithms treat alike: empty lines there are dropped, and the last line ends in CRLF.

use super::Algorithm;

/// Passes a body on, but for the empty lines at its end. Knows nothing of white space.
#[derive(Debug, Default)]
pub(crate) struct EmptyLines {
    /// CRLFs held back. Counted, not kept: a body may consist of them.
    crlfs: u64,
    /// A CR held back behind them: the first half of another CRLF, or not.
    cr: bool,
    /// Something else than CRLFs was passed on.
    content: bool,
}

impl EmptyLines {
    pub(crate) fn push(&mut self, piece: &[u8], sink: &mut impl FnMut(&[u8])) {
        let piece = match (self.cr, piece) {
            (_, []) => return,
            (true, [b'\n', rest @ ..]) => {
                self.crlfs += 1;
                rest
            }
            (true, _) => {
                self.write_held(sink);
                sink(b"\r");
                piece
            }
            (false, _) => piece,
        };
        self.cr = piece.ends_with(b"\r");
        let mut content = piece.strip_suffix(b"\r").unwrap_or(piece);
        let mut crlfs = 0;
        while let [rest @ .., b'\r', b'\n'] = content {
            content = rest;
            crlfs += 1;
        }
        if !content.is_empty() {
            self.write_held(sink);
            sink(content);
        }
        self.crlfs += crlfs;
    }

    /// The body has ended: "If there is no body or no trailing CRLF on the message body, a CRLF is added" (3.4.3), but
    /// relaxed adds one only "if the body is non-empty" (3.4.4).
    pub(crate) fn finish(mut self, algorithm: Algorithm, sink: &mut impl FnMut(&[u8])) {
        if self.cr {
            self.write_held(sink);
            sink(b"\r");
        }
        if self.content || algorithm == Algorithm::Simple {
            sink(b"\r\n");
        }
    }

    /// What was held back is not at the end: content follows.
    fn write_held(&mut self, sink: &mut impl FnMut(&[u8])) {
        const TWO: &[u8; 2] = b"\r\n";
        const MANY: [[u8; 2]; 512] = [*TWO; 512];
        while self.crlfs > 0 {
            let count = self.crlfs.min(512);
            let (crlfs, _) = MANY.as_flattened().split_at(2 * count as usize);
            sink(crlfs);
            self.crlfs -= count;
        }
        self.content = true;
    }
}
