//! Replies: those of the relay, kept octet for octet, and our own (RFC 5321 section 4.2, RFC 2034, RFC 3463).

mod standard;

use bytes::{Bytes, BytesMut};
use thiserror::Error;

pub use self::standard::Standard;
use crate::{
    command::decimal,
    line::{LineError, LineReader},
};

/// A complete reply, one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    wire: Bytes,
}

/// The first digit of a code (RFC 5321 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2xx
    Positive,
    /// 3xx
    Intermediate,
    /// 4xx
    Transient,
    /// 5xx
    Permanent,
}

impl Reply {
    /// The longest line that we write, in octets, CRLF included (RFC 5321 section 4.5.3.1.5).
    pub const MAX_OWN_LINE: usize = 512;

    /// A reply of our own: `code`, enhanced status code of the same class (empty for none), text. Each line of `text`
    /// (cut at "\n") becomes a line of the reply; octets that are not printable ASCII become "?"; lines are cut to 512
    /// octets.
    ///
    /// A code outside 200 to 599 is a mistake of the caller and counts as 451; an enhanced status code that is of
    /// another class is left out, for RFC 2034 forbids it.
    pub fn new(code: u16, enhanced: &str, text: &str) -> Self {
        let code = if is_code(code) { code } else { 451 };
        let enhanced = if is_enhanced(enhanced.as_bytes(), code) { format!("{enhanced} ") } else { String::new() };
        let mut wire = BytesMut::new();
        let mut lines = text.lines().peekable();
        loop {
            let line = lines.next().unwrap_or_default();
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            let start = format!("{code}{separator}{enhanced}");
            let room = Self::MAX_OWN_LINE.saturating_sub(start.len() + 2);
            wire.extend_from_slice(start.as_bytes());
            wire.extend(line.chars().take(room).map(printable));
            wire.extend_from_slice(b"\r\n");
            if separator == ' ' {
                return Self { code, wire: wire.freeze() };
            }
        }
    }

    /// The code: 200 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The class of the code.
    pub fn class(&self) -> Class {
        match self.code {
            ..300 => Class::Positive,
            300..400 => Class::Intermediate,
            400..500 => Class::Transient,
            500.. => Class::Permanent,
        }
    }

    /// True for 2xx.
    pub fn is_positive(&self) -> bool {
        self.class() == Class::Positive
    }

    /// True for 3xx: to DATA, "go on".
    pub fn is_intermediate(&self) -> bool {
        self.class() == Class::Intermediate
    }

    /// The enhanced status code of the first line (RFC 2034), like `4.3.0`: of the same class as the code.
    pub fn enhanced(&self) -> Option<&str> {
        let word = self.lines().next()?.split(|octet| *octet == b' ').next()?;
        let valid = is_enhanced(word, self.code);
        std::str::from_utf8(word).ok().filter(|_| valid)
    }

    /// The text of each line: what follows the code and "-" or SP. As the relay sent it: any octet but CR, LF, NUL.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.wire.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).get(4..).unwrap_or_default())
    }

    /// As on the wire, CRLF after each line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.wire
    }

    /// As on the wire, shared.
    pub fn to_wire(&self) -> Bytes {
        self.wire.clone()
    }
}

/// What is wrong with the relay's reply. The replies after it cannot be trusted: close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// A line is too long or has a bare CR, bare LF or NUL.
    #[error("reply: {0}")]
    Line(#[from] LineError),
    /// A line does not begin with a code of 200 to 599 and "-", SP or the end of line.
    #[error("reply line without a valid code")]
    Malformed,
    /// RFC 5321 section 4.2.1: "the reply code on each of the lines MUST be the same".
    #[error("lines of one reply have different codes")]
    CodesDiffer,
    /// More than `MAX_REPLY` octets or `MAX_LINES` lines.
    #[error("reply too long")]
    TooLong,
}

/// Puts the relay's lines together to replies.
#[derive(Debug, Clone)]
pub struct ReplyReader {
    lines: LineReader,
    /// The lines so far of a reply that is not complete.
    wire: BytesMut,
    /// Their code.
    code: Option<u16>,
    count: usize,
}

impl ReplyReader {
    /// The longest line of a reply in octets, CRLF included; RFC 5321 section 4.5.3.1.5 asks for 512.
    pub const MAX_LINE: usize = 4096;
    /// The longest reply in octets.
    pub const MAX_REPLY: usize = 65_536;
    /// The most lines of a reply.
    pub const MAX_LINES: usize = 1024;

