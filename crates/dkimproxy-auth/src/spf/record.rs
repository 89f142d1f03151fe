//! The SPF record (RFC 7208 section 4.5, 4.6, 5, 6): read whole before any of it is used.

use super::macro_string::{MacroError, MacroString, Place};
use std::net::{Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// Longest record that is read, in octets; "SHOULD fit in 512 octets" (section 3.4). Bounds what it takes in memory.
const LONGEST: usize = 16 * 1024;

/// Why a record is a permerror (section 4.6: "if there are any syntax errors anywhere in the record").
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A mechanism that RFC 7208 does not know, or text that is no term.
    #[error("unknown mechanism, or a term of unknown form")]
    UnknownTerm,
    /// A mechanism without the argument it needs, or with one it must not have.
    #[error("missing or unexpected argument")]
    Argument,
    /// ip4: or ip6: without a valid address.
    #[error("malformed address")]
    Address,
    /// A prefix length out of range, or with a leading zero.
    #[error("malformed prefix length")]
    Prefix,
    /// A domain-spec that does not end in a label or a macro.
    #[error("malformed domain-spec")]
    DomainSpec,
    /// It is longer than anyone's.
    #[error("record too long")]
    TooLong,
    /// redirect= or exp= twice (section 6).
    #[error("a modifier stands twice")]
    DuplicateModifier,
    /// See [`MacroError`].
    #[error(transparent)]
    Macro(#[from] MacroError),
}

/// What a directive's match means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// `+`
    Pass,
    /// `-`
    Fail,
    /// `~`
    SoftFail,
    /// `?`
    Neutral,
}

/// A mechanism (section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// Matches always.
    All,
    /// Matches if the other domain's record gives pass.
    Include(MacroString),
    /// Matches an address of the name.
    A(Target),
    /// Matches an address of a mail exchanger of the name.
    Mx(Target),
    /// Matches a validated name of the client below the name. Discouraged, but to be supported.
    Ptr(Option<MacroString>),
    /// Matches an IPv4 network.
    Ip4(Ipv4Addr, u8),
    /// Matches an IPv6 network.
    Ip6(Ipv6Addr, u8),
    /// Matches if the name has an A record.
    Exists(MacroString),
}

/// Argument of `a` and `mx`: a name (default: the current domain) and prefix lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name to look up.
    pub domain: Option<MacroString>,
    /// For IPv4, 0 to 32.
    pub prefix4: u8,
    /// For IPv6, 0 to 128.
    pub prefix6: u8,
}

/// A qualifier and its mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// What a match means.
    pub qualifier: Qualifier,
    /// What matches.
    pub mechanism: Mechanism,
}

/// A whole record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Left to right.
    pub directives: Vec<Directive>,
    /// redirect=
    pub redirect: Option<MacroString>,
    /// exp=
    pub explanation: Option<MacroString>,
}

impl Record {
    /// True if the TXT string is an SPF record of this version: "begins with the version section: v=spf1 [...] followed
    /// by a space or the end" (section 4.5).
    pub fn is_spf(txt: &[u8]) -> bool {
        match txt.split_at_checked(6) {
            Some((version, rest)) => {
                version.eq_ignore_ascii_case(b"v=spf1") && matches!(rest.first(), None | Some(b' '))
            }
            None => false,
        }
    }

    /// Reads a record for which [`Record::is_spf`] holds.
    pub fn parse(txt: &[u8]) -> Result<Self, RecordError> {
        if txt.len() > LONGEST {
            return Err(RecordError::TooLong);
        }
        let mut record = Self::default();
        let terms = txt.get(6..).unwrap_or_default().split(|octet| *octet == b' ');
        for term in terms.filter(|term| !term.is_empty()) {
            match modifier(term) {
                Some((name, value)) => record.add_modifier(name, value)?,
                None => record.directives.push(directive(term)?),
            }
        }
        record.directives.shrink_to_fit();
        Ok(record)
    }

    /// What it takes in memory, about.
    pub(crate) fn octets(&self) -> usize {
        let directives = self.directives.iter().map(|directive| directive.mechanism.octets() + size_of::<Directive>());
        let modifiers = [&self.redirect, &self.explanation].into_iter().flatten().map(MacroString::octets);
        size_of::<Self>() + directives.chain(modifiers).sum::<usize>()
    }

