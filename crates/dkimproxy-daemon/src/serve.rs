//! Accepts connections, within limits, and drains them at the end.

mod settings;

use crate::filter::Filter;
use arc_swap::ArcSwap;
pub use settings::{Limits, Settings, Timeouts};
use std::{io, os::unix::net::UnixListener, sync::Arc};
use tokio::sync::watch;

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
}

impl<F> Shared<F> {
    /// To be given to [`serve`] in every worker thread.
    pub fn new(service: Service<F>) -> Self {
        Self { service: ArcSwap::from_pointee(service) }
    }

    /// Replaces settings and filter for all connections to come; those there are keep what they began with.
    pub fn replace(&self, service: Service<F>) {
        self.service.store(Arc::new(service));
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
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }
}

/// One worker thread: accepts connections and serves them until `stop` becomes true and the last of them has ended, or
/// [`Timeouts::drain`] is over.
///
/// Runs on a current-thread runtime, which is where all its sessions live and die; call it once per thread, each time
/// with clones of the same listeners.
///
/// # Errors
///
/// A listener cannot be registered with the runtime.
pub async fn serve<F: Filter>(
    listeners: Vec<Listener>,
    shared: Arc<Shared<F>>,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let _ = (listeners, shared, stop);
    todo!()
}
