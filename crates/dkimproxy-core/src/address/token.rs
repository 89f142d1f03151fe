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
    while !rest.is_empty() {
        let (word, after) = rest.split_at_checked(length(rest)?)?;
        tokens.extend(token(word));
        rest = after;
    }
    Some(tokens)
}

/// How long the word, the blank or the comment at the front is.
fn length(text: &[u8]) -> Option<usize> {
    let (first, after) = text.split_first()?;
    match first {
        b'(' => comment(text),
        b'"' => enclosed(after, b'"').map(|length| length + 1),
        b'[' => enclosed(after, b']').map(|length| length + 1),
        b' ' | b'\t' | b'\r' | b'\n' | b'<' | b'>' | b',' | b':' | b';' | b'@' | b'.' => Some(1),
        _ => atom(text),
    }
}

/// None: it is a blank or a comment.
fn token(word: &[u8]) -> Option<Token<'_>> {
    match word.first()? {
        b' ' | b'\t' | b'\r' | b'\n' | b'(' => None,
        b'"' => Some(Token::Quoted(word)),
        b'[' => Some(Token::Literal(word)),
        special @ (b'<' | b'>' | b',' | b':' | b';' | b'@' | b'.') => Some(Token::Special(*special)),
        _ => Some(Token::Atom(word)),
    }
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
