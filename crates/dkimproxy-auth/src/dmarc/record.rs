//! The DMARC policy record (section 4.5 to 4.8).

use std::collections::BTreeSet;

/// Longest record that is read, in octets. Nobody needs as much; it bounds what a hostile one costs.
const LONGEST: usize = 16 * 1024;

/// What the domain's owner asks for (section 4.7: p, sp, np).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Nothing.
    None,
    /// To be treated as suspicious.
    Quarantine,
    /// To be refused.
    Reject,
}

impl Policy {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    /// One step milder, for `t=y` (section 4.7).
    pub fn milder(self) -> Self {
        match self {
            Self::Reject => Self::Quarantine,
            Self::Quarantine | Self::None => Self::None,
        }
    }

    fn parse(value: &[u8]) -> Option<Self> {
        [Self::None, Self::Quarantine, Self::Reject]
            .into_iter()
            .find(|p| value.eq_ignore_ascii_case(p.as_str().as_bytes()))
    }
}

/// How close an identifier must be to the Author Domain (adkim, aspf).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alignment {
    /// The same Organizational Domain.
    #[default]
    Relaxed,
    /// The same name.
    Strict,
}

/// Whether the domain is a public suffix (psd).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublicSuffix {
    /// `y`: a public suffix.
    Yes,
    /// `n`: an Organizational Domain for certain.
    No,
    /// `u`, or nothing said: the tree walk tells.
    #[default]
    Unknown,
}

/// What is asked for: for the domain itself and for those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// p: for the domain itself.
    pub own: Policy,
    /// sp: for subdomains; p where absent.
    pub subdomain: Policy,
    /// np: for subdomains that do not exist; sp, then p where absent.
    pub nonexistent: Policy,
}

/// A DMARC Policy Record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What is asked for. None: "the Mail Receiver applies no DMARC processing to this message" (section 4.10.1).
    pub policies: Option<Policies>,
    /// adkim
    pub dkim_alignment: Alignment,
    /// aspf
    pub spf_alignment: Alignment,
    /// psd
    pub public_suffix: PublicSuffix,
    /// t=y: apply one step milder.
    pub testing: bool,
}

impl Record {
    /// The one record among the TXT records of a name. "Records that do not start with a "v" tag that identifies the
    /// current version of DMARC are discarded. If multiple DMARC Policy Records are returned [...], all are discarded"
    /// (section 4.10).
    pub fn of_name(records: &[Vec<u8>]) -> Option<Self> {
        let mut found = records.iter().filter_map(|txt| Self::parse(txt));
        match (found.next(), found.next()) {
            (only, None) => only,
            (_, Some(_)) => None,
        }
    }

    /// Reads a TXT record. None: it is no DMARC record.
    ///
    /// v "MUST be the first tag in the list. The tag value is case sensitive" (section 4.7). "Syntax errors in the
    /// remainder of the record MUST be discarded in favor of default values (if any) or ignored outright" (section 4.8).
    /// But of two tags with one name nobody can tell which is meant: "if a tag name does occur more than once, the entire
    /// tag-list is invalid" (RFC 6376 section 3.2, whose syntax section 4.7 takes over).
    pub fn parse(txt: &[u8]) -> Option<Self> {
        if txt.len() > LONGEST {
            return None;
        }
        let mut tags = txt.split(|octet| *octet == b';').map(tag);
        let (name, value) = tags.next()??;
        if !name.eq_ignore_ascii_case(b"v") || value != b"DMARC1" {
            return None;
        }
        let mut written = Written::default();
        let mut names = BTreeSet::from([b"v".to_vec()]);
        for (name, value) in tags.flatten() {
            if !names.insert(name.to_ascii_lowercase()) {
                return None;
            }
            written.take(name, value);
        }
        Some(written.record())
    }
}

/// The tags as they stand.
#[derive(Default)]
struct Written<'t> {
    p: Option<&'t [u8]>,
    sp: Option<&'t [u8]>,
    np: Option<&'t [u8]>,
    adkim: Option<&'t [u8]>,
    aspf: Option<&'t [u8]>,
    psd: Option<&'t [u8]>,
    t: Option<&'t [u8]>,
    rua: Option<&'t [u8]>,
}

