//! Accepts connections, within limits, and drains them at the end.
//!
//! One current-thread runtime per core, each with its own [`serve`] on clones of the same listening sockets: a session
//! lives and dies on one thread, and what sessions share is in [`Shared`].

mod accept;
mod connections;
mod settings;

pub use settings::{Limits, Settings, Timeouts};

use crate::filter::Filter;
use arc_swap::ArcSwap;
use connections::{Connections, OwnLinks};
use std::{io, os::unix::net::UnixListener, sync::Arc};
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// What a daemon does with mail: settings and filter, replaced together.
#[derive(Debug)]
pub struct Service<F> {
    /// The SMTP side.
    pub settings: Settings,
    /// The message side.
    pub filter: Arc<F>,
}

/// What the worker threads of a daemon share.
#[derive(Debug)]
pub struct Shared<F> {
    service: ArcSwap<Service<F>>,
    connections: Arc<Connections>,
    own_links: OwnLinks,
}

impl<F> Shared<F> {
    /// To be given to [`serve`] in every worker thread.
    pub fn new(service: Service<F>) -> Self {
        Self { service: ArcSwap::from_pointee(service), connections: Arc::default(), own_links: OwnLinks::default() }
    }

    /// Replaces settings and filter for all connections to come; those there are keep what they began with.
    pub fn replace(&self, service: Service<F>) {
        self.service.store(Arc::new(service));
        self.connections.limit_changed();
    }

    /// What new connections are served with.
    pub fn service(&self) -> Arc<Service<F>> {
        self.service.load_full()
    }

    /// Connections that are served now, all threads together.
    pub fn connections(&self) -> usize {
        self.connections.count()
    }
}

/// A bound and listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// A unix stream socket.
    Unix(UnixListener),
}

impl Listener {
    /// Another handle on the same listen queue, for another worker thread.
    ///
    /// # Errors
    ///
    /// No more file descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }
}

/// One worker thread: accepts connections and serves them until `stop` becomes true (or its sender is gone) and the last
/// of them has ended, or [`Timeouts::drain`] is over. What is then left is cut off: no client was told that its message
/// has arrived.
///
/// Runs on a [`LocalRuntime`](tokio::runtime::LocalRuntime), which is where all its sessions live and die; call it once per
/// thread, each time with clones of the same listeners. (A `LocalSet` on another runtime would do the same at three more
/// system calls per message: it is woken through the runtime's event descriptor.)
///
/// # Errors
///
/// A listener cannot be registered with the runtime.
///
/// # Panics
///
/// On a runtime of another kind.
pub async fn serve<F: Filter>(
    listeners: Vec<Listener>,
    shared: Arc<Shared<F>>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let listener = accept::Listener::register(listener)?;
        accepting.spawn_local(accept::accept(listener, shared.clone(), stop.clone()));
    }
    // An error means that nobody is left who could say stop: no reason to go on.
    let _ = stop.wait_for(|&stop| stop).await;
    let drain = shared.service().settings.timeouts.drain;
    let ended = async {
        while let Some(sessions) = accepting.join_next().await {
            // A panic has been reported where it happened.
            if let Ok(mut sessions) = sessions {
                while sessions.join_next().await.is_some() {}
            }
        }
    };
    if timeout(drain, ended).await.is_err() {
        tracing::warn!(connections = shared.connections(), "stopping: some sessions did not end in time");
    }
    Ok(())
}
