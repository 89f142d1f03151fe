//! The DKIM-Signature field (3.5), typed: parse, write, fold.

pub(crate) mod dkimproxy1;
mod input;
mod write;

pub(crate) use input::header_hash_input;
pub use write::{Layout, UnfinishedField, UnsignedField};

use crate::{
    canonicalize::Canonicalization,
    domain::{DomainName, Identity, Selector},
    key::SigningAlgorithm,
    tag_list::{TagList, TagListError, colon_list, decode_base64, decode_qp, strip_fws},
};
use std::ops::Range;
use thiserror::Error;

/// The name of the field.
pub const FIELD_NAME: &str = "DKIM-Signature";

/// Longer fields are not read, in octets. That of RSA-4096 with a long h= has 2,000.
pub const MAX_FIELD_LEN: usize = 16 * 1024;

/// Names that h= may list.
pub const MAX_SIGNED_FIELDS: usize = 1000;

/// A DKIM-Signature field that was read and found sound, the key and the hashes not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// a=
    pub algorithm: SigningAlgorithm,
    /// b=, decoded.
    pub signature: Vec<u8>,
    /// bh=, decoded.
    pub body_hash: Vec<u8>,
    /// c=
    pub canonicalization: Canonicalization,
    /// d=, the signing domain.
    pub domain: DomainName,
    /// h=: the names of the signed fields, in order, as written.
    pub signed_fields: Vec<Vec<u8>>,
    /// i=, or its default `@d`. Its domain is `domain` or below.
    pub identity: Identity,
    /// l=: octets of the canonicalized body that are signed. None: all.
    pub body_length: Option<u64>,
    /// s=
    pub selector: Selector,
    /// t=, in seconds since the epoch. [`u64::MAX`] stands for all that is larger.
    pub timestamp: Option<u64>,
    /// x=, likewise.
    pub expiration: Option<u64>,
    /// What is deleted from the field body before the field is hashed: the value of b= with the white space around it.
    pub signature_span: Range<usize>,
}

/// Why a field is no usable signature. The verifier treats each as PERMFAIL (6.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Longer than [`MAX_FIELD_LEN`].
    #[error("signature field too long")]
    TooLong,
    /// No tag list (3.2).
    #[error("signature syntax error: {0}")]
    TagList(TagListError),
    /// A required tag is absent.
    #[error("signature missing required tag {tag}=")]
    MissingTag {
        /// Its name.
        tag: &'static str,
    },
    /// A tag's value is not what its grammar asks for, or is empty.
    #[error("signature syntax error: invalid {tag}=")]
    InvalidTag {
        /// Its name.
        tag: &'static str,
    },
    /// v= is not `1`.
    #[error("incompatible signature version")]
    Version,
    /// a=rsa-sha1: "rsa-sha1 MUST NOT be used for signing or verifying" (RFC 8301 section 3.1).
    #[error("rsa-sha1 is no longer valid")]
    Sha1,
    /// Another a= that we do not know.
    #[error("unknown signature algorithm")]
    Algorithm,
    /// c= names an algorithm that we do not know.
    #[error("unknown canonicalization")]
    Canonicalization,
    /// q= names no method that we know: there is no way to the key.
    #[error("unknown query method")]
    QueryMethod,
    /// The domain of i= is neither d= nor below it.
    #[error("domain mismatch between i= and d=")]
    DomainMismatch,
    /// h= lists more than [`MAX_SIGNED_FIELDS`] names.
    #[error("too many names in h=")]
    TooManyFields,
    /// h= does not list From: "If the "h=" tag does not include the From header field, the Verifier MUST ignore the
    /// DKIM-Signature header field" (6.1.1).
    #[error("From field not signed")]
    FromNotSigned,
    /// x= is not after t=: "The value of the "x=" tag MUST be greater than the value of the "t=" tag if both are
    /// present."
    #[error("signature expires before it was made")]
    ExpiresBeforeMade,
}

