//! How a connection may end, other than politely.

use std::{
    io::Read,
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

/// Longer than the time limits of the daemons under test, some of them.
pub(crate) const STALL: Duration = Duration::from_millis(2500);

/// FIN, both ways.
pub(crate) fn close(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}

/// RST, when the stream is dropped.
pub(crate) fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

/// FIN of our half.
pub(crate) fn half_close(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
}

/// Says nothing and reads what comes, for a while or until the peer has closed.
pub(crate) fn stall(mut stream: &TcpStream) {
    let end = Instant::now() + STALL;
    let mut octets = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        if !matches!(stream.read(&mut octets), Ok(1..)) {
            return;
        }
    }
}
