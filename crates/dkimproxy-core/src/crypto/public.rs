//! Public keys: parsed once, kept, used for every signature they belong to.

use super::{MAX_RSA_BITS_TO_VERIFY, MIN_RSA_BITS, Sha256, backend::signature, der};
use std::fmt;
use thiserror::Error;

/// Why octets are no usable public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublicKeyError {
    /// No key of that kind, or a damaged one.
    #[error("malformed public key")]
    Malformed,
    /// RSA below 1024 bits: never valid (RFC 8301 section 3.2).
    #[error("RSA key of only {bits} bits")]
    TooShort {
        /// Length of the modulus.
        bits: usize,
    },
    /// RSA above 8192 bits: too costly (8.13).
    #[error("RSA key of {bits} bits is too long")]
    TooLong {
        /// Length of the modulus.
        bits: usize,
    },
    /// An RSA exponent that is even, below 3 or has more than 33 bits: "verifiers ... MAY wish to limit" it (8.13).
    #[error("unusable RSA exponent")]
    Exponent,
}

/// A public key, ready for use.
pub struct PublicKey {
    kind: Kind,
    bits: usize,
    key: Prepared,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    Ed25519,
}

impl PublicKey {
    /// Reads an RSA key of 1024 to 8192 bits: SubjectPublicKeyInfo or RSAPublicKey in DER (erratum 3017).
    pub fn rsa(der: &[u8]) -> Result<Self, PublicKeyError> {
        let (pkcs1, numbers) = der::rsa_public_key(der).ok_or(PublicKeyError::Malformed)?;
        let bits = match numbers.bits() {
            bits if bits < MIN_RSA_BITS => return Err(PublicKeyError::TooShort { bits }),
            bits if bits > MAX_RSA_BITS_TO_VERIFY => return Err(PublicKeyError::TooLong { bits }),
            bits => bits,
        };
        if !is_usable_exponent(numbers.exponent) {
            return Err(PublicKeyError::Exponent);
        }
        let key = prepare(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, pkcs1)?;
        Ok(Self { kind: Kind::Rsa, bits, key })
    }

    /// Takes the 32 octets of an Ed25519 key (RFC 8463 section 4.2: no SubjectPublicKeyInfo around them).
    pub fn ed25519(octets: &[u8]) -> Result<Self, PublicKeyError> {
        if octets.len() != 32 {
            return Err(PublicKeyError::Malformed);
        }
        Ok(Self { kind: Kind::Ed25519, bits: 256, key: prepare(&signature::ED25519, octets)? })
    }

    /// Length of the RSA modulus, or 256 for Ed25519.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// True for RSA, false for Ed25519.
    pub fn is_rsa(&self) -> bool {
        self.kind == Kind::Rsa
    }

    /// The RSAPublicKey in DER, for what the library does not do. None for Ed25519.
    pub(super) fn pkcs1(&self) -> Option<&[u8]> {
        self.is_rsa().then(|| self.key.as_ref())
    }

    /// Does `signature` fit `input`? RSA is RSASSA-PKCS1-v1_5 over SHA-256 (3.3); Ed25519 is PureEdDSA "signing the
    /// hash with" SHA-256 first (RFC 8463 section 3).
    pub fn verify(&self, input: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            Kind::Rsa => verify(&self.key, input, signature),
            Kind::Ed25519 => verify(&self.key, &Sha256::digest(input), signature),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_rsa() { "RSA" } else { "Ed25519" };
        write!(f, "PublicKey({kind}, {} bits)", self.bits)
    }
}

fn is_usable_exponent(digits: &[u8]) -> bool {
    let exponent = digits.iter().try_fold(0_u64, |value, digit| Some(value.checked_mul(256)? + u64::from(*digit)));
    exponent.is_some_and(|exponent| exponent % 2 == 1 && (3..1 << 33).contains(&exponent))
}

#[cfg(feature = "aws-lc-rs")]
use signature::ParsedPublicKey as Prepared;

#[cfg(feature = "aws-lc-rs")]
fn prepare(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    octets: &[u8],
) -> Result<Prepared, PublicKeyError> {
    Prepared::new(algorithm, octets).map_err(|_| PublicKeyError::Malformed)
}

#[cfg(feature = "aws-lc-rs")]
fn verify(key: &Prepared, message: &[u8], signature: &[u8]) -> bool {
    key.verify_sig(message, signature).is_ok()
}

/// ring has no parsed form: it reads the octets at every use.
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
type Prepared = signature::UnparsedPublicKey<Box<[u8]>>;

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn prepare(
    algorithm: &'static dyn signature::VerificationAlgorithm,
    octets: &[u8],
) -> Result<Prepared, PublicKeyError> {
    Ok(Prepared::new(algorithm, octets.into()))
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn verify(key: &Prepared, message: &[u8], signature: &[u8]) -> bool {
    key.verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_odd_and_small() {
        for (digits, usable) in [
            (&[1, 0, 1][..], true),
            (&[3], true),
            (&[1], false),
            (&[1, 0, 0], false),
            (&[1, 0xff, 0xff, 0xff, 0xff], true),
            (&[2, 0, 0, 0, 1], false),
            (&[1; 40], false),
        ] {
            assert_eq!(is_usable_exponent(digits), usable, "{digits:x?}");
        }
    }

    #[test]
    fn size_decides() {
        for (octets, expected) in [
            (64, Err(PublicKeyError::TooShort { bits: 512 })),
            (127, Err(PublicKeyError::TooShort { bits: 1016 })),
            (128, Ok(1024)),
            (1024, Ok(8192)),
            (1025, Err(PublicKeyError::TooLong { bits: 8200 })),
            (2048, Err(PublicKeyError::TooLong { bits: 16384 })),
        ] {
            let modulus = vec![0xc5; octets];
            let der = der::RsaNumbers { modulus: &modulus, exponent: &[1, 0, 1] }.subject_public_key_info();
            assert_eq!(PublicKey::rsa(&der).map(|key| key.bits()), expected, "{octets} octets");
        }
    }

    #[test]
    fn ed25519_is_32_octets_and_nothing_around() {
        assert_eq!(PublicKey::ed25519(&[0; 31]).err(), Some(PublicKeyError::Malformed));
        assert_eq!(PublicKey::ed25519(&[0; 44]).err(), Some(PublicKeyError::Malformed));
    }
}
