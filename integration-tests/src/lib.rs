//! What the tests of real processes share: starting the programs, a next hop and a client that do exactly what a test tells
//! them, a DNS server with a zone of the test's own, a private Postfix, foreign signers and verifiers.
//!
//! Everything listens on 127.0.0.1, lives in its own temporary folder and ends with the value that stands for it. Nothing
//! sleeps: each wait is for an event, with [`PATIENCE`] as its limit. Helpers panic with a message; that is the test failing.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub mod client;
pub mod daemon;
pub mod dns;
pub mod foreign;
pub mod keys;
pub mod messages;
pub mod ours;
pub mod perl;
pub mod postfix;
pub mod programs;
pub mod sink;
pub mod site;

/// How long to wait for something that must happen. Long: a slow machine is no mistake.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Locks what tests and their helpers share. A test that failed while it held the lock must not hide its own message.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
