//! The only module that knows which library does RSA, Ed25519 and SHA-256.
//!
//! aws-lc-rs by default, ring where that feature is switched off. Both refuse to sign with RSA keys below 2048 bits,
//! ring also with unusual exponents and lengths: such keys sign through `rsa`, blinded against timing (8.11).

mod der;
mod legacy;
mod private;
mod public;

pub(crate) use legacy::{Sha1, Sha1PrivateKey};
pub use private::{PrivateKey, PrivateKeyError};
pub use public::{PublicKey, PublicKeyError};

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as backend;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use ring as backend;

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("dkimproxy-core needs one of the features `aws-lc-rs` (default) and `ring`");

use backend::digest;
use std::fmt;

/// RSA keys shorter than this are never used: "Signers MUST use RSA keys of at least 1024 bits", "verifiers MUST NOT
/// consider signatures using RSA keys of less than 1024 bits as valid" (RFC 8301 section 3.2).
pub const MIN_RSA_BITS: usize = 1024;

/// Longer RSA keys do not sign: no verifier must take them (RFC 8301 section 3.2).
pub const MAX_RSA_BITS_TO_SIGN: usize = 4096;

/// Longer RSA keys do not verify: they cost too much (8.13). RFC 8301 asks for 4096, both libraries stop here.
pub const MAX_RSA_BITS_TO_VERIFY: usize = 8192;

/// SHA-256 of octets that arrive in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The hash of all pieces.
    pub fn finish(self) -> [u8; 32] {
        digest_octets(self.0.finish())
    }

    /// The hash of one piece.
    pub fn digest(octets: &[u8]) -> [u8; 32] {
        digest_octets(digest::digest(&digest::SHA256, octets))
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

/// SHA-256 has 32 octets, which the library's type does not say.
fn digest_octets(digest: digest::Digest) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest.as_ref());
    octets
}
