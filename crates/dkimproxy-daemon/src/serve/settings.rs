//! What a session must know: where the relay is, limits, time limits, whom to believe.

use crate::{network::Networks, peer::Endpoint};
use dkimproxy_smtp::data::StrayNewlines;
use std::{path::PathBuf, time::Duration};

/// Settings of a daemon's SMTP side. A session keeps those it began with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where mail is passed on to.
    pub relay: Endpoint,
    /// Our own name, for the texts of our own replies.
    pub hostname: String,
    /// Limits in number and size.
    pub limits: Limits,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// Clients that may connect; empty: all. Clients on a unix socket always may (its file mode decides).
    pub allow: Networks,
    /// Clients that may not connect, even if `allow` names them.
    pub deny: Networks,
    /// Clients whose XFORWARD we believe, and to whom alone we announce it. Clients on a unix socket are always believed.
    pub xforward_hosts: Networks,
    /// What becomes of a bare CR or LF in mail data.
    pub stray_newlines: StrayNewlines,
    /// EHLO keywords that are not announced though the relay offers them and we could carry them. Case counts for nothing.
    pub discard_ehlo: Vec<String>,
    /// Where a message goes that outgrows [`Limits::spool_memory`]: an unlinked file in this folder.
    pub spool_dir: PathBuf,
}

impl Settings {
    /// Settings with default values for everything but the relay and our own name.
    pub fn new(relay: Endpoint, hostname: impl Into<String>) -> Self {
        Self {
            relay,
            hostname: hostname.into(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            allow: Networks::default(),
            deny: Networks::default(),
            xforward_hosts: Networks::loopback(),
            stray_newlines: StrayNewlines::Normalize,
            discard_ehlo: Vec::new(),
            spool_dir: std::env::temp_dir(),
        }
    }
}

/// Limits in number and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at a time, all threads together; further ones wait in the listen queue. Default 1000.
    pub connections: usize,
    /// Octets of a command line, CRLF included. RFC 5321 section 4.5.3.1.4 asks for 512 and what the extensions add;
    /// default 8192.
    pub line_length: usize,
    /// Octets of a message as received, dots decoded; None (the default): the relay's own limit decides.
    pub message_size: Option<u64>,
    /// Octets of a message that are kept in memory before it goes to a file. Default 256 KiB.
    pub spool_memory: usize,
    /// Recipients of a message; the next one hears 452. RFC 5321 section 4.5.3.1.10 asks for 100, the relay has its own
    /// limit; this one bounds the memory of a transaction. Default 10,000.
    pub recipients: usize,
    /// Commands that fail before a client is sent away with 421: unknown, malformed, out of sequence. Default 20.
    pub errors: u32,
    /// Transactions of one session before it is closed with 421. Default none: Postfix caches connections and limits
    /// their use itself.
    pub transactions: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            line_length: 8192,
            message_size: None,
            spool_memory: 256 << 10,
            recipients: 10_000,
            errors: 20,
            transactions: None,
        }
    }
}

/// Limits in time, per command and not per session (RFC 5321 section 4.5.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// To reach the relay. Default 30 s: Postfix before us waits 100 s in all (smtpd_proxy_timeout).
    pub connect: Duration,
    /// For the relay's banner and its reply to any command. RFC 5321 sections 4.5.3.2.1 to 4.5.3.2.4; default 300 s.
    pub relay_command: Duration,
    /// For the relay to take each piece of mail data. RFC 5321 section 4.5.3.2.5; default 180 s.
    pub relay_data: Duration,
    /// For the relay's reply to the end of data. RFC 5321 section 4.5.3.2.6; default 600 s.
    pub relay_end_of_data: Duration,
    /// For the client's next command, and for the client to take a reply. RFC 5321 section 4.5.3.2.7; default 300 s.
    pub client_command: Duration,
    /// For each piece of the client's mail data. RFC 5321 section 4.5.3.2.5; default 180 s.
    pub client_data: Duration,
    /// For transactions to finish after the daemon was told to stop. Default 30 s.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            relay_command: Duration::from_secs(300),
            relay_data: Duration::from_secs(180),
            relay_end_of_data: Duration::from_secs(600),
            client_command: Duration::from_secs(300),
            client_data: Duration::from_secs(180),
            drain: Duration::from_secs(30),
        }
    }
}
