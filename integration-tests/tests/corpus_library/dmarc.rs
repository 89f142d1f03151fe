//! Cases of DMARC (RFC 9989) with given identifiers; those with a whole message are for the program.

use crate::suite::{Case, Finding, is_acceptable};
use dkimproxy_auth::{
    dmarc::{self, Alignment, Authenticated, Discovery, DmarcOutcome, Identifier, Policy, Record},
    dns::Zone,
};
use dkimproxy_core::domain::DomainName;
use serde_json::Value;

pub(crate) fn evaluate(case: &Case) -> Option<Finding> {
    let wanted = &case.expect["dmarc"];
    if !case.expect["input"].is_null() {
        return None;
    }
    let author = domain(&wanted["from_domain"])?;
    let dkim = [&wanted["dkim"], &wanted["dkim_pass"]].into_iter().flat_map(identifiers).collect::<Vec<_>>();
    let spf = [&wanted["spf"], &wanted["spf_pass"]].into_iter().flat_map(identifiers).next();
    let domains: Vec<DomainName> = dkim.iter().chain(&spf).map(|one| one.domain.clone()).collect();
    let outcome = discover(&case.zone(), &author, &domains).evaluate(&dkim, spf.as_ref());
    Some(Finding {
        ours: outcome.result.as_str().into(),
        agrees: is_acceptable(wanted, outcome.result.as_str()) && has_policy(wanted, &outcome),
        detail: format!("{outcome:?}"),
    })
}

fn has_policy(wanted: &Value, outcome: &DmarcOutcome) -> bool {
    let policy = wanted.get("policy").is_none_or(|policy| policy.as_str() == outcome.policy.map(Policy::as_str));
    let disposition = wanted.get("disposition").and_then(Value::as_str);
    let reject = wanted.get("reject").and_then(Value::as_bool);
    let record = wanted.get("record_domain").is_none_or(|name| name.as_str() == outcome.record_domain.as_deref());
    policy
        && record
        && disposition.is_none_or(|disposition| disposition == outcome.disposition.as_str())
        && reject.is_none_or(|reject| reject == (outcome.disposition == Policy::Reject))
}

/// Those of a list that count for DMARC: "the HELO identity is not typically used" (RFC 9989 section 4.4.2).
fn identifiers(list: &Value) -> Vec<Identifier> {
    let entries = list.as_array().into_iter().flatten().filter(|entry| entry["scope"] != "helo");
    let identifier = |entry: &Value| {
        let authenticated = match entry["result"].as_str() {
            None | Some("pass") => Authenticated::Yes,
            Some("temperror") => Authenticated::Unknown,
            Some(_) => Authenticated::No,
        };
        let name = if entry.is_string() { entry } else { &entry["domain"] };
        Some(Identifier { domain: domain(name)?, authenticated })
    };
    entries.filter_map(identifier).collect()
}

fn domain(value: &Value) -> Option<DomainName> {
    DomainName::new(value.as_str()?.trim_matches('.')).ok()
}

fn discover(zone: &Zone, author: &DomainName, identifiers: &[DomainName]) -> Discovery {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(dmarc::discover(zone, author, identifiers))
}

/// Valid: it is a record, and DMARC processing applies by it (RFC 9989 section 4.10.1).
pub(crate) fn record(case: &Case) -> Option<Finding> {
    let record = Record::parse(case.text("record").as_bytes());
    let applies = record.is_some_and(|record| record.policies.is_some());
    Some(Finding::yes_or_no(applies, &case.expect["valid"], record))
}

/// The other projects know public suffixes from a list. Here the names' longest common parent has a record, as the
/// Organizational Domain has where DMARC is in use.
pub(crate) fn alignment(case: &Case) -> Option<Finding> {
    let (author, identifier) = (domain(&case.expect["from_domain"])?, domain(&case.expect["identifier"])?);
    let alignment = if case.text("mode") == "strict" { Alignment::Strict } else { Alignment::Relaxed };
    let common =
        std::iter::successors(Some(author.clone()), DomainName::parent).find(|name| identifier.is_within(name));
    let record = |zone: Zone, name: DomainName| zone.with_txt(&format!("_dmarc.{name}"), ["v=DMARC1; p=none"]);
    let zone = common.into_iter().fold(Zone::new(), record);
    let aligned = discover(&zone, &author, std::slice::from_ref(&identifier)).is_aligned(&identifier, alignment);
    Some(Finding::yes_or_no(aligned == Some(true), &case.expect["aligned"], aligned))
}

pub(crate) fn organizational_domain(case: &Case) -> Option<Finding> {
    let discovery = discover(&case.zone(), &domain(&case.expect["input"])?, &[]);
    let found = discovery.organizational_domain().unwrap_or("temperror");
    let agrees = case.expect["organizational_domain"] == found;
    Some(Finding { ours: found.into(), agrees, detail: String::new() })
}
