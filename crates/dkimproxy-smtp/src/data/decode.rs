//! Mail data -> message.

/// What is done with a CR or LF that is not part of a CRLF (RFC 5321 section 2.3.8 forbids clients to send one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StrayNewlines {
    /// A bare LF becomes CRLF, a stray CR becomes SP, as Postfix does. Never does either end the mail data.
    #[default]
    Normalize,
    /// The message is to be refused: it is read to its end, and nothing more of it handed out.
    Reject,
}

/// Takes the mail data out of what follows the 354 reply: stuffed dots removed, newlines made strict.
///
/// ```
/// # use dkimproxy_smtp::data::{DataDecoder, StrayNewlines};
/// # let mut message = Vec::new();
/// let mut decoder = DataDecoder::new(StrayNewlines::Normalize);
/// let mut input = &b"Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n"[..];
/// while let Some(piece) = decoder.next_piece(&mut input) {
///     message.extend_from_slice(piece);
/// }
/// assert!(decoder.is_ended());
/// assert_eq!(message, b"Subject: x\r\n\r\n.\r\n");
/// assert_eq!(input, b"QUIT\r\n");
/// ```
#[derive(Debug, Clone)]
pub struct DataDecoder {
    policy: StrayNewlines,
    state: State,
    /// Octets of mail data taken in.
    taken: u64,
    first_stray: Option<u64>,
}

/// What was read last. CRs and dots that may yet turn out to be part of CRLF or of the end are taken in, but not
/// handed out: the state stands for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// CRLF, or nothing yet.
    LineStart,
    /// An octet that is neither of the below; also a bare LF, so that a dot after it is just a dot.
    Text,
    /// A CR.
    Cr,
    /// A dot at the start of a line. It is dropped, whatever follows.
    Dot,
    /// A dot at the start of a line, and a CR.
    DotCr,
    /// CRLF "." CRLF.
    Ended,
}

impl DataDecoder {
    /// At the start of the mail data.
    pub fn new(policy: StrayNewlines) -> Self {
        // The DATA command ended in CRLF: "." CRLF right at the start is the end of an empty message.
        Self { policy, state: State::LineStart, taken: 0, first_stray: None }
    }

    /// The next piece of the message: a slice of `input` where possible, which is moved on past it. None: `input` is
    /// used up, or the mail data ended before what is left in it. Pieces are never empty.
    pub fn next_piece<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let piece = self.step(input)?;
            if !piece.is_empty() && !self.is_refused() {
                return Some(piece);
            }
        }
    }

    /// All pieces of `input`, to `sink`. Returns the number of octets that belonged to the mail data; less than
    /// `input.len()` only when it ended.
    ///
    /// Short pieces come gathered into longer ones: text that is all newlines and dots makes a piece of every octet,
    /// and what a sink does for each piece shall not be the sender's choice.
    pub fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> usize {
        let mut rest = input;
        let mut gathered = Vec::new();
        while let Some(piece) = self.next_piece(&mut rest) {
            let short = piece.len() < SHORT_PIECE;
            if !gathered.is_empty() && (!short || gathered.len() >= GATHER) {
                sink(&gathered);
                gathered.clear();
            }
            if short { gathered.extend_from_slice(piece) } else { sink(piece) }
        }
        if !gathered.is_empty() {
            sink(&gathered);
        }
        input.len() - rest.len()
    }

    /// True once CRLF "." CRLF was read.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Where the first bare LF or stray CR stood: octets of mail data as received before it.
    pub fn first_stray(&self) -> Option<u64> {
        self.first_stray
    }

    /// True if the policy is `Reject` and a bare LF or stray CR was seen.
    pub fn is_refused(&self) -> bool {
        self.policy == StrayNewlines::Reject && self.first_stray.is_some()
    }

    /// One transition. None: no input, or the end was read before.
    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        use State::{Cr, Dot, DotCr, Ended, LineStart, Text};
        let first = *input.first()?;
        let (piece, taken, state): (&[u8], usize, State) = match (self.state, first) {
            (Ended, _) => return None,
            (LineStart, b'.') => (b"", 1, Dot),
            (Dot, b'\r') => (b"", 1, DotCr),
            (DotCr, b'\n') => (b"", 1, Ended),
            (Dot, _) => (b"", 0, Text),
            (Cr, b'\n') => (b"\r\n", 1, LineStart),
            (Cr | DotCr, _) => {
                self.stray(self.taken.saturating_sub(1));
                (b" ", 0, Text)
            }
            (LineStart | Text, b'\n') => {
                self.stray(self.taken);
                (b"\r\n", 1, Text)
            }
            (LineStart | Text, _) => return Some(self.run(input)),
        };
        self.take(input, taken);
        self.state = state;
        Some(piece)
    }

    /// The longest run of octets that pass unchanged; they begin neither with LF nor with a dot at a line start.
    fn run<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let last = input.len().saturating_sub(1);
        let at = first_irregular(input).unwrap_or(last);
        // A CR that LF does not follow, or not yet, is left to `step`. Otherwise the octet at the irregularity is still
        // fine, and the one after it is a bare LF or a dot at a line start.
        let cr = input.get(at) == Some(&b'\r');
        let run = self.take(input, if cr { at } else { at + 1 });
        if cr {
            self.take(input, 1);
            self.state = State::Cr;
        } else {
            self.state = if run.ends_with(b"\n") { State::LineStart } else { State::Text };
        }
        run
    }

    fn take<'a>(&mut self, input: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
        *input = rest;
        self.taken += taken.len() as u64;
        taken
    }

    fn stray(&mut self, offset: u64) {
        self.first_stray.get_or_insert(offset);
    }
}

