//! DMARC (RFC 9989): does the domain in From stand behind this message, and what does it ask for if not?
//!
//! A bare "section" in this module means RFC 9989. [`discover`] asks DNS, all names at once; [`Discovery::evaluate`] is
//! pure. There is no Public Suffix List: the tree walk (section 4.10) takes its place.

mod author;
mod discovery;
mod record;

pub use author::{AuthorDomain, author_domain};
pub use discovery::{Discovery, discover};
pub use record::{Alignment, Policies, Policy, PublicSuffix, Record};

use crate::spf::SpfResult;
use dkimproxy_core::{domain::DomainName, verify::DkimResult};

/// The five results (section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DmarcResult {
    /// No policy applies.
    None,
    /// An aligned identifier passed.
    Pass,
    /// None did.
    Fail,
    /// DNS trouble; a later attempt may tell more.
    TempError,
    /// It can never be told.
    PermError,
}

impl DmarcResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// How one authentication method ended for one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authenticated {
    /// It passed: the domain is an Authenticated Identifier.
    Yes,
    /// It did not.
    No,
    /// It could not be told because of DNS.
    Unknown,
}

impl From<SpfResult> for Authenticated {
    fn from(result: SpfResult) -> Self {
        match result {
            SpfResult::Pass => Self::Yes,
            SpfResult::TempError => Self::Unknown,
            SpfResult::None | SpfResult::Neutral | SpfResult::Fail | SpfResult::SoftFail | SpfResult::PermError => {
                Self::No
            }
        }
    }
}

impl From<DkimResult> for Authenticated {
    fn from(result: DkimResult) -> Self {
        match result {
            DkimResult::Pass => Self::Yes,
            DkimResult::TempError => Self::Unknown,
            DkimResult::None | DkimResult::Fail | DkimResult::Policy | DkimResult::Neutral | DkimResult::PermError => {
                Self::No
            }
        }
    }
}

/// A domain that an authentication method speaks for (section 4.4.1): d= of a signature, or the SPF domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// The domain.
    pub domain: DomainName,
    /// What the method said.
    pub authenticated: Authenticated,
}

/// What DMARC says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcOutcome {
    /// The result.
    pub result: DmarcResult,
    /// The policy that was published for this domain: p, sp or np as it applies. None: no record.
    pub policy: Option<Policy>,
    /// The same after t=y (section 4.7): the policy that is written down as applied. None: no record.
    pub effective: Option<Policy>,
    /// What the owner asks to be done with this message: the effective policy if it fails, else `none`.
    pub disposition: Policy,
    /// The name below `_dmarc` whose record applies.
    pub record_domain: Option<String>,
    /// An aligned signature passed.
    pub dkim_aligned: bool,
    /// SPF passed, aligned.
    pub spf_aligned: bool,
}

impl DmarcOutcome {
    /// Without a policy that applies.
    pub(crate) fn without_policy(result: DmarcResult) -> Self {
        Self {
            result,
            policy: None,
            effective: None,
            disposition: Policy::None,
            record_domain: None,
            dkim_aligned: false,
            spf_aligned: false,
        }
    }
}
