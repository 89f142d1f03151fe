//! DomainKeys (RFC 4870, Historic), for those who still depend on it. Off unless switched on.
//!
//! Nothing but RSA with SHA-1 is defined, which RFC 8301 bans for DKIM: a pass here is a type of its own and no
//! identifier for DMARC. Unlike DKIM there is no body hash: one hash runs over header fields, then the body, and the
//! DomainKey-Signature field itself is not part of it. So there is a hasher for the body here, which starts from the
//! header:
//!
//! ```text
//! let verifier = DomainKeysVerifier::new(header, &policy);
//! let names    = verifier.key_names();
//! let mut body = verifier.body_hasher();                  // fed with chunks as they arrive
//! let findings = verifier.finish(&body.finish(), &keys);
//! ```
//!
//! In this module a bare "section" means RFC 4870.

mod canonicalize;
mod hash;
mod key;
mod sender;
mod sign;
mod signature;
mod verify;

pub use canonicalize::DomainKeysCanonicalization;
pub use hash::{DomainKeysHasher, DomainKeysHashes};
pub use key::{DomainKeysKey, DomainKeysKeyError};
pub use sender::{SenderField, SendingAddress};
pub use sign::{DomainKeysRequest, DomainKeysSignError, DomainKeysSigner};
pub use verify::{DomainKeysError, DomainKeysVerification, DomainKeysVerified, DomainKeysVerifier};

/// The name of the field.
pub const FIELD_NAME: &str = "DomainKey-Signature";

/// Signatures looked at, counted from the top: each hashes the whole body anew. "A verifier MUST find the most
/// appropriate signature to use and SHOULD ignore all other signatures" (section 3.7.3).
pub const MAX_SIGNATURES: usize = 5;
