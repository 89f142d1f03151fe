//! What ten thousand domains cost in memory. Alone in its process, so that nothing else is counted.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use dkimproxy_auth::{
    authenticate::{Authenticator, Questions, Settings},
    dmarc::AuthorDomain,
    dns::{Answer, LookupError, MailExchanger, Resolver},
    keys::KeyLimits,
};
use dkimproxy_core::{
    domain::{DomainName, Selector},
    key::KeyName,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

const DOMAINS: usize = 10_000;
const MIB: u64 = 1024 * 1024;
const TTL: Duration = Duration::from_secs(3600);

/// Every domain publishes what a usual one does.
struct Usual;

const KEY: &str = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw\
                   7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u+qKhbwKfBstIs+bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW/VDL5AaWTg\
                   0nLVkjRo9z+40RQzuVaE8AkAFmxZzow3x+VJYKdjykkJ0iT9wCS0DRTXu269V264Vf/3jvredZiKRkgwlL9xNAwxXFg0x/XFw005UWVRIkdgcKWTjpBP\
                   2dPwVZ4WWC+9aGVd+Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmwIDAQAB";

impl Resolver for Usual {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        let records: Vec<Vec<u8>> = if name.contains("_domainkey") {
            vec![KEY.into()]
        } else if name == "_dmarc.example" {
            return Err(LookupError::NoName { ttl: TTL });
        } else if name.starts_with("_dmarc") {
            vec!["v=DMARC1; p=reject; rua=mailto:dmarc@example.org; ruf=mailto:dmarc@example.org; pct=100".into()]
        } else if name.starts_with("_spf") {
            vec!["v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 ~all".into()]
        } else {
            let proof = "some-site-verification=0123456789abcdef0123456789abcdef0123456789abcdef";
            let spf =
                "v=spf1 mx ip4:192.0.2.0/24 ip6:2001:db8::/32 include:_spf.mail.example include:_spf.web.example -all";
            vec![proof.into(), proof.into(), proof.into(), spf.into()]
        };
        Ok(Answer { records, ttl: TTL })
    }

    async fn a(&self, _: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        Ok(Answer { records: vec![Ipv4Addr::new(198, 51, 100, 1)], ttl: TTL })
    }

    async fn aaaa(&self, _: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        Err(LookupError::NoData { ttl: TTL })
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        Ok(Answer { records: vec![MailExchanger { preference: 10, exchanger: format!("mx.{name}") }], ttl: TTL })
    }

    async fn ptr(&self, _: IpAddr) -> Result<Answer<String>, LookupError> {
        Err(LookupError::NoName { ttl: TTL })
    }
}

fn questions(number: usize) -> Questions {
    let domain = DomainName::new(&format!("domain{number}.example")).unwrap();
    Questions {
        client_ip: Some([192, 0, 2, 1].into()),
        helo: "client.example".into(),
        reverse_path: Some(format!("joe@{domain}")),
        author: AuthorDomain::One(domain.clone()),
        signing_domains: vec![domain.clone()],
        keys: vec![KeyName { selector: Selector::new("s1").unwrap(), domain }],
        now: 0,
    }
}

/// Resident set size, in octets.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ten_thousand_domains_cost_at_most_20_mib() {
    let authenticator = Authenticator::new(Usual, Settings::default(), KeyLimits::default());
    // What is made once, and the names that all have in common.
    for number in 0..10 {
        authenticator.ask(questions(DOMAINS + number)).await;
    }
    let before = resident();
    for number in 0..DOMAINS {
        authenticator.ask(questions(number)).await;
    }
    let cost = resident().saturating_sub(before);
    println!("{DOMAINS} domains: {:.1} MiB", cost as f64 / MIB as f64);
    assert!(cost <= 20 * MIB, "{cost} octets");
}
