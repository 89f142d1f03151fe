//! Remembers answers: each for its own time, each question asked once however many wait for it.

use super::LookupError;
use moka::{Expiry, future::Cache};
use std::{
    future::Future,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// For how long an answer that is out of date stands in before DNS is asked again: "the failure recheck timer [...]
/// no more frequent than every 30 seconds" (RFC 8767 section 5).
const STALE_AGAIN: Duration = Duration::from_secs(30);

/// What one answer costs besides its own octets, as measured: its place in the cache and its name.
const OVERHEAD: usize = 480;

/// What is remembered, and how long.
#[derive(Debug, Clone)]
pub struct CacheLimits {
    /// Size, in octets, about.
    pub octets: u64,
    /// Bounds for how long an answer is remembered, whatever its TTL.
    pub ttl: (Duration, Duration),
    /// Bounds for how long it is remembered that there is nothing. Shorter: what was just published should soon work.
    pub negative_ttl: (Duration, Duration),
    /// How long after its end an answer stands in where DNS fails (RFC 8767). Zero: not at all.
    pub stale: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            octets: 16 * 1024 * 1024,
            ttl: (Duration::from_secs(10), Duration::from_secs(24 * 3600)),
            negative_ttl: (Duration::from_secs(5), Duration::from_secs(600)),
            stale: Duration::ZERO,
        }
    }
}

/// What became of questions since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Questions, whoever answered them.
    pub questions: u64,
    /// Of these, answered from memory, or by waiting for the answer to the same question of someone else.
    pub hits: u64,
    /// Of these, answered with what was out of date since DNS failed.
    pub stale: u64,
    /// Questions to DNS that failed: no answer in time, or a server's failure.
    pub failures: u64,
    /// Time spent on questions to DNS, each counted on its own.
    pub time: Duration,
}

impl std::ops::Add for Statistics {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            questions: self.questions + other.questions,
            hits: self.hits + other.hits,
            stale: self.stale + other.stale,
            failures: self.failures + other.failures,
            time: self.time + other.time,
        }
    }
}

/// An answer as it came.
pub(crate) struct Asked<V> {
    pub(crate) value: V,
    pub(crate) ttl: Duration,
    /// It says that there is nothing.
    pub(crate) is_negative: bool,
    /// What it takes in memory, about.
    pub(crate) octets: usize,
}

/// Clones share one memory.
pub(crate) struct LookupCache<K, V> {
    fresh: Cache<K, Entry<V>>,
    /// The same for longer, if answers may be out of date.
    stale: Option<Cache<K, Entry<V>>>,
    limits: Arc<CacheLimits>,
    counters: Arc<Counters>,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    ttl: Duration,
    weight: u32,
}

#[derive(Default)]
struct Counters {
    questions: AtomicU64,
    asked: AtomicU64,
    stale: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
}

impl<K, V> LookupCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let has_stale = !limits.stale.is_zero();
        // An answer that is in both counts twice, though it is there once.
        let octets = if has_stale { limits.octets / 2 } else { limits.octets };
        let cache = |extra| {
            Cache::builder()
                .max_capacity(octets)
                .weigher(|_, entry: &Entry<V>| entry.weight)
                .expire_after(Lifetime { extra })
                .build()
        };
        Self {
            fresh: cache(Duration::ZERO),
            stale: has_stale.then(|| cache(limits.stale)),
            limits: Arc::new(limits),
            counters: Arc::default(),
        }
    }

    /// The answer for `key`, remembered or asked for. A failure is told to all who wait, and not remembered.
    pub(crate) async fn get(
        &self,
        key: K,
        ask: impl Future<Output = Result<Asked<V>, LookupError>>,
    ) -> Result<V, LookupError> {
        self.counters.questions.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.fresh.get(&key).await {
            return Ok(entry.value);
        }
        let found = self.fresh.try_get_with_by_ref(&key, self.ask(&key, ask)).await;
        found.map(|entry| entry.value).map_err(|error| *error)
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { questions, asked, stale, failures, micros } = &*self.counters;
        // Read first, so that there are never more of them than questions.
        let asked = of(asked);
        let questions = of(questions);
        Statistics {
            questions,
            hits: questions.saturating_sub(asked),
            stale: of(stale),
            failures: of(failures),
            time: Duration::from_micros(of(micros)),
        }
    }

    async fn ask(
        &self,
        key: &K,
        ask: impl Future<Output = Result<Asked<V>, LookupError>>,
    ) -> Result<Entry<V>, LookupError> {
        let counters = &self.counters;
        counters.asked.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        let asked = ask.await;
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        counters.micros.fetch_add(micros, Ordering::Relaxed);
        match asked {
            Ok(asked) => Ok(self.remember(key, asked).await),
            Err(error) => {
                counters.failures.fetch_add(1, Ordering::Relaxed);
                self.stand_in(key).await.ok_or(error)
            }
        }
    }

    async fn remember(&self, key: &K, asked: Asked<V>) -> Entry<V> {
        let (min, max) = if asked.is_negative { self.limits.negative_ttl } else { self.limits.ttl };
        let weight = u32::try_from(asked.octets.saturating_add(OVERHEAD)).unwrap_or(u32::MAX);
        let entry = Entry { value: asked.value, ttl: asked.ttl.clamp(min, max), weight };
        if let Some(stale) = &self.stale {
            stale.insert(key.clone(), entry.clone()).await;
        }
        entry
    }

    async fn stand_in(&self, key: &K) -> Option<Entry<V>> {
        let entry = self.stale.as_ref()?.get(key).await?;
        self.counters.stale.fetch_add(1, Ordering::Relaxed);
        Some(Entry { ttl: STALE_AGAIN, ..entry })
    }
}

impl<K, V> Clone for LookupCache<K, V> {
    fn clone(&self) -> Self {
        Self {
            fresh: self.fresh.clone(),
            stale: self.stale.clone(),
            limits: self.limits.clone(),
            counters: self.counters.clone(),
        }
    }
}

/// Lets each answer live for its own time, and some more.
struct Lifetime {
    extra: Duration,
}

impl<K, V> Expiry<K, Entry<V>> for Lifetime {
    fn expire_after_create(&self, _: &K, entry: &Entry<V>, _: Instant) -> Option<Duration> {
        Some(entry.ttl.saturating_add(self.extra))
    }

    fn expire_after_update(&self, _: &K, entry: &Entry<V>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.ttl.saturating_add(self.extra))
    }
}

#[cfg(test)]
impl<K, V> LookupCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) async fn run_pending_tasks(&self) {
        self.fresh.run_pending_tasks().await;
    }

    pub(crate) fn weight(&self) -> u64 {
        self.fresh.weighted_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lifetimes_are_kept_within_bounds() {
        let cache: LookupCache<u8, ()> = LookupCache::new(CacheLimits::default());
        for (is_negative, ttl, expected) in [
            (false, 0, 10),
            (false, 300, 300),
            (false, 10_000_000, 24 * 3600),
            (true, 0, 5),
            (true, 300, 300),
            (true, 10_000_000, 600),
        ] {
            let asked = Asked { value: (), ttl: Duration::from_secs(ttl), is_negative, octets: 0 };
            assert_eq!(cache.remember(&0, asked).await.ttl.as_secs(), expected, "{is_negative} {ttl}");
        }
    }
}
