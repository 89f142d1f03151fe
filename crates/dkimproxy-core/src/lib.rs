//! What do these bytes say? DKIM signing and verifying (RFC 6376, 8301, 8463, 8616) as pure functions.
//!
//! Nothing here reads a socket, a file or the clock: `now` is an argument, DNS answers are a plain map.
//! The whole of signing, and the whole of verifying, is three calls:
//!
//! ```text
//! let signer   = Signer::new(header, requests, now);
//! let mut body = signer.body_hasher();                    // fed with chunks as they arrive
//! let fields   = signer.finish(&body.finish())?;          // signature fields, top first
//!
//! let verifier = Verifier::new(header, &policy, now);
//! let names    = verifier.key_names();                    // its questions ...
//! let mut body = verifier.body_hasher();
//! let verdicts = verifier.finish(&body.finish(), &keys);  // ... and the answers, as a plain map
//! ```
//!
//! In all documentation of this crate a bare "section" means RFC 6376.

pub mod address;
pub mod arc;
pub mod canonicalize;
pub mod crypto;
pub mod domain;
pub mod domainkeys;
#[doc(hidden)]
pub mod fuzz;
pub mod hash;
pub mod header;
pub mod key;
pub mod message;
pub mod sign;
pub mod signature;
pub mod tag_list;
pub mod verify;
