//! What SPF and DMARC add to a message when all answers are remembered. The goal: 50 microseconds, ARC included.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "criterion's macros write public items without documentation; a benchmark may fail loudly"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use dkimproxy_auth::{
    authenticate::{Authenticator, Questions, Settings},
    dmarc::{AuthorDomain, author_domain},
    dns::Zone,
    keys::KeyLimits,
    results::{AuthenticationResults, AuthservId},
};
use dkimproxy_core::{domain::DomainName, header::Header};
use std::hint::black_box;

/// A record with includes, and a client that matches the last one; a subdomain whose policy stands above it.
const ZONE: &str = r#"{
    "news.example.org": ["some-site-verification=0123456789abcdef", "v=spf1 mx include:_spf.a.example include:_spf.b.example ~all"],
    "_spf.a.example": ["v=spf1 ip4:203.0.113.0/24 ip4:203.0.114.0/24 ip4:203.0.115.0/24 ip6:2001:db8:1::/48 -all"],
    "_spf.b.example": ["v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all"],
    "_dmarc.example.org": ["v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc@example.org"],
    "mail.example.org": {"TXT": ["v=spf1 a -all"], "A": ["192.0.2.1"]}
}"#;

fn questions(header: &Header) -> Questions {
    Questions {
        client_ip: Some([192, 0, 2, 1].into()),
        helo: "mail.example.org".into(),
        reverse_path: Some("bounce-1234@news.example.org".into()),
        author: author_domain(header),
        signing_domains: vec![DomainName::new("example.org").expect("a name")],
        keys: Vec::new(),
        now: 1_800_000_000,
    }
}

fn cached(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let zone = Zone::from_json(ZONE).expect("a zone");
    let authenticator = Authenticator::new(zone, Settings::default(), KeyLimits::default());
    let header = Header::parse("From: \"News, daily\" <news@news.example.org>\r\nSubject: x\r\n".into());
    let id = AuthservId::new("mx.example.net").expect("an id");
    assert_eq!(author_domain(&header), AuthorDomain::One(DomainName::new("news.example.org").expect("a name")));
    criterion.bench_function("spf + dmarc, cached", |bench| {
        bench.iter(|| {
            let evidence = runtime.block_on(authenticator.ask(questions(black_box(&header))));
            let findings = evidence.findings(Vec::new(), |_| true, None);
            let mut results = AuthenticationResults::new(id.clone(), false);
            results.extend(findings.entries(None));
            results.field()
        });
    });
    criterion.bench_function("author domain", |bench| bench.iter(|| author_domain(black_box(&header))));
}

criterion_group!(benches, cached);
criterion_main!(benches);
