//! Does the client's address have a name that leads back to it? The check "iprev" of RFC 8601 section 3.

use crate::dns::{LookupError, Resolver};
use std::net::IpAddr;

/// "A limit on the number of PTR names" is not in RFC 8601; RFC 7208 section 4.6.4 has ten for the same questions.
const MAX_NAMES: usize = 10;

/// The four results (RFC 8601 section 2.7.3). There is no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IprevResult {
    /// A name of the address has that address.
    Pass,
    /// The address has names, but none of them has the address.
    Fail,
    /// DNS trouble; a later attempt may tell more.
    TempError,
    /// The address has no name.
    PermError,
}

impl IprevResult {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// What was found about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IprevOutcome {
    /// The address.
    pub ip: IpAddr,
    /// The finding.
    pub result: IprevResult,
    /// The name that leads back; else the first name there is. Text of a third party.
    pub name: Option<String>,
}

/// Asks for the names of the address, then for the addresses of these names, one after the other until one fits.
pub async fn check<R: Resolver>(resolver: &R, ip: IpAddr) -> IprevOutcome {
    let ip = ip.to_canonical();
    let outcome = |result, name| IprevOutcome { ip, result, name };
    let names = match resolver.ptr(ip).await {
        Ok(answer) => answer.records,
        Err(LookupError::NoName { .. } | LookupError::NoData { .. }) => return outcome(IprevResult::PermError, None),
        Err(LookupError::ServerFailure | LookupError::Timeout) => return outcome(IprevResult::TempError, None),
    };
    let mut failed = false;
    for name in names.iter().take(MAX_NAMES) {
        match leads_to(resolver, name, ip).await {
            Ok(true) => return outcome(IprevResult::Pass, Some(name.clone())),
            Ok(false) => {}
            Err(LookupError::NoName { .. } | LookupError::NoData { .. }) => {}
            Err(LookupError::ServerFailure | LookupError::Timeout) => failed = true,
        }
    }
    outcome(if failed { IprevResult::TempError } else { IprevResult::Fail }, names.into_iter().next())
}

async fn leads_to<R: Resolver>(resolver: &R, name: &str, ip: IpAddr) -> Result<bool, LookupError> {
    match ip {
        IpAddr::V4(ip) => Ok(resolver.a(name).await?.records.contains(&ip)),
        IpAddr::V6(ip) => Ok(resolver.aaaa(name).await?.records.contains(&ip)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Zone;

    #[tokio::test]
    async fn the_four_results() {
        let zone = Zone::from_json(
            r#"{
            "1.2.0.192.in-addr.arpa": {"PTR": ["no.example", "a.example"]}, "a.example": {"A": ["192.0.2.1"]},
            "2.2.0.192.in-addr.arpa": {"PTR": ["a.example", "no.example"]},
            "3.2.0.192.in-addr.arpa": "servfail",
            "5.2.0.192.in-addr.arpa": {"PTR": ["slow.example", "a.example"]}, "slow.example": "timeout",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["six.example"]},
            "six.example": {"AAAA": ["2001:db8::1"]}
        }"#,
        )
        .unwrap();
        for (ip, result, name) in [
            ("192.0.2.1", IprevResult::Pass, Some("a.example")),
            ("::ffff:192.0.2.1", IprevResult::Pass, Some("a.example")),
            ("192.0.2.2", IprevResult::Fail, Some("a.example")),
            ("192.0.2.3", IprevResult::TempError, None),
            ("192.0.2.4", IprevResult::PermError, None),
            ("192.0.2.5", IprevResult::TempError, Some("slow.example")),
            ("2001:db8::1", IprevResult::Pass, Some("six.example")),
        ] {
            let found = check(&zone, ip.parse().unwrap()).await;
            assert_eq!((found.result, found.name.as_deref()), (result, name), "{ip}");
        }
    }
}
