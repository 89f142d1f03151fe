//! Opens the doors.

use super::{Identity, StartError};
use crate::{config::value::Reason, peer::Endpoint, serve::Listener};
use std::{
    fs, io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

/// The listeners, and the files of those that have one. The files are removed with this value.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listeners: Vec<Listener>,
    files: Vec<PathBuf>,
}

impl Bound {
    /// Listens on all endpoints, and takes over the sockets `passed` by systemd.
    pub(super) fn bind(
        passed: Vec<Listener>,
        endpoints: &[Endpoint],
        socket_mode: u32,
        identity: &Identity,
    ) -> Result<Self, StartError> {
        let mut bound = Self { listeners: passed, files: Vec::new() };
        for endpoint in endpoints {
            let refused = |error: io::Error| StartError::Bind(endpoint.clone(), explain(endpoint, &error));
            match endpoint {
                Endpoint::Tcp { host, port } => bound.listeners.extend(tcp(host, *port).map_err(refused)?),
                Endpoint::Unix(path) => {
                    bound.listeners.push(unix(path, socket_mode, identity).map_err(refused)?);
                    bound.files.push(path.clone());
                }
            }
        }
        for listener in &bound.listeners {
            nonblocking(listener).map_err(StartError::Runtime)?;
        }
        Ok(bound)
    }

    /// Other handles on the same listeners.
    pub(super) fn try_clone(&self) -> io::Result<Vec<Listener>> {
        self.listeners.iter().map(Listener::try_clone).collect()
    }

    /// Where we really listen: with the port that the system chose, if it was to.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        self.listeners.iter().map(address)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file); // after the change of user this may be forbidden; the next start removes it
        }
    }
}

fn address(listener: &Listener) -> String {
    match listener {
        Listener::Tcp(listener) => listener.local_addr().map_or_else(|_| "?".to_owned(), |addr| addr.to_string()),
        Listener::Unix(listener) => {
            let path =
                listener.local_addr().ok().and_then(|addr| addr.as_pathname().map(|path| path.display().to_string()));
            format!("unix:{}", path.unwrap_or_default())
        }
    }
}

fn nonblocking(listener: &Listener) -> io::Result<()> {
    match listener {
        Listener::Tcp(listener) => listener.set_nonblocking(true),
        Listener::Unix(listener) => listener.set_nonblocking(true),
    }
}

/// A name can have several addresses, `localhost` above all: we listen on every one that this host has.
fn tcp(host: &str, port: u16) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut addrs: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    addrs.sort_by_key(SocketAddr::is_ipv6);
    addrs.dedup();
    for addr in addrs {
        match TcpListener::bind(addr) {
            Ok(listener) => listeners.push(Listener::Tcp(listener)),
            Err(error) if is_absent(&error) => failure = error,
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() { Err(failure) } else { Ok(listeners) }
}

/// True if this host has no such address, or does not speak IPv6 at all.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn unix(path: &Path, mode: u32, identity: &Identity) -> io::Result<Listener> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    identity.give(path)?;
    Ok(Listener::Unix(listener))
}

/// Removes a socket that nobody listens on any more. Anything else at its place stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket());
    match UnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Ok(()),
    }
}

/// The system's word, and what to do about it.
fn explain(endpoint: &Endpoint, error: &io::Error) -> String {
    let reason = Reason(error);
    match (error.kind(), endpoint) {
        (io::ErrorKind::AddrInUse, _) => format!("{reason}; another program, or another of ours, listens there"),
        (io::ErrorKind::PermissionDenied, Endpoint::Tcp { port: 1..=1023, .. }) => {
            format!("{reason}; ports below 1024 are for root (or CAP_NET_BIND_SERVICE)")
        }
        (io::ErrorKind::AddrNotAvailable, _) => format!("{reason}; no network interface of this host has it"),
        _ => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Result<Bound, String> {
        let endpoint = Endpoint::parse(text, None).unwrap();
        Bound::bind(Vec::new(), std::slice::from_ref(&endpoint), 0o620, &Identity::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_port_that_the_system_chose_is_told() {
        let bound = bind("127.0.0.1:0").unwrap();
        let addr: SocketAddr = bound.addresses().next().unwrap().parse().unwrap();
        assert_ne!(addr.port(), 0);
        let message = bind(&addr.to_string()).unwrap_err();
        let expected =
            format!("cannot listen on {addr}: Address in use; another program, or another of ours, listens there");
        assert_eq!(message.replace("Address already in use", "Address in use"), expected);
        assert_eq!(bound.try_clone().unwrap().len(), 1);
    }

    #[test]
    fn an_address_of_another_host_is_refused() {
        assert!(bind("192.0.2.1:0").unwrap_err().ends_with("; no network interface of this host has it"));
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let endpoint = format!("unix:{}", path.display());
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let bound = bind(&endpoint).unwrap();
        assert_eq!(bound.addresses().next().as_ref(), Some(&endpoint));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o620);
        assert!(bind(&endpoint).unwrap_err().contains("another program"));
        drop(bound);
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        assert!(bind(&endpoint).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
