//! Why signatures do not pass, and the words for it.

use crate::{key::KeyRecordError, signature::SignatureError};
use thiserror::Error;

/// Why a signature does not pass. One variant per cause; [`VerifyError::result`] is the RFC 8601 word.
///
/// The texts hold nothing from the message or from DNS but names of tags (letters, digits, `_`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// More signatures than the policy allows.
    #[error("too many signatures")]
    TooManySignatures,
    /// The field is no usable signature.
    #[error("{0}")]
    Signature(SignatureError),
    /// t= lies in the future.
    #[error("signature made in the future")]
    Future,
    /// x= lies in the past.
    #[error("signature expired")]
    Expired,
    /// DNS has no key at that name (6.1.2: "If the query for the public key fails because the corresponding key record
    /// does not exist").
    #[error("no key for signature")]
    NoKey,
    /// DNS did not answer; a later attempt may tell more.
    #[error("key unavailable")]
    KeyUnavailable,
    /// What DNS has at that name is no key, or none that may be used.
    #[error("{0}")]
    KeyRecord(KeyRecordError),
    /// The key is for another algorithm than a=.
    #[error("inappropriate key algorithm")]
    KeyAlgorithm,
    /// h= of the key record does not list the hash of a=.
    #[error("inappropriate hash algorithm")]
    KeyHash,
    /// The key record says t=s, and i= is a subdomain of d=.
    #[error("key not for subdomains")]
    KeyStrict,
    /// l= is larger than the body: "MUST NOT be larger than the actual number of octets in the canonicalized message
    /// body" (3.5).
    #[error("l= is larger than the body")]
    BodyTooShort,
    /// The body was altered.
    #[error("body hash did not verify")]
    BodyHash,
    /// A signed header field was altered, or the signature was made with another key.
    #[error("signature did not verify")]
    SignatureMismatch,
    /// The hashes given to [`Verifier::finish`](super::Verifier::finish) do not come from this verifier's own
    /// [`Verifier::body_hasher`](super::Verifier::body_hasher).
    #[error("the body was not hashed for this signature")]
    BodyNotHashed,
}

impl VerifyError {
    /// The one translation of errors to RFC 8601 words: an exhaustive match.
    ///
    /// RFC 8601 section 2.7.1 leaves syntax errors two words: "neutral" (the signatures "contained syntax errors") and
    /// "permerror" ("some error that is unrecoverable, such as a required header field being absent"). RFC 6376 section
    /// 6.1 puts both under PERMFAIL, and receivers treat them alike, so there is one word for both. Expired signatures
    /// have permerror too, not policy: it is the signer's rule that they break.
    pub fn result(&self) -> DkimResult {
        match self {
            Self::BodyHash | Self::SignatureMismatch => DkimResult::Fail,
            Self::KeyUnavailable | Self::BodyNotHashed => DkimResult::TempError,
            Self::TooManySignatures
            | Self::Signature(
                SignatureError::TooLong
                | SignatureError::TagList(_)
                | SignatureError::MissingTag { .. }
                | SignatureError::InvalidTag { .. }
                | SignatureError::Version
                | SignatureError::Sha1
                | SignatureError::Algorithm
                | SignatureError::Canonicalization
                | SignatureError::QueryMethod
                | SignatureError::DomainMismatch
                | SignatureError::TooManyFields
                | SignatureError::FromNotSigned
                | SignatureError::ExpiresBeforeMade,
            )
            | Self::Future
            | Self::Expired
            | Self::NoKey
            | Self::KeyRecord(
                KeyRecordError::TooLong
                | KeyRecordError::TagList(_)
                | KeyRecordError::VersionNotFirst
                | KeyRecordError::Version
                | KeyRecordError::KeyType
                | KeyRecordError::NotForEmail
                | KeyRecordError::MissingKey
                | KeyRecordError::Revoked
                | KeyRecordError::Base64
                | KeyRecordError::PublicKey(_),
            )
            | Self::KeyAlgorithm
            | Self::KeyHash
            | Self::KeyStrict
            | Self::BodyTooShort => DkimResult::PermError,
        }
    }
}

/// The RFC 8601 section 2.7.1 word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DkimResult {
    /// The message was not signed.
    None,
    /// Verified.
    Pass,
    /// Signed, but the signature or body hash does not fit.
    Fail,
    /// Verified or not, a local rule objects.
    Policy,
    /// Could not be processed: syntax.
    Neutral,
    /// DNS trouble; a later attempt may tell more.
    TempError,
    /// Cannot be verified, now or later.
    PermError,
}

impl DkimResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}
