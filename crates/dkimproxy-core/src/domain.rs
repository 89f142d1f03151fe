//! Domain names, selectors and identities: strings that were checked once.
//!
//! All three hold A-labels, lower-case, without a trailing dot, so `==` is comparison by RFC 5890.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use memchr::memrchr;
use std::fmt;
use thiserror::Error;

/// Why a string is no [`DomainName`], [`Selector`] or [`Identity`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DomainError {
    /// The string is empty, or has an empty label.
    #[error("empty name or label")]
    Empty,
    /// Longer than 253 octets, or a label longer than 63.
    #[error("name or label too long")]
    TooLong,
    /// Only one label where at least two are needed (d=, section 3.5).
    #[error("a single label is no domain name here")]
    SingleLabel,
    /// A character that no host name has, or an invalid internationalized label.
    #[error("invalid character or label")]
    InvalidLabel,
    /// An identity without "@", or with an invalid local part.
    #[error("not of the form [local-part]@domain")]
    NotAnIdentity,
}

/// A domain name as d= takes it: two labels or more, letters, digits, hyphens (and `_`, as deployed).
///
/// `domain-name = sub-domain 1*("." sub-domain)` (section 3.5): no trailing dot, no address literal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(String);

impl DomainName {
    /// Checks a name in A-labels or U-labels (UTF-8) and keeps it as lower-case A-labels.
    pub fn new(name: &str) -> Result<Self, DomainError> {
        let name = a_labels(name)?;
        if name.contains('.') { Ok(Self(name)) } else { Err(DomainError::SingleLabel) }
    }

    /// The name in A-labels, lower-case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if `self` is `parent` or lies below it (at a label border).
    pub fn is_within(&self, parent: &DomainName) -> bool {
        self.0.strip_suffix(&parent.0).is_some_and(|below| below.is_empty() || below.ends_with('.'))
    }

    /// The name without its leftmost label, if two labels or more are left.
    pub fn parent(&self) -> Option<DomainName> {
        let (_, parent) = self.0.split_once('.')?;
        parent.contains('.').then(|| Self(parent.to_owned()))
    }
}

/// A selector (s=): one label or more.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(String);

impl Selector {
    /// Checks a selector; `_` inside a label is taken, as deployed (G6).
    pub fn new(selector: &str) -> Result<Self, DomainError> {
        a_labels(selector).map(Self)
    }

    /// The selector in A-labels, lower-case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An identity (i=, the AUID): optional local part, "@", domain.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    local_part: String,
    domain: DomainName,
}

impl Identity {
    /// Reads `[local-part]@domain`, already decoded from dkim-quoted-printable. The local part is a dot-atom or a
    /// quoted-string (UTF-8 allowed, RFC 8616); control characters are refused.
    pub fn new(text: &[u8]) -> Result<Self, DomainError> {
        let at = memrchr(b'@', text).ok_or(DomainError::NotAnIdentity)?;
        let text = std::str::from_utf8(text).map_err(|_| DomainError::NotAnIdentity)?;
        let (local_part, domain) = text.split_at_checked(at).ok_or(DomainError::NotAnIdentity)?;
        if !is_local_part(local_part) {
            return Err(DomainError::NotAnIdentity);
        }
        let domain = DomainName::new(domain.trim_start_matches('@'))?;
        Ok(Self { local_part: local_part.to_owned(), domain })
    }

    /// `@domain`, the default of i=.
    pub fn of_domain(domain: DomainName) -> Self {
        Self { local_part: String::new(), domain }
    }

    /// The local part, maybe empty.
    pub fn local_part(&self) -> &[u8] {
        self.local_part.as_bytes()
    }

    /// The domain part.
    pub fn domain(&self) -> &DomainName {
        &self.domain
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Identity {
    /// `local@domain`, with all but printable ASCII and letters and digits of other scripts written `\u{...}`: what
    /// could hide or reorder text stays visible.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.local_part.chars() {
            match character {
                ' '..='~' => write!(f, "{character}")?,
                _ if character.is_alphanumeric() => write!(f, "{character}")?,
                _ => write!(f, "{}", character.escape_unicode())?,
            }
        }
        write!(f, "@{}", self.domain)
    }
}

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Checks a name of one label or more and returns its A-labels in lower case.
///
/// A name that is ASCII is not looked into: whether `xn--...` is valid Punycode is for DNS to answer.
fn a_labels(name: &str) -> Result<String, DomainError> {
    let name = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        // Not a length check, but a bound on the work: an A-label is at most as long as its label in UTF-8, times four.
        if name.len() > 4 * MAX_NAME {
            return Err(DomainError::TooLong);
        }
        Uts46::new()
            .to_ascii(name.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Check, DnsLength::Ignore)
            .map_err(|_| DomainError::InvalidLabel)?
            .into_owned()
    };
    if name.len() > MAX_NAME {
        return Err(DomainError::TooLong);
    }
    name.split('.').try_for_each(check_label)?;
    Ok(name)
}

