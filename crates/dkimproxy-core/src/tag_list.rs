//! Tag=value lists (section 3.2 with erratum 5070): signature fields and key records.
//!
//! The grammar is kept to the letter, with two openings that deployed mail needs:
//! octets of 0x80 and above are let through in values (section 3.2's note; RFC 8616), and folding white space is let
//! through after a final ";", where the grammar has none (`v=DKIM1; p=...; ` is common in DNS).

mod value;

pub use value::{colon_list, decode_base64, decode_qp, encode_qp, strip_fws};

use memchr::memchr;
use std::ops::Range;
use thiserror::Error;

/// Tags that one list may hold. Signature fields in the wild have about a dozen.
pub const MAX_TAGS: usize = 64;

/// Octets of a tag name that an error repeats.
const MAX_NAME_IN_ERROR: usize = 32;

/// Why some text is no tag list. Tags are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TagListError {
    /// No tag at all, or nothing but white space between two ";", or before the first.
    #[error("tag {number} is empty")]
    EmptyTag {
        /// Which tag.
        number: usize,
    },
    /// A tag without "=".
    #[error("tag {number} has no \"=\"")]
    NoEquals {
        /// Which tag.
        number: usize,
    },
    /// A tag name that is not a letter followed by letters, digits and "_".
    #[error("the name of tag {number} is invalid")]
    InvalidName {
        /// Which tag.
        number: usize,
    },
    /// A value with a control character, or with a line end that is no fold.
    #[error("the value of {name}= has an invalid character or fold")]
    InvalidValue {
        /// The tag's name, cut to 32 octets.
        name: String,
    },
    /// "Tags with duplicate names MUST NOT occur within a single tag-list": this holds for unknown tags too.
    #[error("{name}= occurs twice")]
    Duplicate {
        /// The tag's name, cut to 32 octets.
        name: String,
    },
    /// More than [`MAX_TAGS`] tags.
    #[error("more than {MAX_TAGS} tags")]
    TooManyTags,
}

/// One `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name as written; names are case-sensitive.
    pub name: &'a str,
    /// The value without the white space around it. White space and folds inside it are kept.
    pub value: &'a [u8],
    /// All octets between "=" and the next ";" or the end, as a range of the parsed text: what is deleted from b=
    /// before its field is hashed ("deleting its value and all surrounding whitespace", section 3.5).
    pub span: Range<usize>,
}

/// A parsed tag list. No name occurs twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagList<'a> {
    tags: Vec<Tag<'a>>,
}

impl<'a> TagList<'a> {
    /// Reads a whole field body or TXT string.
    pub fn parse(text: &'a [u8]) -> Result<Self, TagListError> {
        let mut tags: Vec<Tag<'a>> = Vec::new();
        let mut specs = text.split(|&octet| octet == b';').peekable();
        let mut start = 0;
        while let Some(spec) = specs.next() {
            let number = tags.len() + 1;
            if number > 1 && specs.peek().is_none() && trim_fws(spec).is_empty() {
                break; // all that follows the final ";"
            }
            if number > MAX_TAGS {
                return Err(TagListError::TooManyTags);
            }
            let tag = parse_tag(spec, start, number)?;
            if tags.iter().any(|earlier| earlier.name == tag.name) {
                return Err(TagListError::Duplicate { name: for_error(tag.name) });
            }
            tags.push(tag);
            start += spec.len() + 1;
        }
        Ok(Self { tags })
    }

    /// The value of a tag. `Some(b"")` if it is there and empty, which is not the same as absent (section 3.2).
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.find(name).map(|tag| tag.value)
    }

    /// [`Tag::span`] of the tag of that name.
    pub fn span_of_value(&self, name: &str) -> Option<Range<usize>> {
        self.find(name).map(|tag| tag.span.clone())
    }

    /// The tags in the order written.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag<'a>> {
        self.tags.iter()
    }

    fn find(&self, name: &str) -> Option<&Tag<'a>> {
        self.tags.iter().find(|tag| tag.name == name)
    }
}

impl<'l, 'a> IntoIterator for &'l TagList<'a> {
    type Item = &'l Tag<'a>;
    type IntoIter = std::slice::Iter<'l, Tag<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// `tag-spec = [FWS] tag-name [FWS] "=" [FWS] [tag-value [FWS]]` (erratum 5070).
fn parse_tag(spec: &[u8], start: usize, number: usize) -> Result<Tag<'_>, TagListError> {
    if trim_fws(spec).is_empty() {
        return Err(TagListError::EmptyTag { number });
    }
    let equals = memchr(b'=', spec).ok_or(TagListError::NoEquals { number })?;
    let (name, after_name) = spec.split_at(equals);
    let written = after_name.get(1..).unwrap_or_default();
    let name = tag_name(trim_fws(name)).ok_or(TagListError::InvalidName { number })?;
    let value = trim_fws(written);
    if !is_tag_value(value) {
        return Err(TagListError::InvalidValue { name: for_error(name) });
    }
    Ok(Tag { name, value, span: start + equals + 1..start + spec.len() })
}

