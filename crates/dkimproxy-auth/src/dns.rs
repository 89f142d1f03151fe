//! The one trait through which this crate asks DNS, and a zone in memory that answers it without a network.

mod zone;

pub use zone::{Zone, ZoneError};

use std::{future::Future, sync::Arc, time::Duration};
use thiserror::Error;

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LookupError {
    /// NXDOMAIN: the name does not exist. Holds for `ttl`.
    #[error("no such name")]
    NoName {
        /// How long this may be remembered.
        ttl: Duration,
    },
    /// The name exists, records of this type do not. Holds for `ttl`.
    #[error("no such record")]
    NoData {
        /// How long this may be remembered.
        ttl: Duration,
    },
    /// SERVFAIL or another failure of the servers: temporary.
    #[error("server failure")]
    ServerFailure,
    /// No answer in time: temporary.
    #[error("no answer in time")]
    Timeout,
}

/// Records of one type, and how long they may be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The records, in the order received.
    pub records: Vec<T>,
    /// Lifetime of the answer.
    pub ttl: Duration,
}

/// Asks DNS: one method per record type that some check of this crate needs.
///
/// Names are given as A-labels without a trailing dot and are always taken as fully qualified.
pub trait Resolver: Send + Sync + 'static {
    /// TXT records; the character-strings of each record are joined with nothing between.
    fn txt(&self, name: &str) -> impl Future<Output = Result<Answer<Vec<u8>>, LookupError>> + Send;
}

impl<R: Resolver> Resolver for Arc<R> {
    fn txt(&self, name: &str) -> impl Future<Output = Result<Answer<Vec<u8>>, LookupError>> + Send {
        R::txt(self, name)
    }
}
