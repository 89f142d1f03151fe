//! DomainKeys findings as results: "domainkeys" of RFC 8601 section 2.7.1 and 6.7, deprecated there.

use dkimproxy_auth::results::ResultEntry;
use dkimproxy_core::domainkeys::{DomainKeysVerification, SenderField};

/// One result per signature; `domainkeys=none` for a message without.
pub(super) fn entries(found: &[DomainKeysVerification]) -> Vec<ResultEntry> {
    if found.is_empty() {
        return vec![ResultEntry::new("domainkeys", "none")];
    }
    found.iter().map(entry).collect()
}

fn entry(found: &DomainKeysVerification) -> ResultEntry {
    let mut entry = ResultEntry::new("domainkeys", found.result().as_str());
    entry.reason = found.outcome.as_ref().err().map(ToString::to_string);
    let bits = found.key_bits.map(|bits| format!("{bits}-bit key"));
    let testing = found.testing.then(|| "test mode".to_owned());
    let comment = bits.into_iter().chain(testing).collect::<Vec<_>>().join(", ");
    entry.comment = Some(comment).filter(|comment| !comment.is_empty());
    if let Some(name) = &found.key_name {
        entry = entry.with("header", "d", name.domain.as_str());
    }
    if let Some(sender) = &found.sender {
        let field = match sender.field {
            SenderField::From => "from",
            SenderField::Sender => "sender",
        };
        entry = entry.with("header", field, sender.address.to_string());
    }
    entry
}
