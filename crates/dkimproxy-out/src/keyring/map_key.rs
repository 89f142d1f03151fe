//! The left-hand side of a map: which mail a rule is for.

use dkimproxy_core::domain::DomainName;
use thiserror::Error;

/// The key that matches whatever no other key matches.
pub(super) const CATCH_ALL: &str = ".";

/// No longer than a domain name and a local part can be together (RFC 5321 section 4.5.3.1).
pub(super) const MAX_LEN: usize = 64 + 1 + 253;

/// Why a key can never match.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum KeyError {
    /// `@domain`, `.domain`, `*.domain`: forms of other programs.
    #[error("\"{written}\" matches nothing; a domain covers its subdomains and all its users: write {right}")]
    ForeignForm {
        /// As written.
        written: String,
        /// What was probably meant.
        right: String,
    },
    /// Neither an address nor a domain name.
    #[error("\"{0}\" is neither user@domain nor a domain name nor \".\"")]
    Invalid(String),
}

/// Brings a key as written into the form that lookups use: lower-case, the domain in A-labels, no dot at its end.
pub(super) fn normalize(written: &str) -> Result<String, KeyError> {
    if written == CATCH_ALL {
        return Ok(written.to_owned());
    }
    if let Some(right) = written.strip_prefix("*.").or_else(|| written.strip_prefix(['@', '.'])) {
        return Err(KeyError::ForeignForm { written: written.to_owned(), right: right.to_owned() });
    }
    let invalid = || KeyError::Invalid(written.to_owned());
    match written.rsplit_once('@') {
        Some((local, domain)) => Ok(format!("{}@{}", local.to_lowercase(), domain_key(domain).ok_or_else(invalid)?)),
        None => domain_key(written).ok_or_else(invalid),
    }
}

/// Domain names as keys may have one label only (a top-level domain, a host of the local network): such a one is taken
/// in ASCII.
pub fn domain_key(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if let Ok(name) = DomainName::new(domain) {
        return Some(name.as_str().to_owned());
    }
    let is_label = !domain.is_empty()
        && domain.len() <= 63
        && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    is_label.then(|| domain.to_ascii_lowercase())
}

/// The domain that a key implies for d=: what follows "@", or the key itself; None for the catch-all.
/// (1.4.1 wrote `d=.` for that.)
pub(super) fn implied_domain(key: &str) -> Option<&str> {
    match key.rsplit_once('@') {
        Some((_, domain)) => Some(domain),
        None => (key != CATCH_ALL).then_some(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_normalized() {
        for (written, expected) in [
            (".", "."),
            ("Example.ORG", "example.org"),
            ("example.org.", "example.org"),
            ("User@Example.org", "user@example.org"),
            ("\"a@b\"@example.org", "\"a@b\"@example.org"),
            ("localhost", "localhost"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("user@bücher.example", "user@xn--bcher-kva.example"),
        ] {
            assert_eq!(normalize(written).as_deref(), Ok(expected), "{written}");
        }
    }

    #[test]
    fn foreign_forms_are_explained() {
        for written in ["*.example.org", ".example.org", "@example.org"] {
            let expected = KeyError::ForeignForm { written: written.to_owned(), right: "example.org".to_owned() };
            assert_eq!(normalize(written), Err(expected));
        }
        for written in ["a..b", "ex*mple.org", "user@", "a b"] {
            assert_eq!(normalize(written), Err(KeyError::Invalid(written.to_owned())));
        }
    }

    #[test]
    fn implied_domains() {
        assert_eq!(implied_domain("user@example.org"), Some("example.org"));
        assert_eq!(implied_domain("example.org"), Some("example.org"));
        assert_eq!(implied_domain("."), None);
    }
}
