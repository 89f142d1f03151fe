//! Macro strings (section 7): parsed once, expanded per message.

use std::{borrow::Cow, fmt::Write};
use thiserror::Error;

/// A character that no macro-string may hold, or a macro of unknown form (section 7.1): the record is a permerror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MacroError {
    /// "%" followed by something other than "{", "%", "_" or "-".
    #[error("\"%\" must be followed by \"{{\", \"%\", \"_\" or \"-\"")]
    Percent,
    /// `%{` without its "}", an unknown letter, a zero, or an unknown delimiter.
    #[error("malformed macro between \"%{{\" and \"}}\"")]
    Expand,
    /// The macros c, r and t stand only in explanation text (section 7.2).
    #[error("the macros c, r and t are for explanations only")]
    OnlyInExplanation,
    /// An octet outside %x21-7E (or outside %x20-7E in explanation text).
    #[error("a character that is not printable ASCII")]
    Character,
}

/// Where a macro-string stands; explanation text allows more (section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a domain-spec: no white space, no c, r or t.
    Domain,
    /// In the text that exp= points to.
    Explanation,
}

/// A parsed macro-string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacroString {
    parts: Box<[Part]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Expand { letter: Letter, escape: bool, keep: usize, reverse: bool, delimiters: Delimiters },
}

/// What a macro letter stands for (section 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    /// s: the sender
    Sender,
    /// l: its local part
    LocalPart,
    /// o: its domain
    SenderDomain,
    /// d: the domain whose record is evaluated
    Domain,
    /// i: the client's address, nibbles for IPv6
    Address,
    /// p: the client's validated name
    Name,
    /// v: `in-addr` or `ip6`
    AddressKind,
    /// h: HELO
    Helo,
    /// c: the client's address as people write it
    ReadableAddress,
    /// r: the receiving host
    Receiver,
    /// t: seconds since the epoch
    Time,
}

impl Letter {
    fn parse(letter: u8, place: Place) -> Result<Self, MacroError> {
        let found = match letter.to_ascii_lowercase() {
            b's' => Self::Sender,
            b'l' => Self::LocalPart,
            b'o' => Self::SenderDomain,
            b'd' => Self::Domain,
            b'i' => Self::Address,
            b'p' => Self::Name,
            b'v' => Self::AddressKind,
            b'h' => Self::Helo,
            b'c' => Self::ReadableAddress,
            b'r' => Self::Receiver,
            b't' => Self::Time,
            _ => return Err(MacroError::Expand),
        };
        let explains = matches!(found, Self::ReadableAddress | Self::Receiver | Self::Time);
        if explains && place == Place::Domain { Err(MacroError::OnlyInExplanation) } else { Ok(found) }
    }
}

/// A set of `delimiter = "." / "-" / "+" / "," / "/" / "_" / "="`, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Delimiters(u8);

impl Delimiters {
    const ALL: &[u8] = b".-+,/_=";
    /// The default: ".".
    const DOT: Self = Self(1);

    fn parse(text: &[u8]) -> Result<Self, MacroError> {
        let bit = |octet: &u8| Self::ALL.iter().position(|delimiter| delimiter == octet).map(|at| 1 << at);
        let bits = text.iter().map(bit).try_fold(0, |bits, bit| Some(bits | bit?)).ok_or(MacroError::Expand)?;
        if bits == 0 { Ok(Self::DOT) } else { Ok(Self(bits)) }
    }

    fn contain(self, c: char) -> bool {
        Self::ALL.iter().position(|delimiter| char::from(*delimiter) == c).is_some_and(|at| self.0 & (1 << at) != 0)
    }
}

impl MacroString {
    /// Reads a macro-string.
    pub(super) fn parse(text: &[u8], place: Place) -> Result<Self, MacroError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((&octet, after)) = rest.split_first() {
            rest = after;
            if octet != b'%' {
                literal.push(literal_character(octet, place)?);
                continue;
            }
            let (&kind, after) = rest.split_first().ok_or(MacroError::Percent)?;
            rest = after;
            match kind {
                b'%' => literal.push('%'),
                b'_' => literal.push(' '),
                b'-' => literal.push_str("%20"),
                b'{' => {
                    let end = memchr::memchr(b'}', rest).ok_or(MacroError::Expand)?;
                    let (inside, after) = rest.split_at_checked(end).ok_or(MacroError::Expand)?;
                    rest = after.get(1..).unwrap_or_default();
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                    }
                    parts.push(parse_expand(inside, place)?);
                }
                _ => return Err(MacroError::Percent),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Self { parts: parts.into() })
    }

    /// What it takes in memory besides its own size.
    pub(super) fn octets(&self) -> usize {
        let literal = |part: &Part| if let Part::Literal(text) = part { text.len() } else { 0 };
        self.parts.iter().map(|part| size_of::<Part>() + literal(part)).sum()
    }

    /// True if the letter occurs.
    pub(super) fn uses(&self, wanted: Letter) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Expand { letter, .. } if *letter == wanted))
    }

    /// True if the last thing in it is a macro (domain-end, section 7.1).
    pub(super) fn ends_in_macro(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Expand { .. }))
    }

    /// Expands the macros of a text; `value` says what each letter stands for. It ends soon after `longest` octets.
    pub(super) fn text<'v>(&self, longest: usize, value: impl Fn(Letter) -> Cow<'v, str>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            if out.len() > longest {
                break;
            }
            part.expand(&value, &mut out);
        }
        out
    }

    /// Expands the macros of a name, of which only the right end counts: at least the last `longest` octets of it.
    pub(super) fn name<'v>(&self, longest: usize, value: impl Fn(Letter) -> Cow<'v, str>) -> String {
        let mut pieces = Vec::new();
        let mut length = 0;
        for part in self.parts.iter().rev() {
            if length > longest {
                break;
            }
            let mut piece = String::new();
            part.expand(&value, &mut piece);
            length += piece.len();
            pieces.push(piece);
        }
        pieces.reverse();
        pieces.concat()
    }
}

