//! Signing (section 5).

use crate::{
    canonicalize::Canonicalization,
    domain::{DomainName, Identity, Selector},
    hash::{BodyHashRequest, BodyHasher, BodyHashes},
    header::Header,
    key::SigningKey,
    signature::{Layout, UnsignedField, header_hash_input},
};
use std::{collections::HashMap, sync::Arc};
use thiserror::Error;

/// Names that h= is given at most. A message with more instances than that has its topmost ones left out, so that the
/// field stays of a size that every verifier reads.
const MAX_NAMES: usize = 250;

/// One signature to be made: a field per tag.
#[derive(Debug, Clone)]
pub struct SigningRequest {
    /// The private key; it settles a=.
    pub key: Arc<SigningKey>,
    /// d=, the signing domain.
    pub domain: DomainName,
    /// s=
    pub selector: Selector,
    /// c=
    pub canonicalization: Canonicalization,
    /// i=, written only if given; its domain is `domain` or below (G7).
    pub identity: Option<Identity>,
    /// h=: which header fields are covered. Shared, since it is the same for all messages.
    pub covered: Arc<CoveredFields>,
    /// t=: write the time of signing.
    pub timestamp: bool,
    /// x=: seconds from now.
    pub lifetime: Option<u64>,
    /// How the field looks.
    pub layout: Layout,
}

/// Which header fields a signature covers. Names are ASCII case-insensitive; From is covered whether named or not
/// ("The From header field MUST be signed", 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredFields {
    /// Every instance of these is covered, if there are any.
    pub present: Vec<String>,
    /// Covered once more than they are present, so that none can be added ("oversigning", H4, H7).
    pub sealed: Vec<String>,
    /// Sealed likewise, but only where there is one: of what is absent a later hop may still add the first.
    pub sealed_if_present: Vec<String>,
}

impl Default for CoveredFields {
    /// What a receiver needs (5.4.1); never Received, Return-Path, Bcc, Authentication-Results, DKIM-Signature (H9,
    /// H11, S14).
    ///
    /// From is sealed. Other fields that may occur only once (RFC 5322 section 3.6, RFC 2045) are sealed where they
    /// are present: a second one is always a forgery, and which of two a mail program shows is anybody's guess. Where
    /// they are absent they stay free, since Postfix adds a missing Date or Message-ID after us.
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { sealed: names(&["from"]), sealed_if_present: names(SINGLE), present: names(REPEATABLE) }
    }
}

/// Fields that a message has at most once.
const SINGLE: &[&str] = &[
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "sender",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-description",
    "content-id",
];

/// Fields that can be there several times, or that a list adds to what its members sign.
const REPEATABLE: &[&str] = &[
    "resent-date",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-message-id",
    "list-id",
    "list-help",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-subscribe",
    "list-post",
    "list-owner",
    "list-archive",
];

/// What DKIMproxy 1.4.1 covered.
pub(crate) const DKIMPROXY1: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "to",
    "cc",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-id",
    "content-description",
    "resent-date",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-message-id",
    "in-reply-to",
    "references",
    "list-id",
    "list-help",
    "list-unsubscribe",
    "list-subscribe",
    "list-post",
    "list-owner",
    "list-archive",
];

impl CoveredFields {
    /// What DKIMproxy 1.4.1 covered: every instance of a fixed set of fields, none sealed. For the same h= take
    /// [`Layout::DkimProxy1`] as well, which lists them in the order of the message.
    pub fn dkimproxy1() -> Self {
        let present = DKIMPROXY1.iter().map(|name| (*name).to_owned()).collect();
        Self { present, sealed: Vec::new(), sealed_if_present: Vec::new() }
    }

    /// The names of h= for this header, in lower case: sealed ones first, each as often as it is to be covered.
    fn names<'a>(&'a self, header: &Header) -> Vec<String> {
        let count = |name: &str| header.named(name).count();
        let sealed = self.sealed.iter().map(|name| (name.as_str(), count(name) + 1));
        let sealed_if_present = self.sealed_if_present.iter().map(|name| match count(name) {
            0 => (name.as_str(), 0),
            present => (name.as_str(), present + 1),
        });
        let present = self.present.iter().map(|name| (name.as_str(), count(name)));
        let always = [("from", count("from"))];

        let mut seen: Vec<&str> = Vec::new();
        let mut is_new = |name: &'a str| {
            let new = !seen.iter().any(|seen| name.eq_ignore_ascii_case(seen));
            seen.extend(new.then_some(name));
            new
        };
        sealed
            .chain(sealed_if_present)
            .chain(present)
            .chain(always)
            .filter(|&(name, times)| times > 0 && is_new(name))
            .flat_map(|(name, times)| std::iter::repeat_n(name.to_ascii_lowercase(), times))
            .take(MAX_NAMES)
            .collect()
    }
}

