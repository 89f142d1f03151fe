use crate::{
    dmarc::DmarcOutcome,
    iprev::IprevOutcome,
    results::ResultEntry,
    spf::{Scope, SpfOutcome},
};
use dkimproxy_core::{arc::ArcOutcome, domain::DomainName, verify::Verification};

/// What SPF says about one of the names that the client gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfFinding {
    /// Which name was checked. [`Scope::Helo`] for the null reverse-path, too.
    pub scope: Scope,
    /// The domain that was asked about, as the client wrote it.
    pub domain: String,
    /// The finding.
    pub outcome: SpfOutcome,
}

/// What DMARC says about the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcFinding {
    /// The author domain; where From names several, the one that decided.
    pub domain: Option<DomainName>,
    /// The finding. Its disposition stays what the domain's owner asks for, lifted or not.
    pub outcome: DmarcOutcome,
    /// The sealer whose word lifts the failure (RFC 8617 section 7.2): it saw DMARC pass, and we trust it.
    pub lifted_by: Option<DomainName>,
    /// Why DMARC says nothing: what is wrong with From.
    pub reason: Option<&'static str>,
}

/// All results of one message.
#[derive(Debug, Clone)]
pub struct Findings {
    /// One per signature, top to bottom.
    pub dkim: Vec<Verification>,
    /// HELO first, then MAIL FROM; each if it was checked.
    pub spf: Vec<SpfFinding>,
    /// If it was checked.
    pub dmarc: Option<DmarcFinding>,
    /// If it was checked.
    pub arc: Option<ArcOutcome>,
    /// If it was checked.
    pub iprev: Option<IprevOutcome>,
}

impl Findings {
    /// The results other than those of DKIM, for [`crate::results::AuthenticationResults`].
    pub fn entries(&self) -> Vec<ResultEntry> {
        todo!()
    }

    /// The Received-SPF field (RFC 7208 section 9.1) for the identity that decides, with its final CRLF. None: SPF was
    /// not checked.
    pub fn received_spf(&self) -> Option<Vec<u8>> {
        todo!()
    }
}
