//! SPF (RFC 7208): may this client send mail for that domain?
//!
//! A bare "section" in this module means RFC 7208.

mod check;
mod macro_string;
mod names;
mod record;

pub use check::{Limits, check_host};
pub use macro_string::{MacroError, MacroString};
pub use record::{Directive, Mechanism, Qualifier, Record, RecordError, Target};

use std::net::IpAddr;
use thiserror::Error;

/// The seven results (section 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpfResult {
    /// No domain to check, or it publishes no record.
    None,
    /// The domain says nothing about this client; to be treated as `None` (section 8.2).
    Neutral,
    /// The client may send for the domain.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// DNS trouble; a later attempt may tell more.
    TempError,
    /// The published record cannot be used.
    PermError,
}

impl SpfResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// Which name the client gave is being checked (section 2.3, 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The reverse-path, or `postmaster@` the HELO name where that is empty.
    MailFrom,
    /// The HELO name.
    Helo,
}

/// Who is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The client's address. IPv4-mapped IPv6 counts as IPv4 (section 5).
    pub ip: IpAddr,
    /// The argument of HELO or EHLO, as text.
    pub helo: String,
    /// What is checked.
    pub scope: Scope,
    /// Left of the "@"; `postmaster` where there is none (section 4.3).
    pub local_part: String,
    /// Right of the "@", as it was sent.
    pub domain: String,
}

impl Query {
    /// The question about the HELO name.
    pub fn helo(ip: IpAddr, helo: &str) -> Self {
        Self { ip, helo: helo.into(), scope: Scope::Helo, local_part: "postmaster".into(), domain: helo.into() }
    }

    /// The question about the reverse-path; `reverse_path` without angle brackets, empty for the null one.
    pub fn mail_from(ip: IpAddr, helo: &str, reverse_path: &str) -> Self {
        let mailbox = without_source_route(reverse_path);
        let (local_part, domain) = match at_sign(mailbox) {
            Some(at) => (mailbox.get(..at).unwrap_or_default(), mailbox.get(at + 1..).unwrap_or_default()),
            None if mailbox.is_empty() => ("", helo),
            None => ("", mailbox),
        };
        let local_part = if local_part.is_empty() { "postmaster" } else { local_part };
        Self { ip, helo: helo.into(), scope: Scope::MailFrom, local_part: local_part.into(), domain: domain.into() }
    }
}

/// The `@a,@b:` of RFC 5321 section 4.1.2 (A-d-l) says nothing about the sender.
fn without_source_route(path: &str) -> &str {
    match path.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, mailbox)) => mailbox,
        None => path,
    }
}

/// The last "@" that no quotes enclose; the last one at all where they do not end.
fn at_sign(mailbox: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let mut found = None;
    for (at, octet) in mailbox.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'@' if !quoted => found = Some(at),
            _ => {}
        }
    }
    if quoted { mailbox.rfind('@') } else { found }
}

/// What check_host found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfOutcome {
    /// The result.
    pub result: SpfResult,
    /// What the domain's owner says to a client that fails (section 6.2). Text of a third party: printable ASCII, at
    /// most 450 characters, to be marked as the domain's when shown.
    pub explanation: Option<String>,
    /// Why the result is no better, in our words.
    pub reason: Option<SpfProblem>,
}

/// Why there is no proper result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpfProblem {
    /// The name to check is no domain name of two labels (section 4.3).
    #[error("no domain name to check")]
    NoDomain,
    /// The domain publishes no record.
    #[error("no SPF record")]
    NoRecord,
    /// Section 4.5: more than one.
    #[error("more than one SPF record")]
    SeveralRecords,
    /// The record, or one it includes, is malformed.
    #[error("malformed SPF record: {0}")]
    Record(#[from] RecordError),
    /// include: or redirect= names a domain without a record (sections 5.2, 6.1).
    #[error("an included or redirected domain has no SPF record")]
    DanglingReference,
    /// More than ten terms that ask DNS (section 4.6.4).
    #[error("too many DNS lookups in the SPF record")]
    TooManyLookups,
    /// More lookups without an answer than allowed (section 4.6.4).
    #[error("too many DNS lookups without an answer in the SPF record")]
    TooManyVoidLookups,
    /// More than ten mail exchangers for an `mx` mechanism (section 4.6.4).
    #[error("too many mail exchangers for a mechanism of the SPF record")]
    TooManyExchangers,
    /// A DNS server failed or did not answer.
    #[error("DNS did not answer")]
    Dns,
    /// The time for the whole check is over (section 4.6.4).
    #[error("the check took too long")]
    OutOfTime,
}

/// What a domain publishes: its record, or why there is none that can be used ([`SpfProblem::NoRecord`],
/// [`SpfProblem::SeveralRecords`], [`SpfProblem::Record`]).
pub type Published = Result<Record, SpfProblem>;

/// Picks the one SPF record among TXT records, and reads it (section 4.5).
pub fn published(records: &[Vec<u8>]) -> Published {
    let mut spf = records.iter().filter(|txt| Record::is_spf(txt));
    match (spf.next(), spf.next()) {
        (None, _) => Err(SpfProblem::NoRecord),
        (Some(txt), None) => Ok(Record::parse(txt)?),
        (Some(_), Some(_)) => Err(SpfProblem::SeveralRecords),
    }
}

/// For the fuzz target: expands a domain-spec and an explanation, and checks how long they become.
pub(crate) fn expand_for_fuzzing(spec: &[u8], sender: &str) {
    use macro_string::Place;
    for place in [Place::Domain, Place::Explanation] {
        let Ok(parsed) = MacroString::parse(spec, place) else { continue };
        let value = |_| std::borrow::Cow::Borrowed(sender);
        // URL escapes make three octets of one.
        let piece = 3 * sender.len() + spec.len();
        assert!(parsed.name(names::LONGEST_NAME, value).len() <= names::LONGEST_NAME + piece);
        assert!(parsed.text(450, value).len() <= 450 + piece);
    }
}

impl SpfProblem {
    /// The result that this problem means: an exhaustive match.
    pub fn result(&self) -> SpfResult {
        match self {
            Self::NoDomain | Self::NoRecord => SpfResult::None,
            Self::Dns | Self::OutOfTime => SpfResult::TempError,
            Self::SeveralRecords
            | Self::Record(_)
            | Self::DanglingReference
            | Self::TooManyLookups
            | Self::TooManyVoidLookups
            | Self::TooManyExchangers => SpfResult::PermError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_a_reverse_path() {
        let ip = IpAddr::from([192, 0, 2, 1]);
        for (path, local_part, domain) in [
            ("joe@example.org", "joe", "example.org"),
            ("", "postmaster", "helo.example"),
            ("@example.org", "postmaster", "example.org"),
            ("@relay.example,@b.example:joe@example.org", "joe", "example.org"),
            ("\"a@b\"@example.org", "\"a@b\"", "example.org"),
            ("u%b@c.example", "u%b", "c.example"),
            ("a@b@c.example", "a@b", "c.example"),
            ("a\"b@c.example", "a\"b", "c.example"),
            ("\"a\\\"@b\"@c.example", "\"a\\\"@b\"", "c.example"),
            ("nowhere", "postmaster", "nowhere"),
        ] {
            let query = Query::mail_from(ip, "helo.example", path);
            assert_eq!((query.local_part.as_str(), query.domain.as_str()), (local_part, domain), "{path}");
        }
    }
}
