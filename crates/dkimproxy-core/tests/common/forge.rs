//! Signs anything, sound or not, by code that shares nothing with the crate but SHA-256: slow, short and obvious.

use super::file;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use dkimproxy_core::crypto::Sha256;
use rsa::{Pkcs1v15Sign, RsaPrivateKey, pkcs8::DecodePrivateKey, sha2};
use std::sync::LazyLock;

static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let pem = String::from_utf8(file("keys/rsa1024.pem")).unwrap();
    RsaPrivateKey::from_pkcs8_pem(&pem).unwrap()
});

/// Puts a DKIM-Signature field in front of the message that verifies with the key rsa1024, whatever its tags mean.
/// `tags` is the field body with `{bh}` and `{b}` where the hash and the signature belong; lines end in CRLF.
pub(crate) fn forge(tags: &str, header: &str, body: &str) -> String {
    forge_field(&format!("DKIM-Signature:{tags}\r\n"), header, body)
}

/// The same for a whole field.
pub(crate) fn forge_field(template: &str, header: &str, body: &str) -> String {
    let (header_form, body_form) = canonicalization(template);
    let mut canonical = canonical_body(body, body_form);
    if let Some(length) = tag(template, "l").and_then(|length| length.parse::<usize>().ok()) {
        canonical.truncate(length);
    }
    let template = template.replace("{bh}", &STANDARD.encode(Sha256::digest(canonical.as_bytes())));
    let (before, after) = template.split_once("{b}").expect("a place for b=");
    let unsigned = format!("{}{}\r\n", before.trim_end(), after.strip_suffix("\r\n").unwrap().trim_start());

    let mut fields = split_fields(header);
    let mut input = String::new();
    for name in tag(&template, "h").unwrap_or_default().split(':') {
        let wanted = |field: &&str| field.split(':').next().unwrap().trim().eq_ignore_ascii_case(name.trim());
        if let Some(position) = fields.iter().rposition(|field| wanted(&field.as_str())) {
            input += &canonical_field(&fields.remove(position), header_form);
        }
    }
    let own = canonical_field(&unsigned, header_form);
    input += own.strip_suffix("\r\n").unwrap();
    format!("{before}{}{after}{header}\r\n{body}", sign_text(&input))
}

/// The value of b= for these octets.
pub(crate) fn sign_text(input: &str) -> String {
    let hash = Sha256::digest(input.as_bytes());
    STANDARD.encode(KEY.sign(Pkcs1v15Sign::new::<sha2::Sha256>(), &hash).unwrap())
}

fn canonicalization(template: &str) -> (bool, bool) {
    let value = tag(template, "c").unwrap_or_default();
    let (header, body) = value.split_once('/').unwrap_or((&value, "simple"));
    (header == "relaxed", body == "relaxed")
}

fn tag(template: &str, name: &str) -> Option<String> {
    let (_, tags) = template.split_once(':')?;
    let mut pairs = tags.split(';').filter_map(|tag| tag.split_once('='));
    pairs.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned())
}

pub(crate) fn split_fields(header: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in header.split_inclusive("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => field.push_str(line),
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

pub(crate) fn canonical_field(field: &str, relaxed: bool) -> String {
    if !relaxed {
        return field.to_owned();
    }
    let (name, body) = field.split_once(':').unwrap();
    let words: Vec<_> = body.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect();
    format!("{}:{}\r\n", name.trim_end().to_ascii_lowercase(), words.join(" "))
}

fn canonical_body(body: &str, relaxed: bool) -> String {
    let mut lines: Vec<String> = body.split("\r\n").map(|line| relax(line, relaxed)).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect::<String>()
        + if lines.is_empty() && !relaxed { "\r\n" } else { "" }
}

fn relax(line: &str, relaxed: bool) -> String {
    if !relaxed {
        return line.to_owned();
    }
    let indent = if line.starts_with([' ', '\t']) { " " } else { "" };
    let words: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { String::new() } else { format!("{indent}{}", words.join(" ")) }
}
