//! What we say about a message: header fields and the log line.

mod domainkeys;
mod log;
mod removal;

pub(crate) use log::{log_fields, summary};

use crate::{
    config::Config,
    examine::Examined,
    policy::{Judged, Judgement, Refusal},
};
use dkimproxy_auth::{
    author_policy::AuthorPolicy,
    results::{self, AuthenticationResults, ResultEntry, dkim_results},
};
use dkimproxy_core::verify::DkimResult;
use dkimproxy_daemon::filter::{Edits, Reply};

/// 1.4.1's second field: the result of the message as a whole.
const X_FIELD_NAME: &str = "X-DKIM-Authentication-Results";

/// The result of the message as a whole, in 1.4.1's sense: `pass` if any signature passes, else the result of the
/// topmost one, `none` without any.
pub(crate) struct Overall<'a> {
    pub(crate) result: DkimResult,
    /// The signature it comes from.
    judged: Option<Judged<'a>>,
}

impl<'a> Overall<'a> {
    pub(crate) fn of(judged: &[Judged<'a>]) -> Self {
        let passing = judged.iter().find(|judged| judged.result() == DkimResult::Pass);
        let judged = passing.or_else(|| judged.first()).copied();
        Self { result: judged.map_or(DkimResult::None, |judged| judged.result()), judged }
    }

    /// Why it does not pass.
    pub(crate) fn reason(&self) -> Option<String> {
        self.judged?.reason()
    }
}

/// The Authentication-Results field for these findings. `refusal`: what would be done, if we only write it down.
pub(crate) fn authentication_results(
    config: &Config,
    examined: &Examined,
    refusal: Option<&Refusal>,
) -> AuthenticationResults {
    let mut entries = dkim_entries(examined);
    entries.extend(examined.domainkeys.iter().flat_map(|found| domainkeys::entries(found)));
    entries.extend(examined.author_policy.iter().flat_map(AuthorPolicy::entries));
    entries.extend(examined.findings.entries(examined.envelope.source.address()));
    if let Some(refusal) = refusal
        && let Some(entry) = entries.iter_mut().rfind(|entry| entry.method == refusal.method)
    {
        let comment = entry.comment.take().map_or(String::new(), |comment| format!(", {comment}"));
        entry.comment = Some(format!("{}{comment}", would_be(&refusal.reply)));
    }
    let mut results = AuthenticationResults::new(config.id.clone(), examined.envelope.smtputf8);
    results.extend(entries);
    results
}

/// `dry run: would be refused with 550 5.7.1`
fn would_be(reply: &Reply) -> String {
    let enhanced = reply.enhanced().map_or(String::new(), |enhanced| format!(" {enhanced}"));
    format!("dry run: would be refused with {}{enhanced}", reply.code())
}

/// The results of DKIM with what local rules made of them: "policy" with the name of the rule (RFC 8601 section 2.4).
fn dkim_entries(examined: &Examined) -> Vec<ResultEntry> {
    let mut entries = dkim_results(&examined.findings.dkim);
    for (entry, judged) in entries.iter_mut().zip(examined.dkim()) {
        if let Some(objection) = judged.objection {
            entry.result = DkimResult::Policy.as_str();
            entry.reason = Some(objection.to_string());
            *entry = std::mem::replace(entry, ResultEntry::new("", "")).with("policy", "dkim-rules", objection.rule());
        }
    }
    entries
}

/// Our fields at the very top (RFC 8601 section 4), the forged ones out.
pub(crate) fn edits(config: &Config, examined: &Examined, judgement: &Judgement) -> Edits {
    let overall = Overall::of(&examined.dkim());
    let mut prepend = authentication_results(config, examined, judgement.refusal.as_ref()).field();
    prepend.extend(results::word_field(X_FIELD_NAME, overall.result.as_str(), overall.reason().as_deref()));
    if config.received_spf {
        prepend.extend(examined.findings.received_spf().unwrap_or_default());
    }
    for field in &judgement.fields {
        prepend.extend(format!("{}: {}\r\n", field.name, field.value).into_bytes());
    }
    Edits { prepend, cut: removal::cuts(config, examined) }
}
