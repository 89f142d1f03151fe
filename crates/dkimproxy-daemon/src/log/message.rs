//! The one line per message.

use crate::filter::{Client, Decision, Reply, Transaction};
use std::time::Duration;

/// What became of a message.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Who brought it.
    pub client: &'a Client,
    /// Its envelope.
    pub transaction: &'a Transaction,
    /// The answer to its end of data.
    pub reply: &'a Reply,
    /// True if the reply is the relay's, false if it is our own.
    pub relayed: bool,
    /// Octets as received, dots decoded.
    pub size: u64,
    /// From the DATA command to the reply.
    pub elapsed: Duration,
}

/// Logs what became of a message: one line.
pub fn message(decision: &Decision, delivery: &Delivery<'_>) {
    let _ = (decision, delivery);
    todo!()
}