    fn add_modifier(&mut self, name: &[u8], value: &[u8]) -> Result<(), RecordError> {
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"redirect" => &mut self.redirect,
            b"exp" => &mut self.explanation,
            // "unrecognized modifiers MUST be ignored", but their macro-string must be one (ABNF of unknown-modifier).
            _ => return Ok(MacroString::parse(value, Place::Domain).map(drop)?),
        };
        if slot.is_some() {
            return Err(RecordError::DuplicateModifier);
        }
        *slot = Some(domain_spec(value)?);
        Ok(())
    }
}

impl Mechanism {
    /// What it takes in memory besides its own size.
    fn octets(&self) -> usize {
        match self {
            Self::Include(spec) | Self::Exists(spec) => spec.octets(),
            Self::A(target) | Self::Mx(target) => target.domain.as_ref().map_or(0, MacroString::octets),
            Self::Ptr(spec) => spec.as_ref().map_or(0, MacroString::octets),
            Self::All | Self::Ip4(..) | Self::Ip6(..) => 0,
        }
    }
}

/// `name "=" macro-string`; name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
fn modifier(term: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', term)?;
    let (name, value) = term.split_at_checked(equals)?;
    let (first, rest) = name.split_first()?;
    let named = first.is_ascii_alphabetic() && rest.iter().all(|o| o.is_ascii_alphanumeric() || b"-_.".contains(o));
    named.then_some((name, value.get(1..)?))
}

fn directive(term: &[u8]) -> Result<Directive, RecordError> {
    let (qualifier, rest) = match term.split_first() {
        Some((b'+', rest)) => (Qualifier::Pass, rest),
        Some((b'-', rest)) => (Qualifier::Fail, rest),
        Some((b'~', rest)) => (Qualifier::SoftFail, rest),
        Some((b'?', rest)) => (Qualifier::Neutral, rest),
        _ => (Qualifier::Pass, term),
    };
    let end = rest.iter().position(|octet| b":/".contains(octet)).unwrap_or(rest.len());
    let (name, argument) = rest.split_at_checked(end).ok_or(RecordError::UnknownTerm)?;
    Ok(Directive { qualifier, mechanism: mechanism(name, argument)? })
}

/// `argument` begins with ":" or "/", or is empty.
fn mechanism(name: &[u8], argument: &[u8]) -> Result<Mechanism, RecordError> {
    let after_colon = argument.strip_prefix(b":");
    let needed = || after_colon.ok_or(RecordError::Argument);
    match name.to_ascii_lowercase().as_slice() {
        b"all" if argument.is_empty() => Ok(Mechanism::All),
        b"all" => Err(RecordError::Argument),
        b"include" => Ok(Mechanism::Include(domain_spec(needed()?)?)),
        b"exists" => Ok(Mechanism::Exists(domain_spec(needed()?)?)),
        b"a" => Ok(Mechanism::A(target(argument)?)),
        b"mx" => Ok(Mechanism::Mx(target(argument)?)),
        b"ptr" if argument.is_empty() => Ok(Mechanism::Ptr(None)),
        b"ptr" => Ok(Mechanism::Ptr(Some(domain_spec(needed()?)?))),
        b"ip4" => network(needed()?, 32).map(|(address, prefix)| Mechanism::Ip4(address, prefix)),
        b"ip6" => network(needed()?, 128).map(|(address, prefix)| Mechanism::Ip6(address, prefix)),
        _ => Err(RecordError::UnknownTerm),
    }
}

fn network<A: std::str::FromStr>(text: &[u8], longest: u8) -> Result<(A, u8), RecordError> {
    let text = std::str::from_utf8(text).map_err(|_| RecordError::Address)?;
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, prefix(length.as_bytes(), longest)?),
        None => (text, longest),
    };
    Ok((address.parse().map_err(|_| RecordError::Address)?, length))
}

/// `"0" / %x31-39 0*2DIGIT`, and not more than `longest`.
fn prefix(digits: &[u8], longest: u8) -> Result<u8, RecordError> {
    let is_number = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().filter(|_| is_number).and_then(|text| text.parse().ok());
    number.filter(|length| *length <= longest).ok_or(RecordError::Prefix)
}

