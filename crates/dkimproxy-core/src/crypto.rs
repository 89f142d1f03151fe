//! The only module that knows which library does RSA, Ed25519 and SHA-256.
//!
//! aws-lc-rs by default, ring where that feature is switched off; `rsa` (blinded) only to sign with keys of 1024 to
//! 2047 bits, which both of them refuse.

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as backend;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use ring as backend;

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("dkimproxy-core needs one of the features `aws-lc-rs` (default) and `ring`");

use backend::digest;

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

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

/// SHA-256 has 32 octets, which the library's type does not say.
fn digest_octets(digest: digest::Digest) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest.as_ref());
    octets
}
