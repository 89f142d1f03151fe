//! The words of a structured field body (section 3.2), without comments and blanks.

/// A word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `1*atext`, UTF-8 included (RFC 6532 section 3.2).
    Atom(&'a [u8]),
    /// A quoted-string with its quotes.
    Quoted(&'a [u8]),
    /// A domain-literal with its brackets.
    Literal(&'a [u8]),
    /// One of `<>,:;@.`
    Special(u8),
}

/// All words of the text. None: a comment, a quoted-string or a literal has no end, or an octet has no place there.
pub(super) fn tokens(text: &[u8]) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let (length, token): (usize, fn(&[u8]) -> Option<Token<'_>>) = match first {
            b' ' | b'\t' | b'\r' | b'\n' => (1, |_| None),
            b'(' => (comment(rest)?, |_| None),
            b'"' => (enclosed(after, b'"')? + 1, |text| Some(Token::Quoted(text))),
            b'[' => (enclosed(after, b']')? + 1, |text| Some(Token::Literal(text))),
            b'<' | b'>' | b',' | b':' | b';' | b'@' | b'.' => (1, |text| text.first().copied().map(Token::Special)),
            _ => (atom(rest)?, |text| Some(Token::Atom(text))),
        };
        let (word, after) = rest.split_at_checked(length)?;
        tokens.extend(token(word));
        rest = after;
    }
    Some(tokens)
}

/// Length of the comment at the front, those within it included.
fn comment(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut octets = text.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' => drop(octets.next()),
            b'(' => depth += 1,
            b')' if depth <= 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Length up to and with the octet that ends it and is not escaped.
fn enclosed(text: &[u8], end: u8) -> Option<usize> {
    let mut octets = text.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' => drop(octets.next()),
            _ if *octet == end => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Length of the atom at the front; None if there is none.
fn atom(text: &[u8]) -> Option<usize> {
    let length = text.iter().take_while(|octet| is_atext(**octet)).count();
    (length > 0).then_some(length)
}

fn is_atext(octet: u8) -> bool {
    octet >= 0x80 || octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}
