//! Writes a DKIM-Signature field. All decisions on its looks are here.
//!
//! Tags stand in the order v a c d s i t x h bh b. Lines are folded with CRLF TAB before column 78, a TAB counted as
//! eight columns; only h= and b= are folded inside, where section 3.5 allows it. No line is only white space, none
//! is longer than 998 octets unless a single name or identity is.

use super::FIELD_NAME;
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

/// All of a new signature but its b=.
#[derive(Debug)]
pub struct UnsignedField<'a> {
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
        field.unit(" b=");
        UnfinishedField(field)
    }
}

/// A field that ends in `b=`, to be hashed, signed and finished.
#[derive(Debug)]
pub struct UnfinishedField(Folder);

impl UnfinishedField {
    /// What is hashed: the field without its CRLF.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.text.as_bytes()
    }

    /// The whole field with the signature in it and CRLF at its end. What was hashed is not touched.
    pub fn finish(mut self, signature: &[u8]) -> Vec<u8> {
        self.0.breakable(&STANDARD.encode(signature));
        self.0.text.push_str("\r\n");
        self.0.text.into_bytes()
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
        self.unit(&format!(" {name}={value};"));
    }

    /// ` name=a:b:c;`, broken after a colon where needed.
    fn name_list(&mut self, name: &str, items: &[String]) {
        let mut start = format!(" {name}=");
        let last = items.len().saturating_sub(1);
        for (position, item) in items.iter().enumerate() {
            self.unit(&format!("{start}{item}{}", if position == last { ";" } else { ":" }));
            start.clear();
        }
    }

    /// Text that stays in one piece, on this line or on the next. A blank at its start gives way to the fold.
    fn unit(&mut self, unit: &str) {
        if self.column + unit.len() > MAX_COLUMN {
            self.fold();
            self.push(unit.trim_start());
        } else {
            self.push(unit);
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
