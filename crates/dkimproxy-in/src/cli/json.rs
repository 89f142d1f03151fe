//! One message as a JSON object on one line.

use super::Finding;
use crate::{
    examine::Examined,
    policy::{Judged, Refusal},
};
use dkimproxy_auth::{
    authenticate::{DmarcFinding, SpfFinding},
    author_policy::{AuthorPolicy, Verdict},
    iprev::IprevOutcome,
};
use dkimproxy_core::{arc::ArcOutcome, domain::DomainName, domainkeys::DomainKeysVerification};
use serde_json::{Value, json};
use std::fmt::Display;

/// `{"file":.., "dkim":[..], "spf":{..}, "dmarc":{..}, "arc":{..}, "iprev":{..}, "refusal":.., ...}`; null stands for what
/// was not checked.
pub(super) fn object(finding: &Finding<'_>) -> String {
    let found = &finding.examined.findings;
    let dkim = signatures(&finding.examined).join(",");
    members(&[
        ("file", json!(finding.file.display().to_string()).to_string()),
        ("dkim", format!("[{dkim}]")),
        ("spf", or_null(found.spf(), spf)),
        ("dmarc", or_null(found.dmarc.as_ref(), dmarc)),
        ("arc", or_null(found.arc.as_ref(), arc)),
        ("iprev", or_null(found.iprev.as_ref(), iprev)),
        ("author_policy", or_null(finding.examined.author_policy.as_ref(), author_policy)),
        ("refusal", or_null(finding.judgement().refusal.as_ref(), refusal)),
        ("authentication_results", json!(finding.results().body()).to_string()),
    ])
}

/// All signatures in header order; those of DomainKeys only if they were checked.
fn signatures(examined: &Examined) -> Vec<String> {
    let fields: Vec<usize> = examined.header.named("DKIM-Signature").map(|field| field.index()).collect();
    let dkim = examined.dkim();
    let mut all: Vec<(usize, Signature<'_>)> = fields.into_iter().zip(dkim.into_iter().map(Signature::Dkim)).collect();
    let domainkeys = examined.domainkeys.iter().flatten();
    all.extend(domainkeys.map(|found| (found.position, Signature::DomainKeys(found))));
    all.sort_by_key(|(position, _)| *position);
    all.iter().enumerate().map(|(index, (_, signature))| signature.object(index)).collect()
}

enum Signature<'a> {
    Dkim(Judged<'a>),
    DomainKeys(&'a DomainKeysVerification),
}

impl Signature<'_> {
    fn object(&self, index: usize) -> String {
        match self {
            Self::Dkim(judged) => dkim(index, judged),
            Self::DomainKeys(found) => domainkeys(index, found),
        }
    }
}

/// `result` is the RFC's verdict, `policy` what local rules make something else of: then a word and why, else null.
fn dkim(index: usize, judged: &Judged<'_>) -> String {
    let found = judged.found;
    let reason = found.outcome.as_ref().err().map(ToString::to_string);
    let policy = judged.objection.map(|objection| {
        let result = judged.result().as_str();
        members(&[("result", quoted(result)), ("rule", quoted(objection.rule())), ("reason", quoted(objection))])
    });
    members(&[
        ("index", index.to_string()),
        ("type", quoted("dkim")),
        ("d", text(found.domain.as_ref())),
        ("s", text(found.selector.as_ref())),
        ("a", text(found.algorithm.as_ref())),
        ("i", text(found.identity.as_ref())),
        ("result", quoted(found.result().as_str())),
        ("reason", text(reason.as_ref())),
        ("policy", policy.unwrap_or_else(null)),
    ])
}

fn domainkeys(index: usize, found: &DomainKeysVerification) -> String {
    let key = found.key_name.as_ref();
    members(&[
        ("index", index.to_string()),
        ("type", quoted("domainkeys")),
        ("d", text(key.map(|key| &key.domain))),
        ("s", text(key.map(|key| &key.selector))),
        ("result", quoted(found.result().as_str())),
        ("reason", text(found.outcome.as_ref().err())),
    ])
}

fn spf(found: &SpfFinding) -> String {
    members(&[
        ("result", quoted(found.outcome.result.as_str())),
        ("domain", quoted(&found.query.domain)),
        ("explanation", text(found.outcome.explanation.as_ref())),
        ("reason", text(found.outcome.reason.as_ref())),
    ])
}

/// `policy` is what the domain publishes for this message, `disposition` what it asks to be done with it.
fn dmarc(found: &DmarcFinding) -> String {
    let outcome = &found.outcome;
    members(&[
        ("result", quoted(outcome.result.as_str())),
        ("policy", text(outcome.policy.map(|policy| policy.as_str()).as_ref())),
        ("disposition", quoted(outcome.disposition.as_str())),
        ("from_domain", text(found.domain.as_ref())),
        ("record_domain", text(outcome.record_domain.as_ref())),
        ("lifted_by", text(found.lifted_by.as_ref())),
        ("reason", text(found.reason.as_ref())),
    ])
}

fn arc(found: &ArcOutcome) -> String {
    members(&[
        ("result", quoted(found.result.as_str())),
        ("oldest_pass", found.oldest_pass.map_or_else(null, |instance| instance.to_string())),
        ("reason", text(found.failure.as_ref())),
    ])
}

fn iprev(found: &IprevOutcome) -> String {
    members(&[("result", quoted(found.result.as_str())), ("ip", quoted(found.ip)), ("name", text(found.name.as_ref()))])
}

/// `author` is what all of `adsp` amounts to; `sender` is null unless DomainKeys are checked, too.
fn author_policy(found: &AuthorPolicy) -> String {
    let adsp = found
        .adsp
        .iter()
        .map(|(domain, result)| members(&[("domain", quoted(domain)), ("result", quoted(result.as_str()))]));
    let sender = |(domain, verdict): &(DomainName, Verdict)| {
        members(&[("domain", quoted(domain)), ("result", quoted(verdict.as_str()))])
    };
    members(&[
        ("author", quoted(found.author().as_str())),
        ("adsp", format!("[{}]", adsp.collect::<Vec<_>>().join(","))),
        ("sender", or_null(found.sender.as_ref(), sender)),
    ])
}

/// What the daemon would answer instead of passing the message on.
fn refusal(refusal: &Refusal) -> String {
    quoted(String::from_utf8_lossy(refusal.reply.as_bytes()).trim_end())
}

fn or_null<T>(value: Option<&T>, write: impl Fn(&T) -> String) -> String {
    value.map_or_else(null, write)
}

/// A string, or null.
fn text(value: Option<&impl Display>) -> String {
    value.map_or_else(null, quoted)
}

fn quoted(value: impl Display) -> String {
    Value::String(value.to_string()).to_string()
}

fn null() -> String {
    Value::Null.to_string()
}

/// An object with its members in this order, which a map of the JSON library would not keep.
fn members(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}
