//! Fetches the key records that a verifier asks for: all at once, within one time limit, each name asked once.

use crate::dns::{Answer, Asked, CacheLimits, LookupCache, LookupError, Resolver, Statistics};
use dkimproxy_core::key::{KeyAnswer, KeyError, KeyName, KeyRecord, Keys};
use std::{sync::Arc, time::Duration};
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
    /// What is remembered.
    pub cache: CacheLimits,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(20), max_records: 10, max_octets: 16 * 1024, cache: CacheLimits::default() }
    }
}

/// Fetches key records and remembers them, parsed. Clones share one cache; any number of threads may use it.
///
/// Several messages that need the same key at the same time ask once. Temporary failures are not remembered.
pub struct KeyFetcher<R> {
    resolver: Arc<R>,
    limits: Arc<KeyLimits>,
    cache: LookupCache<KeyName, KeyAnswer>,
}

impl<R> Clone for KeyFetcher<R> {
    fn clone(&self) -> Self {
        Self { resolver: self.resolver.clone(), limits: self.limits.clone(), cache: self.cache.clone() }
    }
}

impl<R: Resolver> KeyFetcher<R> {
    /// A fetcher with an empty cache.
    pub fn new(resolver: R, limits: KeyLimits) -> Self {
        let cache = LookupCache::new(limits.cache.clone());
        Self { resolver: Arc::new(resolver), limits: Arc::new(limits), cache }
    }

    /// What became of the questions.
    pub fn statistics(&self) -> Statistics {
        self.cache.statistics()
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
        // Whatever it is that failed, the verifier may not take it for the last word.
        self.cache.get(name.clone(), self.ask(name)).await.unwrap_or(Err(KeyError::Unavailable))
    }

    /// Asks DNS. An error is temporary; that there is no key is an answer.
    async fn ask(&self, name: &KeyName) -> Result<Asked<KeyAnswer>, LookupError> {
        match self.resolver.txt(&name.to_string()).await {
            Ok(answer) => Ok(self.read(answer)),
            // RFC 6376 section 6.1.2 makes a permanent failure of a query that fails "because the corresponding key
            // record does not exist", and a temporary one of a query that "fails to respond".
            Err(LookupError::NoName { ttl } | LookupError::NoData { ttl }) => Ok(no_key(ttl)),
            Err(failure @ (LookupError::ServerFailure | LookupError::Timeout)) => Err(failure),
        }
    }

    fn read(&self, answer: Answer<Vec<u8>>) -> Asked<KeyAnswer> {
        let mut octets = 0;
        let mut records = Vec::new();
        for txt in answer.records.iter().take(self.limits.max_records) {
            if octets + txt.len() <= self.limits.max_octets {
                octets += txt.len();
                records.push(KeyRecord::parse(txt));
            }
        }
        if records.is_empty() {
            return no_key(answer.ttl);
        }
        // The parsed form of a record takes some times the room of its text, as measured.
        Asked { value: Ok(Arc::new(records)), ttl: answer.ttl, is_negative: false, octets: octets.saturating_mul(3) }
    }
}

fn no_key(ttl: Duration) -> Asked<KeyAnswer> {
    Asked { value: Err(KeyError::NotFound), ttl, is_negative: true, octets: 0 }
}

impl<R> std::fmt::Debug for KeyFetcher<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFetcher").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
