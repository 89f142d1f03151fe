//! What was found in the form of dkimproxy-verify, for scripts that read it.

use super::Finding;
use dkimproxy_core::{address, verify::DkimResult};
use dkimproxy_daemon::log::escape;
use std::fmt::{self, Write};

/// `originator address: A`, then for each signature `signature identity: I` and `verify result: DETAIL`. Then what
/// was asked for of `sender policy result: WORD` (DomainKeys) and `ADSP policy result: WORD`; the line on the author policy
/// (the draft SSP) is not there.
pub(super) fn report(finding: &Finding<'_>) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut out, finding);
    out.truncate(out.trim_end().len());
    out
}

fn write_report(out: &mut String, finding: &Finding<'_>) -> fmt::Result {
    let from = finding.examined.header.named("From").next_back().map(|field| address::read(field.body()));
    let author = from.and_then(|list| list.mailboxes.first().map(ToString::to_string)).unwrap_or_default();
    writeln!(out, "originator address: {}", escape(author.as_bytes()))?;
    for signature in finding.examined.dkim() {
        if let Some(identity) = &signature.found.identity {
            writeln!(out, "signature identity: {}", escape(identity.to_string().as_bytes()))?;
        }
        let result = signature.result();
        match signature.reason().filter(|_| result != DkimResult::Pass) {
            Some(reason) => writeln!(out, "verify result: {} ({})", result.as_str(), escape(reason.as_bytes()))?,
            None => writeln!(out, "verify result: {}", result.as_str())?,
        }
    }
    let Some(policy) = &finding.examined.author_policy else { return Ok(()) };
    if let Some((_, verdict)) = &policy.sender {
        writeln!(out, "sender policy result: {}", verdict.as_str())?;
    }
    writeln!(out, "ADSP policy result: {}", policy.author().as_str())
}
