//! The header section: raw bytes, kept as they came, and where each field lies in them.
//!
//! Lines end in CRLF and in nothing else: a lone CR or LF is an ordinary octet (section 5.3 leaves it to the signer to
//! have none). A line that begins with SP or HTAB continues the one before it, also if it is blank.

mod picker;

pub use picker::FieldPicker;

use memchr::{memchr, memmem};
use std::{cmp::Ordering, fmt, ops::Range, sync::OnceLock};

/// The header section of a message: its bytes and the places of its fields. Never re-serialized.
#[derive(Clone, Default)]
pub struct Header {
    raw: Vec<u8>,
    places: Vec<Place>,
    /// All fields that have a name, sorted by it, then top to bottom. Made when first asked for, so that looking up many
    /// names among many fields costs no more than sorting them once.
    by_name: OnceLock<Vec<Named>>,
}

/// Where one field lies. It ends where the next one starts.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    /// 0 if the line is no field.
    name_len: usize,
}

/// A field in the index of names.
#[derive(Debug, Clone, Copy)]
struct Named {
    /// Of the name in lower case: nearly always this alone tells two names apart. Only speed hangs on it.
    hash: u64,
    /// Position of the field.
    index: usize,
}

impl Header {
    /// Reads a header section: `raw` ends before the empty line that separates the body. Never fails: a line that is
    /// no field (an mbox `From ` line, garbage without a colon) is kept as bytes, as a [`Field`] whose name is empty.
    pub fn parse(raw: Vec<u8>) -> Self {
        let places = places(&raw);
        Self { raw, places, by_name: OnceLock::new() }
    }

    /// All octets of the section, without the empty line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The fields, top to bottom.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + ExactSizeIterator {
        self.places.iter().enumerate().map(|(index, place)| self.field_at(index, *place))
    }

    /// The field at that position, counted from 0 at the top ([`Field::index`]).
    pub fn field(&self, index: usize) -> Option<Field<'_>> {
        self.places.get(index).map(|place| self.field_at(index, *place))
    }

    /// The fields of that name (ASCII case-insensitive), top to bottom. An empty name finds nothing.
    pub fn named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = Field<'a>> {
        self.all_named(name.as_bytes()).iter().filter_map(|named| self.field(named.index))
    }

    /// The fields of that name, top to bottom.
    fn all_named(&self, name: &[u8]) -> &[Named] {
        let by_name = self.by_name.get_or_init(|| self.sort_by_name());
        let hash = hash_of_name(name);
        let cmp = |named: &Named| named.hash.cmp(&hash).then_with(|| cmp_names(self.name_at(named.index), name));
        let start = by_name.partition_point(|named| cmp(named) == Ordering::Less);
        let found = by_name.get(start..).unwrap_or_default();
        let count = found.partition_point(|named| cmp(named) == Ordering::Equal);
        found.get(..count).unwrap_or_default()
    }

    fn sort_by_name(&self) -> Vec<Named> {
        let named = self.fields().filter(|field| !field.name().is_empty());
        let mut named: Vec<Named> =
            named.map(|field| Named { hash: hash_of_name(field.name()), index: field.index() }).collect();
        // Stable: stays top to bottom within a name.
        named.sort_by(|a, b| a.hash.cmp(&b.hash).then_with(|| cmp_names(self.name_at(a.index), self.name_at(b.index))));
        named
    }

    fn name_at(&self, index: usize) -> &[u8] {
        self.field(index).map_or(b"", |field| field.name())
    }

    fn field_at(&self, index: usize, place: Place) -> Field<'_> {
        let end = self.places.get(index + 1).map_or(self.raw.len(), |next| next.start);
        let raw = self.raw.get(place.start..end).unwrap_or_default();
        Field { raw, index, start: place.start, name_len: place.name_len }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields()).finish()
    }
}

/// One header field, as a view into the [`Header`].
#[derive(Clone, Copy)]
pub struct Field<'a> {
    raw: &'a [u8],
    index: usize,
    start: usize,
    name_len: usize,
}

impl<'a> Field<'a> {
    /// The field name as written, without white space before the colon. Empty if the line is no field.
    pub fn name(&self) -> &'a [u8] {
        self.raw.get(..self.name_len).unwrap_or_default()
    }

    /// True if the field has that name (ASCII case-insensitive).
    pub fn is_named(&self, name: &str) -> bool {
        !name.is_empty() && self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// The field body: all after the colon, folds included, without the final CRLF. Of a line that is no field: all.
    pub fn body(&self) -> &'a [u8] {
        let from = if self.name_len == 0 { 0 } else { memchr(b':', self.raw).map_or(0, |colon| colon + 1) };
        let body = self.raw.get(from..).unwrap_or_default();
        body.strip_suffix(b"\r\n").unwrap_or(body)
    }

    /// The whole field with its final CRLF (which the last line of a message that just stops may lack).
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where the whole field lies in the message, in octets from its start: what an edit cuts.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.raw.len()
    }

    /// Position among all fields of the header, from 0 at the top.
    pub fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.raw.escape_ascii())
    }
}

/// The length of the field name that the line starts with; 0 if it is no field.
///
/// `field-name = 1*ftext` (RFC 5322 section 3.6.8): printable ASCII without ":"; white space may follow it in the
/// obsolete syntax (section 4.5).
pub(crate) fn name_len(line: &[u8]) -> usize {
    let is_ftext = |octet: &u8| octet.is_ascii_graphic() && *octet != b':';
    let len = line.iter().position(|octet| !is_ftext(octet)).unwrap_or(line.len());
    let mut after = line.iter().skip(len).skip_while(|octet| matches!(octet, b' ' | b'\t'));
    if after.next() == Some(&b':') { len } else { 0 }
}

