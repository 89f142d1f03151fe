use super::*;
use crate::dns::Zone;
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// A zone that can be changed, and that counts the questions.
#[derive(Default)]
struct Changing {
    zone: Mutex<Zone>,
    asked: AtomicUsize,
}

impl Changing {
    fn new(json: &str) -> Arc<Self> {
        let changing = Self::default();
        changing.set(json);
        Arc::new(changing)
    }

    fn set(&self, json: &str) {
        *self.zone.lock().unwrap() = Zone::from_json(json).unwrap();
    }

    fn zone(&self) -> Zone {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.zone.lock().unwrap().clone()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Changing {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        tokio::task::yield_now().await;
        self.zone().txt(name).await
    }

    async fn a(&self, name: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        self.zone().a(name).await
    }

    async fn aaaa(&self, name: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        self.zone().aaaa(name).await
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        self.zone().mx(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, LookupError> {
        self.zone().ptr(address).await
    }
}

const JSON: &str = r#"{
    "a.example": {"TXT": ["v=spf1 -all", "other"], "A": ["192.0.2.1"], "AAAA": ["2001:db8::1"], "MX": [[1, "mx.example"]]},
    "_dmarc.a.example": ["v=DMARC1; p=reject"],
    "1.2.0.192.in-addr.arpa": {"PTR": ["a.example"]},
    "slow.example": "timeout"
}"#;

/// The answers, in brief.
async fn ask_all(resolver: &impl Resolver) -> String {
    let ip = Ipv4Addr::new(192, 0, 2, 1);
    let txt = resolver.txt("A.example").await.map(|answer| answer.records.len());
    let (a, aaaa) = (resolver.a("a.example").await, resolver.aaaa("a.example").await);
    let (mx, ptr) = (resolver.mx("a.example").await, resolver.ptr(ip.into()).await);
    let (spf, dmarc) = (resolver.spf("a.Example").await, resolver.dmarc("a.example").await);
    let none = resolver.a("none.example").await;
    format!("{txt:?} {a:?} {aaaa:?} {mx:?} {ptr:?} {spf:?} {dmarc:?} {none:?}")
}

#[tokio::test]
async fn every_answer_is_remembered_and_the_same() {
    let dns = Changing::new(JSON);
    let cached = CachedResolver::new(dns.clone(), CacheLimits::default());
    let expected = ask_all(&dns.zone()).await;
    let before = dns.asked();
    for _ in 0..3 {
        assert_eq!(ask_all(&cached).await, expected);
    }
    assert_eq!(dns.asked() - before, 8, "each of the eight questions once");
    let statistics = cached.statistics();
    assert_eq!((statistics.questions, statistics.hits, statistics.failures), (24, 16, 0));
}

#[tokio::test]
async fn trouble_is_not_remembered_but_shared() {
    let dns = Changing::new(JSON);
    let cached = CachedResolver::new(dns.clone(), CacheLimits::default());
    let ask = || cached.txt("slow.example");
    let together = futures_util::future::join3(ask(), ask(), ask()).await;
    assert_eq!(together, (Err(LookupError::Timeout), Err(LookupError::Timeout), Err(LookupError::Timeout)));
    assert_eq!(dns.asked(), 1);
    assert_eq!(ask().await, Err(LookupError::Timeout));
    assert_eq!((dns.asked(), cached.statistics().failures), (2, 2));
    dns.set(r#"{"slow.example": ["awake"]}"#);
    assert_eq!(ask().await.map(|answer| answer.records), Ok(vec![b"awake".to_vec()]));
}

fn limits(ttl: Duration, stale: Duration) -> CacheLimits {
    CacheLimits { ttl: (Duration::ZERO, ttl), negative_ttl: (Duration::ZERO, ttl), stale, ..CacheLimits::default() }
}

/// A lifetime of nothing at all, so that no test has to wait for its end.
#[tokio::test]
async fn what_is_out_of_date_is_asked_again_and_stands_in_where_dns_fails() {
    let dns = Changing::new(JSON);
    let cached = CachedResolver::new(dns.clone(), limits(Duration::ZERO, Duration::from_secs(3600)));
    let records = || async { cached.a("a.example").await.map(|answer| answer.records) };
    let old = Ok(vec![Ipv4Addr::new(192, 0, 2, 1)]);
    assert_eq!(records().await, old);
    dns.set(r#"{"a.example": {"A": ["192.0.2.2"]}}"#);
    let new = Ok(vec![Ipv4Addr::new(192, 0, 2, 2)]);
    assert_eq!(records().await, new, "it was out of date");
    dns.set(r#"{"a.example": "servfail", "b.example": "servfail"}"#);
    assert_eq!(records().await, new, "the last one stands in");
    assert_eq!(cached.a("b.example").await, Err(LookupError::ServerFailure), "there is none to stand in");
    let asked = dns.asked();
    assert_eq!(records().await, new);
    assert_eq!(dns.asked(), asked, "for a while DNS is not asked again");
    assert_eq!(cached.statistics().stale, 1);
}

#[tokio::test]
async fn without_stale_answers_a_failure_is_one() {
    let dns = Changing::new(JSON);
    let cached = CachedResolver::new(dns.clone(), limits(Duration::ZERO, Duration::ZERO));
    assert!(cached.a("a.example").await.is_ok());
    dns.set(r#"{"a.example": "servfail"}"#);
    assert_eq!(cached.a("a.example").await, Err(LookupError::ServerFailure));
}

/// The cache does not keep what is larger than itself, and goes on working.
#[tokio::test]
async fn a_megabyte_of_txt_is_not_kept() {
    let huge = "x".repeat(1024 * 1024);
    let dns = Changing::new(&format!(r#"{{"a.example": ["{huge}", "v=spf1 -all"], "b.example": ["v=spf1 {huge}"]}}"#));
    let small = CacheLimits { octets: 64 * 1024, ..CacheLimits::default() };
    let cached = CachedResolver::new(dns, small);
    assert_eq!(cached.txt("a.example").await.unwrap().records.len(), 2);
    assert!(cached.spf("a.example").await.unwrap().is_ok(), "the record beside it is of use");
    let refused = cached.spf("b.example").await.unwrap();
    assert_eq!(refused.as_ref().as_ref().unwrap_err(), &spf::SpfProblem::Record(spf::RecordError::TooLong));
    cached.cache.run_pending_tasks().await;
    assert!(cached.cache.weight() <= 64 * 1024);
}
