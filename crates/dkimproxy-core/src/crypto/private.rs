//! Private keys: read, made, and used to sign.

use super::{
    MAX_RSA_BITS_TO_SIGN, MIN_RSA_BITS, Sha256,
    backend::{
        rand::{SecureRandom, SystemRandom},
        signature::{self, Ed25519KeyPair, KeyPair, RsaKeyPair},
    },
    der::{self, PrivateKeyDer},
};
use rsa::{
    RsaPrivateKey,
    pkcs1::DecodeRsaPrivateKey,
    pkcs1v15,
    pkcs8::EncodePrivateKey,
    rand_core::OsRng,
    signature::{RandomizedSigner, SignatureEncoding},
};
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a private key cannot be read, made or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PrivateKeyError {
    /// No RSA or Ed25519 key, or a damaged one.
    #[error("malformed private key")]
    Malformed,
    /// RSA, but not of 1024 to 4096 bits.
    #[error("RSA key of {bits} bits")]
    Size {
        /// Length of the modulus.
        bits: usize,
    },
    /// The library failed, for want of random numbers or by a fault it detected.
    #[error("the cryptographic library failed")]
    Library,
}

/// A private key that signs.
pub struct PrivateKey {
    public: Vec<u8>,
    bits: usize,
    key: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    /// What the library refuses: below 2048 bits, exponent 3 (ring) and the like.
    OddRsa(Box<pkcs1v15::SigningKey<rsa::sha2::Sha256>>),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Reads PKCS#1 or PKCS#8 in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, PrivateKeyError> {
        match der::private_key(der).ok_or(PrivateKeyError::Malformed)? {
            PrivateKeyDer::Rsa { pkcs1, numbers } => rsa_key(pkcs1, numbers),
            PrivateKeyDer::Ed25519 { pkcs8 } => ed25519_key(pkcs8),
        }
    }

    /// Makes an RSA key of 1024 to 4096 bits and returns it as PKCS#8.
    pub fn generate_rsa(bits: usize) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        if !(MIN_RSA_BITS..=MAX_RSA_BITS_TO_SIGN).contains(&bits) {
            return Err(PrivateKeyError::Size { bits });
        }
        match generate_by_library(bits) {
            Some(pkcs8) => Ok(pkcs8),
            None => generate_odd_size(bits),
        }
    }

    /// Makes an Ed25519 key and returns it as PKCS#8.
    pub fn generate_ed25519() -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(seed.as_mut()).map_err(|_| PrivateKeyError::Library)?;
        Ok(Zeroizing::new(der::ed25519_pkcs8(&seed)))
    }

    /// Length of the RSA modulus, or 256 for Ed25519.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// True for RSA, false for Ed25519.
    pub fn is_rsa(&self) -> bool {
        !matches!(self.key, Pair::Ed25519(_))
    }

    /// The public half: SubjectPublicKeyInfo in DER (RSA), or 32 octets (Ed25519).
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// Signs `input`, by RSA with SHA-256, or by Ed25519 over its SHA-256 (RFC 8463 section 3).
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
        match &self.key {
            Pair::Rsa(key) => {
                let mut signature = vec![0; self.bits.div_ceil(8)];
                key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
                    .map_err(|_| PrivateKeyError::Library)?;
                Ok(signature)
            }
            Pair::OddRsa(key) => {
                let signature = key.try_sign_with_rng(&mut OsRng, input).map_err(|_| PrivateKeyError::Library)?;
                Ok(signature.to_vec())
            }
            Pair::Ed25519(key) => Ok(key.sign(&Sha256::digest(input)).as_ref().to_vec()),
        }
    }
}

fn rsa_key(pkcs1: &[u8], numbers: der::RsaNumbers<'_>) -> Result<PrivateKey, PrivateKeyError> {
    let bits = numbers.bits();
    if !(MIN_RSA_BITS..=MAX_RSA_BITS_TO_SIGN).contains(&bits) {
        return Err(PrivateKeyError::Size { bits });
    }
    let key = match RsaKeyPair::from_der(pkcs1) {
        Ok(key) => Pair::Rsa(key),
        Err(_) => {
            let key = RsaPrivateKey::from_pkcs1_der(pkcs1).map_err(|_| PrivateKeyError::Malformed)?;
            Pair::OddRsa(Box::new(pkcs1v15::SigningKey::new(key)))
        }
    };
    Ok(PrivateKey { public: numbers.subject_public_key_info(), bits, key })
}

/// `maybe_unchecked`: `openssl genpkey` leaves the public half out, so there is nothing to check it against.
fn ed25519_key(pkcs8: &[u8]) -> Result<PrivateKey, PrivateKeyError> {
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| PrivateKeyError::Malformed)?;
    Ok(PrivateKey { public: key.public_key().as_ref().to_vec(), bits: 256, key: Pair::Ed25519(key) })
}

/// aws-lc-rs makes keys of the three usual sizes; ring makes none.
#[cfg(feature = "aws-lc-rs")]
fn generate_by_library(bits: usize) -> Option<Zeroizing<Vec<u8>>> {
    use super::backend::{encoding::AsDer, rsa::KeySize};
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return None,
    };
    let pkcs8 = RsaKeyPair::generate(size).ok()?.as_der().ok()?;
    Some(Zeroizing::new(pkcs8.as_ref().to_vec()))
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn generate_by_library(_bits: usize) -> Option<Zeroizing<Vec<u8>>> {
    None
}

fn generate_odd_size(bits: usize) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
    let key = RsaPrivateKey::new(&mut OsRng, bits).map_err(|_| PrivateKeyError::Library)?;
    let pkcs8 = key.to_pkcs8_der().map_err(|_| PrivateKeyError::Library)?;
    Ok(Zeroizing::new(pkcs8.as_bytes().to_vec()))
}
