//! What the policy table looks at.

use super::{Judged, Method, of_message};
use dkimproxy_auth::{
    authenticate::{DmarcFinding, SpfFinding},
    author_policy::AuthorPolicy,
    dmarc::{DmarcResult, Policy},
    spf::SpfResult,
};
use dkimproxy_core::domain::DomainName;
use std::net::IpAddr;

/// The results of one message, in so far as rules and replies need them. None: not checked.
#[derive(Debug, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) client: Option<IpAddr>,
    /// The client is a relay of ours.
    pub(crate) from_relay: bool,
    pub(crate) dkim: Vec<Judged<'a>>,
    pub(crate) domainkeys: Option<&'static str>,
    pub(crate) spf: Option<Spf<'a>>,
    pub(crate) dmarc: Option<Dmarc<'a>>,
    pub(crate) arc: Option<&'static str>,
    pub(crate) iprev: Option<&'static str>,
    pub(crate) author_policy: Option<&'a AuthorPolicy>,
}

/// What SPF says.
#[derive(Debug)]
pub(crate) struct Spf<'a> {
    pub(crate) result: SpfResult,
    /// The domain that was checked, as the client wrote it.
    pub(crate) domain: &'a str,
    /// What the domain's owner says to a client that fails.
    pub(crate) explanation: Option<&'a str>,
}

/// What DMARC says.
#[derive(Debug)]
pub(crate) struct Dmarc<'a> {
    pub(crate) result: DmarcResult,
    /// What the domain asks for.
    pub(crate) disposition: Policy,
    /// The domain in From.
    pub(crate) domain: Option<&'a str>,
    /// A trusted sealer says that it passed before.
    pub(crate) lifted: bool,
}

impl Facts<'_> {
    /// The result that a condition is compared with.
    pub(crate) fn result(&self, method: Method) -> Option<&'static str> {
        match method {
            Method::Dkim => Some(of_message(&self.dkim).as_str()),
            Method::Spf => self.spf.as_ref().map(|spf| spf.result.as_str()),
            Method::Dmarc => self.dmarc.as_ref().map(Dmarc::word),
            Method::Arc => self.arc,
            Method::IpRev => self.iprev,
            Method::DomainKeys => self.domainkeys,
        }
    }
}

impl<'a> Spf<'a> {
    pub(crate) fn of(found: &'a SpfFinding) -> Self {
        let explanation = found.outcome.explanation.as_deref();
        Self { result: found.outcome.result, domain: &found.query.domain, explanation }
    }
}

impl<'a> Dmarc<'a> {
    pub(crate) fn of(found: &'a DmarcFinding) -> Self {
        Self {
            result: found.outcome.result,
            disposition: found.outcome.disposition,
            domain: found.domain.as_ref().map(DomainName::as_str),
            lifted: found.lifted_by.is_some(),
        }
    }

    /// A failure that is lifted is no reason for anything.
    fn word(&self) -> &'static str {
        match self.result {
            DmarcResult::Fail if self.lifted => DmarcResult::None.as_str(),
            result => result.as_str(),
        }
    }
}
