use dkimproxy_core::{domain::DomainName, header::Header};

/// What the From field says about whose message it is (RFC 9989 section 5.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorDomain {
    /// One domain, of one mailbox or more.
    One(DomainName),
    /// There is no From field, or no mailbox in it.
    None,
    /// More than one, in the order written, each once.
    Several(Vec<DomainName>),
    /// There are several From fields, or one that cannot be read in one way only, or a mailbox without a domain name.
    Malformed,
}

/// Reads the From field.
pub fn author_domain(header: &Header) -> AuthorDomain {
    todo!()
}