/// `tag-name = ALPHA *ALNUMPUNC`
fn tag_name(name: &[u8]) -> Option<&str> {
    let valid = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'_');
    if valid { std::str::from_utf8(name).ok() } else { None }
}

/// `tag-value = [ tval *( 1*(WSP / FWS) tval ) ]`: unlike around it, several folds in a row may stand inside a value.
fn is_tag_value(value: &[u8]) -> bool {
    let mut rest = value;
    if value.starts_with(b"\r") {
        return false;
    }
    loop {
        rest = match rest {
            [] => return true,
            [0x21..=0x7e | 0x80.., ..] => {
                let word = rest.iter().position(|octet| matches!(octet, ..0x21 | 0x7f)).unwrap_or(rest.len());
                rest.get(word..).unwrap_or_default()
            }
            [b' ' | b'\t', tail @ ..] | [b'\r', b'\n', b' ' | b'\t', tail @ ..] if !tail.is_empty() => tail,
            _ => return false,
        };
    }
}

/// Removes one `FWS = [*WSP CRLF] 1*WSP` at either end, if there is one. A second fold at the start stays, and what
/// it stands in is then invalid.
fn trim_fws(text: &[u8]) -> &[u8] {
    match trim_fws_start(text) {
        second_fold @ [b'\r', ..] => second_fold,
        rest => trim_fws_end(rest),
    }
}

fn trim_fws_start(text: &[u8]) -> &[u8] {
    let rest = trim_wsp_start(text);
    match rest {
        [b'\r', b'\n', b' ' | b'\t', fold @ ..] => trim_wsp_start(fold),
        _ => rest,
    }
}

fn trim_fws_end(text: &[u8]) -> &[u8] {
    let rest = trim_wsp_end(text);
    match rest {
        [before @ .., b'\r', b'\n'] if rest.len() < text.len() => trim_wsp_end(before),
        _ => rest,
    }
}

