//! Bodies of the fuzz targets: what must hold for any input. They panic where it does not.

use crate::{
    authenticate::SpfFinding,
    dmarc,
    results::{
        AuthenticationResults, AuthservId, ResultEntry, authserv_id_of, claims_to_be, parse, received_spf as write,
    },
    spf::{self, Query, SpfOutcome, SpfResult},
};
use dkimproxy_core::header::Header;
use std::net::Ipv4Addr;

/// No field passes as foreign whose id is ours to a reader that obeys RFC 8601.
pub fn authserv_id(input: &[u8]) {
    let Ok(ours) = AuthservId::new("mx.example.org") else { return };
    let claims = claims_to_be(std::slice::from_ref(&ours), input);
    assert!(claims || authserv_id_of(input).is_some());
    if let Ok(field) = parse(input) {
        assert!(claims || !field.authserv_id.eq_ignore_ascii_case(ours.as_str()));
    }
}

/// Whatever goes into a result, one result comes out of the field, and the field is well-formed.
pub fn results(input: &[u8]) {
    let Ok(ours) = AuthservId::new("mx.example.org") else { return };
    let text = String::from_utf8_lossy(input);
    let mut entry =
        ResultEntry::new("dkim", "fail").with("header", "i", text.clone()).with("header", "d", text.clone());
    entry.reason = Some(text.clone().into_owned());
    entry.comment = Some(text.into_owned());
    for utf8 in [false, true] {
        let mut results = AuthenticationResults::new(ours.clone(), utf8);
        results.extend([entry.clone()]);
        let field = results.field();
        assert!(field.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
        let body = field.strip_prefix(b"Authentication-Results:").unwrap_or_default();
        let read = parse(body);
        assert!(read.is_ok_and(|read| read.results.len() == 1 && read.results.iter().all(|one| one.result == "fail")));
        assert!(claims_to_be(std::slice::from_ref(&ours), body));
        let fold = |window: &[u8]| window.first() == Some(&b'\n') && !window.starts_with(b"\n\t");
        assert!(!field.windows(2).any(fold));
    }
}

/// A record reads the same in any case of its letters, and what it holds is no larger than its text allows.
pub fn spf_record(input: &[u8]) {
    let text = [b"v=spf1 ", input].concat();
    assert!(spf::Record::is_spf(&text));
    let record = spf::Record::parse(&text);
    assert_eq!(record.is_ok(), spf::Record::parse(&text.to_ascii_uppercase()).is_ok());
    if let Ok(record) = record {
        assert!(record.directives.len() <= input.len());
        // "if there are any syntax errors anywhere in the record": another term cannot mend it, nor this one break it.
        let longer = [&text, &b" -all"[..]].concat();
        assert_eq!(
            spf::Record::parse(&longer).is_ok_and(|longer| longer.directives.len() > record.directives.len()),
            longer.len() <= 16 * 1024
        );
    }
}

/// Macros expand to names that end soon, whatever the sender calls himself.
pub fn spf_macro(input: &[u8]) {
    let (spec, sender) = input.split_at(input.len() / 2);
    let sender = String::from_utf8_lossy(sender);
    spf::expand_for_fuzzing(spec, &sender);
}

/// A record stays one whatever unknown tag is added, and none without its version.
pub fn dmarc_record(input: &[u8]) {
    let record = dmarc::Record::parse(&[b"v=DMARC1;", input].concat());
    let longer = dmarc::Record::parse(&[b"v=DMARC1;unknowntag=1;", input].concat());
    let says_so_itself = input.to_ascii_lowercase().windows(10).any(|window| window == b"unknowntag");
    assert!(says_so_itself || input.len() > 16_000 || record == longer);
    assert!(dmarc::Record::parse(&[b"v=DMARC2;", input].concat()).is_none());
}

/// One field comes out, of short lines of printable ASCII.
pub fn received_spf(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let query = Query::mail_from(Ipv4Addr::LOCALHOST.into(), &text, &text);
    let outcome = SpfOutcome { result: SpfResult::Fail, explanation: None, reason: None };
    let field = write(&SpfFinding { query, outcome }, &text);
    let body = field.strip_suffix(b"\r\n").unwrap_or_default();
    assert!(body.starts_with(b"Received-SPF: fail"));
    assert!(body.split(|octet| *octet == b'\n').skip(1).all(|line| line.starts_with(b"\t")));
    assert!(body.split(|octet| *octet == b'\n').all(|line| line.len() <= 998));
    assert!(body.iter().all(|octet| octet.is_ascii_graphic() || b" \t\r\n".contains(octet)));
}

/// Whatever stands in From, each author domain is a domain name that stands there.
pub fn author_domain(input: &[u8]) {
    let header = Header::parse([b"From: ", input, b"\r\n"].concat());
    let author = dmarc::author_domain(&header);
    let written = String::from_utf8_lossy(input).to_lowercase();
    let plain = |domain: &str| domain.split('.').all(|label| written.contains(label));
    assert!(!written.is_ascii() || author.domains().iter().all(|domain| plain(domain.as_str())));
}
