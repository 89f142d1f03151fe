//! From findings to a verdict: the one place where a result is acted upon.

mod facts;
mod local;
mod reply;
mod rule;

pub(crate) use facts::{Dmarc, Facts, Spf};
pub(crate) use local::{Judged, LocalRules, Objection, RequireAligned, of_domainkeys, of_message};
pub(crate) use rule::{Action, AddedField, Answer, Method, Rule};

use crate::config::Actions;
use dkimproxy_auth::{
    author_policy::{AuthorPolicy, Verdict},
    dmarc::{DmarcResult, Policy},
};
use dkimproxy_daemon::filter::Reply;

/// The field that says what the domain in From asks for.
pub(crate) const DISPOSITION_FIELD: &str = "X-DMARC-Disposition";

/// What is to be done with a message.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// Fields to be added.
    pub(crate) fields: Vec<AddedField>,
    /// The message is refused.
    pub(crate) refusal: Option<Refusal>,
}

/// A message is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The check that decided, as Authentication-Results names it.
    pub(crate) method: &'static str,
    pub(crate) reply: Reply,
}

/// Tries the rules in their order, then what domains ask for: by ADSP and DomainKeys, then by DMARC.
///
/// "Cryptographic signature verification failures MUST NOT provoke 4xx SMTP replies" (RFC 6376 section 6.3): rules that
/// answer so have `temperror` among their conditions. What a relay of ours hands on is never refused: it would have to
/// send a bounce to somebody who may never have written.
pub(crate) fn judge(actions: &Actions, facts: &Facts<'_>) -> Judgement {
    let mut judgement = Judgement::default();
    for rule in actions.rules.iter().filter(|rule| applies(rule, facts)) {
        let refuse = |reply| Some(Refusal { method: deciding(rule).as_str(), reply });
        match &rule.action {
            Action::Accept => return judgement,
            Action::AddField(field) => judgement.fields.push(field.clone()),
            Action::TempFail(answer) => {
                judgement.refusal = refuse(reply::temporary(answer, deciding(rule), facts));
                return judgement;
            }
            Action::Reject(answer) => {
                judgement.refusal = refuse(reply::permanent(answer, &rule.conditions, facts));
                return judgement;
            }
        }
    }
    if actions.obey_author_policy && !facts.from_relay {
        judgement.refusal = facts.author_policy.and_then(obey_author_policy);
    }
    if actions.obey_dmarc && judgement.refusal.is_none() {
        obey_dmarc(facts, &mut judgement);
    }
    judgement
}

fn applies(rule: &Rule, facts: &Facts<'_>) -> bool {
    let refuses = matches!(rule.action, Action::TempFail(_) | Action::Reject(_));
    if refuses && facts.from_relay {
        return false;
    }
    rule.conditions.iter().all(|condition| {
        let result = facts.result(condition.method);
        result.is_some_and(|result| condition.results.contains(&result))
    })
}

/// The method that a refusal is put down to: of a temporary one, that with the temporary error.
fn deciding(rule: &Rule) -> Method {
    let temporary = rule.conditions.iter().find(|condition| condition.results == ["temperror"]);
    temporary.or(rule.conditions.first()).map_or(Method::Dkim, |condition| condition.method)
}

fn obey_author_policy(policy: &AuthorPolicy) -> Option<Refusal> {
    let adsp = policy.adsp.iter().find(|(_, result)| result.verdict() == Verdict::Reject);
    if let Some((domain, _)) = adsp {
        return Some(Refusal { method: "dkim-adsp", reply: reply::author_policy(domain, "ADSP") });
    }
    let (domain, _) = policy.sender.as_ref().filter(|(_, verdict)| *verdict == Verdict::Reject)?;
    Some(Refusal { method: Method::DomainKeys.as_str(), reply: reply::author_policy(domain, "DomainKeys") })
}

fn obey_dmarc(facts: &Facts<'_>, judgement: &mut Judgement) {
    let Some(dmarc) = &facts.dmarc else { return };
    if dmarc.result != DmarcResult::Fail || dmarc.lifted {
        return;
    }
    match dmarc.disposition {
        Policy::None => {}
        Policy::Quarantine => {
            judgement.fields.push(AddedField { name: DISPOSITION_FIELD.into(), value: "quarantine".into() });
        }
        Policy::Reject if facts.from_relay => {}
        Policy::Reject => {
            let reply = reply::dmarc_policy(dmarc);
            judgement.refusal = Some(Refusal { method: Method::Dmarc.as_str(), reply });
        }
    }
}

#[cfg(test)]
mod tests;
