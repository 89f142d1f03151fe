//! One listening socket on one thread: accepts, and sets up sessions.

use super::{
    Settings, Shared,
    connections::{Link, OwnLinks, Slot},
};
use crate::{
    filter::Filter,
    peer::{Endpoint, Stream},
    session::{self, SessionError},
};
use std::{
    cell::OnceCell,
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// A listening socket, registered with the thread's runtime.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Who came, and by which door.
#[derive(Debug, Clone)]
enum Origin {
    Tcp { client: SocketAddr, local: SocketAddr },
    Unix { local: Option<PathBuf> },
}

impl Listener {
    pub(super) fn register(listener: super::Listener) -> io::Result<Self> {
        Ok(match listener {
            super::Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Self::Tcp(TcpListener::from_std(listener)?)
            }
            super::Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Self::Unix(UnixListener::from_std(listener)?)
            }
        })
    }

    async fn accept(&self) -> io::Result<(Stream, Origin)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                let local = stream.local_addr()?;
                Ok((stream.try_into()?, Origin::Tcp { client, local }))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let local = stream.local_addr()?.as_pathname().map(PathBuf::from);
                Ok((Stream::Unix(stream), Origin::Unix { local }))
            }
        }
    }
}

/// Accepts connections until `stop`, and serves each in a task of its own. Returns the tasks; who drops them ends them.
pub(super) async fn accept<F: Filter>(
    listener: Listener,
    shared: Arc<Shared<F>>,
    mut stop: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut sessions = JoinSet::new();
    let stopped = stop.clone();
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, origin)) => {
                    // Only now: a socket that nobody connects to must not keep a place from the others. One connection
                    // per accept loop waits here, the rest in the listen queue.
                    let slot = shared.connections.slot(|| shared.service.load().settings.limits.connections).await;
                    // Those that have ended need not be waited for, and there are never more of them than once were open.
                    while sessions.try_join_next().is_some() {}
                    sessions.spawn_local(serve_one(stream, origin, slot, shared.clone(), stopped.clone()));
                }
                Err(error) => recover(&error).await,
            }
        }
    };
    tokio::select! {
        biased;
        _ = stop.wait_for(|&stop| stop) => {}
        () = accepting => {}
    }
    sessions
}

/// After an accept that failed: most reasons are the connection's own. If there is no room for a further one (file
/// descriptors, memory), trying again at once would only keep the processor from those who give some back.
async fn recover(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected, WouldBlock};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | NotConnected | WouldBlock) {
        return;
    }
    tracing::warn!("cannot accept a connection: {error}");
    sleep(PAUSE).await;
}

const PAUSE: Duration = Duration::from_secs(1);

/// One connection from its first to its last octet. It keeps its slot and the settings it began with.
async fn serve_one<F: Filter>(
    stream: Stream,
    origin: Origin,
    _slot: Slot,
    shared: Arc<Shared<F>>,
    stop: watch::Receiver<bool>,
) {
    let service = shared.service();
    let settings = &service.settings;
    let link = OnceCell::new();
    let connect = async {
        origin.admit(settings, &shared.own_links)?;
        let relay = Stream::connect(&settings.relay).await.map_err(SessionError::Unreachable)?;
        if let Some(ends) = ends(&relay) {
            let _ = link.set(shared.own_links.add(ends));
        }
        // Again: our own connection may have been accepted before it was written down.
        origin.admit(settings, &shared.own_links)?;
        Ok(relay)
    };
    let end = session::run(stream, origin.addr(), connect, &service, stop).await;
    if let Err(error) = end {
        report(&error, &origin, settings);
    }
}

/// Both ends of a connection to the relay.
fn ends(relay: &Stream) -> Option<Link> {
    match relay {
        Stream::Tcp(stream) => Some(Link::new(stream.local_addr().ok()?, stream.peer_addr().ok()?)),
        Stream::Unix(_) => None,
    }
}

fn report(error: &SessionError, origin: &Origin, settings: &Settings) {
    let client = origin.to_string();
    let relay = &settings.relay;
    if error.is_trouble() {
        tracing::warn!(%client, %relay, "session ended: {error}");
    } else {
        tracing::debug!(%client, %relay, "session ended: {error}");
    }
}

impl Origin {
    /// The client's address; None on a unix socket.
    fn addr(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp { client, .. } => Some(client.ip().to_canonical()),
            Self::Unix { .. } => None,
        }
    }

    /// Looks whether this client may come in.
    fn admit(&self, settings: &Settings, own_links: &OwnLinks) -> Result<(), SessionError> {
        if self.is_ourselves(settings, own_links) {
            return Err(SessionError::Loop);
        }
        let Some(addr) = self.addr() else { return Ok(()) };
        let allowed = settings.allow.is_empty() || settings.allow.contains(addr);
        if !allowed || settings.deny.contains(addr) {
            return Err(SessionError::AccessDenied);
        }
        Ok(())
    }

    fn is_ourselves(&self, settings: &Settings, own_links: &OwnLinks) -> bool {
        match (self, &settings.relay) {
            (Self::Tcp { client, local }, Endpoint::Tcp { .. }) => own_links.contains(&Link::new(*client, *local)),
            (Self::Unix { local: Some(local) }, Endpoint::Unix(relay)) => local == relay,
            (Self::Unix { .. }, _) | (_, Endpoint::Unix(_)) => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { client, .. } => write!(f, "{client}"),
            Self::Unix { .. } => f.write_str("unix"),
        }
    }
}
