//! The header section: raw bytes, kept as they came, and where each field lies in them.

use std::ops::Range;

/// The header section of a message: its bytes and the places of its fields. Never re-serialized.
#[derive(Debug, Clone, Default)]
pub struct Header {
    _raw: Vec<u8>,
}

impl Header {
    /// Reads a header section: `raw` ends before the empty line that separates the body. Never fails: a line that is
    /// no field (an mbox `From ` line, garbage without a colon) is kept as bytes, as a [`Field`] whose name is empty.
    pub fn parse(raw: Vec<u8>) -> Self {
        let _ = raw;
        todo!()
    }

    /// All octets of the section, without the empty line.
    pub fn as_bytes(&self) -> &[u8] {
        todo!()
    }

    /// The fields, top to bottom.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + ExactSizeIterator {
        std::iter::empty().collect::<Vec<_>>().into_iter()
    }

    /// The fields of that name (ASCII case-insensitive), top to bottom.
    pub fn named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = Field<'a>> {
        let _ = name;
        std::iter::empty()
    }
}

/// One header field, as a view into the [`Header`].
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    _raw: &'a [u8],
}

impl<'a> Field<'a> {
    /// The field name as written, without white space before the colon. Empty if the line is no field.
    pub fn name(&self) -> &'a [u8] {
        todo!()
    }

    /// The field body: all after the colon, folds included, without the final CRLF.
    pub fn body(&self) -> &'a [u8] {
        todo!()
    }

    /// The whole field with its final CRLF (which the last line of a message that just stops may lack).
    pub fn raw(&self) -> &'a [u8] {
        todo!()
    }

    /// Where the whole field lies in the message, in octets from its start: what an edit cuts.
    pub fn range(&self) -> Range<usize> {
        todo!()
    }
}
