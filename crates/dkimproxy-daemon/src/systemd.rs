//! Talks to systemd: readiness, watchdog, passed sockets.