impl<'t> Written<'t> {
    fn take(&mut self, name: &[u8], value: &'t [u8]) {
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"p" => &mut self.p,
            b"sp" => &mut self.sp,
            b"np" => &mut self.np,
            b"adkim" => &mut self.adkim,
            b"aspf" => &mut self.aspf,
            b"psd" => &mut self.psd,
            b"t" => &mut self.t,
            b"rua" => &mut self.rua,
            _ => return,
        };
        slot.get_or_insert(value);
    }

    fn record(&self) -> Record {
        Record {
            policies: self.policies(),
            dkim_alignment: alignment(self.adkim),
            spf_alignment: alignment(self.aspf),
            public_suffix: match self.psd.map(<[u8]>::to_ascii_lowercase).as_deref() {
                Some(b"y") => PublicSuffix::Yes,
                Some(b"n") => PublicSuffix::No,
                _ => PublicSuffix::Unknown,
            },
            testing: self.t.is_some_and(|t| t.eq_ignore_ascii_case(b"y")),
        }
    }

    /// "If a retrieved DMARC Policy Record does not contain a valid "p" tag, or contains an "sp" or "np" tag that is not
    /// valid, then: if a "rua" tag is present and contains at least one syntactically valid reporting URI, the Mail
    /// Receiver MUST act as if a record containing "p=none" was retrieved" (section 4.10.1).
    fn policies(&self) -> Option<Policies> {
        let none = Policies { own: Policy::None, subdomain: Policy::None, nonexistent: Policy::None };
        self.valid_policies().or_else(|| self.rua.is_some_and(names_a_uri).then_some(none))
    }

    fn valid_policies(&self) -> Option<Policies> {
        let own = Policy::parse(self.p?)?;
        let subdomain = self.sp.map_or(Some(own), Policy::parse)?;
        let nonexistent = self.np.map_or(Some(subdomain), Policy::parse)?;
        Some(Policies { own, subdomain, nonexistent })
    }
}

/// `name *WSP "=" *WSP value`, blanks around it removed.
fn tag(spec: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', spec)?;
    let (name, value) = spec.split_at_checked(equals)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

fn alignment(value: Option<&[u8]>) -> Alignment {
    match value {
        Some(value) if value.eq_ignore_ascii_case(b"s") => Alignment::Strict,
        _ => Alignment::Relaxed,
    }
}

/// "a syntactically valid reporting URI" (section 4.10.1): a scheme, a colon and something after it.
fn names_a_uri(rua: &[u8]) -> bool {
    rua.split(|octet| *octet == b',').map(<[u8]>::trim_ascii).any(|uri| {
        let Some(colon) = memchr::memchr(b':', uri) else { return false };
        let scheme = uri.get(..colon).unwrap_or_default();
        let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(octet));
        let rest = uri.get(colon + 1..).unwrap_or_default();
        let mailto = scheme.eq_ignore_ascii_case(b"mailto");
        named && !rest.is_empty() && rest.iter().all(u8::is_ascii_graphic) && (!mailto || rest.contains(&b'@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_record() {
        for (txt, expected) in [
            ("v=DMARC1; p=none", Some(Policy::None)),
            ("v = DMARC1 ; p = Reject ;", Some(Policy::Reject)),
            ("v=DMARC1;p=quarantine;sp=none", Some(Policy::Quarantine)),
            ("v=DMARC1; rua=mailto:a@b.example; p=reject", Some(Policy::Reject)),
            ("v=DMARC1; rua=mailto:a@b.example", Some(Policy::None)),
            ("v=DMARC1; p=rejct; rua=mailto:a@b.example", Some(Policy::None)),
            ("v=DMARC1; p=reject; sp=x; rua=mailto:a@b.example", Some(Policy::None)),
            ("v=DMARC1; p=reject; sp=x", None),
            ("v=DMARC1; p=reject; np=x", None),
            ("v=DMARC1; p=rejct", None),
            ("v=DMARC1; rua=nobody", None),
            ("v=DMARC1", None),
            ("v=dmarc1; p=none", None),
            ("v=DMARC1 p=none", None),
            ("v=DMARC10; p=none", None),
            ("p=none; v=DMARC1", None),
            ("v=DMARC1; p=none; P=reject", None),
            ("v=DMARC1; v=DMARC1; p=none", None),
            ("v=DMARC1; p=none; bogus; adkim=x; =y", Some(Policy::None)),
            ("", None),
        ] {
            let policies = Record::parse(txt.as_bytes()).and_then(|record| record.policies);
            assert_eq!(policies.map(|policies| policies.own), expected, "{txt}");
        }
    }

    #[test]
    fn defaults_follow_each_other() {
        let record = Record::parse(b"v=DMARC1; p=reject; sp=quarantine; adkim=S; psd=n; t=y; x=1").unwrap();
        let policies = record.policies.unwrap();
        assert_eq!((policies.subdomain, policies.nonexistent), (Policy::Quarantine, Policy::Quarantine));
        assert_eq!((record.dkim_alignment, record.spf_alignment), (Alignment::Strict, Alignment::Relaxed));
        assert_eq!((record.public_suffix, record.testing), (PublicSuffix::No, true));
    }
}
