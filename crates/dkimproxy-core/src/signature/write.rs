//! Writes a DKIM-Signature field. All decisions on its looks are here, but for those of DKIMproxy 1.4.1.
//!
//! Tags stand in the order v a c d s i t x h bh b. Lines are folded with CRLF TAB before column 78, a TAB counted as
//! eight columns; only h= and b= are folded inside, where section 3.5 allows it. No line is only white space, none
//! is longer than 998 octets unless a single name or identity is.

use super::{FIELD_NAME, dkimproxy1::TagWriter};
use crate::{
    canonicalize::Canonicalization,
    domain::{DomainName, Identity, Selector},
    key::SigningAlgorithm,
    tag_list::encode_qp,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Columns of a line, without CRLF (RFC 5322 section 2.1.1).
const MAX_COLUMN: usize = 78;
const TAB_WIDTH: usize = 8;

/// How a new field looks: the order of its tags, where it is folded, in which order h= lists the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Layout {
    /// Tags in the order v a c d s i t x h bh b, folded before column 78.
    #[default]
    Ours,
    /// As DKIMproxy 1.4.1 wrote it, byte for byte, with the names of h= in the order of the message. The signed text
    /// holds the field itself, so that bh= and b= are the same as there only if all of it is.
    DkimProxy1 {
        /// c= as it was configured: `relaxed` for `relaxed/simple`. Not written if it means something else than
        /// the request's canonicalization.
        canonicalization: String,
    },
}

/// All of a new signature but its b=.
#[derive(Debug)]
pub struct UnsignedField<'a> {
    /// How the field looks.
    pub layout: &'a Layout,
    /// a=
    pub algorithm: SigningAlgorithm,
    /// c=
    pub canonicalization: Canonicalization,
    /// d=
    pub domain: &'a DomainName,
    /// s=
    pub selector: &'a Selector,
    /// i=
    pub identity: Option<&'a Identity>,
    /// t=
    pub timestamp: Option<u64>,
    /// x=
    pub expiration: Option<u64>,
    /// h=
    pub signed_fields: &'a [String],
    /// bh=, before base64.
    pub body_hash: &'a [u8],
}

impl UnsignedField<'_> {
    /// The field up to `b=`, without CRLF: the text that is hashed after the signed fields (3.7).
    pub fn write(&self) -> UnfinishedField {
        match self.layout {
            Layout::Ours => UnfinishedField(Text::Ours(self.write_ours())),
            Layout::DkimProxy1 { canonicalization } => {
                UnfinishedField(Text::DkimProxy1(self.write_dkimproxy1(canonicalization)))
            }
        }
    }

    fn write_ours(&self) -> Folder {
        let mut field = Folder::new(FIELD_NAME);
        field.tag("v", "1");
        field.tag("a", &self.algorithm.to_string());
        field.tag("c", &self.canonicalization.to_string());
        field.tag("d", self.domain.as_str());
        field.tag("s", self.selector.as_str());
        if let Some(identity) = self.identity {
            field.tag("i", &identity_value(identity));
        }
        if let Some(seconds) = self.timestamp {
            field.tag("t", &seconds.to_string());
        }
        if let Some(seconds) = self.expiration {
            field.tag("x", &seconds.to_string());
        }
        field.name_list("h", self.signed_fields);
        field.tag("bh", &STANDARD.encode(self.body_hash));
        field.unit(&[" ", "b="]);
        field
    }

    /// 1.4.1 knew no t= and x=; where they are asked for they stand before bh=.
    fn write_dkimproxy1(&self, canonicalization: &str) -> TagWriter {
        let mut field = TagWriter::new(FIELD_NAME);
        field.tag("v", "1");
        field.tag("a", &self.algorithm.to_string());
        match Canonicalization::parse(canonicalization.as_bytes()) {
            Some(meant) if meant == self.canonicalization => field.tag("c", canonicalization),
            _ => field.tag("c", &self.canonicalization.to_string()),
        }
        field.tag("d", self.domain.as_str());
        field.name_list("h", self.signed_fields);
        field.tag("s", self.selector.as_str());
        if let Some(identity) = self.identity {
            field.tag("i", &identity_value(identity));
        }
        if let Some(seconds) = self.timestamp {
            field.tag("t", &seconds.to_string());
        }
        if let Some(seconds) = self.expiration {
            field.tag("x", &seconds.to_string());
        }
        field.base64("bh", self.body_hash);
        field.begin_signature();
        field
    }
}

/// A field that ends in `b=`, to be hashed, signed and finished.
#[derive(Debug)]
pub struct UnfinishedField(Text);

#[derive(Debug)]
enum Text {
    Ours(Folder),
    DkimProxy1(TagWriter),
}

impl UnfinishedField {
    /// What is hashed: the field without its CRLF.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Ours(field) => field.text.as_bytes(),
            Text::DkimProxy1(field) => field.as_str().as_bytes(),
        }
    }

    /// The whole field with the signature in it and CRLF at its end. What was hashed is not touched.
    pub fn finish(self, signature: &[u8]) -> Vec<u8> {
        match self.0 {
            Text::Ours(mut field) => {
                field.breakable(&STANDARD.encode(signature));
                field.text.push_str("\r\n");
                field.text.into_bytes()
            }
            Text::DkimProxy1(field) => field.finish(signature),
        }
    }
}

/// `local-part@domain`, the local part in dkim-quoted-printable.
fn identity_value(identity: &Identity) -> String {
    let local_part = encode_qp(identity.local_part());
    format!("{}@{}", String::from_utf8_lossy(&local_part), identity.domain())
}

/// Text that is folded as it grows.
#[derive(Debug)]
struct Folder {
    text: String,
    column: usize,
}

impl Folder {
    fn new(name: &str) -> Self {
        Self { text: format!("{name}:"), column: name.len() + 1 }
    }

    /// ` name=value;`, never broken inside.
    fn tag(&mut self, name: &str, value: &str) {
        self.unit(&[" ", name, "=", value, ";"]);
    }

    /// ` name=a:b:c;`, broken after a colon where needed.
    fn name_list(&mut self, name: &str, items: &[String]) {
        let last = items.len().saturating_sub(1);
        for (position, item) in items.iter().enumerate() {
            let end = if position == last { ";" } else { ":" };
            match position {
                0 => self.unit(&[" ", name, "=", item, end]),
                _ => self.unit(&[item, end]),
            }
        }
    }

    /// Text that stays in one piece, on this line or on the next. A blank at its start gives way to the fold.
    fn unit(&mut self, mut parts: &[&str]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if self.column + len > MAX_COLUMN {
            self.fold();
            parts = parts.strip_prefix(&[" "]).unwrap_or(parts);
        }
        for part in parts {
            self.push(part);
        }
    }

    /// Text that may be broken anywhere.
    fn breakable(&mut self, mut text: &str) {
        while !text.is_empty() {
            if self.column >= MAX_COLUMN {
                self.fold();
            }
            let (line, rest) = text.split_at_checked(MAX_COLUMN - self.column).unwrap_or((text, ""));
            self.push(line);
            text = rest;
        }
    }

    fn fold(&mut self) {
        self.text.push_str("\r\n\t");
        self.column = TAB_WIDTH;
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }
}