/// `sub-domain = Let-dig [Ldh-str]` (RFC 5321 section 4.1.2), with `_` counted among the letters.
fn check_label(label: &str) -> Result<(), DomainError> {
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'-';
    match label {
        "" => Err(DomainError::Empty),
        _ if label.len() > MAX_LABEL => Err(DomainError::TooLong),
        _ if label.starts_with('-') || label.ends_with('-') => Err(DomainError::InvalidLabel),
        _ if label.bytes().all(is_letter) => Ok(()),
        _ => Err(DomainError::InvalidLabel),
    }
}

/// Nothing, or `Local-part = Dot-string / Quoted-string` (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
fn is_local_part(text: &str) -> bool {
    match text.strip_prefix('"') {
        _ if text.is_empty() => true,
        Some(quoted) => quoted.strip_suffix('"').is_some_and(is_quoted_content),
        None => text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)),
    }
}

/// What stands between the quotes: no control character, and '"' and '\' only after a '\'.
fn is_quoted_content(content: &str) -> bool {
    let mut escaped = false;
    for character in content.chars() {
        if character.is_control() || (character == '"' && !escaped) {
            return false;
        }
        escaped = character == '\\' && !escaped;
    }
    !escaped
}

fn is_atext(character: char) -> bool {
    match character {
        '!' | '#'..='\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^'..='`' | '{'..='~' => true,
        '0'..='9' | 'A'..='Z' | 'a'..='z' => true,
        _ => !character.is_ascii() && !character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name as written, and what is kept.
    const NAMES: &[(&str, &str, Result<&str, DomainError>)] = &[
        ("plain", "example.com", Ok("example.com")),
        ("upper case", "Example.COM", Ok("example.com")),
        ("digits and hyphens", "a-1.2-b.3c", Ok("a-1.2-b.3c")),
        ("only digits", "192.0.2.1", Ok("192.0.2.1")),
        ("underscore", "_x.a_b.com", Ok("_x.a_b.com")),
        ("A-label", "XN--bcher-kva.example", Ok("xn--bcher-kva.example")),
        ("E1 U-label", "b\u{fc}cher.example", Ok("xn--bcher-kva.example")),
        ("E5 U-label in upper case", "B\u{dc}CHER.example", Ok("xn--bcher-kva.example")),
        ("invalid Punycode is DNS's affair", "xn--zzzzz.example", Ok("xn--zzzzz.example")),
        ("invalid U-label", "a\u{200d}\u{fc}.example", Err(DomainError::InvalidLabel)),
        ("U-label and a hyphen at the end", "\u{fc}-.example", Err(DomainError::InvalidLabel)),
        ("G5 one label", "localhost", Err(DomainError::SingleLabel)),
        ("G5 trailing dot", "example.com.", Err(DomainError::Empty)),
        ("G5 address literal", "[192.0.2.1]", Err(DomainError::InvalidLabel)),
        ("empty", "", Err(DomainError::Empty)),
        ("leading dot", ".com", Err(DomainError::Empty)),
        ("two dots", "a..com", Err(DomainError::Empty)),
        ("dot", ".", Err(DomainError::Empty)),
        ("hyphen at the start", "-a.com", Err(DomainError::InvalidLabel)),
        ("hyphen at the end", "a-.com", Err(DomainError::InvalidLabel)),
        ("space", "a b.com", Err(DomainError::InvalidLabel)),
        ("line end", "a.com\r\n", Err(DomainError::InvalidLabel)),
        ("NUL", "a\0.com", Err(DomainError::InvalidLabel)),
        ("at", "a@b.com", Err(DomainError::InvalidLabel)),
    ];

    #[test]
    fn g5_domain_names() {
        for (what, written, expected) in NAMES {
            assert_eq!(DomainName::new(written).as_ref().map(DomainName::as_str), expected.as_ref().copied(), "{what}");
        }
    }

    #[test]
    fn lengths_of_labels_and_names() {
        let label = "a".repeat(63);
        assert!(DomainName::new(&format!("{label}.com")).is_ok());
        assert_eq!(DomainName::new(&format!("{label}a.com")), Err(DomainError::TooLong));
        let name = |last: usize| format!("{label}.{label}.{label}.{}", "b".repeat(last));
        assert!(DomainName::new(&name(61)).is_ok());
        assert_eq!(DomainName::new(&name(62)), Err(DomainError::TooLong));
        assert_eq!(DomainName::new(&"\u{fc}.".repeat(100_000)), Err(DomainError::TooLong));
    }

    #[test]
    fn g6_selectors() {
        for (written, expected) in [("s1", "s1"), ("A.b_c.2024", "a.b_c.2024"), ("b\u{fc}", "xn--b-eha")] {
            assert_eq!(Selector::new(written).unwrap().as_str(), expected);
        }
        for written in ["", ".", "a.", "a b", "-a", "a/b", "*"] {
            assert!(Selector::new(written).is_err(), "{written}");
        }
    }

    #[test]
    fn g7_below_a_domain() {
        let name = |name| DomainName::new(name).unwrap();
        assert!(name("Example.com").is_within(&name("example.COM")));
        assert!(name("a.b.example.com").is_within(&name("example.com")));
        assert!(name("b\u{fc}cher.example").is_within(&name("xn--bcher-kva.example")));
        assert!(!name("badexample.com").is_within(&name("example.com")));
        assert!(!name("example.com").is_within(&name("a.example.com")));
        assert!(!name("example.com.evil.org").is_within(&name("example.com")));
    }

    #[test]
    fn parents_have_two_labels() {
        let name = DomainName::new("a.b.example.com").unwrap();
        let parents: Vec<String> =
            std::iter::successors(name.parent(), DomainName::parent).map(|parent| parent.to_string()).collect();
        assert_eq!(parents, ["b.example.com", "example.com"]);
    }

    /// Identity as decoded, and how it is displayed.
    const IDENTITIES: &[(&str, &str, Result<&str, DomainError>)] = &[
        ("no local part", "@example.com", Ok("@example.com")),
        ("dot-atom", "joe.user+tag@Example.com", Ok("joe.user+tag@example.com")),
        ("case is kept", "Joe@example.com", Ok("Joe@example.com")),
        ("quoted-string", r#""joe user"@example.com"#, Ok(r#""joe user"@example.com"#)),
        ("quoted at sign", r#""a@b"@example.com"#, Ok(r#""a@b"@example.com"#)),
        ("quoted quote", r#""a\"\\"@example.com"#, Ok(r#""a\"\\"@example.com"#)),
        ("empty quoted-string", r#"""@example.com"#, Ok(r#"""@example.com"#)),
        ("E3 UTF-8", "j\u{f6}@example.com", Ok("j\u{f6}@example.com")),
        ("E3 U-label", "j\u{f6}@b\u{fc}cher.example", Ok("j\u{f6}@xn--bcher-kva.example")),
        ("right-to-left override", "a\u{202e}b@example.com", Ok(r"a\u{202e}b@example.com")),
        ("line separator", "a\u{2028}b@example.com", Ok(r"a\u{2028}b@example.com")),
        ("T9 empty", "", Err(DomainError::NotAnIdentity)),
        ("no at sign", "example.com", Err(DomainError::NotAnIdentity)),
        ("two at signs", "a@b@example.com", Err(DomainError::NotAnIdentity)),
        ("two at signs in a row", "a@@example.com", Err(DomainError::NotAnIdentity)),
        ("dot at the start", ".a@example.com", Err(DomainError::NotAnIdentity)),
        ("two dots", "a..b@example.com", Err(DomainError::NotAnIdentity)),
        ("unquoted space", "a b@example.com", Err(DomainError::NotAnIdentity)),
        ("open quote", r#""a@example.com"#, Err(DomainError::NotAnIdentity)),
        ("open escape", r#""a\"@example.com"#, Err(DomainError::NotAnIdentity)),
        ("quote inside", r#""a"b"@example.com"#, Err(DomainError::NotAnIdentity)),
        ("lone quote", "\"@example.com", Err(DomainError::NotAnIdentity)),
        ("LF in a quoted-string", "\"a\nb\"@example.com", Err(DomainError::NotAnIdentity)),
        ("NUL", "a\0@example.com", Err(DomainError::NotAnIdentity)),
        ("C1 control", "a\u{85}@example.com", Err(DomainError::NotAnIdentity)),
        ("no domain", "a@", Err(DomainError::Empty)),
        ("one label", "a@localhost", Err(DomainError::SingleLabel)),
    ];

    #[test]
    fn g7_identities() {
        for (what, decoded, expected) in IDENTITIES {
            let found = Identity::new(decoded.as_bytes()).map(|identity| identity.to_string());
            assert_eq!(found, expected.clone().map(str::to_owned), "{what}");
        }
        assert_eq!(Identity::new(b"\xff@example.com"), Err(DomainError::NotAnIdentity));
    }

    #[test]
    fn g7_default_identity() {
        let domain = DomainName::new("example.com").unwrap();
        assert_eq!(Identity::of_domain(domain), Identity::new(b"@example.com").unwrap());
    }
}
