//! What a rule means: which signatures are made for the mail it covers.

use super::template::{Template, Values};
use crate::{author::Author, signing::Request};
use dkimproxy_core::{
    canonicalize::Canonicalization,
    domain::{DomainError, DomainName, Identity, Selector},
    domainkeys::{DomainKeysCanonicalization, DomainKeysKey, DomainKeysRequest},
    key::SigningKey,
    sign::{CoveredFields, SigningRequest},
    signature::Layout,
};
use std::{fmt, sync::Arc};
use thiserror::Error;

/// What is to be done with mail that a rule covers.
#[derive(Debug, Clone, Default)]
pub enum Rule {
    /// Sign it; in this order, the first one stands topmost.
    Sign(Vec<Signature>),
    /// Leave it unsigned: the rule says `none`.
    #[default]
    LeaveUnsigned,
    /// The rule lacks a key or a selector. 1.4.1 took such rules and failed at each message.
    Incomplete,
}

/// One signature to be made, all that can be known at start checked.
#[derive(Debug, Clone)]
pub enum Signature {
    /// `dkim(...)`
    Dkim(Box<DkimSignature>),
    /// `domainkeys(...)`
    DomainKeys(DomainKeysSignature),
}

/// `domainkeys(...)`
#[derive(Debug, Clone)]
pub struct DomainKeysSignature {
    /// The private key.
    pub key: Arc<DomainKeysKey>,
    /// s=
    pub selector: Selector,
    /// d=
    pub domain: SigningDomain,
    /// c=
    pub canonicalization: DomainKeysCanonicalization,
}

/// `dkim(...)`
#[derive(Debug, Clone)]
pub struct DkimSignature {
    /// The private key.
    pub key: Arc<SigningKey>,
    /// s=
    pub selector: Selector,
    /// d=
    pub domain: SigningDomain,
    /// i=
    pub identity: Option<SigningIdentity>,
    /// c=
    pub canonicalization: Canonicalization,
    /// h=
    pub covered: Arc<CoveredFields>,
    /// Write t=.
    pub timestamp: bool,
    /// x=, in seconds from the time of signing.
    pub lifetime: Option<u64>,
    /// How the field looks.
    pub layout: Layout,
}

/// d=, as far as it is known before the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningDomain {
    /// Always this one.
    Fixed(DomainName),
    /// That of the author: the catch-all rule without d=.
    OfAuthor,
    /// By macros.
    Template(Template),
}

/// i=, as far as it is known before the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningIdentity {
    /// Always this one, and it lies within d=.
    Fixed(Identity),
    /// By macros, or for a d= not known yet. Left out where it does not lie within d=: verifiers would refuse it
    /// (RFC 6376 section 6.1.1), and without i= the signature is good.
    Template(Template),
}

/// Why a rule yields no signature for one message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unsignable {
    /// The rule lacks a key or a selector.
    #[error("the rule has no key file or no selector")]
    Incomplete,
    /// d= is to be taken from the author, and there is none.
    #[error("the message names no author to take d= from")]
    NoAuthor,
    /// d= would be something that is no domain name.
    #[error("\"{value}\" cannot be a signing domain: {source}")]
    Domain {
        /// What d= would be.
        value: String,
        /// Why not.
        source: DomainError,
    },
}

impl Signature {
    /// What the core is asked for. `author` is the address that the rule was chosen by.
    pub fn request(&self, author: Option<&Author>) -> Result<Request, Unsignable> {
        match self {
            Self::Dkim(signature) => Ok(Request::Dkim(Box::new(signature.request(author)?))),
            Self::DomainKeys(signature) => Ok(Request::DomainKeys(signature.request(author)?)),
        }
    }
}

impl DomainKeysSignature {
    fn request(&self, author: Option<&Author>) -> Result<DomainKeysRequest, Unsignable> {
        Ok(DomainKeysRequest {
            key: Arc::clone(&self.key),
            domain: self.domain.resolve(author)?,
            selector: self.selector.clone(),
            canonicalization: self.canonicalization,
        })
    }
}

impl DkimSignature {
    fn request(&self, author: Option<&Author>) -> Result<SigningRequest, Unsignable> {
        let domain = self.domain.resolve(author)?;
        Ok(SigningRequest {
            key: Arc::clone(&self.key),
            selector: self.selector.clone(),
            canonicalization: self.canonicalization,
            identity: self.identity.as_ref().and_then(|identity| identity.resolve(author, &domain)),
            covered: Arc::clone(&self.covered),
            timestamp: self.timestamp,
            lifetime: self.lifetime,
            layout: self.layout.clone(),
            domain,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sign(signatures) => {
                for (index, signature) in signatures.iter().enumerate() {
                    write!(f, "{}{signature}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::LeaveUnsigned => f.write_str("none"),
            Self::Incomplete => f.write_str("cannot be signed: no key file or no selector"),
        }
    }
}

impl fmt::Display for Signature {
    /// As it would be written in full, but for the key's path, and `*` for what a message settles.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dkim(signature) => signature.fmt(f),
            Self::DomainKeys(DomainKeysSignature { selector, domain, canonicalization, .. }) => {
                write!(f, "domainkeys(s={selector},d={domain},c={})", canonicalization.as_str())
            }
        }
    }
}

impl fmt::Display for SigningDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(domain) => domain.as_str(),
            Self::OfAuthor | Self::Template(_) => "*",
        })
    }
}

impl fmt::Display for DkimSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (domain, algorithm) = (&self.domain, self.key.algorithm());
        write!(f, "dkim(s={},d={domain},a={algorithm},c={}", self.selector, self.canonicalization)?;
        match &self.identity {
            Some(SigningIdentity::Fixed(identity)) => write!(f, ",i={identity}")?,
            Some(SigningIdentity::Template(_)) => f.write_str(",i=*")?,
            None => {}
        }
        if self.layout != Layout::Ours {
            f.write_str(",layout=dkimproxy1")?;
        }
        f.write_str(")")
    }
}

impl SigningDomain {
    fn resolve(&self, author: Option<&Author>) -> Result<DomainName, Unsignable> {
        match self {
            Self::Fixed(domain) => Ok(domain.clone()),
            Self::OfAuthor => {
                let author = author.ok_or(Unsignable::NoAuthor)?;
                author.domain.clone().map_or_else(|| to_domain(written_domain(author).to_owned()), Ok)
            }
            Self::Template(template) => {
                to_domain(template.expand(&message_values(author)).ok_or(Unsignable::NoAuthor)?)
            }
        }
    }
}

impl SigningIdentity {
    fn resolve(&self, author: Option<&Author>, domain: &DomainName) -> Option<Identity> {
        match self {
            Self::Fixed(identity) => Some(identity.clone()),
            Self::Template(template) => {
                let text = template.expand(&message_values(author))?;
                Identity::new(text.as_bytes()).ok().filter(|identity| identity.domain().is_within(domain))
            }
        }
    }
}

fn to_domain(value: String) -> Result<DomainName, Unsignable> {
    DomainName::new(&value).map_err(|source| Unsignable::Domain { value, source })
}

fn written_domain(author: &Author) -> &str {
    author.address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

fn message_values(author: Option<&Author>) -> Values<'_> {
    Values { sender: author.map(|a| a.address.as_str()), sender_domain: author.map(written_domain) }
}
