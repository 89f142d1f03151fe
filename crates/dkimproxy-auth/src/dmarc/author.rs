//! The Author Domain (section 5.3.1): whose message is it?

use dkimproxy_core::{address, domain::DomainName, header::Header};
use std::collections::BTreeSet;

/// What the From field says about whose message it is (sections 5.3.1 and 11.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorDomain {
    /// One domain, of one mailbox or more.
    One(DomainName),
    /// There is no From field, or no mailbox in it.
    None,
    /// More than one, in the order written, each once.
    Several(Vec<DomainName>),
    /// There are several From fields, or one that can be read in more than one way, or a mailbox without a domain name.
    Malformed,
}

impl AuthorDomain {
    /// The domains, in the order written.
    pub fn domains(&self) -> &[DomainName] {
        match self {
            Self::One(domain) => std::slice::from_ref(domain),
            Self::Several(domains) => domains,
            Self::None | Self::Malformed => &[],
        }
    }

    /// Why DMARC cannot say whose message it is. None: it can.
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Self::One(_) => None,
            Self::None => Some("no address in From"),
            Self::Several(_) => Some("several domains in From"),
            Self::Malformed => Some("From is malformed, or there are several"),
        }
    }
}

/// Reads the From field.
///
/// RFC 5322 section 3.6 allows one; of several each reader may show another, so none of them counts.
pub fn author_domain(header: &Header) -> AuthorDomain {
    let mut fields = header.named("From");
    match (fields.next(), fields.next()) {
        (None, _) => AuthorDomain::None,
        (Some(field), None) => of_field(field.body()),
        (Some(_), Some(_)) => AuthorDomain::Malformed,
    }
}

fn of_field(body: &[u8]) -> AuthorDomain {
    let list = address::read(body);
    let names: Option<Vec<_>> = list.mailboxes.iter().map(address::Mailbox::domain_name).collect();
    let Some(mut domains) = names.filter(|_| list.is_certain) else { return AuthorDomain::Malformed };
    let mut seen = BTreeSet::new();
    domains.retain(|domain| seen.insert(domain.clone()));
    match <[DomainName; 1]>::try_from(domains) {
        Ok([only]) => AuthorDomain::One(only),
        Err(domains) if domains.is_empty() => AuthorDomain::None,
        Err(domains) => AuthorDomain::Several(domains),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str) -> AuthorDomain {
        author_domain(&Header::parse(header.replace('|', "\r\n").into()))
    }

    fn name(text: &str) -> DomainName {
        DomainName::new(text).unwrap()
    }

    #[test]
    fn dm1_one_domain() {
        let expected = AuthorDomain::One(name("xn--bcher-kva.example"));
        for header in [
            "From: a@B\u{fc}cher.example|",
            "from : a@xn--bcher-kva.EXAMPLE|",
            "From: Joe <a@b\u{fc}cher.example>, b@xn--bcher-kva.example|",
            "Sender: x@other.example|From: List: a@b\u{fc}cher.example, b@b\u{fc}cher.example;|",
            "From: \"x@other.example\" (y@other.example)| <@relay.example:a@b\u{fc}cher.example>|",
        ] {
            assert_eq!(of(header), expected, "{header}");
        }
    }

    #[test]
    fn dm1_more_or_less_than_one() {
        for (header, expected) in [
            ("Subject: x|", AuthorDomain::None),
            ("From:|", AuthorDomain::None),
            ("From: undisclosed:;|", AuthorDomain::None),
            (
                "From: a@b.example, c@D.example, e@b.example|",
                AuthorDomain::Several(vec![name("b.example"), name("d.example")]),
            ),
            ("From: a@b.example|From: a@b.example|", AuthorDomain::Malformed),
        ] {
            assert_eq!(of(header), expected, "{header}");
        }
    }

    #[test]
    fn dm2_never_a_guess() {
        for body in [
            "Joe",
            "a@localhost",
            "a@[192.0.2.1]",
            "a@b.example, c@localhost",
            "a@b.example c@d.example",
            "<a@b.example c@d.example",
            "=?utf-8?q?a=40b.example?= (x)",
            "a@b.example@c.example",
        ] {
            assert_eq!(of(&format!("From: {body}|")), AuthorDomain::Malformed, "{body}");
        }
    }
}
