use super::{
    Answer, LookupError, MailExchanger, Resolver,
    cache::{Asked, CacheLimits, LookupCache, Statistics},
};
use crate::{dmarc, spf};
use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

/// Asks another resolver, and remembers the answers: each for its lifetime within bounds, negative ones, too. Records of
/// SPF and DMARC are remembered as read, not as text: the other TXT records of their names, often many, are of no use.
///
/// Several who ask the same at the same time ask once. Clones share one memory. The lifetime of a remembered answer
/// counts from when it came.
pub struct CachedResolver<R> {
    resolver: Arc<R>,
    cache: LookupCache<Question, Reply>,
}

/// What DNS said, for good: records, or that there are none.
type Reply = Result<Records, LookupError>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    kind: Kind,
    /// In lower case.
    name: Box<str>,
}

impl Question {
    fn new(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_ascii_lowercase().into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Txt,
    A,
    Aaaa,
    Mx,
    Ptr,
    Spf,
    Dmarc,
}

#[derive(Debug, Clone)]
enum Records {
    Txt(Arc<Answer<Vec<u8>>>),
    A(Arc<Answer<Ipv4Addr>>),
    Aaaa(Arc<Answer<Ipv6Addr>>),
    Mx(Arc<Answer<MailExchanger>>),
    Ptr(Arc<Answer<String>>),
    Spf(Arc<spf::Published>),
    Dmarc(Option<dmarc::Record>),
}

impl<R: Resolver> CachedResolver<R> {
    /// With nothing remembered.
    pub fn new(resolver: Arc<R>, limits: CacheLimits) -> Self {
        Self { resolver, cache: LookupCache::new(limits) }
    }

    /// What became of the questions.
    pub fn statistics(&self) -> Statistics {
        self.cache.statistics()
    }

    /// `octets`: what the records take in memory besides their own size.
    async fn list<T: Clone>(
        &self,
        question: Question,
        ask: impl Future<Output = Result<Answer<T>, LookupError>>,
        octets: fn(&T) -> usize,
        form: Form<T>,
    ) -> Result<Answer<T>, LookupError> {
        let ask = async {
            kept(ask.await, |answer| {
                let heap: usize = answer.records.iter().map(|record| octets(record) + size_of::<T>()).sum();
                (answer.ttl, heap + size_of::<Answer<T>>(), (form.wrap)(Arc::new(answer)))
            })
        };
        let reply = self.cache.get(question, ask).await??;
        (form.unwrap)(&reply).cloned().ok_or(LookupError::ServerFailure)
    }
}

/// How answers of one type are kept among those of all types.
struct Form<T> {
    wrap: fn(Arc<Answer<T>>) -> Records,
    unwrap: fn(&Records) -> Option<&Answer<T>>,
}

/// Makes a variant of [`Records`] a [`Form`].
macro_rules! form {
    ($variant:ident) => {
        Form {
            wrap: Records::$variant,
            unwrap: |records| if let Records::$variant(answer) = records { Some(answer) } else { None },
        }
    };
}

/// What is to be remembered of an answer; `read` gives its lifetime, what it takes in memory, and its form. That there is
/// nothing is remembered, too; trouble is not.
fn kept<T>(
    answer: Result<T, LookupError>,
    read: impl FnOnce(T) -> (Duration, usize, Records),
) -> Result<Asked<Reply>, LookupError> {
    match answer {
        Ok(answer) => {
            let (ttl, octets, records) = read(answer);
            Ok(Asked { value: Ok(records), ttl, is_negative: false, octets })
        }
        Err(nothing @ (LookupError::NoName { ttl } | LookupError::NoData { ttl })) => {
            Ok(Asked { value: Err(nothing), ttl, is_negative: true, octets: 0 })
        }
        Err(trouble @ (LookupError::ServerFailure | LookupError::Timeout)) => Err(trouble),
    }
}

impl<R: Resolver> Resolver for CachedResolver<R> {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        self.list(Question::new(Kind::Txt, name), self.resolver.txt(name), Vec::len, form!(Txt)).await
    }

    async fn a(&self, name: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        self.list(Question::new(Kind::A, name), self.resolver.a(name), |_| 0, form!(A)).await
    }

    async fn aaaa(&self, name: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        self.list(Question::new(Kind::Aaaa, name), self.resolver.aaaa(name), |_| 0, form!(Aaaa)).await
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        let octets = |mx: &MailExchanger| mx.exchanger.len();
        self.list(Question::new(Kind::Mx, name), self.resolver.mx(name), octets, form!(Mx)).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, LookupError> {
        let question = Question::new(Kind::Ptr, &address.to_canonical().to_string());
        self.list(question, self.resolver.ptr(address), String::len, form!(Ptr)).await
    }

    async fn spf(&self, domain: &str) -> Result<Arc<spf::Published>, LookupError> {
        let ask = async {
            kept(self.resolver.txt(domain).await, |answer| {
                let published = spf::published(&answer.records);
                let octets = published.as_ref().map_or(0, spf::Record::octets);
                (answer.ttl, octets, Records::Spf(Arc::new(published)))
            })
        };
        match self.cache.get(Question::new(Kind::Spf, domain), ask).await?? {
            Records::Spf(published) => Ok(published),
            _ => Err(LookupError::ServerFailure),
        }
    }

    async fn dmarc(&self, domain: &str) -> Result<Option<dmarc::Record>, LookupError> {
        let ask = async {
            let answer = self.resolver.txt(&format!("_dmarc.{domain}")).await;
            kept(answer, |answer| (answer.ttl, 0, Records::Dmarc(dmarc::Record::of_name(&answer.records))))
        };
        match self.cache.get(Question::new(Kind::Dmarc, domain), ask).await?? {
            Records::Dmarc(record) => Ok(record),
            _ => Err(LookupError::ServerFailure),
        }
    }
}

impl<R> Clone for CachedResolver<R> {
    fn clone(&self) -> Self {
        Self { resolver: self.resolver.clone(), cache: self.cache.clone() }
    }
}

impl<R> std::fmt::Debug for CachedResolver<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedResolver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