impl Signature {
    /// Reads the field body: all after the colon. The order of the checks is that of section 6.1.1. What can be
    /// reported of the field comes with it, whether or not it is sound.
    pub fn read(body: &[u8]) -> (Description, Result<Self, SignatureError>) {
        match parse_tags(body) {
            Ok(tags) => (Description::from_tags(&tags), Self::from_dkim_tags(&tags)),
            Err(error) => (Description::default(), Err(error)),
        }
    }

    fn from_dkim_tags(tags: &TagList<'_>) -> Result<Self, SignatureError> {
        if required(tags, "v")? != b"1" {
            return Err(SignatureError::Version);
        }
        Self::from_tags(tags, |domain| identity(tags, domain))
    }

    /// Reads the body of an ARC-Message-Signature field, which is that of a DKIM-Signature but for v=, which is ignored,
    /// and i=, which is no identity (RFC 8617 section 4.1.2).
    pub(crate) fn parse_arc(body: &[u8]) -> Result<Self, SignatureError> {
        let tags = parse_tags(body)?;
        Self::from_tags(&tags, |domain| Ok(Identity::of_domain(domain.clone())))
    }

    fn from_tags(
        tags: &TagList<'_>,
        identity: impl Fn(&DomainName) -> Result<Identity, SignatureError>,
    ) -> Result<Self, SignatureError> {
        let required = |tag| required(tags, tag);
        for tag in ["a", "b", "bh", "d", "h", "s"] {
            required(tag)?;
        }
        let domain = domain(required("d")?).ok_or(SignatureError::InvalidTag { tag: "d" })?;
        let signature = Self {
            algorithm: algorithm(required("a")?)?,
            signature: base64("b", required("b")?)?,
            body_hash: base64("bh", required("bh")?)?,
            canonicalization: canonicalization(tags)?,
            signed_fields: signed_fields(required("h")?)?,
            identity: identity(&domain)?,
            body_length: tags.get("l").map(|value| number("l", value, 76)).transpose()?,
            selector: selector(required("s")?).ok_or(SignatureError::InvalidTag { tag: "s" })?,
            timestamp: tags.get("t").map(|value| number("t", value, usize::MAX)).transpose()?,
            expiration: tags.get("x").map(|value| number("x", value, usize::MAX)).transpose()?,
            signature_span: tags.span_of_value("b").unwrap_or_default(),
            domain,
        };
        signature.check_consistency(tags)?;
        Ok(signature)
    }

    fn check_consistency(&self, tags: &TagList<'_>) -> Result<(), SignatureError> {
        if !self.identity.domain().is_within(&self.domain) {
            return Err(SignatureError::DomainMismatch);
        }
        if !self.signed_fields.iter().any(|name| name.eq_ignore_ascii_case(b"from")) {
            return Err(SignatureError::FromNotSigned);
        }
        if !tags.get("q").is_none_or(|methods| colon_list(methods).any(|method| method == b"dns/txt")) {
            return Err(SignatureError::QueryMethod);
        }
        match (self.timestamp, self.expiration) {
            // Beyond what fits nothing can be compared: "MAY consider any value longer than 12 digits to be infinite".
            (Some(made), Some(expires)) if expires <= made && expires != u64::MAX => {
                Err(SignatureError::ExpiresBeforeMade)
            }
            _ => Ok(()),
        }
    }
}

/// What of a field can be reported, whether or not it is sound: each tag by itself. Empty if it is no tag list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// d=, if it is a domain name.
    pub domain: Option<DomainName>,
    /// s=, if it is a selector.
    pub selector: Option<Selector>,
    /// a=, if it is letters, digits and hyphens only.
    pub algorithm: Option<String>,
    /// i=, or its default `@d`.
    pub identity: Option<Identity>,
    /// b= without white space, if it is base64 characters only; else empty.
    pub signature_text: String,
}