/// Where the fields start: after each CRLF that no SP or HTAB follows.
fn places(raw: &[u8]) -> Vec<Place> {
    let after_line_ends = memmem::find_iter(raw, b"\r\n").map(|at| at + 2);
    std::iter::once(0)
        .chain(after_line_ends)
        .filter_map(|start| match raw.get(start..)? {
            [] => None,
            [b' ' | b'\t', ..] if start > 0 => None,
            line => Some(Place { start, name_len: name_len(line) }),
        })
        .collect()
}

/// FNV-1a of the name in lower case.
fn hash_of_name(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
        (hash ^ u64::from(octet.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

fn cmp_names(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Fields = &'static [(&'static str, &'static str)];

    /// Header section, and (name, body) of each field.
    const SECTIONS: &[(&str, &str, Fields)] = &[
        ("empty", "", &[]),
        ("one", "A: b\r\n", &[("A", " b")]),
        ("two", "A: b\r\nC:d\r\n", &[("A", " b"), ("C", "d")]),
        ("C7 white space before the colon", "Subject \t: x\r\n", &[("Subject", " x")]),
        ("C8 empty body", "A:\r\n", &[("A", "")]),
        ("C8 body of folds", "A:\r\n \r\n\t\r\n", &[("A", "\r\n \r\n\t")]),
        ("fold", "A: b\r\n c\r\nD: e\r\n", &[("A", " b\r\n c"), ("D", " e")]),
        ("C9 blank line in a fold", "A: b\r\n \t \r\n c\r\nD: e\r\n", &[("A", " b\r\n \t \r\n c"), ("D", " e")]),
        ("C10 8-bit body", "A: \u{e9}\r\n", &[("A", " \u{e9}")]),
        ("C16 bare LF is no line end", "A: b\nC: d\r\n", &[("A", " b\nC: d")]),
        ("C16 bare CR is no line end", "A: b\rC: d\r\n", &[("A", " b\rC: d")]),
        ("C16 CR CR LF", "A: b\r\r\nC: d\r\n", &[("A", " b\r"), ("C", " d")]),
        ("no final CRLF", "A: b\r\nC: d", &[("A", " b"), ("C", " d")]),
        ("no final CRLF, half of it there", "A: b\r", &[("A", " b\r")]),
        ("no final CRLF after a fold", "A: b\r\n ", &[("A", " b\r\n ")]),
        (
            "mbox line",
            "From joe Thu Jan  1 00:00:00 1970\r\nA: b\r\n",
            &[("", "From joe Thu Jan  1 00:00:00 1970"), ("A", " b")],
        ),
        ("no colon", "garbage\r\nA: b\r\n", &[("", "garbage"), ("A", " b")]),
        ("no colon before the fold", "garbage\r\n : b\r\n", &[("", "garbage\r\n : b")]),
        ("no name", ": b\r\n", &[("", ": b")]),
        ("blank first line", " A: b\r\nC: d\r\n", &[("", " A: b"), ("C", " d")]),
        ("space inside the name", "A b: c\r\n", &[("", "A b: c")]),
        ("control in the name", "A\x01: c\r\n", &[("", "A\x01: c")]),
        ("8-bit name", "\u{e9}: c\r\n", &[("", "\u{e9}: c")]),
        ("a line of its own is no end", "A: b\r\n\r\nC: d\r\n", &[("A", " b"), ("", ""), ("C", " d")]),
    ];

    #[test]
    fn fields_of_a_section() {
        for (what, section, expected) in SECTIONS {
            let header = Header::parse(section.as_bytes().to_vec());
            let found: Vec<(&[u8], &[u8])> = header.fields().map(|field| (field.name(), field.body())).collect();
            let expected: Vec<(&[u8], &[u8])> = expected.iter().map(|(n, b)| (n.as_bytes(), b.as_bytes())).collect();
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn named_ignores_case_and_goes_top_to_bottom() {
        let header = Header::parse(b"To: 1\r\nA: 2\r\nTO: 3\r\ngarbage\r\nto : 4\r\nTom: 5\r\n".to_vec());
        let bodies: Vec<&[u8]> = header.named("tO").map(|field| field.body()).collect();
        assert_eq!(bodies, [b" 1", b" 3", b" 4"]);
        assert_eq!(header.named("to").next_back().unwrap().index(), 4);
        assert_eq!(header.named("").count(), 0);
        assert_eq!(header.named("t").count(), 0);
    }

    #[test]
    fn ranges_cut_whole_fields() {
        let text = "A: b\r\nC: d\r\n e\r\nF: g\r\n";
        let header = Header::parse(text.as_bytes().to_vec());
        let range = header.named("c").next().unwrap().range();
        assert_eq!(&text[range], "C: d\r\n e\r\n");
    }

    #[test]
    fn debug_shows_no_raw_controls() {
        let header = Header::parse(b"A: \x1b[2J\r\n".to_vec());
        assert_eq!(format!("{header:?}"), r#"["A: \x1b[2J\r\n"]"#);
    }

    proptest! {
        #[test]
        fn fields_are_the_section(section in "[a: \r\n\t\u{e9}]{0,60}") {
            let header = Header::parse(section.clone().into_bytes());
            let joined: Vec<u8> = header.fields().flat_map(|field| field.raw().to_vec()).collect();
            prop_assert_eq!(joined, section.into_bytes());
            for (index, field) in header.fields().enumerate() {
                prop_assert_eq!(field.index(), index);
                prop_assert_eq!(&header.as_bytes()[field.range()], field.raw());
            }
        }
    }
}
