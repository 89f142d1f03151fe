//! What a filter is: it sees a message as chunks and says what the session shall do with it.

pub use dkimproxy_smtp::{reply::Reply, transaction::Transaction};
use std::{future::Future, net::IpAddr, ops::Range, sync::Arc};

/// Who is connected to us (not the original client, which is [`Transaction::original_client`]).
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Address of the TCP peer; None on a unix socket.
    pub addr: Option<IpAddr>,
    /// Argument of its EHLO or HELO, printable ASCII only.
    pub helo: String,
}

/// What is changed in a message on its way: octets put before it, octets left out of it. Nothing else can be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Whole header fields, each ending in CRLF, to stand before the first octet.
    pub prepend: Vec<u8>,
    /// Ranges of the message as received (dots decoded, line ends normalized), in octets, ascending and disjoint.
    pub cut: Vec<Range<u64>>,
}

/// What the session shall do with the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on to the relay with these edits.
    Relay(Edits),
    /// Answer the end of data with this reply (4xx or 5xx); the relay sees RSET, the session lives on.
    Refuse(Reply),
}

/// A verdict and what the log shall say about it. The session adds reply, time and envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// Head of the log line: `DKIM signing - signed`.
    pub summary: String,
    /// Further `name=value` pairs, raw: the log escapes them.
    pub fields: Vec<(&'static str, String)>,
    /// True if an administrator should look (logged as a warning).
    pub warn: bool,
}

/// Sees all messages of a daemon. Shared by all threads.
pub trait Filter: Send + Sync + 'static {
    /// Sees one message.
    type Message: MessageFilter;

    /// A message begins: DATA was accepted.
    fn begin(self: &Arc<Self>, client: &Client, transaction: &Transaction) -> Self::Message;

    /// What an administrator should be told about what was loaded, though it is no mistake; said at start, at a reload and
    /// by `check`.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// What was loaded, a line each, for `check`: `sender_map: 3 rules`.
    fn describe(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Sees one message. Lives on one thread; where the chunks are cut must change no output.
pub trait MessageFilter: 'static {
    /// The next octets of the message, dots decoded, line ends as they will be relayed.
    fn chunk(&mut self, chunk: &[u8]);

    /// The message is complete.
    fn finish(self) -> impl Future<Output = Decision>;
}
