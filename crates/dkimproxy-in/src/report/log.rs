//! The one line in the log.

use super::{Overall, would_be};
use crate::{
    examine::Examined,
    policy::{Judgement, Method},
};
use dkimproxy_core::{address, header::Header};

/// The head of the log line: `DKIM verify - pass`, `DKIM verify - fail (...)`.
pub(crate) fn summary(overall: &Overall<'_>) -> String {
    let word = overall.result.as_str();
    overall
        .reason()
        .map_or_else(|| format!("DKIM verify - {word}"), |reason| format!("DKIM verify - {word} ({reason})"))
}

/// The rest of the log line: message-id, signer, from, each if the message has it; then the other results.
pub(crate) fn log_fields(examined: &Examined, judgement: &Judgement, dry_run: bool) -> Vec<(&'static str, String)> {
    let judged = Overall::of(&examined.dkim()).judged;
    let signer = judged.and_then(|judged| judged.found.identity.as_ref());
    let facts = examined.facts();
    let result = |method: Method| (method.as_str(), facts.result(method).map(str::to_owned));
    let lifted_by = examined.findings.dmarc.as_ref().and_then(|dmarc| dmarc.lifted_by.as_ref());
    let would_be = judgement.refusal.as_ref().filter(|_| dry_run).map(|refusal| would_be(&refusal.reply));
    [
        ("message-id", message_id(&examined.header)),
        ("signer", signer.map(ToString::to_string)),
        ("from", from_address(&examined.header)),
        result(Method::Spf),
        (
            Method::Dmarc.as_str(),
            examined.findings.dmarc.as_ref().map(|dmarc| dmarc.outcome.result.as_str().to_owned()),
        ),
        ("lifted-by", lifted_by.map(ToString::to_string)),
        result(Method::Arc),
        result(Method::IpRev),
        ("helo", examined.envelope.helo.clone()),
        ("client-name", examined.envelope.client_name.clone()),
        ("reason", would_be),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// What stands between "<" and ">" of Message-ID.
fn message_id(header: &Header) -> Option<String> {
    let text = String::from_utf8_lossy(header.named("Message-ID").next_back()?.body()).into_owned();
    let id = text.trim().strip_prefix('<')?.strip_suffix('>')?;
    Some(id.to_owned())
}

/// The first address of From.
fn from_address(header: &Header) -> Option<String> {
    let list = address::read(header.named("From").next_back()?.body());
    list.mailboxes.first().map(ToString::to_string)
}
