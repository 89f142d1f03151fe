//! Why chains fail.

use super::{MAX_INSTANCES, MAX_RESULTS_LEN};
use crate::verify::{DkimResult, VerifyError};
use std::fmt;
use thiserror::Error;

/// One of the three fields of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArcField {
    /// ARC-Authentication-Results (section 4.1.1).
    Results,
    /// ARC-Message-Signature (section 4.1.2).
    MessageSignature,
    /// ARC-Seal (section 4.1.3).
    Seal,
}

impl ArcField {
    /// The name of the field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Results => "ARC-Authentication-Results",
            Self::MessageSignature => "ARC-Message-Signature",
            Self::Seal => "ARC-Seal",
        }
    }
}

impl fmt::Display for ArcField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a chain fails: the first cause met in the order of section 5.2.
///
/// The texts hold nothing from the message or from DNS but names of tags (letters, digits, `_`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArcError {
    /// "The maximum number of ARC Sets that can be attached to a message is 50."
    #[error("more than {MAX_INSTANCES} {field} fields")]
    TooManySets {
        /// Of which field there are more.
        field: ArcField,
    },
    /// i= is missing, not 1 to 50, or the field cannot be read as far as that.
    #[error("{field}: no valid instance")]
    Instance {
        /// In which field.
        field: ArcField,
    },
    /// ARC-Authentication-Results is longer than [`MAX_RESULTS_LEN`].
    #[error("{} longer than {MAX_RESULTS_LEN} octets", ArcField::Results)]
    ResultsTooLong,
    /// The newest seal says cv=fail: the chain was broken when the message came to that sealer.
    #[error("marked as failed by the sealer of i={instance}")]
    MarkedFailed {
        /// i= of that seal.
        instance: u32,
    },
    /// "Each ARC Set MUST contain exactly one each of the three ARC header fields": here are two.
    #[error("two {field} fields with i={instance}")]
    Repeated {
        /// i=
        instance: u32,
        /// Which field.
        field: ArcField,
    },
    /// Here is none, though there is a set of this number or a higher one: "The instance values of the ARC Sets MUST
    /// form a continuous sequence from 1..N with no gaps".
    #[error("no {field} field with i={instance}")]
    Missing {
        /// i=
        instance: u32,
        /// Which field.
        field: ArcField,
    },
    /// cv= is absent, or not `none` for i=1 and `pass` for all others.
    #[error("cv= does not fit i={instance}")]
    ChainValidation {
        /// i= of the seal.
        instance: u32,
    },
    /// The newest ARC-Message-Signature does not verify.
    #[error("{} i={instance}: {error}", ArcField::MessageSignature)]
    MessageSignature {
        /// i=, the number of sets.
        instance: u32,
        /// What is wrong with it.
        error: VerifyError,
    },
    /// The newest ARC-Message-Signature covers ARC-Seal or ARC-Message-Signature fields, which "MUST NOT be included"
    /// (section 4.1.2).
    #[error("{} i={instance} covers seals", ArcField::MessageSignature)]
    CoversSeals {
        /// i=, the number of sets.
        instance: u32,
    },
    /// An ARC-Seal has h=: "the DKIM "h" tag is NOT allowed and, if found, MUST result in a cv status of "fail"".
    #[error("{} i={instance} has h=", ArcField::Seal)]
    SealListsFields {
        /// i=
        instance: u32,
    },
    /// An ARC-Seal does not verify.
    #[error("{} i={instance}: {error}", ArcField::Seal)]
    Seal {
        /// i=
        instance: u32,
        /// What is wrong with it.
        error: VerifyError,
    },
}

impl ArcError {
    /// True if a later attempt may tell more (DNS did not answer). The result is fail all the same (section 5.2.1);
    /// who can defer the message may do that instead.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::MessageSignature { error, .. } | Self::Seal { error, .. } => error.result() == DkimResult::TempError,
            Self::TooManySets { .. }
            | Self::Instance { .. }
            | Self::ResultsTooLong
            | Self::MarkedFailed { .. }
            | Self::Repeated { .. }
            | Self::Missing { .. }
            | Self::ChainValidation { .. }
            | Self::CoversSeals { .. }
            | Self::SealListsFields { .. } => false,
        }
    }
}