/// Pieces of fewer octets are not worth a call of the sink.
const SHORT_PIECE: usize = 64;

/// So many octets of them are.
const GATHER: usize = 4096;

/// The index of the first octet that forms an irregular pair with the one after it.
fn first_irregular(text: &[u8]) -> Option<usize> {
    // A whole block is judged without a branch, which the compiler turns into vector instructions: ordinary lines cost
    // no work each. Blocks are short, so that text full of irregularities costs little more than its length.
    const BLOCK: usize = 128;
    let following = text.get(1..)?;
    let mut start = 0;
    for (first, second) in text.chunks(BLOCK).zip(following.chunks(BLOCK)) {
        let pairs = || first.iter().zip(second);
        if pairs().fold(false, |found, (a, b)| found | is_irregular(*a, *b)) {
            return pairs().position(|(a, b)| is_irregular(*a, *b)).map(|at| start + at);
        }
        start += BLOCK;
    }
    None
}

/// A CR before something else than LF, an LF after something else than CR, or a dot after LF.
fn is_irregular(first: u8, second: u8) -> bool {
    ((first == b'\r') != (second == b'\n')) | ((first == b'\n') & (second == b'.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::DataEncoder, *};

    /// What a decoder makes of input in chunks.
    #[derive(Debug, PartialEq, Eq)]
    struct Decoded {
        message: Vec<u8>,
        taken: usize,
        ended: bool,
        first_stray: Option<u64>,
    }

    fn decode<'a>(policy: StrayNewlines, chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
        let mut decoder = DataDecoder::new(policy);
        let mut message = Vec::new();
        let mut taken = 0;
        for chunk in chunks {
            taken += decoder.decode(chunk, |piece| {
                assert!(!piece.is_empty());
                message.extend_from_slice(piece);
            });
        }
        Decoded { message, taken, ended: decoder.is_ended(), first_stray: decoder.first_stray() }
    }

    fn normalize<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
        decode(StrayNewlines::Normalize, chunks)
    }

    /// The whole of the mail data at once, in the plainest words. `input` must have an end.
    fn obvious(input: &[u8]) -> Decoded {
        let with_crlf = [b"\r\n", input].concat();
        let end = with_crlf.windows(5).position(|window| window == b"\r\n.\r\n").unwrap();
        let mut message = Vec::new();
        let mut first_stray = None;
        let mut at = 0;
        while at < end {
            let rest = &input[at..end];
            let line_start = at == 0 || input[..at].ends_with(b"\r\n");
            if rest.starts_with(b"\r\n") {
                message.extend_from_slice(b"\r\n");
                at += 2;
                continue;
            }
            match rest[0] {
                b'.' if line_start => {}
                b'\n' => message.extend_from_slice(b"\r\n"),
                b'\r' => message.push(b' '),
                octet => message.push(octet),
            }
            if b"\r\n".contains(&rest[0]) {
                first_stray = first_stray.or(Some(at as u64));
            }
            at += 1;
        }
        Decoded { message, taken: end + 3, ended: true, first_stray }
    }

    fn encode(message: &[u8]) -> Vec<u8> {
        let mut encoder = DataEncoder::new();
        let mut out = Vec::new();
        encoder.encode(message, |piece| out.extend_from_slice(piece));
        out.extend_from_slice(encoder.finish());
        out
    }

    /// Strings over {x, ".", CR, LF} of that length, in the order of counting.
    fn strings(length: u32) -> impl Iterator<Item = Vec<u8>> {
        (0..4usize.pow(length))
            .map(move |number| (0..length).map(|place| b"x.\r\n"[number / 4usize.pow(place) % 4]).collect())
    }

    #[test]
    fn every_short_string_at_every_split_equals_the_obvious_decoding() {
        for text in (0..=7).flat_map(strings) {
            let input = [&text[..], b"\r\n.\r\nQUIT\r\n"].concat();
            let expected = obvious(&input);
            for split in 0..=text.len() + 5 {
                assert_eq!(normalize([&input[..split], &input[split..]]), expected, "{input:?} at {split}");
            }
            assert_eq!(normalize(input.chunks(1)), expected, "{input:?} octet by octet");
        }
    }

    #[test]
    fn every_short_string_survives_encoding_and_leaves_without_stray_newlines() {
        for text in (0..=7).flat_map(strings) {
            let message = normalize([&text[..], b"\r\n.\r\n"]).message;
            let wire = encode(&message);
            let again = normalize([&wire[..]]);
            assert_eq!((again.message, again.taken, again.first_stray), (message, wire.len(), None), "{text:?}");
            assert!(lenient_end(&wire) == wire.len(), "{text:?} smuggles");
        }
    }

    /// Where a relay ends the mail data that takes bare CR and bare LF for line ends.
    fn lenient_end(wire: &[u8]) -> usize {
        let mut line = Vec::new();
        for (at, &octet) in wire.iter().enumerate() {
            let next = wire.get(at + 1);
            let ends_line = octet == b'\n' || (octet == b'\r' && next != Some(&b'\n'));
            if ends_line && line.strip_suffix(b"\r").unwrap_or(&line) == b"." {
                return at + 1;
            }
            if ends_line { line.clear() } else { line.push(octet) }
        }
        wire.len()
    }

    #[test]
    fn nothing_smuggles() {
        let look_alikes: [&[u8]; 16] = [
            b"\n.\n",
            b"\n.\r\n",
            b"\r.\r\n",
            b"\r.\r",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r\n\0.\r\n",
            b"\r\n.\0\r\n",
            b"\r\n..\n",
            b"\n..\r\n",
            b"\r\n.\r\r\n",
            b"\r\n. \r\n",
            b"\n.\r",
            b"\r.\n",
            b"\r\n.\n\r\n",
            b"\r\n.\r\0\n",
        ];
        let follow_up = b"MAIL FROM:<evil@x>\r\nRCPT TO:<victim@y>\r\nDATA\r\n";
        for start in [&b""[..], b"Subject: x", b"Subject: x\r\n\r\nbody"] {
            for look_alike in look_alikes {
                let input = [start, look_alike, follow_up, b"\r\n.\r\nQUIT\r\n"].concat();
                for split in 0..=input.len() {
                    stays_inside(&input, split, follow_up);
                }
            }
        }
    }

    fn stays_inside(input: &[u8], split: usize, follow_up: &[u8]) {
        let decoded = normalize([&input[..split], &input[split..]]);
        assert_eq!(decoded.taken, input.len() - b"QUIT\r\n".len(), "{input:?} at {split}");
        assert!(decoded.message.windows(follow_up.len()).any(|window| window == follow_up));
        let wire = encode(&decoded.message);
        assert_eq!(lenient_end(&wire), wire.len(), "{input:?} at {split}");

        let rejected = decode(StrayNewlines::Reject, [&input[..split], &input[split..]]);
        assert_eq!((rejected.taken, rejected.ended), (decoded.taken, true), "refused, but read to the true end");
        assert!(decoded.message.starts_with(&rejected.message));
    }

    #[test]
    fn a_stray_cr_before_the_end_does_not_hide_it() {
        let decoded = normalize([&b"x\r\r\n.\r\nQUIT\r\n"[..]]);
        assert_eq!((&decoded.message[..], decoded.taken), (&b"x \r\n"[..], 7));
    }

    #[test]
    fn what_becomes_of_it() {
        let rows: &[(&[u8], &[u8])] = &[
            (b".\r\n", b""),
            (b"\r\n.\r\n", b"\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b".x\r\n.\r\n", b"x\r\n"),
            (b"a\nb\rc\r\n.\r\n", b"a\r\nb c\r\n"),
            // A dot after a bare LF stands at no line start, so it was not stuffed.
            (b"a\n..\n.b\r\n.\r\n", b"a\r\n..\r\n.b\r\n"),
            (b"a\0\xff\x80\r\n.\r\n", b"a\0\xff\x80\r\n"),
            (b"\r\n.\n\r\n.\r\n", b"\r\n\r\n\r\n"),
        ];
        for (input, message) in rows {
            let decoded = normalize([*input]);
            assert_eq!((&decoded.message[..], decoded.ended), (*message, true), "{input:?}");
            assert_eq!(decoded.taken, input.len());
        }
    }

    #[test]
    fn rejecting_hands_out_nothing_from_the_stray_newline_on() {
        let mut decoder = DataDecoder::new(StrayNewlines::Reject);
        let mut message = Vec::new();
        assert_eq!(decoder.decode(b"one\r\ntwo\nthree\r\n", |piece| message.extend_from_slice(piece)), 16);
        assert!(decoder.is_refused() && !decoder.is_ended());
        assert_eq!(decoder.first_stray(), Some(8));
        assert_eq!(decoder.decode(b"x\r\n.\r\nQUIT\r\n", |_| unreachable!()), 6);
        assert!(decoder.is_ended());
        assert_eq!(message, b"one\r\ntwo");
    }

    #[test]
    fn ordinary_lines_come_out_as_one_slice_of_the_input() {
        let lines = b"An ordinary line of text, as they are.\r\n".repeat(1000);
        let input = [&lines[..], b"..", &lines].concat();
        let mut pieces = Vec::new();
        let mut decoder = DataDecoder::new(StrayNewlines::Normalize);
        decoder.decode(&input, |piece| pieces.push(piece.as_ptr_range()));
        let (before, from_dot) = input.split_at(lines.len());
        assert_eq!(pieces, [before.as_ptr_range(), from_dot[1..].as_ptr_range()], "only the stuffed dot interrupts");
    }

    #[test]
    fn short_pieces_come_gathered() {
        for text in ["\n", "\r", ".\r\n", "x\r\n.", "\r\n..y\n"] {
            let input = text.repeat(20_000 / text.len());
            let mut calls = 0;
            let mut decoder = DataDecoder::new(StrayNewlines::Normalize);
            decoder.decode(&[b"x", input.as_bytes()].concat(), |_| calls += 1);
            assert!(calls <= 12, "{calls} calls for {text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_chunking_of_long_text_equals_the_obvious_decoding(
            text in proptest::collection::vec(proptest::sample::select(&b"xxxxxxxxxxxxxxxxxxxxxx.\r\n"[..]), 0..1000),
            strict in any::<bool>(),
            size in 1usize..400,
        ) {
            // Only text with strict newlines reaches the long runs.
            let mut text = String::from_utf8(text).unwrap();
            if strict {
                text = text.replace('\r', "").replace('\n', "\r\n");
            }
            let input = [text.as_bytes(), b"\r\n.\r\nQUIT\r\n"].concat();
            prop_assert_eq!(normalize(input.chunks(size)), obvious(&input));
        }
    }
}
