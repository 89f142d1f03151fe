//! Keys that sign.

use crate::{
    crypto::{PrivateKeyError, Sha1PrivateKey},
    key::{SigningKeyError, read_private_key},
};
use std::fmt;
use thiserror::Error;

/// Why a private key cannot sign DomainKeys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DomainKeysKeyError {
    /// It cannot be read.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// It is Ed25519; DomainKeys know RSA only.
    #[error("DomainKeys need an RSA key")]
    NotRsa,
}

impl From<PrivateKeyError> for DomainKeysKeyError {
    fn from(error: PrivateKeyError) -> Self {
        Self::Key(error.into())
    }
}

/// A private key that signs DomainKeys, and nothing else. `Debug` prints its size only.
pub struct DomainKeysKey(Sha1PrivateKey);

impl DomainKeysKey {
    /// Reads PKCS#1 or PKCS#8 PEM: RSA of 1024 to 4096 bits. The file may be that of a
    /// [`SigningKey`](crate::key::SigningKey).
    pub fn from_pem(pem: &[u8]) -> Result<Self, DomainKeysKeyError> {
        read_private_key(pem, |der| Sha1PrivateKey::from_der(der)?.map(Self).ok_or(DomainKeysKeyError::NotRsa))
    }

    pub(super) fn sign(&self, hash: &[u8; 20]) -> Result<Vec<u8>, PrivateKeyError> {
        self.0.sign(hash)
    }
}

impl fmt::Debug for DomainKeysKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DomainKeysKey({} bits)", self.0.bits())
    }
}
