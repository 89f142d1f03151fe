//! Syslog: one datagram per line to a local socket (RFC 3164).

use super::Settings;
use jiff::{Timestamp, tz::TimeZone};
use std::{
    fmt::Write,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use tracing::Level;

/// The longest datagram; RFC 3164 section 4.1 asks for at most 1024 octets, which syslogds of today do not need. Theirs are
/// 8192 by default.
const LONGEST: usize = 8000;

/// A connection to syslog, made when it is needed and again when syslog was restarted.
#[derive(Debug)]
pub(super) struct Syslog {
    path: PathBuf,
    ident: String,
    facility: u8,
    /// Read once: a chroot may hide it.
    zone: TimeZone,
    socket: Mutex<Option<UnixDatagram>>,
}

impl Syslog {
    /// Syslog as the settings have it. Whether it is there shows with the first line; the connection is made now if it can
    /// be, as later a chroot may hide the socket.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            path: settings.socket.clone(),
            ident: settings.ident.clone(),
            facility: settings.facility,
            zone: TimeZone::system(),
            socket: Mutex::new(connect(&settings.socket)),
        }
    }

    /// True if this is what the settings want.
    pub(super) fn is(&self, settings: &Settings) -> bool {
        (&self.path, &self.ident, self.facility) == (&settings.socket, &settings.ident, settings.facility)
    }

    /// True if somebody takes lines there.
    pub(super) fn is_there(&self) -> bool {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Sends a line. A line that nobody takes is lost: mail must not wait for its log.
    pub(super) fn write(&self, level: Level, line: &str) {
        let datagram = self.datagram(level, line);
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if !send(socket.as_ref(), &datagram) {
            if let Some(fresh) = connect(&self.path) {
                *socket = Some(fresh);
            }
            send(socket.as_ref(), &datagram);
        }
    }

    /// `<22>Nov 22 03:20:26 dkimproxy.out[11893]: line`.
    fn datagram(&self, level: Level, line: &str) -> Vec<u8> {
        let mut text = format!("<{}>", u16::from(self.facility) * 8 + u16::from(severity(level)));
        // Local time: RFC 3164 section 4.1.2. A String takes all.
        let now = Timestamp::now().to_zoned(self.zone.clone()).strftime("%b %e %H:%M:%S");
        let _ = write!(text, "{now} {}[{}]: {line}", self.ident, std::process::id());
        let mut octets = text.into_bytes();
        octets.truncate(LONGEST);
        octets
    }
}

/// A socket that never waits.
fn connect(path: &Path) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(path).ok()?;
    Some(socket)
}

/// False if the line should be tried again on a new connection. A syslog that is there and cannot keep up is not asked
/// twice.
fn send(socket: Option<&UnixDatagram>, datagram: &[u8]) -> bool {
    match socket.map(|socket| socket.send(datagram)) {
        Some(Ok(_)) => true,
        Some(Err(error)) => error.kind() == std::io::ErrorKind::WouldBlock,
        None => false,
    }
}

/// RFC 3164 section 4.1.1.
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
