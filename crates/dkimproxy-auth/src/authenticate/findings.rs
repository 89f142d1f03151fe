use crate::{
    dmarc::DmarcOutcome,
    iprev::IprevOutcome,
    results::{self, ResultEntry},
    spf::{Query, Scope, SpfOutcome},
};
use dkimproxy_core::{arc::ArcOutcome, domain::DomainName, verify::Verification};
use std::net::IpAddr;

/// What SPF says about one of the names that the client gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfFinding {
    /// What was asked. The null reverse-path is asked about as [`Scope::Helo`].
    pub query: Query,
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
    /// What is wrong with From.
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
    /// Our own host name.
    pub(super) receiver: String,
}

impl Findings {
    /// The SPF finding that counts: MAIL FROM, or HELO if that was all there was to check.
    pub fn spf(&self) -> Option<&SpfFinding> {
        self.spf.last()
    }

    /// The results other than those of DKIM, for [`results::AuthenticationResults`]: spf, dmarc, arc, iprev.
    ///
    /// `client_ip` is the client's address, checked or not. A HELO name of which SPF knows nothing is left out beside a
    /// result for MAIL FROM.
    pub fn entries(&self, client_ip: Option<IpAddr>) -> Vec<ResultEntry> {
        let counts = |finding: &&SpfFinding| {
            let of_interest = finding.outcome.result != crate::spf::SpfResult::None;
            of_interest || self.spf.len() == 1 || finding.query.scope == Scope::MailFrom
        };
        let spf = self.spf.iter().filter(counts).map(results::spf_result);
        let dmarc = self.dmarc.iter().map(results::dmarc_result);
        let arc = self.arc.iter().map(|arc| results::arc_result(arc, client_ip));
        let iprev = self.iprev.iter().map(results::iprev_result);
        spf.chain(dmarc).chain(arc).chain(iprev).collect()
    }

    /// The Received-SPF field (RFC 7208 section 9.1) for the finding that counts, with its final CRLF. None: SPF was not
    /// checked.
    pub fn received_spf(&self) -> Option<Vec<u8>> {
        self.spf().map(|finding| results::received_spf(finding, &self.receiver))
    }
}
