//! Private keys that sign, and published key records that verify.

mod pem;
mod record;

pub(crate) use pem::read_private_key;
pub use record::{KeyRecord, KeyRecordError, MAX_RECORD_LEN};

use crate::{
    crypto::{PrivateKey, PrivateKeyError},
    domain::{DomainName, Selector},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{collections::BTreeMap, fmt, sync::Arc};
use thiserror::Error;
use zeroize::Zeroizing;

/// Algorithm of a signature: the value of a= (3.3, RFC 8463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// rsa-sha256
    RsaSha256,
    /// ed25519-sha256
    Ed25519Sha256,
}

impl SigningAlgorithm {
    /// The key type that a key record names in k=.
    pub fn key_type(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa",
            Self::Ed25519Sha256 => "ed25519",
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        })
    }
}

/// Why a private key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SigningKeyError {
    /// No PEM block of a private key was found. Says what was found instead.
    #[error("no private key in PEM form ({found}); expected a block BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY")]
    NoPrivateKey {
        /// What the text holds instead: "a public key", "a certificate", "nothing in PEM form" ...
        found: &'static str,
    },
    /// The key is encrypted with a passphrase.
    #[error("the private key is encrypted; decrypt it with: openssl pkey -in FILE -out NEWFILE")]
    Encrypted,
    /// The block is there but its content is no RSA or Ed25519 private key.
    #[error("the private key is damaged or of an unknown kind (RSA and Ed25519 are known)")]
    Malformed,
    /// RSA, but shorter than 1024 or longer than 4096 bits (RFC 8301 section 3.2).
    #[error("RSA key of {bits} bits; 1024 to 4096 are usable, 2048 is right for most")]
    Size {
        /// Length of the modulus in bits.
        bits: usize,
    },
    /// A new key could not be made: the system gave no random numbers.
    #[error("the cryptographic library failed to make a key")]
    Generation,
}

impl From<PrivateKeyError> for SigningKeyError {
    fn from(error: PrivateKeyError) -> Self {
        match error {
            PrivateKeyError::Malformed => Self::Malformed,
            PrivateKeyError::Size { bits } => Self::Size { bits },
            PrivateKeyError::Library => Self::Generation,
        }
    }
}

/// A private key. `Debug` prints its kind and size only.
pub struct SigningKey(PrivateKey);

impl SigningKey {
    /// Reads PKCS#1 or PKCS#8 PEM: RSA of 1024 to 4096 bits, or Ed25519. Text around the block is ignored. Of several
    /// blocks the first private key counts.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SigningKeyError> {
        pem::read_private_key(pem, |der| Ok(Self(PrivateKey::from_der(der)?)))
    }

    /// Makes a new RSA key of 1024 to 4096 bits. 2048 is right for most.
    pub fn generate_rsa(bits: usize) -> Result<(Self, PrivateKeyPem), SigningKeyError> {
        Self::from_generated(&PrivateKey::generate_rsa(bits)?)
    }

    /// Makes a new Ed25519 key (RFC 8463).
    pub fn generate_ed25519() -> Result<(Self, PrivateKeyPem), SigningKeyError> {
        Self::from_generated(&PrivateKey::generate_ed25519()?)
    }

    /// The algorithm this key signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        if self.0.is_rsa() { SigningAlgorithm::RsaSha256 } else { SigningAlgorithm::Ed25519Sha256 }
    }

    /// Length of the RSA modulus, or 256 for Ed25519.
    pub fn bits(&self) -> usize {
        self.0.bits()
    }

    /// What p= of the key record holds: SubjectPublicKeyInfo (RSA) or the raw 32 octets (Ed25519), before base64.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.public_key().to_vec()
    }

    /// The key record to publish: `v=DKIM1; k=rsa; p=...`. DNS takes it in strings of at most 255 octets each.
    pub fn record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.algorithm().key_type(), STANDARD.encode(self.0.public_key()))
    }

    /// Signs the canonicalized header fields (3.7).
    pub(crate) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
        self.0.sign(input)
    }

    fn from_generated(pkcs8: &[u8]) -> Result<(Self, PrivateKeyPem), SigningKeyError> {
        let key = PrivateKey::from_der(pkcs8)?;
        Ok((Self(key), PrivateKeyPem(pem::write_private_key(pkcs8))))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {} bits)", self.algorithm().key_type(), self.bits())
    }
}

/// A private key as PKCS#8 PEM text; wiped from memory when dropped, and without `Debug` of its content.
pub struct PrivateKeyPem(Zeroizing<String>);

impl PrivateKeyPem {
    /// The text, to be written to a file that only its owner reads.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyPem")
    }
}

/// The place where a key record is published: `selector._domainkey.domain`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName {
    /// s=
    pub selector: Selector,
    /// d=
    pub domain: DomainName,
}

impl fmt::Display for KeyName {
    /// The name to ask DNS for, in A-labels, without a trailing dot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}._domainkey.{}", self.selector, self.domain)
    }
}

/// Why DNS gave no key (6.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// NXDOMAIN, or no TXT record at that name: permanent.
    #[error("no key published")]
    NotFound,
    /// No answer in time, or a server failure: temporary.
    #[error("key unavailable")]
    Unavailable,
}

/// What DNS said about one name: each TXT record there, parsed or not (K11), or why there is none.
pub type KeyAnswer = Result<Arc<Vec<Result<KeyRecord, KeyRecordError>>>, KeyError>;

/// The answers to the questions of a [`Verifier`](crate::verify::Verifier). A name that is absent counts as
/// [`KeyError::Unavailable`].
pub type Keys = BTreeMap<KeyName, KeyAnswer>;
