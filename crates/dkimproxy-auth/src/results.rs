//! Authentication-Results (RFC 8601): writes the field, reads it, and recognizes those that claim to be ours.
//!
//! In this module a bare "section" means RFC 8601. Whatever comes from a message or from DNS reaches the field through
//! one door, the module `write`, which quotes it: no such text can end a line, a value or a result.

mod authserv_id;
mod checks;
mod dkim;
mod read;
mod received_spf;
mod write;

pub use authserv_id::{AuthservId, AuthservIdError, authserv_id_of, claims_to_be};
pub use checks::{arc_result, dmarc_result, iprev_result, spf_result};
pub use dkim::dkim_results;
pub use read::{ParsedField, ParsedResult, ReadError, parse};
pub use received_spf::received_spf;

/// The name of the field.
pub const FIELD_NAME: &str = "Authentication-Results";

/// What one check found about a message: a `resinfo` of section 2.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultEntry {
    /// The check: `dkim`, `spf` ... A keyword of the IANA registry "Email Authentication Methods".
    pub method: &'static str,
    /// Its result: `pass`, `fail` ... A keyword registered for that method.
    pub result: &'static str,
    /// Why: any text, written as `reason="..."`.
    pub reason: Option<String>,
    /// More for the human reader: any text, written as a comment in parentheses.
    pub comment: Option<String>,
    /// What the result is about.
    pub properties: Vec<Property>,
}

/// `ptype.property=pvalue` (section 2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Where the value was seen: `header`, `smtp`, `body`, `policy`.
    pub ptype: &'static str,
    /// Which part of it: `d`, `mailfrom` ...
    pub name: &'static str,
    /// Any text. An address is given as `local@domain` with its local part not quoted.
    pub value: String,
}

impl ResultEntry {
    /// A result about nothing in particular.
    pub fn new(method: &'static str, result: &'static str) -> Self {
        Self { method, result, reason: None, comment: None, properties: Vec::new() }
    }

    /// The same with one more property.
    #[must_use]
    pub fn with(mut self, ptype: &'static str, name: &'static str, value: impl Into<String>) -> Self {
        self.properties.push(Property { ptype, name, value: value.into() });
        self
    }
}

/// One Authentication-Results field in the making: all results of one message.
#[derive(Debug, Clone)]
pub struct AuthenticationResults {
    id: AuthservId,
    utf8: bool,
    entries: Vec<ResultEntry>,
}

impl AuthenticationResults {
    /// A field without results. `utf8`: the message travels with SMTPUTF8 (RFC 6531), so that UTF-8 may stand in its
    /// header; otherwise each character beyond ASCII becomes `?`.
    pub fn new(id: AuthservId, utf8: bool) -> Self {
        Self { id, utf8, entries: Vec::new() }
    }

    /// Adds results, after those that are there.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = ResultEntry>) {
        self.entries.extend(entries);
    }

    /// The whole field with its final CRLF: on one line of 78 characters if it fits, else one line per result, folded
    /// further where it must be. No line is ever longer than 998 octets.
    pub fn field(&self) -> Vec<u8> {
        write::folded(&format!("{FIELD_NAME}:"), &self.words())
    }

    /// The field body on one line.
    pub fn body(&self) -> String {
        write::unfolded(&self.words())
    }

    /// The pieces between which the field may be folded.
    fn words(&self) -> Vec<write::Word> {
        let mut words = vec![write::Word::first(write::value(self.id.as_str(), false))];
        if self.entries.is_empty() {
            words.push(write::Word::of_new_result("none".into()));
        }
        for entry in &self.entries {
            words.extend(write::entry(entry, self.utf8));
        }
        words
    }
}

/// A field of a program's own that says one word about the whole message, with a comment that may be any text.
pub fn word_field(name: &'static str, word: &'static str, comment: Option<&str>) -> Vec<u8> {
    write::word_field(name, word, comment)
}

#[cfg(test)]
mod tests;
