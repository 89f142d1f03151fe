//! Talks to systemd: readiness, watchdog, passed sockets.
//!
//! Without systemd all of it does nothing.

use crate::serve::Listener;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::{env, io, sync::OnceLock, time::Duration};

/// True if systemd has passed sockets to this process (sd_listen_fds(3)).
pub fn has_sockets() -> bool {
    // Taking the sockets clears the environment, and a reload asks again.
    static PASSED: OnceLock<bool> = OnceLock::new();
    *PASSED.get_or_init(|| {
        let ours = env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
        ours && env::var("LISTEN_FDS").is_ok_and(|count| count.parse().is_ok_and(|count: u32| count > 0))
    })
}

/// The sockets that systemd has passed. To be called once.
///
/// # Errors
///
/// One of them is no listening TCP or unix stream socket.
pub fn sockets() -> io::Result<Vec<Listener>> {
    if !has_sockets() {
        return Ok(Vec::new());
    }
    let mut passed = ListenFd::from_env();
    (0..passed.len()).filter_map(|index| socket(&mut passed, index).transpose()).collect()
}

fn socket(passed: &mut ListenFd, index: usize) -> io::Result<Option<Listener>> {
    // What is no TCP socket stays there for the second try.
    if let Ok(socket) = passed.take_tcp_listener(index) {
        return Ok(socket.map(Listener::Tcp));
    }
    Ok(passed.take_unix_listener(index)?.map(Listener::Unix))
}

/// Start is over.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The end has begun; it may take this long.
pub fn stopping(limit: Duration) {
    let microseconds = u32::try_from(limit.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(microseconds)]);
}

/// We live.
pub fn watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// How often systemd wants to hear that: twice in its limit.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|interval| !interval.is_zero())
}

/// A systemd that does not listen is no reason to stop relaying mail.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("cannot notify systemd: {error}");
    }
}