/// `[ ":" domain-spec ] [ "/" ip4-length ] [ "//" ip6-length ]`.
fn target(argument: &[u8]) -> Result<Target, RecordError> {
    let (rest, prefix6) = match rsplit(argument, b"//") {
        Some((rest, digits)) if digits.iter().all(u8::is_ascii_digit) => (rest, prefix(digits, 128)?),
        _ => (argument, 128),
    };
    let (rest, prefix4) = match rsplit(rest, b"/") {
        Some((rest, digits)) if digits.iter().all(u8::is_ascii_digit) => (rest, prefix(digits, 32)?),
        _ => (rest, 32),
    };
    let domain = match rest.strip_prefix(b":") {
        Some(spec) => Some(domain_spec(spec)?),
        None if rest.is_empty() => None,
        None => return Err(RecordError::Prefix),
    };
    Ok(Target { domain, prefix4, prefix6 })
}

fn rsplit<'t>(text: &'t [u8], separator: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let at = memchr::memmem::rfind(text, separator)?;
    Some((text.get(..at)?, text.get(at + separator.len()..)?))
}

/// domain-spec = macro-string domain-end; domain-end = ( "." toplabel [ "." ] ) / macro-expand.
fn domain_spec(text: &[u8]) -> Result<MacroString, RecordError> {
    let parsed = MacroString::parse(text, Place::Domain)?;
    if parsed.ends_in_macro() || ends_in_toplabel(text) { Ok(parsed) } else { Err(RecordError::DomainSpec) }
}

fn ends_in_toplabel(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let Some((_, label)) = rsplit(text, b".") else { return false };
    let inner = label.iter().all(|o| o.is_ascii_alphanumeric() || *o == b'-');
    let edges = !label.starts_with(b"-") && !label.ends_with(b"-");
    !label.is_empty() && inner && edges && !label.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Record, RecordError> {
        assert!(Record::is_spf(text.as_bytes()), "{text}");
        Record::parse(text.as_bytes())
    }

    #[test]
    fn version_section() {
        for (text, expected) in
            [("v=spf1", true), ("V=SPF1 -all", true), ("v=spf10", false), ("v=spf1\t-all", false), ("spf1", false)]
        {
            assert_eq!(Record::is_spf(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn good_records() {
        for text in [
            "v=spf1",
            "v=spf1   -all ",
            "v=spf1 a mx/24 a:b.example/24//64 mx//64 ptr ptr:b.example",
            "v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ip6:::1",
            "v=spf1 include:%{d} exists:%{ir}.x.example redirect=%{d2}",
            "v=spf1 MX A:FOO.example. +ALL",
            "v=spf1 moo.cow-far_out=man:dog/cat ip4:1.2.3.4 default=pass",
            "v=spf1 a:foo/bar.example",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn syntax_errors_anywhere_spoil_the_record() {
        for text in [
            "v=spf1 all:x",
            "v=spf1 all/8",
            "v=spf1 include",
            "v=spf1 include:",
            "v=spf1 include:b.example/24",
            "v=spf1 a:museum",
            "v=spf1 a:museum.",
            "v=spf1 a:111.222.33.44",
            "v=spf1 a:b.example:8080",
            "v=spf1 a:b.-com",
            "v=spf1 a/33",
            "v=spf1 a//129",
            "v=spf1 a/024",
            "v=spf1 a/+24",
            "v=spf1 ip4:192.0.2.0/99999999999999999999999",
            "v=spf1 ip4:192.0.2.0/24\"\"\"\"\"\"\"\"\"\"\"\"\"",
            "v=spf1 a:/24",
            "v=spf1 ip4",
            "v=spf1 ip4:1.2.3",
            "v=spf1 ip4:1.2.3.4/",
            "v=spf1 ip4:1.2.3.4/32/1",
            "v=spf1 ip4://1.2.3.4",
            "v=spf1 ip6:::1/129",
            "v=spf1 redirect=b.example redirect=b.example",
            "v=spf1 exp=b.example exp=b.example",
            "v=spf1 redirect=",
            "v=spf1 foo",
            "v=spf1 foo:bar",
            "v=spf1 =x",
            "v=spf1 x=%q",
            "v=spf1 -all\t~all",
            "v=spf1 --all",
        ] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }
}
