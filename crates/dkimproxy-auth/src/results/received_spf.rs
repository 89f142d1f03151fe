//! The Received-SPF field (RFC 7208 section 9.1).

use super::write::{self, Word};
use crate::{authenticate::SpfFinding, spf::Scope};

/// The whole field with its final CRLF, folded. `receiver` is our own host name.
///
/// "MUST NOT contain invalid characters, excessive length, or malicious data": every value is a dot-atom of ASCII or a
/// quoted-string of printable ASCII, and one that is longer than any name or path can be is left out.
pub fn received_spf(finding: &SpfFinding, receiver: &str) -> Vec<u8> {
    let query = &finding.query;
    let (identity, sender) = match query.scope {
        Scope::MailFrom => ("mailfrom", Some(format!("{}@{}", query.local_part, query.domain))),
        Scope::Helo => ("helo", None),
    };
    let pairs = [
        ("identity", Some(identity.to_owned())),
        ("client-ip", Some(query.ip.to_canonical().to_string())),
        ("helo", Some(query.helo.clone())),
        ("envelope-from", sender),
        ("receiver", Some(receiver.to_owned())),
        ("problem", finding.outcome.reason.as_ref().map(ToString::to_string)),
    ];
    let pairs = pairs.into_iter().filter_map(|(key, value)| write::pair(key, &value?)).collect::<Vec<_>>();
    let last = pairs.len().saturating_sub(1);
    let ended = pairs.iter().enumerate().map(|(at, pair)| format!("{pair}{}", if at == last { "" } else { ";" }));
    let words = std::iter::once(finding.outcome.result.as_str().to_owned()).chain(ended);
    write::folded("Received-SPF:", &words.map(Word::first).collect::<Vec<_>>())
}
