use super::*;
use crate::{dns::Zone, spf::SpfResult};

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

async fn check(zone: &Zone, path: &str) -> SpfOutcome {
    let query = Query::mail_from(CLIENT, "helo.example", path);
    check_host(zone, &query, &Limits::default(), "mx.example.org", 1_000_000_000).await
}

async fn result(zone: &Zone, path: &str) -> (SpfResult, Option<SpfProblem>) {
    let outcome = check(zone, path).await;
    (outcome.result, outcome.reason)
}

fn zone(json: &str) -> Zone {
    Zone::from_json(json).unwrap()
}

#[tokio::test]
async fn sp14_what_an_include_means() {
    let zone = zone(
        r#"{
        "pass.example": ["v=spf1 +all"], "fail.example": ["v=spf1 -all"], "soft.example": ["v=spf1 ~all"],
        "neutral.example": ["v=spf1 ?all"], "broken.example": "servfail", "bad.example": ["v=spf1 foo"],
        "void.example": [],
        "a.example": ["v=spf1 include:pass.example -all"], "b.example": ["v=spf1 include:fail.example ~all"],
        "c.example": ["v=spf1 include:soft.example ?all"], "d.example": ["v=spf1 include:neutral.example -all"],
        "e.example": ["v=spf1 include:broken.example -all"], "f.example": ["v=spf1 include:bad.example -all"],
        "g.example": ["v=spf1 include:void.example -all"], "h.example": ["v=spf1 redirect=void.example"],
        "i.example": ["v=spf1 redirect=soft.example"]
    }"#,
    );
    for (domain, expected) in [
        ("a", SpfResult::Pass),
        ("b", SpfResult::SoftFail),
        ("c", SpfResult::Neutral),
        ("d", SpfResult::Fail),
        ("e", SpfResult::TempError),
        ("f", SpfResult::PermError),
        ("g", SpfResult::PermError),
        ("h", SpfResult::PermError),
        ("i", SpfResult::SoftFail),
        ("void", SpfResult::None),
        ("absent", SpfResult::None),
        ("broken", SpfResult::TempError),
    ] {
        assert_eq!(result(&zone, &format!("joe@{domain}.example")).await.0, expected, "{domain}");
    }
}

/// A megabyte of TXT, 500 includes, a record that includes itself, one that redirects to itself, a CNAME loop, a tree of
/// includes that doubles at each level: each ends with a result, after eleven lookups at most.
#[tokio::test]
async fn hostile_records_cost_a_bounded_number_of_lookups() {
    let includes: String = (0..500).map(|n| format!(" include:i{n}.example")).collect();
    let mut text = format!(
        r#"{{"huge.example": ["v=spf1 {}"], "many.example": ["v=spf1{includes} -all"],
        "self.example": ["v=spf1 include:self.example"], "again.example": ["v=spf1 redirect=again.example"],
        "loop.example": {{"CNAME": ["loop.example"]}}"#,
        "x".repeat(1024 * 1024)
    );
    for n in 0..500 {
        text.push_str(&format!(r#", "i{n}.example": ["v=spf1 include:i{n}.example include:i{}.example"]"#, n + 1));
    }
    let zone = zone(&(text + "}"));
    for (domain, expected) in [
        ("huge", SpfProblem::Record(crate::spf::RecordError::TooLong)),
        ("many", SpfProblem::TooManyLookups),
        ("self", SpfProblem::TooManyLookups),
        ("again", SpfProblem::TooManyLookups),
        ("loop", SpfProblem::Dns),
        ("i0", SpfProblem::TooManyLookups),
    ] {
        assert_eq!(result(&zone, &format!("joe@{domain}.example")).await.1, Some(expected), "{domain}");
    }
}

#[tokio::test]
async fn sp22_sp23_limits_within_a_mechanism() {
    let hosts: String = (0..11).map(|n| format!(r#", "h{n}.example": {{"A": ["198.51.100.1"]}}"#)).collect();
    let mx: Vec<String> = (0..11).map(|n| format!(r#"[{n}, "h{n}.example"]"#)).collect();
    let zone = zone(&format!(
        r#"{{"a.example": {{"TXT": ["v=spf1 mx -all"], "MX": [{}]}},
        "b.example": ["v=spf1 a:n1.example a:n2.example a:n3.example -all"],
        "c.example": ["v=spf1 a:n1.example a:n2.example -all"]{hosts}}}"#,
        mx.join(",")
    ));
    assert_eq!(result(&zone, "j@a.example").await.1, Some(SpfProblem::TooManyExchangers));
    assert_eq!(result(&zone, "j@b.example").await.1, Some(SpfProblem::TooManyVoidLookups));
    assert_eq!(result(&zone, "j@c.example").await, (SpfResult::Fail, None));
}

#[tokio::test]
async fn sp30_explanations() {
    let zone = zone(
        r#"{
        "a.example": ["v=spf1 exp=why.a.example -all"], "why.a.example": ["%{i} is not one of %{d}'s (%{r}, %{t})"],
        "b.example": ["v=spf1 include:a.example exp=two.example -all"], "two.example": ["x", "y"],
        "c.example": ["v=spf1 exp=why.c.example redirect=a.example"], "why.c.example": ["never shown"],
        "d.example": ["v=spf1 exp=why.d.example -all"], "why.d.example": ["caf\u00e9"]
    }"#,
    );
    let text = "192.0.2.1 is not one of a.example's (mx.example.org, 1000000000)";
    for (domain, expected) in [("a", Some(text)), ("b", None), ("c", Some(text)), ("d", None)] {
        let outcome = check(&zone, &format!("j@{domain}.example")).await;
        assert_eq!(outcome.result, SpfResult::Fail);
        assert_eq!(outcome.explanation.as_deref(), expected, "{domain}");
    }
}

#[tokio::test]
async fn sp5_a_local_part_beyond_ascii_matches_nothing() {
    let zone = zone(
        r#"{"xn--bcher-kva.example": ["v=spf1 exists:%{l}.x.example exists:%{d}.y.example -all"],
        "joe.x.example": {"A": ["127.0.0.2"]}, "xn--bcher-kva.example.y.example": {"A": ["127.0.0.2"]}}"#,
    );
    assert_eq!(result(&zone, "j\u{f6}@b\u{fc}cher.example").await.0, SpfResult::Pass);
    assert_eq!(result(&zone, "joe@b\u{fc}cher.example").await.0, SpfResult::Pass);
}

#[tokio::test(start_paused = true)]
async fn sp24_the_time_for_all_is_limited() {
    struct Silent;
    impl Resolver for Silent {
        async fn txt(&self, _: &str) -> Result<Answer<Vec<u8>>, LookupError> {
            std::future::pending().await
        }
        async fn a(&self, _: &str) -> Result<Answer<std::net::Ipv4Addr>, LookupError> {
            std::future::pending().await
        }
        async fn aaaa(&self, _: &str) -> Result<Answer<std::net::Ipv6Addr>, LookupError> {
            std::future::pending().await
        }
        async fn mx(&self, _: &str) -> Result<Answer<MailExchanger>, LookupError> {
            std::future::pending().await
        }
        async fn ptr(&self, _: IpAddr) -> Result<Answer<String>, LookupError> {
            std::future::pending().await
        }
    }
    let query = Query::mail_from(CLIENT, "helo.example", "j@a.example");
    let outcome = check_host(&Silent, &query, &Limits::default(), "mx.example.org", 0).await;
    assert_eq!((outcome.result, outcome.reason), (SpfResult::TempError, Some(SpfProblem::OutOfTime)));
}
