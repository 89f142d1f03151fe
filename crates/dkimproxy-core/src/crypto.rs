//! The only module that knows which library does RSA, Ed25519 and SHA-256.
//!
//! aws-lc-rs by default, ring where that feature is switched off; `rsa` (blinded) only to sign with keys of 1024 to
//! 2047 bits, which both of them refuse.
