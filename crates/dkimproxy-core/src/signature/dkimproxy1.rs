//! The layout of DKIMproxy 1.4.1, byte for byte: with it, equal tags give equal signatures.
//!
//! Text comes in units that are never broken. A unit that would end past column 72 begins a new line, except the first
//! of all. What follows a fold keeps its blank, so ` name=` may begin a line with TAB SP. The last unit of a value is
//! kept back, since the ";" that comes next belongs to it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A unit ends at this column at the latest.
const MARGIN: usize = 72;
const TAB_WIDTH: usize = 8;

/// A field that grows tag by tag.
#[derive(Debug)]
pub(crate) struct TagWriter {
    text: String,
    column: usize,
    /// The last unit of the last value. None before the first tag.
    pending: Option<String>,
}

impl TagWriter {
    pub(crate) fn new(field_name: &str) -> Self {
        Self { text: format!("{field_name}:"), column: field_name.len() + 1, pending: None }
    }

    /// ` name=value`, the value in one piece.
    pub(crate) fn tag(&mut self, name: &str, value: &str) {
        self.units(name, std::iter::once(value.to_owned()));
    }

    /// ` name=a:b:c`, breakable before each colon.
    pub(crate) fn name_list(&mut self, name: &str, items: &[String]) {
        let colon = |position| if position == 0 { "" } else { ":" };
        let items = items.iter().enumerate();
        self.units(name, items.map(|(position, item)| format!("{}{item}", colon(position))));
    }

    /// ` name=value`, the value in base64 and breakable anywhere.
    pub(crate) fn base64(&mut self, name: &str, octets: &[u8]) {
        self.units(name, STANDARD.encode(octets).chars().map(String::from));
    }

    /// Completes the text that is signed: it ends in `b=`, on the same line as what stands before it.
    pub(crate) fn begin_signature(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.unit(&pending);
        }
        self.push("; b=");
    }

    /// The text so far, without CRLF at its end.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole field, with the signature and CRLF.
    pub(crate) fn finish(mut self, signature: &[u8]) -> Vec<u8> {
        for character in STANDARD.encode(signature).chars() {
            self.unit(character.encode_utf8(&mut [0; 4]));
        }
        self.text.push_str("\r\n");
        self.text.into_bytes()
    }

    fn units(&mut self, name: &str, values: impl Iterator<Item = String>) {
        match self.pending.take() {
            Some(pending) => {
                self.unit(&format!("{pending};"));
                self.unit(&format!(" {name}="));
            }
            None => self.push(&format!(" {name}=")),
        }
        let mut pending = String::new();
        for value in values {
            self.unit(&std::mem::replace(&mut pending, value));
        }
        self.pending = Some(pending);
    }

    fn unit(&mut self, unit: &str) {
        if self.column + unit.len() > MARGIN && !unit.is_empty() {
            self.text.push_str("\r\n\t");
            self.column = TAB_WIDTH;
        }
        self.push(unit);
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &str) -> Vec<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_unit_that_would_cross_column_72_begins_a_line() {
        let mut field = TagWriter::new("X");
        field.tag("a", &"v".repeat(66)); // with ";" it ends at column 72
        field.tag("h", "w");
        field.name_list("n", &names(&format!("{} y zz", "x".repeat(52)))); // ends at 8 + 8 + 52
        field.base64("bh", &[0; 3]);
        field.begin_signature();
        let lines =
            [&format!("X: a={};", "v".repeat(66)), &format!(" h=w; n={}:y", "x".repeat(52)), ":zz; bh=AAAA; b="];
        assert_eq!(field.as_str().replace("\r\n\t", "|"), lines.join("|"));
    }

    #[test]
    fn base64_breaks_anywhere_but_b_stays_on_its_line() {
        let mut field = TagWriter::new("X");
        field.tag("a", &"v".repeat(40));
        field.base64("bh", &[0; 18]); // " bh=" and 24 characters, the last of which goes with "; b="
        field.begin_signature();
        let signed = field.as_str().to_owned();
        assert_eq!(signed, format!("X: a={}; bh={}\r\n\t{}; b=", "v".repeat(40), "A".repeat(22), "AA"));
        let field = String::from_utf8(field.finish(&[0; 60])).unwrap();
        assert_eq!(field, format!("{signed}{}\r\n\t{}\r\n", "A".repeat(58), "A".repeat(22)));
    }

    #[test]
    fn no_fold_before_the_first_unit() {
        let name = "X".repeat(80);
        let mut field = TagWriter::new(&name);
        field.tag("a", "b");
        field.begin_signature();
        assert_eq!(field.as_str(), format!("{name}: a=\r\n\tb; b="));
    }
}