impl Description {
    pub(crate) fn from_tags(tags: &TagList<'_>) -> Self {
        let domain = tags.get("d").and_then(domain);
        let identity = domain.as_ref().and_then(|domain| identity(tags, domain).ok());
        Self {
            selector: tags.get("s").and_then(selector),
            algorithm: tags.get("a").and_then(algorithm_token),
            signature_text: tags.get("b").and_then(base64_text).unwrap_or_default(),
            domain,
            identity,
        }
    }
}

pub(crate) fn parse_tags(body: &[u8]) -> Result<TagList<'_>, SignatureError> {
    if body.len() > MAX_FIELD_LEN {
        return Err(SignatureError::TooLong);
    }
    TagList::parse(body).map_err(SignatureError::TagList)
}

pub(crate) fn required<'a>(tags: &TagList<'a>, tag: &'static str) -> Result<&'a [u8], SignatureError> {
    match tags.get(tag) {
        None => Err(SignatureError::MissingTag { tag }),
        Some(b"") => Err(SignatureError::InvalidTag { tag }),
        Some(value) => Ok(value),
    }
}

pub(crate) fn algorithm(value: &[u8]) -> Result<SigningAlgorithm, SignatureError> {
    match value {
        b"rsa-sha256" => Ok(SigningAlgorithm::RsaSha256),
        b"ed25519-sha256" => Ok(SigningAlgorithm::Ed25519Sha256),
        b"rsa-sha1" => Err(SignatureError::Sha1),
        _ => Err(SignatureError::Algorithm),
    }
}

fn algorithm_token(value: &[u8]) -> Option<String> {
    let is_token = (1..=63).contains(&value.len()) && value.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'-');
    if is_token { String::from_utf8(value.to_vec()).ok() } else { None }
}

pub(crate) fn base64(tag: &'static str, value: &[u8]) -> Result<Vec<u8>, SignatureError> {
    decode_base64(value).filter(|octets| !octets.is_empty()).ok_or(SignatureError::InvalidTag { tag })
}

fn base64_text(value: &[u8]) -> Option<String> {
    let text = String::from_utf8(strip_fws(value).into_owned()).ok()?;
    let is_base64 = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=');
    text.bytes().all(is_base64).then_some(text)
}

fn canonicalization(tags: &TagList<'_>) -> Result<Canonicalization, SignatureError> {
    tags.get("c").map_or(Ok(Canonicalization::SIMPLE), |value| {
        Canonicalization::parse(value).ok_or(SignatureError::Canonicalization)
    })
}

pub(crate) fn domain(value: &[u8]) -> Option<DomainName> {
    DomainName::new(std::str::from_utf8(value).ok()?).ok()
}

pub(crate) fn selector(value: &[u8]) -> Option<Selector> {
    Selector::new(std::str::from_utf8(value).ok()?).ok()
}

fn identity(tags: &TagList<'_>, domain: &DomainName) -> Result<Identity, SignatureError> {
    let Some(value) = tags.get("i") else { return Ok(Identity::of_domain(domain.clone())) };
    decode_qp(value).and_then(|text| Identity::new(&text).ok()).ok_or(SignatureError::InvalidTag { tag: "i" })
}

pub(crate) fn signed_fields(value: &[u8]) -> Result<Vec<Vec<u8>>, SignatureError> {
    let names: Vec<_> = colon_list(value).take(MAX_SIGNED_FIELDS + 1).map(<[u8]>::to_vec).collect();
    if names.len() > MAX_SIGNED_FIELDS {
        return Err(SignatureError::TooManyFields);
    }
    if names.iter().all(|name| is_field_name(name)) { Ok(names) } else { Err(SignatureError::InvalidTag { tag: "h" }) }
}

/// `ftext` of RFC 5322 section 3.6.8: printable, no colon.
fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// Digits, as many as the tag may have; what does not fit is [`u64::MAX`].
pub(crate) fn number(tag: &'static str, value: &[u8], max_digits: usize) -> Result<u64, SignatureError> {
    if value.is_empty() || value.len() > max_digits || !value.iter().all(u8::is_ascii_digit) {
        return Err(SignatureError::InvalidTag { tag });
    }
    Ok(value.iter().fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}
