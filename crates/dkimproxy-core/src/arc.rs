//! Verifying the Authenticated Received Chain (RFC 8617): who handled the message, and what did they find?
//!
//! A set of a chain is three fields of one instance (i=): ARC-Authentication-Results tells what a handler found,
//! ARC-Message-Signature is its DKIM signature, and ARC-Seal signs all sets up to its own.
//!
//! A chain that passes says that those who sealed it did so, not that they are honest: whom to believe is the caller's
//! affair ("local policy", section 5). There is no sealing here; the module `scope` is ready for it.
//!
//! In this module a bare "section" means RFC 8617.

mod chain;
mod error;
mod instance;
mod scope;
mod seal;

pub use error::{ArcError, ArcField};

use crate::{
    domain::DomainName,
    hash::{BodyHashRequest, BodyHasher, BodyHashes},
    header::Header,
    key::{KeyName, Keys},
    verify::VerifyPolicy,
};
use chain::Chain;
use std::{collections::BTreeSet, sync::Arc};

/// "Instance tag values can range from 1-50 (inclusive)" (section 4.2.1).
pub const MAX_INSTANCES: usize = 50;

/// ARC-Authentication-Results fields longer than this many octets fail the chain: each is hashed once per set above it.
pub const MAX_RESULTS_LEN: usize = 64 * 1024;

/// The Chain Validation Status (section 4.4), which is also the RFC 8601 word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArcResult {
    /// There is no chain.
    None,
    /// There is one, and it is sound.
    Pass,
    /// There is one, and it is broken: "MUST be treated the same as a message with no Authenticated Received Chain".
    Fail,
}

impl ArcResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// What was found about the chain of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArcOutcome {
    /// The finding.
    pub result: ArcResult,
    /// The lowest instance from which on all message signatures verify, or 0 if all do: from there on the message was
    /// not altered (section 5.2 step 5). None unless the chain passes.
    pub oldest_pass: Option<u32>,
    /// How many sets the chain has. 0 if it is so malformed that nobody can tell.
    pub instances: u32,
    /// d= of each seal, newest first. Empty unless the chain passes.
    pub sealers: Vec<DomainName>,
    /// What each of `sealers` found when the message came to it: the ARC-Authentication-Results field after `i=...;`,
    /// raw. It is that sealer's claim, under the protection of its seal. Empty unless the chain passes.
    pub assessments: Vec<Vec<u8>>,
    /// Why the chain fails.
    pub failure: Option<ArcError>,
}

impl ArcOutcome {
    fn none() -> Self {
        Self {
            result: ArcResult::None,
            oldest_pass: None,
            instances: 0,
            sealers: Vec::new(),
            assessments: Vec::new(),
            failure: None,
        }
    }

    fn fail(instances: u32, failure: ArcError) -> Self {
        Self { result: ArcResult::Fail, instances, failure: Some(failure), ..Self::none() }
    }
}

/// Verifies the chain of one message in one pass over its body.
#[derive(Debug)]
pub struct ArcVerifier {
    header: Arc<Header>,
    /// None: the message has no ARC fields.
    chain: Option<Result<Chain, ArcError>>,
}

impl ArcVerifier {
    /// Reads the ARC fields. `now` is the time of receipt in seconds since the epoch; of the policy the clock skew
    /// counts.
    pub fn new(header: Arc<Header>, policy: &VerifyPolicy, now: u64) -> Self {
        let chain = Chain::read(&header, policy, now);
        Self { header, chain }
    }

    /// The key records needed, each name once; at most two for each set, none if the chain failed already. Those that
    /// decide on pass or fail come first, the rest serves [`ArcOutcome::oldest_pass`] only.
    pub fn key_names(&self) -> Vec<KeyName> {
        let mut seen = BTreeSet::new();
        self.chain().into_iter().flat_map(Chain::key_names).filter(|name| seen.insert(*name)).cloned().collect()
    }

    /// What the body is to be fed to.
    pub fn body_hasher(&self) -> BodyHasher {
        BodyHasher::new(self.body_requests())
    }

    /// What [`Self::finish`] needs to know of the body. One hasher can answer it and the DKIM verifier in one pass:
    /// `BodyHasher::new(verifier.body_requests().chain(arc.body_requests()))`.
    pub fn body_requests(&self) -> impl Iterator<Item = BodyHashRequest> {
        self.chain().into_iter().flat_map(Chain::body_requests)
    }

    /// The finding. "All errors, including DNS failures, become unrecoverable and are considered permanent" (section
    /// 5.2.1): a key that is absent from `keys` fails the chain ([`ArcError::is_temporary`] tells).
    pub fn finish(self, body: &BodyHashes, keys: &Keys) -> ArcOutcome {
        match self.chain {
            None => ArcOutcome::none(),
            Some(Err(failure)) => ArcOutcome::fail(0, failure),
            Some(Ok(chain)) => chain.validate(&self.header, body, keys),
        }
    }

    fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref().and_then(|chain| chain.as_ref().ok())
    }
}
