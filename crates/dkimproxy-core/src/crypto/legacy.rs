//! RSA with SHA-1, for DomainKeys (RFC 4870) and nothing else: DKIM keys sign and verify with SHA-256 only ("rsa-sha1
//! MUST NOT be used for signing or verifying", RFC 8301 section 3.1), so these are types of their own.
//!
//! The libraries behind the other modules do not sign with SHA-1, nor take a hash that was made piece by piece.

use super::{MAX_RSA_BITS_TO_SIGN, MAX_RSA_BITS_TO_VERIFY, MIN_RSA_BITS, PrivateKeyError, PublicKey, der};
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey, pkcs1::DecodeRsaPrivateKey, rand_core::OsRng};
use sha1::Digest;
use std::fmt;

/// SHA-1 of octets that arrive in pieces.
#[derive(Clone, Default)]
pub(crate) struct Sha1(sha1::Sha1);

impl Sha1 {
    /// Takes the next piece.
    pub(crate) fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The hash of all pieces.
    pub(crate) fn finish(self) -> [u8; 20] {
        self.0.finalize().into()
    }
}

impl fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha1")
    }
}

/// An RSA key that signs SHA-1 hashes.
pub(crate) struct Sha1PrivateKey {
    key: Box<RsaPrivateKey>,
    bits: usize,
}

impl Sha1PrivateKey {
    /// Reads PKCS#1 or PKCS#8 in DER, 1024 to 4096 bits. None: the key is not RSA.
    pub(crate) fn from_der(der: &[u8]) -> Result<Option<Self>, PrivateKeyError> {
        let key = der::private_key(der).ok_or(PrivateKeyError::Malformed)?;
        let der::PrivateKeyDer::Rsa { pkcs1, numbers } = key else { return Ok(None) };
        let bits = numbers.bits();
        if !(MIN_RSA_BITS..=MAX_RSA_BITS_TO_SIGN).contains(&bits) {
            return Err(PrivateKeyError::Size { bits });
        }
        let key = RsaPrivateKey::from_pkcs1_der(pkcs1).map_err(|_| PrivateKeyError::Malformed)?;
        Ok(Some(Self { key: Box::new(key), bits }))
    }

    /// Length of the modulus.
    pub(crate) fn bits(&self) -> usize {
        self.bits
    }

    /// RSASSA-PKCS1-v1_5, blinded against timing.
    pub(crate) fn sign(&self, hash: &[u8; 20]) -> Result<Vec<u8>, PrivateKeyError> {
        self.key.sign_with_rng(&mut OsRng, scheme(), hash).map_err(|_| PrivateKeyError::Library)
    }
}

impl PublicKey {
    /// Does `signature` fit the hash, by RSASSA-PKCS1-v1_5 with SHA-1? Never with a key that is not RSA.
    pub(crate) fn verify_sha1(&self, hash: &[u8; 20], signature: &[u8]) -> bool {
        let number = BigUint::from_bytes_be;
        self.pkcs1()
            .and_then(der::rsa_public_key)
            .and_then(|(_, der::RsaNumbers { modulus, exponent })| {
                RsaPublicKey::new_with_max_size(number(modulus), number(exponent), MAX_RSA_BITS_TO_VERIFY).ok()
            })
            .is_some_and(|key| key.verify(scheme(), hash, signature).is_ok())
    }
}

fn scheme() -> Pkcs1v15Sign {
    Pkcs1v15Sign::new::<sha1::Sha1>()
}
