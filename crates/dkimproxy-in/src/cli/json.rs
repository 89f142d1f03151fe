//! One message as a JSON object on one line.

use super::Finding;
use dkimproxy_core::verify::{SignatureKind, Verification};
use serde_json::{Value, json};

/// `{"file":.., "dkim":[..], "authentication_results":".."}`. Later kinds of results become further members.
pub(super) fn object(finding: &Finding<'_>) -> String {
    let dkim = finding.examined.verifications.iter().map(signature).collect::<Vec<_>>().join(",");
    members(&[
        ("file", json!(finding.file.display().to_string()).to_string()),
        ("dkim", format!("[{dkim}]")),
        ("authentication_results", json!(finding.results().body()).to_string()),
    ])
}

fn signature(found: &Verification) -> String {
    let kind = match found.kind {
        SignatureKind::Dkim => "dkim",
    };
    let reason = found.outcome.as_ref().err().map(ToString::to_string);
    members(&[
        ("index", found.index.to_string()),
        ("type", json!(kind).to_string()),
        ("d", text(found.domain.as_ref())),
        ("s", text(found.selector.as_ref())),
        ("a", text(found.algorithm.as_ref())),
        ("i", text(found.identity.as_ref())),
        ("result", json!(found.result().as_str()).to_string()),
        ("reason", text(reason.as_ref())),
    ])
}

/// A string, or null.
fn text(value: Option<&impl ToString>) -> String {
    value.map_or(Value::Null, |value| Value::String(value.to_string())).to_string()
}

/// An object with its members in this order, which a map of the JSON library would not keep.
fn members(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}
