//! The one trait through which this crate asks DNS, and a zone in memory that answers it without a network.

mod cache;
mod cached;
mod deadline;
mod zone;

pub(crate) use cache::{Asked, LookupCache};
pub use cache::{CacheLimits, Statistics};
pub use cached::CachedResolver;
pub(crate) use deadline::Deadline;
pub use zone::{Zone, ZoneError};

use crate::{dmarc, spf};
use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};
use thiserror::Error;

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LookupError {
    /// NXDOMAIN: the name does not exist. Holds for `ttl`.
    #[error("no such name")]
    NoName {
        /// How long this may be remembered.
        ttl: Duration,
    },
    /// The name exists, records of this type do not. Holds for `ttl`.
    #[error("no such record")]
    NoData {
        /// How long this may be remembered.
        ttl: Duration,
    },
    /// SERVFAIL or another failure of the servers: temporary.
    #[error("server failure")]
    ServerFailure,
    /// No answer in time: temporary.
    #[error("no answer in time")]
    Timeout,
}

/// Records of one type, and how long they may be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The records, in the order received.
    pub records: Vec<T>,
    /// Lifetime of the answer.
    pub ttl: Duration,
}

/// An MX record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailExchanger {
    /// The lower, the sooner it is tried.
    pub preference: u16,
    /// Its name, without a trailing dot; empty for the root (RFC 7505: no mail at all).
    pub exchanger: String,
}

/// Asks DNS: one method per record type that some check of this crate needs.
///
/// Names are given without a trailing dot and are always taken as fully qualified. They are A-labels, but for SPF, where
/// a macro may put any character into a label: such a name exists or not, as any other. Names in answers are without a
/// trailing dot, too. An answer without records is [`LookupError::NoData`].
pub trait Resolver: Send + Sync + 'static {
    /// TXT records; the character-strings of each record are joined with nothing between.
    fn txt(&self, name: &str) -> impl Future<Output = Result<Answer<Vec<u8>>, LookupError>> + Send;

    /// A records.
    fn a(&self, name: &str) -> impl Future<Output = Result<Answer<Ipv4Addr>, LookupError>> + Send;

    /// AAAA records.
    fn aaaa(&self, name: &str) -> impl Future<Output = Result<Answer<Ipv6Addr>, LookupError>> + Send;

    /// MX records, in any order.
    fn mx(&self, name: &str) -> impl Future<Output = Result<Answer<MailExchanger>, LookupError>> + Send;

    /// The names in the PTR records of an address, below `in-addr.arpa` or `ip6.arpa`.
    fn ptr(&self, address: IpAddr) -> impl Future<Output = Result<Answer<String>, LookupError>> + Send;

    /// The SPF record among the TXT records of a domain, read. Provided, so that what remembers answers can remember it
    /// in this form.
    fn spf(&self, domain: &str) -> impl Future<Output = Result<Arc<spf::Published>, LookupError>> + Send {
        async { Ok(Arc::new(spf::published(&self.txt(domain).await?.records))) }
    }

    /// The DMARC record at `_dmarc.` before the domain, read. Provided for the same reason.
    fn dmarc(&self, domain: &str) -> impl Future<Output = Result<Option<dmarc::Record>, LookupError>> + Send {
        async move { Ok(dmarc::Record::of_name(&self.txt(&format!("_dmarc.{domain}")).await?.records)) }
    }
}

impl<R: Resolver> Resolver for Arc<R> {
    fn txt(&self, name: &str) -> impl Future<Output = Result<Answer<Vec<u8>>, LookupError>> + Send {
        R::txt(self, name)
    }

    fn a(&self, name: &str) -> impl Future<Output = Result<Answer<Ipv4Addr>, LookupError>> + Send {
        R::a(self, name)
    }

    fn aaaa(&self, name: &str) -> impl Future<Output = Result<Answer<Ipv6Addr>, LookupError>> + Send {
        R::aaaa(self, name)
    }

    fn mx(&self, name: &str) -> impl Future<Output = Result<Answer<MailExchanger>, LookupError>> + Send {
        R::mx(self, name)
    }

    fn ptr(&self, address: IpAddr) -> impl Future<Output = Result<Answer<String>, LookupError>> + Send {
        R::ptr(self, address)
    }

    fn spf(&self, domain: &str) -> impl Future<Output = Result<Arc<spf::Published>, LookupError>> + Send {
        R::spf(self, domain)
    }

    fn dmarc(&self, domain: &str) -> impl Future<Output = Result<Option<dmarc::Record>, LookupError>> + Send {
        R::dmarc(self, domain)
    }
}

/// The name at which the PTR records of an address stand (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub fn reverse_name(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut name = String::with_capacity(72);
            for digit in format!("{:032x}", address.to_bits()).chars().rev() {
                name.extend([digit, '.']);
            }
            name + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_addresses() {
        for (address, name) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ] {
            assert_eq!(reverse_name(address.parse().unwrap()), name);
        }
    }
}