impl Part {
    fn expand<'v>(&self, value: impl Fn(Letter) -> Cow<'v, str>, out: &mut String) {
        match self {
            Self::Literal(text) => out.push_str(text),
            Self::Expand { letter, escape, keep, reverse, delimiters } => {
                let value = value(*letter);
                let text = transform(&value, *keep, *reverse, *delimiters);
                if *escape { url_escape(&text, out) } else { out.push_str(&text) }
            }
        }
    }
}

fn literal_character(octet: u8, place: Place) -> Result<char, MacroError> {
    match octet {
        0x21..=0x7e => Ok(char::from(octet)),
        b' ' if place == Place::Explanation => Ok(' '),
        _ => Err(MacroError::Character),
    }
}

/// `macro-letter transformers *delimiter`, the text between the braces.
fn parse_expand(inside: &[u8], place: Place) -> Result<Part, MacroError> {
    let (&first, rest) = inside.split_first().ok_or(MacroError::Expand)?;
    let letter = Letter::parse(first, place)?;
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits).ok_or(MacroError::Expand)?;
    let keep = kept_parts(number)?;
    let (reverse, delimiters) = match rest.split_first() {
        Some((b'r' | b'R', rest)) => (true, rest),
        _ => (false, rest),
    };
    let delimiters = Delimiters::parse(delimiters)?;
    Ok(Part::Expand { letter, escape: first.is_ascii_uppercase(), keep, reverse, delimiters })
}

/// "The DIGIT transformer indicates the number of right-hand parts to use [...] If a DIGIT is specified, the value MUST
/// be nonzero." More than fits is the same as all.
fn kept_parts(number: &[u8]) -> Result<usize, MacroError> {
    let digit = |digit: &u8| usize::from(digit.saturating_sub(b'0'));
    let value = number.iter().map(digit).fold(0_usize, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
    match value {
        _ if number.is_empty() => Ok(usize::MAX),
        0 => Err(MacroError::Expand),
        value => Ok(value),
    }
}

fn transform(text: &str, keep: usize, reverse: bool, delimiters: Delimiters) -> Cow<'_, str> {
    if keep == usize::MAX && !reverse && delimiters == Delimiters::DOT {
        return Cow::Borrowed(text);
    }
    let mut pieces: Vec<&str> = text.split(|c| delimiters.contain(c)).collect();
    if reverse {
        pieces.reverse();
    }
    let kept = pieces.get(pieces.len().saturating_sub(keep)..).unwrap_or_default();
    Cow::Owned(kept.join("."))
}

/// "Uppercase macros expand exactly as the lowercase macros [...] and are then URL escaped": all but unreserved.
fn url_escape(text: &str, out: &mut String) {
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            out.push(char::from(octet));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{octet:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> String {
        let value = |letter| {
            Cow::Borrowed(match letter {
                Letter::Sender => "strong-bad@email.example.com",
                Letter::LocalPart => "strong-bad",
                Letter::Address => "192.0.2.3",
                Letter::AddressKind => "in-addr",
                _ => "email.example.com",
            })
        };
        MacroString::parse(text.as_bytes(), Place::Domain).unwrap().name(253, value)
    }

    /// The examples of RFC 7208 section 7.4.
    #[test]
    fn examples_of_the_rfc() {
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{S}%%%_%-", "strong-bad%40email.example.com% %20"),
        ] {
            assert_eq!(expand(text), expected, "{text}");
        }
    }

    /// However often a macro stands in a record, no more is made of it than counts.
    #[test]
    fn expansion_is_bounded() {
        let long = "x".repeat(1000);
        let parsed = MacroString::parse("%{l}".repeat(4000).as_bytes(), Place::Explanation).unwrap();
        assert_eq!(parsed.name(253, |_| Cow::Borrowed(&long)).len(), 1000);
        assert_eq!(parsed.text(1500, |_| Cow::Borrowed(&long)).len(), 2000);
    }

    #[test]
    fn malformed_macros_are_refused() {
        for text in
            ["%", "%a", "%{", "%{}", "%{x}", "%{d0}", "%{d*}", "%{dr2}", "%{c}", "%{r}", "%{t}", "a b", "a\u{e9}"]
        {
            assert!(MacroString::parse(text.as_bytes(), Place::Domain).is_err(), "{text}");
        }
        assert!(MacroString::parse(b"%{c} is not one of %{d}'s", Place::Explanation).is_ok());
    }
}
