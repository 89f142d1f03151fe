//! What we say about a message: header fields and the log line.

use crate::{
    config::{Config, Remove},
    examine::Examined,
};
use dkimproxy_auth::results::{self, AuthenticationResults, claims_to_be, dkim_results};
use dkimproxy_core::{
    header::{Field, Header},
    verify::{DkimResult, Verification},
};
use dkimproxy_daemon::filter::Edits;
use mail_parser::{HeaderValue, parsers::MessageStream};

/// 1.4.1's second field: the result of the message as a whole.
const X_FIELD_NAME: &str = "X-DKIM-Authentication-Results";

/// The result of the message as a whole, in 1.4.1's sense: `pass` if any signature passes, else the result of the
/// topmost one, `none` without any.
pub(crate) struct Overall<'a> {
    pub(crate) result: DkimResult,
    /// The signature it comes from.
    verification: Option<&'a Verification>,
}

impl<'a> Overall<'a> {
    pub(crate) fn of(verifications: &'a [Verification]) -> Self {
        let passing = verifications.iter().find(|verification| verification.result() == DkimResult::Pass);
        let verification = passing.or_else(|| verifications.first());
        Self { result: verification.map_or(DkimResult::None, Verification::result), verification }
    }

    /// Why it does not pass.
    pub(crate) fn reason(&self) -> Option<String> {
        self.verification?.outcome.as_ref().err().map(ToString::to_string)
    }
}

/// The Authentication-Results field for these findings.
pub(crate) fn authentication_results(config: &Config, found: &[Verification], smtputf8: bool) -> AuthenticationResults {
    let mut results = AuthenticationResults::new(config.id.clone(), smtputf8);
    results.extend(dkim_results(found));
    results
}

/// Our two fields at the very top (RFC 8601 section 4), the forged ones out.
pub(crate) fn edits(config: &Config, examined: &Examined, smtputf8: bool) -> Edits {
    let overall = Overall::of(&examined.verifications);
    let mut prepend = authentication_results(config, &examined.verifications, smtputf8).field();
    prepend.extend(results::word_field(X_FIELD_NAME, overall.result.as_str(), overall.reason().as_deref()));
    let range = |field: Field<'_>| {
        let range = field.range();
        range.start as u64..range.end as u64
    };
    let cut = examined.header.fields().filter(|field| must_go(config, *field)).map(range).collect();
    Edits { prepend, cut }
}

/// Removed after verification: a signature may cover such a field.
fn must_go(config: &Config, field: Field<'_>) -> bool {
    let is_named = |name: &str| field.name().eq_ignore_ascii_case(name.as_bytes());
    // What begins with a blank at the top of the message would become the end of our last field.
    let begins_with_blank = field.raw().starts_with(b" ") || field.raw().starts_with(b"\t");
    if begins_with_blank && field.range().start == 0 {
        return true;
    }
    match config.remove {
        Remove::Nothing => false,
        Remove::All => is_named(results::FIELD_NAME) || is_named(X_FIELD_NAME),
        Remove::Own if is_named(results::FIELD_NAME) => claims_to_be(&config.our_ids, field.body()),
        Remove::Own => is_named(X_FIELD_NAME),
    }
}

/// The head of the log line: `DKIM verify - pass`, `DKIM verify - fail (...)`.
pub(crate) fn summary(overall: &Overall<'_>) -> String {
    let word = overall.result.as_str();
    overall
        .reason()
        .map_or_else(|| format!("DKIM verify - {word}"), |reason| format!("DKIM verify - {word} ({reason})"))
}

/// The rest of the log line: message-id, signer, from, each if the message has it.
pub(crate) fn log_fields(examined: &Examined) -> Vec<(&'static str, String)> {
    let signer = Overall::of(&examined.verifications).verification.and_then(|found| found.identity.as_ref());
    [
        ("message-id", message_id(&examined.header)),
        ("signer", signer.map(ToString::to_string)),
        ("from", from_address(&examined.header)),
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
    // What is longer is no list that a person wrote; the first address stands at its start.
    const LONGEST: usize = 16 * 1024;
    let body = header.named("From").next_back()?.body();
    // The parser wants to see the end of the line.
    let line = [body.get(..LONGEST).unwrap_or(body), b"\r\n"].concat();
    let HeaderValue::Address(list) = MessageStream::new(&line).parse_address() else { return None };
    list.iter().find_map(|addr| addr.address()).map(str::to_owned)
}
