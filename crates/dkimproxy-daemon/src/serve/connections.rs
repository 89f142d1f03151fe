//! What all threads know of the connections: how many there are, and which of them lead to ourselves.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// Counts connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: AtomicUsize,
    changed: Notify,
}

/// One connection that counts, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Connections>);

impl Connections {
    /// A place for one more connection, once there are fewer than `limit`.
    pub(super) async fn slot(self: &Arc<Self>, limit: impl Fn() -> usize) -> Slot {
        loop {
            let changed = self.changed.notified();
            let one_more = |open| (open < limit()).then_some(open + 1);
            if self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok() {
                return Slot(self.clone());
            }
            changed.await;
        }
    }

    /// Those who wait shall look again.
    pub(super) fn limit_changed(&self) {
        self.changed.notify_waiters();
    }

    pub(super) fn count(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        // All, not one: a thread that was woken may be about to stop.
        self.0.changed.notify_waiters();
    }
}

/// Both ends of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Link {
    from: SocketAddr,
    to: SocketAddr,
}

impl Link {
    pub(super) fn new(from: SocketAddr, to: SocketAddr) -> Self {
        Self { from: canonical(from), to: canonical(to) }
    }
}

/// An IPv4 address, however a listener for both families sees it.
fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// The connections that we have made to the relay. A client whose connection is among them is ourselves (RFC 5321
/// section 6.3: "servers MUST contain provisions for detecting and stopping trivial loops").
///
/// Nothing that SMTP says would do: whoever passes the relay's banner on waits for itself before it says a word. And
/// nothing less than both ends: systems give the same local port to connections with different destinations.
#[derive(Debug, Default)]
pub(super) struct OwnLinks(Mutex<HashSet<Link>>);

/// One connection to the relay, known until it is dropped.
#[derive(Debug)]
pub(super) struct OwnLink<'a> {
    all: &'a OwnLinks,
    link: Link,
}

impl OwnLinks {
    pub(super) fn add(&self, link: Link) -> OwnLink<'_> {
        self.lock().insert(link);
        OwnLink { all: self, link }
    }

    pub(super) fn contains(&self, link: &Link) -> bool {
        self.lock().contains(link)
    }

    /// A set cannot be left half changed by a panic.
    fn lock(&self) -> MutexGuard<'_, HashSet<Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OwnLink<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(&self.link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, sync::atomic::AtomicUsize};
    use tokio::{select, task::yield_now};

    #[tokio::test]
    async fn no_more_connections_than_the_limit() {
        let connections = Arc::new(Connections::default());
        let limit = AtomicUsize::new(1);
        let slot = || connections.slot(|| limit.load(Ordering::Relaxed));
        let first = slot().await;
        let mut second = pin!(slot());
        select! {
            biased;
            _ = &mut second => panic!("two connections with a limit of one"),
            () = yield_now() => {}
        }
        drop(first);
        let _second = second.await;
        let mut third = pin!(slot());
        select! {
            biased;
            _ = &mut third => panic!("two connections with a limit of one"),
            () = yield_now() => {}
        }
        limit.store(2, Ordering::Relaxed);
        connections.limit_changed();
        let _third = third.await;
        assert_eq!(connections.count(), 2);
    }

    #[test]
    fn a_link_is_known_as_long_as_it_lasts() {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let links = OwnLinks::default();
        let link = links.add(Link::new(addr("127.0.0.1:40000"), addr("127.0.0.1:25")));
        assert!(links.contains(&Link::new(addr("[::ffff:127.0.0.1]:40000"), addr("127.0.0.1:25"))));
        assert!(!links.contains(&Link::new(addr("127.0.0.1:40000"), addr("127.0.0.1:26"))));
        drop(link);
        assert!(!links.contains(&Link::new(addr("127.0.0.1:40000"), addr("127.0.0.1:25"))));
    }
}
