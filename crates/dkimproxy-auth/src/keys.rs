//! Fetches the key records that a verifier asks for: all at once, within one time limit, each name asked once.

use crate::dns::{Answer, LookupError, Resolver};
use dkimproxy_core::key::{KeyAnswer, KeyError, KeyName, KeyRecord, Keys};
use moka::{Expiry, future::Cache};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::timeout};

/// What bounds the lookups (K15).
#[derive(Debug, Clone)]
pub struct KeyLimits {
    /// Time for all lookups of one message together. What is not there by then is [`KeyError::Unavailable`].
    pub time: Duration,
    /// TXT records looked at under one name; the others are as if they were not there.
    pub max_records: usize,
    /// Octets of TXT records looked at under one name, in all. A record that does not fit is as if it were not there.
    pub max_octets: usize,
    /// Size of the cache, in octets, about.
    pub cache_octets: u64,
    /// Bounds for how long a found key is remembered, whatever its TTL.
    pub ttl: (Duration, Duration),
    /// Bounds for how long it is remembered that there is no key. Shorter: a key just published should soon work.
    pub negative_ttl: (Duration, Duration),
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(20),
            max_records: 10,
            max_octets: 16 * 1024,
            cache_octets: 16 * 1024 * 1024,
            ttl: (Duration::from_secs(10), Duration::from_secs(24 * 3600)),
            negative_ttl: (Duration::from_secs(5), Duration::from_secs(600)),
        }
    }
}

/// Fetches key records and remembers them, parsed. Clones share one cache; any number of threads may use it.
///
/// Several messages that need the same key at the same time ask once. Temporary failures are not remembered.
pub struct KeyFetcher<R> {
    resolver: Arc<R>,
    limits: Arc<KeyLimits>,
    cache: Cache<KeyName, Remembered>,
}

impl<R> Clone for KeyFetcher<R> {
    fn clone(&self) -> Self {
        Self { resolver: self.resolver.clone(), limits: self.limits.clone(), cache: self.cache.clone() }
    }
}

impl<R: Resolver> KeyFetcher<R> {
    /// A fetcher with an empty cache.
    pub fn new(resolver: R, limits: KeyLimits) -> Self {
        let cache = Cache::builder()
            .max_capacity(limits.cache_octets)
            .weigher(|_, remembered: &Remembered| remembered.weight)
            .expire_after(Lifetime)
            .build();
        Self { resolver: Arc::new(resolver), limits: Arc::new(limits), cache }
    }

    /// Asks for all `names` at once and waits for the slowest, at most [`KeyLimits::time`]. Has an answer for each.
    ///
    /// Needs a tokio runtime. Lookups under way end when the future is dropped.
    pub async fn fetch(&self, names: Vec<KeyName>) -> Keys {
        let unavailable = || Err(KeyError::Unavailable);
        let mut keys: Keys = names.iter().map(|name| (name.clone(), unavailable())).collect();
        let mut lookups = JoinSet::new();
        for name in names {
            let fetcher = self.clone();
            lookups.spawn(async move {
                let answer = fetcher.one(&name).await;
                (name, answer)
            });
        }
        let collect = async {
            while let Some(done) = lookups.join_next().await {
                // A lookup that panicked leaves its name unavailable.
                keys.extend(done.ok());
            }
        };
        // What is missing when the time is up stays unavailable.
        let _ = timeout(self.limits.time, collect).await;
        keys
    }

    async fn one(&self, name: &KeyName) -> KeyAnswer {
        let asked = self.cache.try_get_with_by_ref(name, self.ask(name)).await;
        asked.map_or_else(|error| Err(*error), |remembered| remembered.answer)
    }

    /// Asks DNS. An error is temporary; that there is no key is an answer.
    async fn ask(&self, name: &KeyName) -> Result<Remembered, KeyError> {
        match self.resolver.txt(&name.to_string()).await {
            Ok(answer) => Ok(self.read(answer)),
            // RFC 6376 section 6.1.2 makes a permanent failure of a query that fails "because the corresponding key
            // record does not exist", and a temporary one of a query that "fails to respond".
            Err(LookupError::NoName { ttl } | LookupError::NoData { ttl }) => Ok(self.no_key(ttl)),
            Err(LookupError::ServerFailure | LookupError::Timeout) => Err(KeyError::Unavailable),
        }
    }

    fn read(&self, answer: Answer<Vec<u8>>) -> Remembered {
        let mut octets = 0;
        let mut records = Vec::new();
        for txt in answer.records.iter().take(self.limits.max_records) {
            if octets + txt.len() <= self.limits.max_octets {
                octets += txt.len();
                records.push(KeyRecord::parse(txt));
            }
        }
        if records.is_empty() {
            return self.no_key(answer.ttl);
        }
        let (min, max) = self.limits.ttl;
        Remembered { answer: Ok(Arc::new(records)), ttl: answer.ttl.clamp(min, max), weight: weight(octets) }
    }

    fn no_key(&self, ttl: Duration) -> Remembered {
        let (min, max) = self.limits.negative_ttl;
        Remembered { answer: Err(KeyError::NotFound), ttl: ttl.clamp(min, max), weight: weight(0) }
    }
}

impl<R> std::fmt::Debug for KeyFetcher<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFetcher").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// An answer in the cache.
#[derive(Clone)]
struct Remembered {
    answer: KeyAnswer,
    ttl: Duration,
    weight: u32,
}

/// What an answer costs in memory, about: its name and place in the cache, and the parsed form of `octets` of records,
/// which is some times their text.
fn weight(octets: usize) -> u32 {
    u32::try_from(octets.saturating_mul(4).saturating_add(512)).unwrap_or(u32::MAX)
}

/// Lets each answer live for its own time.
struct Lifetime;

impl Expiry<KeyName, Remembered> for Lifetime {
    fn expire_after_create(&self, _: &KeyName, remembered: &Remembered, _: Instant) -> Option<Duration> {
        Some(remembered.ttl)
    }
}

#[cfg(test)]
mod tests;
