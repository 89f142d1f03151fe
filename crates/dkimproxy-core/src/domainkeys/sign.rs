//! Signing (section 3.5), in the looks of DKIMproxy 1.4.1.

use super::{
    FIELD_NAME,
    canonicalize::DomainKeysCanonicalization,
    hash::{Coverage, DomainKeysHasher, DomainKeysHashes},
    key::DomainKeysKey,
    sender::{SenderField, SendingAddress},
    signature::Signature,
};
use crate::{
    domain::{DomainName, Selector},
    header::Header,
    sign::DKIMPROXY1,
    signature::dkimproxy1::TagWriter,
};
use std::sync::Arc;
use thiserror::Error;

/// One signature to be made.
#[derive(Debug, Clone)]
pub struct DomainKeysRequest {
    /// The private key.
    pub key: Arc<DomainKeysKey>,
    /// d=: the domain of the sending address or one above it.
    pub domain: DomainName,
    /// s=
    pub selector: Selector,
    /// c=
    pub canonicalization: DomainKeysCanonicalization,
}

/// Why no signature is made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DomainKeysSignError {
    /// "In all other cases, a signer MUST NOT sign the email": there is not exactly one From, more than one Sender, or
    /// no address in them (section 3.1).
    #[error("no sending address")]
    NoSendingAddress,
    /// d= is neither the domain of the sending address nor above it.
    #[error("the sending address does not belong to {0}")]
    DomainMismatch(DomainName),
    /// "A signer MUST NOT sign an email that already contains a "DomainKey-Signature:" header unless a "Sender:" header
    /// has been added that was not included in the original signature" (section 3.5.2).
    #[error("the message has a DomainKeys signature already")]
    AlreadySigned,
    /// The library refused to sign.
    #[error("the private key for {0} failed to sign")]
    Crypto(String),
    /// The hashes given to [`DomainKeysSigner::finish`] do not come from this signer's own hasher.
    #[error("the message was not hashed for this signature")]
    NotHashed,
}

/// Makes one signature of one message in one pass over its body.
#[derive(Debug)]
pub struct DomainKeysSigner {
    header: Arc<Header>,
    request: DomainKeysRequest,
    /// h=: what 1.4.1 listed, in the order of the message.
    names: Vec<String>,
}

impl DomainKeysSigner {
    /// Decides whether the message may be signed.
    pub fn new(header: Arc<Header>, request: DomainKeysRequest) -> Result<Self, DomainKeysSignError> {
        let sender = SendingAddress::of(&header, None).ok_or(DomainKeysSignError::NoSendingAddress)?;
        if !sender.domain.is_within(&request.domain) {
            return Err(DomainKeysSignError::DomainMismatch(request.domain));
        }
        if is_signed(&header, sender.field) {
            return Err(DomainKeysSignError::AlreadySigned);
        }
        let names = header.fields().map(|field| String::from_utf8_lossy(field.name()).to_ascii_lowercase());
        let names = names.filter(|name| DKIMPROXY1.contains(&name.as_str())).collect();
        Ok(Self { header, request, names })
    }

    /// What the body is to be fed to. The header is hashed here.
    pub fn body_hasher(&self) -> DomainKeysHasher {
        let names: Vec<Vec<u8>> = self.names.iter().map(|name| name.clone().into_bytes()).collect();
        let coverage = Coverage { signature: None, names: Some(&names) };
        DomainKeysHasher::new(&self.header, std::iter::once((self.request.canonicalization, coverage)))
    }

    /// The signature field, to stand above all fields of the message, with CRLF at its end.
    pub fn finish(self, hashes: &DomainKeysHashes) -> Result<Vec<u8>, DomainKeysSignError> {
        let DomainKeysRequest { key, domain, selector, canonicalization } = &self.request;
        let hash = hashes.get(0).and_then(<[_]>::first).ok_or(DomainKeysSignError::NotHashed)?;
        let signature =
            key.sign(hash).map_err(|_| DomainKeysSignError::Crypto(format!("{selector}._domainkey.{domain}")))?;
        let mut field = TagWriter::new(FIELD_NAME);
        field.tag("a", "rsa-sha1");
        field.tag("c", canonicalization.as_str());
        field.tag("d", domain.as_str());
        field.name_list("h", &self.names);
        field.tag("q", "dns");
        field.tag("s", selector.as_str());
        field.begin_signature();
        Ok(field.finish(&signature))
    }
}

/// True if there is a signature, and Sender is not newer than all of them.
fn is_signed(header: &Header, sender: SenderField) -> bool {
    let sender = header.named("Sender").next().filter(|_| sender == SenderField::Sender);
    header.named(FIELD_NAME).any(|field| {
        let covers_sender = || Signature::read(field.body()).1.is_ok_and(|signature| signature.covers("Sender"));
        sender.is_none_or(|sender| sender.index() > field.index() && covers_sender())
    })
}
