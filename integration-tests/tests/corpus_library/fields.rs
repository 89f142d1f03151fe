//! Cases of single fields and records.

use crate::suite::{Case, Finding};
use dkimproxy_auth::{
    dmarc::{self, AuthorDomain},
    fuzz,
    results::{self, AuthservId, ParsedField, ParsedResult, claims_to_be},
};
use dkimproxy_core::{
    header::Header,
    key::{KeyRecord, KeyRecordError},
    signature::{Signature, SignatureError},
    tag_list::TagList,
};
use serde_json::Value;

/// The author domain; null for what DMARC does not apply to.
pub(crate) fn from_domain(case: &Case) -> Option<Finding> {
    let input = case.text("input");
    let field = if input.starts_with("From:") { input.to_owned() } else { format!("From:{input}") };
    let found = dmarc::author_domain(&Header::parse(field.into_bytes()));
    let domain = if let AuthorDomain::One(domain) = &found { Some(domain.as_str()) } else { None };
    let agrees = case.expect["domain"].as_str() == domain;
    Some(Finding { ours: domain.unwrap_or("none").into(), agrees, detail: format!("{found:?}") })
}

/// Whether the field can be read, and what it says as far as the case tells.
pub(crate) fn authentication_results(case: &Case) -> Option<Finding> {
    let parsed = results::parse(case.text("input").as_bytes());
    let wanted = &case.expect["parsed"];
    let same = parsed.as_ref().is_ok_and(|field| wanted.is_null() || says(field, wanted));
    let mut finding = Finding::yes_or_no(parsed.is_ok(), &case.expect["valid"], &parsed);
    finding.agrees &= parsed.is_err() || same;
    Some(finding)
}

fn says(field: &ParsedField, wanted: &Value) -> bool {
    let id = wanted["authserv_id"].as_str().is_none_or(|id| id.eq_ignore_ascii_case(&field.authserv_id));
    let count = wanted["n_results"].as_u64().is_none_or(|count| count == field.results.len() as u64);
    let results: Vec<&Value> = wanted["results"].as_array().into_iter().flatten().collect();
    let count = count && (wanted["n_results"].is_u64() || results.len() == field.results.len());
    id && count && results.iter().zip(&field.results).all(|(wanted, found)| is_same(wanted, found))
}

fn is_same(wanted: &Value, found: &ParsedResult) -> bool {
    let is = |member: &str, text: &str| wanted[member].as_str().is_none_or(|wanted| wanted.eq_ignore_ascii_case(text));
    let mut props = wanted["props"].as_array().into_iter().flatten();
    let has = |wanted: &Value| {
        let is = |member: &str, text: &str| wanted[member].as_str().unwrap_or_default().eq_ignore_ascii_case(text);
        found
            .properties
            .iter()
            .any(|(ptype, name, value)| is("ptype", ptype) && is("property", name) && wanted["value"] == **value)
    };
    is("method", &found.method) && is("result", &found.result) && props.all(has)
}

/// All fields of one authserv-id as one: the first result of each method, all of dkim. (We do not seal; it is our
/// telling own fields from others' and our reading that is tested.)
pub(crate) fn results_of_one_id(case: &Case) -> Option<Finding> {
    let ours = AuthservId::new(case.text("authserv_id")).ok()?;
    let expected = case.text("expected_AAR").trim_start().strip_prefix("i=1;")?;
    let wanted = results::parse(expected.as_bytes()).ok()?;
    let inputs = case.expect["inputs"].as_array()?.iter().filter_map(Value::as_str);
    let mut merged: Vec<ParsedResult> = Vec::new();
    for input in inputs.filter(|input| claims_to_be(std::slice::from_ref(&ours), input.as_bytes())) {
        for result in results::parse(input.as_bytes()).into_iter().flat_map(|field| field.results) {
            if result.method == "dkim" || merged.iter().all(|other| other.method != result.method) {
                merged.push(result);
            }
        }
    }
    let key = |result: &ParsedResult| (result.method.clone(), result.result.clone(), result.properties.clone());
    let wanted: Vec<_> = wanted.results.iter().filter(|result| result.method != "arc").map(key).collect();
    let merged: Vec<_> = merged.iter().filter(|result| result.method != "arc").map(key).collect();
    Some(Finding { ours: "merged".into(), agrees: merged == wanted, detail: format!("{merged:?}") })
}

pub(crate) fn tag_list(case: &Case) -> Option<Finding> {
    let list = TagList::parse(case.text("input").as_bytes());
    Some(Finding::yes_or_no(list.is_ok(), &case.expect["valid"], list.err()))
}

/// Where the case says that p= is no real key, only the rest counts.
pub(crate) fn key_record(case: &Case) -> Option<Finding> {
    let record = KeyRecord::parse(case.text("input").as_bytes());
    let not_a_key = case.text("note").contains("not a real key");
    let valid = match &record {
        Ok(_) => true,
        Err(KeyRecordError::Base64 | KeyRecordError::PublicKey(_)) => not_a_key,
        Err(_) => false,
    };
    Some(Finding::yes_or_no(valid, &case.expect["valid"], record.err()))
}

pub(crate) fn signature_field(case: &Case) -> Option<Finding> {
    let header = Header::parse(case.text("input").as_bytes().to_vec());
    let field = header.named("DKIM-Signature").next();
    let valid = field.is_some_and(|field| Signature::read(field.body()).1.is_ok());
    Some(Finding::yes_or_no(valid, &case.expect["valid"], ""))
}

/// Where the case says that b= and bh= mean nothing, only the rest counts.
pub(crate) fn signature_body(case: &Case) -> Option<Finding> {
    let found = Signature::read(case.text("input").as_bytes()).1;
    let not_hashes = case.text("note").contains("not meaningful");
    let valid = match &found {
        Ok(_) => true,
        Err(SignatureError::InvalidTag { tag: "b" | "bh" }) => not_hashes,
        Err(_) => false,
    };
    Some(Finding::yes_or_no(valid, &case.expect["valid"], found.err()))
}

/// What other projects' fuzzers started from, or found.
pub(crate) fn seeds(case: &Case) -> Option<Finding> {
    for input in case.expect["inputs"].as_array()?.iter().filter_map(Value::as_str) {
        for body in [fuzz::spf_record, fuzz::spf_macro, fuzz::dmarc_record, fuzz::received_spf, fuzz::results] {
            body(input.as_bytes());
        }
    }
    Some(Finding { ours: "alive".into(), agrees: true, detail: String::new() })
}
