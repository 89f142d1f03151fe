//! Mail data: dot decoding and encoding, strict CRLF, and the policy for bare CR and LF (RFC 5321 section 4.5.2, 2.3.8).

/// What is done with a CR or LF that is not part of a CRLF (RFC 5321 section 2.3.8 forbids clients to send one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StrayNewlines {
    /// A bare LF becomes CRLF, a stray CR becomes SP. Never does either end the mail data.
    #[default]
    Normalize,
    /// The message is to be refused: read to its end, nothing more of it handed out.
    Reject,
}

/// Takes the mail data out of what follows the 354 reply: dots removed, newlines made strict.
///
/// ```text
/// while let Some(piece) = decoder.next_piece(&mut input) { spool.write(piece) }
/// if decoder.is_ended() { /* `input` is what follows: pipelined commands */ }
/// ```
#[derive(Debug, Clone)]
pub struct DataDecoder {
    _policy: StrayNewlines,
}

impl DataDecoder {
    /// At the start of the mail data.
    pub fn new(policy: StrayNewlines) -> Self {
        Self { _policy: policy }
    }

    /// The next piece of the message: a slice of `input` where possible, which is moved on past it. None: `input` is
    /// used up, or the mail data ended before what is left in it. Pieces are never empty.
    pub fn next_piece<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        let _ = input;
        todo!()
    }

    /// All pieces of `input`, to `sink`. Returns the number of octets that belonged to the mail data; less than
    /// `input.len()` only when it ended.
    pub fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> usize {
        let mut rest = input;
        while let Some(piece) = self.next_piece(&mut rest) {
            sink(piece);
        }
        input.len() - rest.len()
    }

    /// True once CRLF "." CRLF was read.
    pub fn is_ended(&self) -> bool {
        todo!()
    }

    /// Where the first bare LF or stray CR stood: octets of mail data as received before it.
    pub fn first_stray(&self) -> Option<u64> {
        todo!()
    }

    /// True if the policy is `Reject` and a bare LF or stray CR was seen.
    pub fn is_refused(&self) -> bool {
        todo!()
    }
}

/// Writes a message as mail data: stuffs dots at line starts, ends it.
///
/// ```text
/// while let Some(piece) = encoder.next_piece(&mut chunk) { out.push(IoSlice::new(piece)) }
/// ... at the end: out.push(encoder.finish())
/// ```
#[derive(Debug, Clone, Default)]
pub struct DataEncoder {}

impl DataEncoder {
    /// At the start of the mail data.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next octets to send: a slice of `chunk`, which is moved on past it, or a stuffed dot. None: `chunk` is
    /// used up. Pieces are never empty.
    pub fn next_piece<'a>(&mut self, chunk: &mut &'a [u8]) -> Option<&'a [u8]> {
        let _ = chunk;
        todo!()
    }

    /// All octets to send for `chunk`, to `sink`.
    pub fn encode(&mut self, mut chunk: &[u8], mut sink: impl FnMut(&[u8])) {
        while let Some(piece) = self.next_piece(&mut chunk) {
            sink(piece);
        }
    }

    /// What ends the mail data: "." CRLF, with a CRLF before it if the message did not end in one.
    pub fn finish(self) -> &'static [u8] {
        todo!()
    }
}