fn trim_wsp_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn trim_wsp_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn for_error(name: &str) -> String {
    name.chars().take(MAX_NAME_IN_ERROR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the texts are tag lists.
    const VALIDITY: &[(&str, &str, bool)] = &[
        ("T1 one tag", "a=1", true),
        ("T1 final semicolon", "a=1;", true),
        ("T1 white space after the final semicolon (deployed)", "a=1; ", true),
        ("T1 fold after the final semicolon", "a=1;\r\n ", true),
        ("T1 leading semicolon", ";a=1", false),
        ("T1 two semicolons", "a=1;;b=2", false),
        ("T1 two final semicolons", "a=1;;", false),
        ("T1 white space between two final semicolons", "a=1; ;", false),
        ("T1 lone semicolon", ";", false),
        ("T1 empty", "", false),
        ("T1 white space only", " \t", false),
        ("T1 no equals", "a", false),
        ("T1 no equals in a later tag", "a=1; b", false),
        ("T2 letters, digits, underscore", "aB9_=1", true),
        ("T2 starts with a digit", "9a=1", false),
        ("T2 starts with an underscore", "_a=1", false),
        ("T2 hyphen", "a-b=1", false),
        ("T2 empty name", "=1", false),
        ("T2 white space inside a name", "a b=1", false),
        ("T2 8-bit name", "\u{e9}=1", false),
        ("T2 names differ by case", "v=1; V=2", true),
        ("T4 white space everywhere", " a \t=\t 1 ; b = 2 ", true),
        ("T4 folds everywhere", "\r\n a\r\n =\r\n 1\r\n ;\r\n\tb= 2", true),
        ("T4 blanks before a fold", "a= \r\n 1", true),
        ("T4 two folds before a name are obs-FWS", "\r\n \r\n a=1", false),
        ("T4 two folds before an equals sign", "a\r\n \r\n =1", false),
        ("T4 two folds after an equals sign", "a=\r\n \r\n 1", false),
        ("T4 two folds after a value", "a=1\r\n \r\n ;b=2", false),
        ("T4 line end without a blank", "a=1\r\n", false),
        ("T4 empty line", "a=1 \r\n\r\n", false),
        ("T4 bare LF", "a=1;\n b=2", false),
        ("T4 bare CR", "a=\r 1", false),
        ("T5 empty value", "a=", true),
        ("T5 empty value and white space", "a= ;b=", true),
        ("T5 empty value and one fold", "a=\r\n ", true),
        ("T5 empty value and two folds", "a=\r\n \r\n ", false),
        ("T6 equals signs in a value", "a=b=c==", true),
        ("T6 all printable characters", "a=!\"#$%&'()*+,-./0:<=>?@A[\\]^_`a{|}~", true),
        ("T6 white space inside", "a=b c\t d", true),
        ("T6 an empty line inside", "a=b \r\n\r\n c", false),
        ("T6 folds inside, several in a row", "a=b \r\n \r\n c", true),
        ("T6 NUL", "a=b\0c", false),
        ("T6 DEL", "a=b\x7fc", false),
        ("T6 bare LF inside", "a=b\nc", false),
        ("T6 bare CR inside", "a=b\rc", false),
        ("T6 UTF-8", "a=\u{fc}", true),
        ("T7 duplicate", "a=1; b=2; a=1", false),
    ];

    #[test]
    fn t1_to_t7_what_is_a_tag_list() {
        for (what, text, valid) in VALIDITY {
            assert_eq!(TagList::parse(text.as_bytes()).is_ok(), *valid, "{what}");
        }
    }

    #[test]
    fn t3_t4_values_keep_their_case_and_inner_white_space() {
        let list = TagList::parse(b" a = B \r\n c\t; d=E ").unwrap();
        assert_eq!(list.get("a"), Some(&b"B \r\n c"[..]));
        assert_eq!(list.get("d"), Some(&b"E"[..]));
        assert_eq!(list.get("A"), None);
    }

    #[test]
    fn t8_order_and_unknown_tags_are_kept() {
        let list = TagList::parse(b"v=1;zzz=2;a=3").unwrap();
        assert_eq!(list.iter().map(|tag| tag.name).collect::<Vec<_>>(), ["v", "zzz", "a"]);
    }

    #[test]
    fn t9_empty_is_not_absent() {
        let list = TagList::parse(b"p=;k=rsa").unwrap();
        assert_eq!(list.get("p"), Some(&b""[..]));
        assert_eq!(list.get("q"), None);
    }

    /// What is left of a field when the span of b= is deleted.
    const WITHOUT_B: &[(&str, &str, &str)] = &[
        ("B3 last", "a=1; b=xyz", "a=1; b="),
        ("B3 first", "b=xyz; a=1", "b=; a=1"),
        ("B3 middle", "a=1; b = x\r\n y ; c=2", "a=1; b =; c=2"),
        ("B3 trailing white space", "a=1; b=x \r\n ", "a=1; b="),
        ("B3 empty", "a=1; b=", "a=1; b="),
        ("B3 final semicolon", "a=1; b=x;", "a=1; b=;"),
        ("B4 not bh", "bh=q; b=x; bhb=r", "bh=q; b=; bhb=r"),
        ("B4 not inside another value", "z=b=1|b:2; b=x", "z=b=1|b:2; b="),
        ("B4 folded before the equals sign", "a=1; b\r\n =x; c=2", "a=1; b\r\n =; c=2"),
    ];

    #[test]
    fn b3_b4_the_span_of_a_value() {
        for (what, text, expected) in WITHOUT_B {
            let span = TagList::parse(text.as_bytes()).unwrap().span_of_value("b").unwrap();
            let mut left = text.to_string();
            left.replace_range(span, "");
            assert_eq!(&left, expected, "{what}");
        }
    }

    #[test]
    fn errors_say_which_tag() {
        let error = |text: &str| TagList::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error("a=1;;"), TagListError::EmptyTag { number: 2 });
        assert_eq!(error("a=1;b"), TagListError::NoEquals { number: 2 });
        assert_eq!(error("a=1;b=2;-=3"), TagListError::InvalidName { number: 3 });
        assert_eq!(error("a=\x01"), TagListError::InvalidValue { name: "a".to_owned() });
        assert_eq!(error("a=1;a=2"), TagListError::Duplicate { name: "a".to_owned() });
        let long = "x".repeat(10_000);
        assert!(error(&format!("{long}=\x01")).to_string().len() < 100);
    }

    #[test]
    fn x_no_more_than_64_tags() {
        let list = |count: usize| (0..count).map(|number| format!("t{number}=;")).collect::<String>();
        assert_eq!(TagList::parse(list(64).as_bytes()).unwrap().iter().count(), 64);
        assert_eq!(TagList::parse(list(65).as_bytes()), Err(TagListError::TooManyTags));
        assert_eq!(TagList::parse(list(1_000_000).as_bytes()), Err(TagListError::TooManyTags));
    }
}