/// The same names in the order in which the header has the fields, names that are sealed last.
fn in_message_order(names: Vec<String>, header: &Header) -> Vec<String> {
    let mut left: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *left.entry(name.clone()).or_default() += 1;
    }
    let mut take = |name: &String| match left.get_mut(name) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let in_header = header.fields().map(|field| String::from_utf8_lossy(field.name()).to_ascii_lowercase());
    let mut ordered: Vec<String> = in_header.filter(&mut take).collect();
    ordered.extend(names.into_iter().filter(&mut take));
    ordered
}

/// Why no signature could be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignError {
    /// The message has no From field: a signature must cover it (5.4), so there is nothing to sign.
    #[error("the message has no From field")]
    NoFrom,
    /// The library refused to sign.
    #[error("the private key for {0} failed to sign")]
    Crypto(String),
    /// The hashes given to [`Signer::finish`] do not come from this signer's own [`Signer::body_hasher`].
    #[error("the body was not hashed for this signature")]
    BodyNotHashed,
}

/// Makes all signatures of one message in one pass over its body.
#[derive(Debug)]
pub struct Signer {
    header: Arc<Header>,
    requests: Vec<SigningRequest>,
    now: u64,
}

impl Signer {
    /// `now` is the time of signing in seconds since the epoch.
    pub fn new(header: Arc<Header>, requests: Vec<SigningRequest>, now: u64) -> Self {
        Self { header, requests, now }
    }

    /// What the body is to be fed to.
    pub fn body_hasher(&self) -> BodyHasher {
        BodyHasher::new(self.body_requests())
    }

    /// What [`Self::finish`] needs to know of the body: for a hasher that answers others besides.
    pub fn body_requests(&self) -> impl Iterator<Item = BodyHashRequest> {
        self.requests.iter().map(body_hash_request)
    }

    /// The signature fields, in the order of the requests, first one to stand topmost, each a whole field that ends in
    /// CRLF. All or none: one failure yields no field at all.
    pub fn finish(self, body: &BodyHashes) -> Result<Vec<Vec<u8>>, SignError> {
        if self.header.named("from").next().is_none() {
            return Err(SignError::NoFrom);
        }
        self.requests.iter().map(|request| self.sign(request, body)).collect()
    }

    fn sign(&self, request: &SigningRequest, body: &BodyHashes) -> Result<Vec<u8>, SignError> {
        let body_hash = body.get(&body_hash_request(request)).ok_or(SignError::BodyNotHashed)?;
        let mut names = request.covered.names(&self.header);
        if let Layout::DkimProxy1 { .. } = request.layout {
            names = in_message_order(names, &self.header);
        }
        let field = UnsignedField {
            layout: &request.layout,
            algorithm: request.key.algorithm(),
            canonicalization: request.canonicalization,
            domain: &request.domain,
            selector: &request.selector,
            identity: request.identity.as_ref(),
            timestamp: request.timestamp.then_some(self.now),
            expiration: request.lifetime.map(|lifetime| self.now.saturating_add(lifetime)),
            signed_fields: &names,
            body_hash: &body_hash.digest,
        }
        .write();
        let names = names.iter().map(String::as_bytes);
        let algorithm = request.canonicalization.header;
        let input = header_hash_input(&self.header, None, names, algorithm, field.as_bytes());
        let signature = request
            .key
            .sign(&input)
            .map_err(|_| SignError::Crypto(format!("{}._domainkey.{}", request.selector, request.domain)))?;
        Ok(field.finish(&signature))
    }
}

fn body_hash_request(request: &SigningRequest) -> BodyHashRequest {
    BodyHashRequest::sha256(request.canonicalization.body, None)
}
