//! How does it run? Everything of an SMTP content filter that is not about the message: sockets, spool, configuration,
//! logs, signals, privileges. To this crate a message is bytes and a [`filter::Verdict`].

pub mod config;
pub mod filter;
#[doc(hidden)]
pub mod fuzz;
pub mod log;
pub mod network;
pub mod peer;
pub mod serve;
pub mod session;
pub mod spool;
pub mod start;
pub mod systemd;
