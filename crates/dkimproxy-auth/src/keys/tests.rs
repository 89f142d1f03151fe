use super::*;
use crate::dns::{MailExchanger, Zone};
use dkimproxy_core::domain::{DomainName, Selector};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Barrier;

const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn key_name(domain: &str) -> KeyName {
    KeyName { selector: Selector::new("s").unwrap(), domain: DomainName::new(domain).unwrap() }
}

fn at(domain: &str) -> String {
    key_name(domain).to_string()
}

/// A zone that counts the questions, and may ask for company before it answers.
struct Counting {
    zone: Zone,
    asked: AtomicUsize,
    names: Mutex<BTreeMap<String, usize>>,
    /// Answers are given when so many questions are under way.
    company: Option<Barrier>,
}

impl Counting {
    fn new(zone: Zone) -> Arc<Self> {
        Arc::new(Self { zone, asked: AtomicUsize::new(0), names: Mutex::default(), company: None })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for Counting {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.names.lock().unwrap().entry(name.to_owned()).or_default() += 1;
        if let Some(company) = &self.company {
            company.wait().await;
        }
        self.zone.txt(name).await
    }

    async fn a(&self, name: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        self.zone.a(name).await
    }

    async fn aaaa(&self, name: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        self.zone.aaaa(name).await
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        self.zone.mx(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, LookupError> {
        self.zone.ptr(address).await
    }
}

/// Never answers.
struct Silent;

impl Resolver for Silent {
    async fn txt(&self, _: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        std::future::pending().await
    }

    async fn a(&self, _: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        std::future::pending().await
    }

    async fn aaaa(&self, _: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        std::future::pending().await
    }

    async fn mx(&self, _: &str) -> Result<Answer<MailExchanger>, LookupError> {
        std::future::pending().await
    }

    async fn ptr(&self, _: IpAddr) -> Result<Answer<String>, LookupError> {
        std::future::pending().await
    }
}

fn zone() -> Zone {
    Zone::new()
        .with_txt(&at("one.example"), [KEY])
        .with_txt(&at("two.example"), [KEY, "v=spf1 -all"])
        .with_txt(&at("empty.example"), [""; 0])
        .with_failure(&at("slow.example"), LookupError::Timeout)
        .with_failure(&at("broken.example"), LookupError::ServerFailure)
}

/// What an answer amounts to: good and bad records, or the error.
fn summary(keys: &Keys, domain: &str) -> Result<(usize, usize), KeyError> {
    let records = keys[&key_name(domain)].as_ref().map_err(|error| *error)?;
    let good = records.iter().filter(|record| record.is_ok()).count();
    Ok((good, records.len() - good))
}

#[tokio::test]
async fn dns_answers_become_key_answers() {
    let keys = KeyFetcher::new(zone(), KeyLimits::default());
    let table = [
        ("one.example", Ok((1, 0))),
        ("two.example", Ok((1, 1))),
        ("empty.example", Err(KeyError::NotFound)),
        ("absent.example", Err(KeyError::NotFound)),
        ("slow.example", Err(KeyError::Unavailable)),
        ("broken.example", Err(KeyError::Unavailable)),
    ];
    let found = keys.fetch(table.iter().map(|(domain, _)| key_name(domain)).collect()).await;
    for (domain, expected) in table {
        assert_eq!(summary(&found, domain), expected, "{domain}");
    }
}

#[tokio::test]
async fn what_is_known_is_not_asked_again_and_failures_are() {
    let dns = Counting::new(zone());
    let keys = KeyFetcher::new(dns.clone(), KeyLimits::default());
    for _ in 0..3 {
        keys.clone().fetch(["one.example", "absent.example", "slow.example"].map(key_name).to_vec()).await;
    }
    let names = dns.names.lock().unwrap().clone();
    assert_eq!(names[&at("one.example")], 1);
    assert_eq!(names[&at("absent.example")], 1);
    assert_eq!(names[&at("slow.example")], 3);
}

/// Each question waits until the other two are under way: one after the other would never end.
#[tokio::test]
async fn all_names_of_a_message_are_asked_at_once() {
    let mut dns = Arc::into_inner(Counting::new(zone())).unwrap();
    dns.company = Some(Barrier::new(3));
    let keys = KeyFetcher::new(dns, KeyLimits::default());
    let found = keys.fetch(["one.example", "two.example", "absent.example"].map(key_name).to_vec()).await;
    assert_eq!(summary(&found, "one.example"), Ok((1, 0)));
}

#[tokio::test]
async fn messages_that_need_the_same_key_ask_once() {
    let mut dns = Arc::into_inner(Counting::new(zone())).unwrap();
    // The first question is held until the other messages had their chance.
    dns.company = Some(Barrier::new(2));
    let dns = Arc::new(dns);
    let keys = KeyFetcher::new(dns.clone(), KeyLimits::default());
    let mut messages = JoinSet::new();
    for _ in 0..8 {
        let keys = keys.clone();
        messages.spawn(async move { keys.fetch(vec![key_name("one.example")]).await });
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    dns.company.as_ref().unwrap().wait().await;
    while let Some(found) = messages.join_next().await {
        assert_eq!(summary(&found.unwrap(), "one.example"), Ok((1, 0)));
    }
    assert_eq!(dns.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_is_for_the_whole_message() {
    let keys = KeyFetcher::new(Silent, KeyLimits::default());
    let began = tokio::time::Instant::now();
    let found = keys.fetch(["one.example", "two.example"].map(key_name).to_vec()).await;
    assert_eq!(began.elapsed(), KeyLimits::default().time);
    assert_eq!(summary(&found, "one.example"), Err(KeyError::Unavailable));
    assert_eq!(summary(&found, "two.example"), Err(KeyError::Unavailable));
}

#[tokio::test]
async fn records_beyond_the_limits_are_as_if_they_were_not_there() {
    let many: Vec<&str> = [KEY; 11].to_vec();
    let huge = format!("v=DKIM1; n={}; p=", "x".repeat(17_000));
    let zone = Zone::new()
        .with_txt(&at("many.example"), many)
        .with_txt(&at("huge.example"), [huge.as_str()])
        .with_txt(&at("both.example"), [huge.as_str(), KEY]);
    let keys = KeyFetcher::new(zone, KeyLimits::default());
    let found = keys.fetch(["many.example", "huge.example", "both.example"].map(key_name).to_vec()).await;
    assert_eq!(summary(&found, "many.example"), Ok((10, 0)));
    assert_eq!(summary(&found, "huge.example"), Err(KeyError::NotFound));
    assert_eq!(summary(&found, "both.example"), Ok((1, 0)));
}