    /// A reader at the start of a reply.
    pub fn new() -> Self {
        Self { lines: LineReader::new(Self::MAX_LINE), wire: BytesMut::new(), code: None, count: 0 }
    }

    /// The next whole reply, taken from the front of `input`. None: more input is needed.
    pub fn next_reply(&mut self, input: &mut BytesMut) -> Option<Result<Reply, ReplyError>> {
        loop {
            let line = self.lines.next_line(input)?;
            let reply = line.map_err(ReplyError::from).and_then(|line| self.push(&line));
            match reply {
                Ok(None) => {}
                Ok(Some(reply)) => return Some(Ok(reply)),
                Err(error) => {
                    *self = Self::new();
                    return Some(Err(error));
                }
            }
        }
    }

    /// True if the lines so far are not a whole reply.
    pub fn is_mid_reply(&self) -> bool {
        self.count > 0
    }

    /// One more line. The reply, if it was the last.
    fn push(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let (code, is_last) = parse_code(line).ok_or(ReplyError::Malformed)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(ReplyError::CodesDiffer);
        }
        self.code = Some(code);
        self.count += 1;
        self.wire.extend_from_slice(line);
        self.wire.extend_from_slice(b"\r\n");
        if self.wire.len() > Self::MAX_REPLY || self.count > Self::MAX_LINES {
            return Err(ReplyError::TooLong);
        }
        if !is_last {
            return Ok(None);
        }
        (self.code, self.count) = (None, 0);
        Ok(Some(Reply { code, wire: self.wire.split().freeze() }))
    }
}

impl Default for ReplyReader {
    fn default() -> Self {
        Self::new()
    }
}

/// Code, and whether this is the last line.
fn parse_code(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = u16::try_from(decimal(digits)?).ok().filter(|code| is_code(*code))?;
    match rest.first() {
        None | Some(b' ') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        Some(_) => None,
    }
}

fn is_code(code: u16) -> bool {
    (200..600).contains(&code)
}

/// `class "." subject "." detail` (RFC 3463 section 2), of the class of `code`.
fn is_enhanced(word: &[u8], code: u16) -> bool {
    let mut parts = word.split(|octet| *octet == b'.');
    let class = parts.next().and_then(decimal);
    let is_number = |part: &[u8]| (1..=3).contains(&part.len()) && decimal(part).is_some();
    class == Some(u64::from(code / 100)) && class != Some(3) && parts.clone().count() == 2 && parts.all(is_number)
}

