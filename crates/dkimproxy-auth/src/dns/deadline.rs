use super::{Answer, LookupError, MailExchanger, Resolver};
use crate::{dmarc, spf};
use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// Asks another resolver, and gives up at one moment: so each chain of questions ends by it, in its own way.
pub(crate) struct Deadline<R> {
    resolver: Arc<R>,
    end: Instant,
}

impl<R: Resolver> Deadline<R> {
    pub(crate) fn new(resolver: Arc<R>, time: Duration) -> Self {
        Self { resolver, end: Instant::now() + time }
    }

    async fn limit<T>(&self, lookup: impl Future<Output = Result<T, LookupError>>) -> Result<T, LookupError> {
        timeout_at(self.end, lookup).await.unwrap_or(Err(LookupError::Timeout))
    }
}

impl<R: Resolver> Resolver for Deadline<R> {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        self.limit(self.resolver.txt(name)).await
    }

    async fn a(&self, name: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        self.limit(self.resolver.a(name)).await
    }

    async fn aaaa(&self, name: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        self.limit(self.resolver.aaaa(name)).await
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        self.limit(self.resolver.mx(name)).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, LookupError> {
        self.limit(self.resolver.ptr(address)).await
    }

    async fn spf(&self, domain: &str) -> Result<Arc<spf::Published>, LookupError> {
        self.limit(self.resolver.spf(domain)).await
    }

    async fn dmarc(&self, domain: &str) -> Result<Option<dmarc::Record>, LookupError> {
        self.limit(self.resolver.dmarc(domain)).await
    }
}
