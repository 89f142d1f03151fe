//! All signatures of one message, DKIM and DomainKeys mixed, in one pass over its body.

use crate::author::{Author, AuthorField, authors};
use dkimproxy_core::{
    domainkeys::{DomainKeysHasher, DomainKeysRequest, DomainKeysSignError, DomainKeysSigner},
    hash::BodyHasher,
    header::Header,
    sign::{SignError, Signer, SigningRequest},
};
use std::sync::Arc;
use thiserror::Error;

/// One signature to be made.
#[derive(Debug, Clone)]
pub enum Request {
    /// DKIM.
    Dkim(Box<SigningRequest>),
    /// DomainKeys.
    DomainKeys(DomainKeysRequest),
}

/// Why a signature could not be made.
#[derive(Debug, Error)]
pub enum SigningError {
    /// A DKIM signature.
    #[error(transparent)]
    Dkim(#[from] SignError),
    /// A DomainKeys signature.
    #[error("DomainKeys: {0}")]
    DomainKeys(#[from] DomainKeysSignError),
}

/// Makes the signatures.
#[derive(Debug)]
pub struct Signing {
    dkim: Option<(Signer, BodyHasher)>,
    domain_keys: Vec<(DomainKeysSigner, DomainKeysHasher)>,
    /// The order of the fields, first one topmost.
    made: Vec<Made>,
    left_out: Option<DomainKeysSignError>,
}

/// What the log says about a signature.
#[derive(Debug)]
pub struct Made {
    kind: Kind,
    /// i=, `@d` without it; of DomainKeys the sending address, as in 1.4.1.
    pub signer: String,
    /// `selector._domainkey.domain`
    pub key: String,
    /// a=
    pub algorithm: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dkim,
    DomainKeys,
}

impl Signing {
    /// What can be signed for the message with this header. A DomainKeys signature that the message must not have is left
    /// out, as by 1.4.1: the standard allows it for mail of the signing domain only (RFC 4870 section 3.1).
    pub fn new(header: &Arc<Header>, requests: Vec<Request>, now: u64) -> Self {
        let mut signing = Self { dkim: None, domain_keys: Vec::new(), made: Vec::new(), left_out: None };
        let mut dkim = Vec::new();
        for request in requests {
            match request {
                Request::Dkim(request) => {
                    signing.made.push(Made::dkim(&request));
                    dkim.push(*request);
                }
                Request::DomainKeys(request) => signing.add_domain_keys(header, request),
            }
        }
        if !dkim.is_empty() {
            let signer = Signer::new(Arc::clone(header), dkim, now);
            let hasher = signer.body_hasher();
            signing.dkim = Some((signer, hasher));
        }
        signing
    }

    /// The signatures that will be made, first one topmost.
    pub fn made(&self) -> &[Made] {
        &self.made
    }

    /// Why a DomainKeys signature is left out.
    pub fn left_out(&self) -> Option<&DomainKeysSignError> {
        self.left_out.as_ref()
    }

    /// The next octets of the body.
    pub fn update(&mut self, chunk: &[u8]) {
        if let Some((_, hasher)) = &mut self.dkim {
            hasher.update(chunk);
        }
        for (_, hasher) in &mut self.domain_keys {
            hasher.update(chunk);
        }
    }

    /// The fields, to stand before the message. All or none.
    pub fn finish(self) -> Result<Vec<u8>, SigningError> {
        let dkim = match self.dkim {
            Some((signer, hasher)) => signer.finish(&hasher.finish())?,
            None => Vec::new(),
        };
        let domain_keys = self.domain_keys.into_iter().map(|(signer, hasher)| signer.finish(&hasher.finish()));
        let (mut dkim, mut domain_keys) = (dkim.into_iter(), domain_keys.collect::<Result<Vec<_>, _>>()?.into_iter());
        let fields = self.made.iter().filter_map(|made| match made.kind {
            Kind::Dkim => dkim.next(),
            Kind::DomainKeys => domain_keys.next(),
        });
        Ok(fields.flatten().collect())
    }

    fn add_domain_keys(&mut self, header: &Arc<Header>, request: DomainKeysRequest) {
        let made = Made::domain_keys(&request, header);
        match DomainKeysSigner::new(Arc::clone(header), request) {
            Ok(signer) => {
                let hasher = signer.body_hasher();
                self.domain_keys.push((signer, hasher));
                self.made.push(made);
            }
            Err(error) => self.left_out = Some(error),
        }
    }
}

impl Made {
    fn dkim(request: &SigningRequest) -> Self {
        Self {
            kind: Kind::Dkim,
            signer: match &request.identity {
                Some(identity) => identity.to_string(),
                None => format!("@{}", request.domain),
            },
            key: format!("{}._domainkey.{}", request.selector, request.domain),
            algorithm: request.key.algorithm().to_string(),
        }
    }

    fn domain_keys(request: &DomainKeysRequest, header: &Header) -> Self {
        let sender: Option<Author> = authors(header, &[AuthorField::Sender, AuthorField::From]).into_iter().next();
        Self {
            kind: Kind::DomainKeys,
            signer: sender.map_or_else(|| format!("@{}", request.domain), |sender| sender.address),
            key: format!("{}._domainkey.{}", request.selector, request.domain),
            algorithm: "rsa-sha1".to_owned(),
        }
    }
}
