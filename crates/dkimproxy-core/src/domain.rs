//! Domain names, selectors and identities: strings that were checked once.
//!
//! All three hold A-labels, lower-case, without a trailing dot, so `==` is comparison by RFC 5890.

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
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(String);

impl DomainName {
    /// Checks a name in A-labels or U-labels (UTF-8) and keeps it as lower-case A-labels.
    pub fn new(name: &str) -> Result<Self, DomainError> {
        let _ = name;
        todo!()
    }

    /// The name in A-labels, lower-case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if `self` is `parent` or lies below it (at a label border).
    pub fn is_within(&self, parent: &DomainName) -> bool {
        let _ = parent;
        todo!()
    }

    /// The name without its leftmost label, if two labels or more are left.
    pub fn parent(&self) -> Option<DomainName> {
        todo!()
    }
}

/// A selector (s=): one label or more.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(String);

impl Selector {
    /// Checks a selector; `_` inside a label is taken, as deployed (G6).
    pub fn new(selector: &str) -> Result<Self, DomainError> {
        let _ = selector;
        todo!()
    }

    /// The selector in A-labels, lower-case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An identity (i=, the AUID): optional local part, "@", domain.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    _local_part: Vec<u8>,
    _domain: DomainName,
}

impl Identity {
    /// Reads `[local-part]@domain`, already decoded from dkim-quoted-printable. The local part is a dot-atom or a
    /// quoted-string (UTF-8 allowed, RFC 8616); control characters are refused.
    pub fn new(text: &[u8]) -> Result<Self, DomainError> {
        let _ = text;
        todo!()
    }

    /// `@domain`, the default of i=.
    pub fn of_domain(domain: DomainName) -> Self {
        let _ = domain;
        todo!()
    }

    /// The local part, maybe empty.
    pub fn local_part(&self) -> &[u8] {
        todo!()
    }

    /// The domain part.
    pub fn domain(&self) -> &DomainName {
        todo!()
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
    /// `local@domain`, octets that are not printable ASCII or UTF-8 letters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}