fn printable(character: char) -> u8 {
    u8::try_from(character).ok().filter(|octet| matches!(octet, b' '..=b'~')).unwrap_or(b'?')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<Result<Reply, ReplyError>> {
        let mut reader = ReplyReader::new();
        let mut input = BytesMut::new();
        let mut replies = Vec::new();
        for chunk in chunks {
            input.extend_from_slice(chunk);
            while let Some(reply) = reader.next_reply(&mut input) {
                replies.push(reply);
            }
        }
        replies
    }

    fn one(wire: &[u8]) -> Result<Reply, ReplyError> {
        let mut replies = read(&[wire]);
        assert_eq!(replies.len(), 1, "{wire:?}");
        replies.remove(0)
    }

    #[test]
    fn replies_of_the_relay_stay_octet_for_octet() {
        let wires: [&[u8]; 5] = [
            b"250 2.1.0 Ok\r\n",
            b"250\r\n",
            b"250-mx.example\r\n250-PIPELINING\r\n250 SIZE 10240000\r\n",
            b"450-4.2.0 gr\xe9ylisted\t\x01 \r\n450 \r\n",
            b"354 go \r\n",
        ];
        for wire in wires {
            assert_eq!(one(wire).unwrap().as_bytes(), wire);
        }
        let all = read(&[&wires.concat()]);
        assert!(all.iter().map(|reply| reply.as_ref().unwrap().as_bytes()).eq(wires), "in order, one by one");
    }

    #[test]
    fn accessors() {
        let reply = one(b"550-5.1.1 no such user\r\n550-\r\n550 5.1.1 see elsewhere\r\n").unwrap();
        assert_eq!((reply.code(), reply.class(), reply.enhanced()), (550, Class::Permanent, Some("5.1.1")));
        assert!(reply.lines().eq([&b"5.1.1 no such user"[..], b"", b"5.1.1 see elsewhere"]));
        let rows = [
            ("250 Ok", None),
            ("250", None),
            ("250 2.0.0", Some("2.0.0")),
            ("250 4.0.0 of another class", None),
            ("450 4.1.1000 long", None),
            ("450 4.1 short", None),
            ("450 4.1.1.1 deep", None),
            ("450 4..1 empty", None),
            ("450 4.7.1, comma", None),
            ("354 3.0.0 not for this class", None),
        ];
        for (line, enhanced) in rows {
            assert_eq!(one(format!("{line}\r\n").as_bytes()).unwrap().enhanced(), enhanced, "{line}");
        }
    }

    #[test]
    fn malformed_replies() {
        let stray = ReplyError::Line(LineError::StrayControl);
        let rows: [(&[u8], ReplyError); 11] = [
            (b"\r\n", ReplyError::Malformed),
            (b"25\r\n", ReplyError::Malformed),
            (b"2500 x\r\n", ReplyError::Malformed),
            (b"+50 x\r\n", ReplyError::Malformed),
            (b"150 x\r\n", ReplyError::Malformed),
            (b"650 x\r\n", ReplyError::Malformed),
            (b"250_x\r\n", ReplyError::Malformed),
            (b"HTTP/1.1 200 OK\r\n", ReplyError::Malformed),
            (b"250-x\r\n251 x\r\n", ReplyError::CodesDiffer),
            (b"250 x\n250 y\r\n", stray),
            (b"250 x\0\r\n", stray),
        ];
        for (wire, error) in rows {
            assert_eq!(one(wire), Err(error), "{wire:?}");
        }
    }

    #[test]
    fn replies_are_bounded() {
        let endless = b"250-x\r\n".repeat(ReplyReader::MAX_LINES + 1);
        assert_eq!(read(&[&endless]), [Err(ReplyError::TooLong)]);
        let heavy = format!("250-{}\r\n", "x".repeat(ReplyReader::MAX_LINE - 6)).repeat(17);
        assert_eq!(read(&[heavy.as_bytes()]), [Err(ReplyError::TooLong)]);
        let long = format!("250 {}\r\n", "x".repeat(ReplyReader::MAX_LINE));
        let limit = ReplyReader::MAX_LINE;
        assert_eq!(one(long.as_bytes()), Err(ReplyError::Line(LineError::TooLong { limit })));
    }

    #[test]
    fn own_replies() {
        let rows = [
            (Reply::new(250, "2.0.0", "Ok"), "250 2.0.0 Ok\r\n"),
            (Reply::new(354, "", "Go on"), "354 Go on\r\n"),
            (Reply::new(550, "5.7.1", "one\ntwo\r\nthree\n"), "550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n"),
            (Reply::new(250, "", ""), "250 \r\n"),
            (Reply::new(550, "4.7.1", "x"), "550 x\r\n"),
            (Reply::new(550, "5.7.1\r\n250", "x"), "550 x\r\n"),
            (Reply::new(550, "5.7.1", "a\rb\0c\x7f\té"), "550 5.7.1 a?b?c???\r\n"),
            (Reply::new(99, "", "x"), "451 x\r\n"),
        ];
        for (reply, wire) in rows {
            assert_eq!(reply.as_bytes(), wire.as_bytes());
            assert_eq!(one(reply.as_bytes()), Ok(reply), "we read what we write");
        }
    }

    #[test]
    fn own_lines_are_cut_to_512_octets() {
        let reply = Reply::new(550, "5.7.1", &format!("{}\nshort", "x".repeat(1000)));
        let lengths: Vec<_> = reply.as_bytes().split_inclusive(|octet| *octet == b'\n').map(<[u8]>::len).collect();
        assert_eq!(lengths, [512, 17]);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_replies(
            lines in proptest::collection::vec(
                proptest::sample::select(&["250-x", "250 y", "250", "451-", "451 ", "x"][..]),
                0..12,
            ),
            size in 1usize..12,
        ) {
            let wire: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
            let chunks: Vec<&[u8]> = wire.chunks(size).collect();
            prop_assert_eq!(read(&chunks), read(&[&wire]));
        }
    }
}
