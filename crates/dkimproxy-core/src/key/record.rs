//! A key record as published in DNS (3.6.1).

use super::SigningAlgorithm;
use crate::{
    crypto::{PublicKey, PublicKeyError},
    tag_list::{TagList, TagListError, colon_list, decode_base64},
};
use thiserror::Error;

/// Longer TXT strings are not looked at, in octets (K15). A record of RSA-8192 has 1,500.
pub const MAX_RECORD_LEN: usize = 16 * 1024;

/// A published key record (3.6.1), with its public key parsed: keep it, parsing costs.
#[derive(Debug)]
pub struct KeyRecord {
    key: PublicKey,
    allows_sha256: bool,
    testing: bool,
    strict: bool,
    /// For DomainKeys.
    allows_sha1: bool,
    granularity: Box<[u8]>,
}

/// Why a TXT string is no key record, or none for mail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyRecordError {
    /// Longer than [`MAX_RECORD_LEN`].
    #[error("key record too long")]
    TooLong,
    /// No tag list (3.2).
    #[error("key record: {0}")]
    TagList(TagListError),
    /// v= is there, but not as first tag: "This tag MUST be the first tag in the record".
    #[error("key record: v= is not the first tag")]
    VersionNotFirst,
    /// v= is not `DKIM1`: "Records beginning with a "v=" tag with any other value MUST be discarded".
    #[error("key record: unknown version")]
    Version,
    /// k= names a kind of key that we do not know: "Unrecognized key types MUST be ignored".
    #[error("key record: unknown key type")]
    KeyType,
    /// s= lists neither `email` nor `*`.
    #[error("key record: not for email")]
    NotForEmail,
    /// p= is absent.
    #[error("key record: p= is missing")]
    MissingKey,
    /// p= is empty: "this public key has been revoked".
    #[error("key revoked")]
    Revoked,
    /// p= is no base64.
    #[error("key record: p= is no base64")]
    Base64,
    /// p= holds no usable key.
    #[error("key record: {0}")]
    PublicKey(PublicKeyError),
}

impl KeyRecord {
    /// Reads the TXT string (its character-strings already joined, 3.6.2.2). n= is ignored, unknown tags likewise, and
    /// g= by DKIM (App. C.2).
    pub fn parse(txt: &[u8]) -> Result<Self, KeyRecordError> {
        if txt.len() > MAX_RECORD_LEN {
            return Err(KeyRecordError::TooLong);
        }
        let tags = TagList::parse(txt).map_err(KeyRecordError::TagList)?;
        check_version(&tags)?;
        let algorithm = key_type(&tags)?;
        if !lists(&tags, "s", &[b"email", b"*"]).unwrap_or(true) {
            return Err(KeyRecordError::NotForEmail);
        }
        Ok(Self {
            key: public_key(&tags, algorithm)?,
            allows_sha256: lists(&tags, "h", &[b"sha256"]).unwrap_or(true),
            testing: lists(&tags, "t", &[b"y"]).unwrap_or(false),
            strict: lists(&tags, "t", &[b"s"]).unwrap_or(false),
            allows_sha1: lists(&tags, "h", &[b"sha1"]).unwrap_or(true),
            granularity: tags.get("g").unwrap_or_default().into(),
        })
    }

    /// The public key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The algorithm that k= is for.
    pub fn algorithm(&self) -> SigningAlgorithm {
        if self.key.is_rsa() { SigningAlgorithm::RsaSha256 } else { SigningAlgorithm::Ed25519Sha256 }
    }

    /// Length of the RSA modulus, or 256 for Ed25519.
    pub fn bits(&self) -> usize {
        self.key.bits()
    }

    /// h= is absent or lists sha256.
    pub fn allows_sha256(&self) -> bool {
        self.allows_sha256
    }

    /// h= is absent or lists sha1, which only DomainKeys asks.
    pub(crate) fn allows_sha1(&self) -> bool {
        self.allows_sha1
    }

    /// g=: the local part that the key is for. Empty: any (RFC 4870 section 3.2.3). DKIM ignores it.
    pub(crate) fn granularity(&self) -> &[u8] {
        &self.granularity
    }

    /// t=y: the domain is testing DKIM.
    pub fn is_testing(&self) -> bool {
        self.testing
    }

    /// t=s: the domain of i= must be d= itself, not one below it.
    pub fn is_strict(&self) -> bool {
        self.strict
    }
}

fn check_version(tags: &TagList<'_>) -> Result<(), KeyRecordError> {
    match tags.iter().position(|tag| tag.name == "v") {
        None => Ok(()),
        Some(0) if tags.get("v") == Some(b"DKIM1") => Ok(()),
        Some(0) => Err(KeyRecordError::Version),
        Some(_) => Err(KeyRecordError::VersionNotFirst),
    }
}

fn key_type(tags: &TagList<'_>) -> Result<SigningAlgorithm, KeyRecordError> {
    match tags.get("k").unwrap_or(b"rsa") {
        b"rsa" => Ok(SigningAlgorithm::RsaSha256),
        b"ed25519" => Ok(SigningAlgorithm::Ed25519Sha256),
        _ => Err(KeyRecordError::KeyType),
    }
}

fn public_key(tags: &TagList<'_>, algorithm: SigningAlgorithm) -> Result<PublicKey, KeyRecordError> {
    let octets = match tags.get("p") {
        None => return Err(KeyRecordError::MissingKey),
        Some(b"") => return Err(KeyRecordError::Revoked),
        Some(base64) => decode_base64(base64).ok_or(KeyRecordError::Base64)?,
    };
    match algorithm {
        SigningAlgorithm::RsaSha256 => PublicKey::rsa(&octets),
        SigningAlgorithm::Ed25519Sha256 => PublicKey::ed25519(&octets),
    }
    .map_err(KeyRecordError::PublicKey)
}

/// Does the colon list hold one of the words? None without that tag.
fn lists(tags: &TagList<'_>, name: &str, words: &[&[u8]]) -> Option<bool> {
    tags.get(name).map(|value| colon_list(value).any(|item| words.contains(&item)))
}
