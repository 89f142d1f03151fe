//! DKIM findings as results (section 2.7.1).

use super::ResultEntry;
use dkimproxy_core::verify::{DkimResult, SignatureKind, Verification, VerifyError};
use std::fmt::Write;

/// "MUST be at least the first eight characters of the digital signature" (RFC 6008 section 4).
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
        entry = entry.with("header", "i", format!("{}@{}", unquoted(identity.local_part()), identity.domain()));
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

/// A local part without the quotes it may have: the field gets its own where they are needed.
fn unquoted(local_part: &[u8]) -> String {
    let text = String::from_utf8_lossy(local_part);
    let Some(content) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.into_owned();
    };
    let mut chars = content.chars();
    std::iter::from_fn(|| chars.next().map(|c| if c == '\\' { chars.next().unwrap_or(c) } else { c })).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{AuthenticationResults, AuthservId, Property};
    use dkimproxy_core::domain::{DomainName, Identity, Selector};

    fn found(index: usize, b: &str, error: VerifyError) -> Verification {
        Verification {
            index,
            kind: SignatureKind::Dkim,
            domain: DomainName::new("example.org").ok(),
            selector: Selector::new("sel_1").ok(),
            algorithm: Some("rsa-sha256".into()),
            identity: Identity::new(b"@example.org").ok(),
            signature_text: b.into(),
            key_bits: None,
            testing: false,
            uncovered: 0,
            outcome: Err(error),
        }
    }

    fn field(verifications: &[Verification], utf8: bool) -> String {
        let mut results = AuthenticationResults::new(AuthservId::new("mx.example").unwrap(), utf8);
        results.extend(dkim_results(verifications));
        results.body()
    }

    #[test]
    fn no_signature_is_a_result() {
        assert_eq!(field(&[], false), "mx.example; dkim=none");
    }

    #[test]
    fn everything_known_is_told() {
        let mut one = found(0, "abcd/fghIJKL", VerifyError::BodyHash);
        one.key_bits = Some(2048);
        one.testing = true;
        one.uncovered = 12;
        assert_eq!(
            field(&[one], false),
            "mx.example; dkim=fail (2048-bit key, test mode, 12 octets of the body not signed) \
             reason=\"body hash did not verify\" header.d=example.org header.i=@example.org header.s=sel_1 \
             header.a=rsa-sha256 header.b=\"abcd/fgh\""
        );
    }

    #[test]
    fn what_could_not_be_read_is_not_told() {
        let mut one = found(0, "", VerifyError::Expired);
        (one.domain, one.selector, one.algorithm, one.identity) = (None, None, None, None);
        assert_eq!(field(&[one], false), "mx.example; dkim=permerror reason=\"signature expired\"");
    }

    fn header_b(texts: &[&str]) -> Vec<String> {
        let all: Vec<_> = texts.iter().map(|text| found(0, text, VerifyError::BodyHash)).collect();
        let value = |entry: &ResultEntry| {
            let b = |property: &&Property| property.name == "b";
            entry.properties.iter().find(b).map_or(String::new(), |b| b.value.clone())
        };
        dkim_results(&all).iter().map(value).collect()
    }

    #[test]
    fn header_b_tells_signatures_apart() {
        assert_eq!(header_b(&["abcdefghijkl"]), ["abcdefgh"]);
        assert_eq!(header_b(&["short"]), ["short"]);
        assert_eq!(header_b(&["abcdefghiX", "abcdefghiY", "abcdEFGHIJ"]), ["abcdefghiX", "abcdefghiY", "abcdEFGH"]);
        assert_eq!(header_b(&["abcdefgh", "abcdefghi"]), ["abcdefgh", "abcdefghi"]);
        assert_eq!(header_b(&["abcdefghijkl", "abcdefghijkl"]), ["abcdefgh", "abcdefgh"]);
        let (one, other) = ("a".repeat(5000), "a".repeat(5001));
        assert_eq!(header_b(&[&one, &other]), [&one[..MAX_B], &one[..MAX_B]]);
    }

    #[test]
    fn signatures_that_were_not_looked_at_are_one_result() {
        let mut all = vec![found(0, "abcdefgh", VerifyError::Expired)];
        all.extend((1..10_000).map(|index| found(index, "", VerifyError::TooManySignatures)));
        let entries = dkim_results(&all);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].reason.as_deref(), Some("too many signatures: 9999 more not looked at"));
        assert!(entries[1].properties.is_empty());
    }

    /// i= may be any quoted string, even where it looks like results.
    #[test]
    fn promise_7_an_identity_cannot_forge_results() {
        let table: &[(&[u8], &str)] = &[
            (b"joe@example.org", "joe@example.org"),
            (b"\"joe doe\"@example.org", "\"joe doe\"@example.org"),
            (b"\"joe\\\"; dkim=pass\"@example.org", "\"joe\\\"; dkim=pass\"@example.org"),
            (b"\"; dkim=pass header.d=bank.example\"@example.org", "\"; dkim=pass header.d=bank.example\"@example.org"),
            ("j\u{f6}@example.org".as_bytes(), "\"j?\"@example.org"),
        ];
        for (identity, expected) in table {
            let mut one = found(0, "abcdefgh", VerifyError::BodyHash);
            one.identity = Some(Identity::new(identity).unwrap());
            let field = field(&[one], false);
            assert!(field.contains(&format!(" header.i={expected} header.s=")), "{field}");
            let read = crate::results::parse(field.as_bytes()).unwrap();
            assert_eq!((read.results.len(), read.results[0].result.as_str()), (1, "fail"), "{field}");
        }
        assert!(Identity::new(b"joe\r\nX-Injected: yes\r\nX: @example.org").is_err());
        assert!(DomainName::new("example.com dkim=pass header.d=bank.example").is_err());
        assert!(Selector::new("s dkim=pass").is_err());
    }
}
