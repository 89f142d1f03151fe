//! DKIM findings as results (section 2.7.1).

use super::ResultEntry;
use dkimproxy_core::verify::{DkimResult, SignatureKind, Verification, VerifyError};
use std::fmt::Write;

/// "header.b ... contains at least the first eight characters of the value of the b= tag" (RFC 6008 section 4).
const MIN_B: usize = 8;

/// Longest header.b. Two signatures that agree in more than this, without being the same, were made to do so.
const MAX_B: usize = 128;

/// One result per signature that was looked at, in header order; `dkim=none` for a message without.
///
/// Signatures beyond the limit of the verifier get one result together: they are many, and nothing is known of them.
pub fn dkim_results(verifications: &[Verification]) -> Vec<ResultEntry> {
    if verifications.is_empty() {
        return vec![ResultEntry::new("dkim", DkimResult::None.as_str())];
    }
    let ignored = |v: &&Verification| matches!(v.outcome, Err(VerifyError::TooManySignatures));
    let seen: Vec<&Verification> = verifications.iter().filter(|v| !ignored(v)).collect();
    let mut entries: Vec<ResultEntry> = seen.iter().map(|verification| entry(verification, &seen)).collect();
    let count = verifications.iter().filter(ignored).count();
    if count > 0 {
        let error = VerifyError::TooManySignatures;
        let mut entry = ResultEntry::new("dkim", error.result().as_str());
        entry.reason = Some(format!("{error}: {count} more not looked at"));
        entries.push(entry);
    }
    entries
}

fn entry(verification: &Verification, all: &[&Verification]) -> ResultEntry {
    let SignatureKind::Dkim = verification.kind;
    let mut entry = ResultEntry::new("dkim", verification.result().as_str());
    entry.reason = verification.outcome.as_ref().err().map(ToString::to_string);
    entry.comment = comment(verification);
    if let Some(domain) = &verification.domain {
        entry = entry.with("header", "d", domain.as_str());
    }
    if let Some(identity) = &verification.identity {
        let local = String::from_utf8_lossy(identity.local_part());
        entry = entry.with("header", "i", format!("{local}@{}", identity.domain()));
    }
    if let Some(selector) = &verification.selector {
        entry = entry.with("header", "s", selector.as_str());
    }
    if let Some(algorithm) = &verification.algorithm {
        entry = entry.with("header", "a", algorithm.as_str());
    }
    if !verification.signature_text.is_empty() {
        entry = entry.with("header", "b", distinct_b(verification, all));
    }
    entry
}

/// `2048-bit key, test mode, 12 octets of the body not signed`.
fn comment(verification: &Verification) -> Option<String> {
    let mut text = String::new();
    let mut add = |part: std::fmt::Arguments<'_>| {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{part}");
    };
    if let Some(bits) = verification.key_bits {
        add(format_args!("{bits}-bit key"));
    }
    if verification.testing {
        add(format_args!("test mode"));
    }
    if verification.uncovered > 0 {
        add(format_args!("{} octets of the body not signed", verification.uncovered));
    }
    if text.is_empty() { None } else { Some(text) }
}

/// As much of b= as tells this signature from all others of the message, eight characters at least.
/// Copies of the same signature cannot be told apart, so they do not count.
fn distinct_b(verification: &Verification, all: &[&Verification]) -> String {
    let text = &verification.signature_text;
    let shared = |other: &&Verification| {
        let other = &other.signature_text;
        let common = text.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        if text == other { 0 } else { common }
    };
    let length = all.iter().map(shared).max().unwrap_or(0) + 1;
    text.chars().take(length.clamp(MIN_B, MAX_B)).collect()
}
