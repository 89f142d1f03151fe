//! Findings of SPF, DMARC, ARC and iprev as results (sections 2.7.2 and 2.7.3, RFC 9989 section 9, RFC 8617 section 10).

use super::ResultEntry;
use crate::{
    authenticate::{DmarcFinding, SpfFinding},
    dmarc::DmarcResult,
    iprev::IprevOutcome,
    spf::Scope,
};
use dkimproxy_core::arc::ArcOutcome;
use std::net::IpAddr;

/// SPF: the property says which name gave the result.
///
/// Of the reverse-path only the domain is named: "the local-part [...] SHOULD NOT be included" where nothing vouches for
/// it (section 2.7.2).
pub fn spf_result(finding: &SpfFinding) -> ResultEntry {
    let mut entry = ResultEntry::new("spf", finding.outcome.result.as_str());
    entry.reason = finding.outcome.reason.as_ref().map(ToString::to_string);
    let query = &finding.query;
    let explanation = finding.outcome.explanation.as_ref();
    entry.comment = Some(match explanation {
        Some(text) => format!("client {}; the domain explains: {text}", query.ip),
        None => format!("client {}", query.ip),
    });
    let property = match query.scope {
        Scope::MailFrom => "mailfrom",
        Scope::Helo => "helo",
    };
    if query.domain.is_empty() { entry } else { entry.with("smtp", property, query.domain.clone()) }
}

/// DMARC: `policy.dmarc` is the policy that applies to the domain, after t=y.
pub fn dmarc_result(finding: &DmarcFinding) -> ResultEntry {
    let outcome = &finding.outcome;
    let mut entry = ResultEntry::new("dmarc", outcome.result.as_str());
    entry.comment = dmarc_comment(finding);
    entry.reason = match outcome.result {
        _ if finding.reason.is_some() => finding.reason.map(str::to_owned),
        DmarcResult::Fail => Some("neither DKIM nor SPF passed for a domain aligned with From".into()),
        DmarcResult::TempError => Some("DNS did not answer".into()),
        DmarcResult::None => Some("no DMARC record".into()),
        DmarcResult::Pass | DmarcResult::PermError => None,
    };
    if let Some(domain) = &finding.domain {
        entry = entry.with("header", "from", domain.as_str());
    }
    match outcome.effective {
        Some(policy) => entry.with("policy", "dmarc", policy.as_str()),
        None => entry,
    }
}

/// `dkim aligned, record of example.org, p=reject lowered by t=y, lifted by the ARC seal of lists.example`.
fn dmarc_comment(finding: &DmarcFinding) -> Option<String> {
    let outcome = &finding.outcome;
    let other_record = outcome
        .record_domain
        .as_deref()
        .filter(|name| finding.domain.as_ref().is_some_and(|domain| domain.as_str() != *name));
    let lowered = outcome.policy.filter(|policy| outcome.effective != Some(*policy));
    let parts = [
        outcome.dkim_aligned.then(|| "dkim aligned".to_owned()),
        outcome.spf_aligned.then(|| "spf aligned".to_owned()),
        other_record.map(|name| format!("record of {name}")),
        lowered.map(|policy| format!("{} lowered by t=y", policy.as_str())),
        finding.lifted_by.as_ref().map(|sealer| format!("lifted by the ARC seal of {sealer}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// ARC. `client_ip`: the client's address, for `smtp.remote-ip`.
pub fn arc_result(outcome: &ArcOutcome, client_ip: Option<IpAddr>) -> ResultEntry {
    let mut entry = ResultEntry::new("arc", outcome.result.as_str());
    entry.reason = outcome.failure.as_ref().map(ToString::to_string);
    entry.comment =
        outcome.sealers.first().map(|sealer| format!("{} sets, last sealed by {sealer}", outcome.instances));
    if let Some(ip) = client_ip {
        entry = entry.with("smtp", "remote-ip", ip.to_canonical().to_string());
    }
    match outcome.oldest_pass {
        Some(instance) => entry.with("header", "oldest-pass", instance.to_string()),
        None => entry,
    }
}

/// iprev.
pub fn iprev_result(outcome: &IprevOutcome) -> ResultEntry {
    let mut entry = ResultEntry::new("iprev", outcome.result.as_str());
    entry.comment = outcome.name.clone();
    entry.with("policy", "iprev", outcome.ip.to_string())
}
