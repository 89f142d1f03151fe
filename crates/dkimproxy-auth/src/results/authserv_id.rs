//! The authserv-id (section 2.5): ours, and who others claim to be.

use super::read::Cursor;
use std::fmt;
use thiserror::Error;

/// Our name in the fields we write: a host name, maybe with a part after a slash (`mx.example.org/3`).
/// Holds A-labels, lower-case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AuthservId(String);

/// Why a text is no authserv-id that one would want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthservIdError {
    /// It is empty.
    #[error("an authserv-id must not be empty")]
    Empty,
    /// It is longer than a host name can be.
    #[error("an authserv-id of more than 253 characters")]
    TooLong,
    /// It is no host name.
    #[error("not a host name (letters, digits and hyphens between dots, maybe followed by /name)")]
    NotAHostName,
}

impl AuthservId {
    /// Checks a name from the configuration. U-labels become A-labels, a trailing dot is dropped.
    pub fn new(text: &str) -> Result<Self, AuthservIdError> {
        let (host, part) = text.split_once('/').map_or((text, None), |(host, part)| (host, Some(part)));
        let host = normalized(host).ok_or(AuthservIdError::NotAHostName)?;
        if host.is_empty() {
            return Err(AuthservIdError::Empty);
        }
        let is_word = |label: &str| !label.is_empty() && label.bytes().all(is_host_octet);
        let sane_part = part.is_none_or(|part| is_word(part) && part.is_ascii());
        if !host.split('.').all(is_label) || !sane_part {
            return Err(AuthservIdError::NotAHostName);
        }
        let id = part.map_or_else(|| host.clone(), |part| format!("{host}/{part}"));
        if id.len() > 253 { Err(AuthservIdError::TooLong) } else { Ok(Self(id)) }
    }

    /// The name, not quoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host name in it.
    fn host(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for AuthservId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AuthservId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The authserv-id of a field body, unquoted, read as a careless reader might (section 7.8): comments and folds
/// anywhere, quotes in the middle, no semicolon after it. None if nothing there can be an id.
pub fn authserv_id_of(body: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(body);
    skip_blanks(&mut cursor)?;
    let mut id = Vec::new();
    while let Some(&octet) = cursor.rest.first() {
        match octet {
            b';' | b' ' | b'\t' | b'\r' | b'\n' => break,
            b'(' => cursor.skip_cfws().ok()?,
            b'"' => id.extend(cursor.quoted_string().ok()??.bytes()),
            _ => id.extend(cursor.next().filter(|b| !b.is_ascii_control())),
        }
    }
    let id = String::from_utf8_lossy(&id).trim().to_owned();
    if host_prefix(&id).is_empty() { None } else { Some(id) }
}

/// True if a field with this body must not pass the border (section 5), because a reader might take it for one of
/// ours:
///
/// * its authserv-id is one of `ours`, in whatever form: quoted, in other case, with a trailing dot, with comments or
///   folds before it or within, followed by `/part`, in A-labels or U-labels; or
/// * no authserv-id can be found in it; or
/// * it is of a version of the format that we do not know.
pub fn claims_to_be(ours: &[AuthservId], body: &[u8]) -> bool {
    let Some(id) = authserv_id_of(body) else { return true };
    let is_ours =
        |id: &str| normalized(host_prefix(id)).is_some_and(|host| ours.iter().any(|ours| ours.host() == host));
    is_ours(&id) || is_ours(&squeezed(body)) || has_unknown_version(body)
}

/// Everything before the first semicolon with comments, quotes and white space left out: how a reader sees it that
/// unfolds by deleting.
fn squeezed(body: &[u8]) -> String {
    let mut cursor = Cursor::new(body);
    let mut text = Vec::new();
    while let Some(&octet) = cursor.rest.first() {
        match octet {
            b';' => break,
            b'(' if cursor.skip_cfws().is_err() => break,
            b'(' => {}
            _ => text.extend(cursor.next().filter(|b| !b.is_ascii_control() && !b" \"".contains(b))),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A number other than 1 after the id.
fn has_unknown_version(body: &[u8]) -> bool {
    let version = || {
        let mut cursor = Cursor::new(body);
        cursor.skip_cfws().ok()?;
        cursor.value().ok()??;
        cursor.skip_cfws().ok()?;
        let digits: Vec<u8> = cursor.rest.iter().copied().take_while(u8::is_ascii_digit).collect();
        let ends = matches!(cursor.rest.get(digits.len()), None | Some(b';' | b' ' | b'\t' | b'\r' | b'\n' | b'('));
        (ends && !digits.is_empty()).then_some(digits)
    };
    version().is_some_and(|digits| digits != b"1")
}

/// White space, control characters and comments. None: a comment has no end.
fn skip_blanks(cursor: &mut Cursor<'_>) -> Option<()> {
    loop {
        cursor.skip_cfws().ok()?;
        match cursor.rest.first() {
            Some(b) if b.is_ascii_control() => drop(cursor.next()),
            _ => return Some(()),
        }
    }
}

/// The front of an id that can be a host name: `mx.example.org` of `mx.example.org/3`.
fn host_prefix(id: &str) -> &str {
    let end = id.bytes().position(|b| !is_host_octet(b)).unwrap_or(id.len());
    id.get(..end).unwrap_or("")
}

/// In A-labels, lower-case, without trailing dot. None if it cannot be a host name.
fn normalized(host: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii(host).ok()?;
    Some(ascii.trim_end_matches('.').to_owned())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(is_host_octet)
}

/// Letters, digits, hyphen, underscore, dot, and UTF-8.
fn is_host_octet(b: u8) -> bool {
    b >= 0x80 || b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
}
