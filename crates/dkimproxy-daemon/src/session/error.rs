//! Why a session ends before its QUIT, and what the client is told.

use super::relay::{RelayError, text};
use crate::peer::PeerError;
use dkimproxy_smtp::reply::{Reply, Standard};
use std::io;
use thiserror::Error;

/// Why a session ends before its QUIT.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The client: gone, silent for too long, or the connection broke.
    #[error("client: {0}")]
    Client(PeerError),
    /// The client made more mistakes than [`Limits::errors`](crate::serve::Limits::errors).
    #[error("client: too many errors")]
    TooManyErrors,
    /// The client may not connect.
    #[error("client: not allowed to connect")]
    AccessDenied,
    /// [`Limits::transactions`](crate::serve::Limits::transactions) is reached.
    #[error("as many transactions as one session may have")]
    TooManyTransactions,
    /// The daemon was told to stop.
    #[error("the daemon stops")]
    Stopping,
    /// The relay cannot be reached.
    #[error("relay: cannot connect: {0}")]
    Unreachable(io::Error),
    /// The relay is this very daemon.
    #[error("relay: leads back to this daemon; relay and listen must not be the same address")]
    Loop,
    /// The relay does not want to talk to us: its greeting was no 2xx.
    #[error("relay: refused the connection: {}", text(.0))]
    Refused(Reply),
    /// The connection to the relay is of no use any more.
    #[error("relay: {0}")]
    Relay(#[from] RelayError),
}

impl SessionError {
    /// The client's last reply, if one is due.
    pub fn reply(&self) -> Option<Reply> {
        let occasion = match self {
            Self::Client(PeerError::Closed | PeerError::Io(_)) => return None,
            Self::Client(PeerError::Timeout) => Standard::Timeout,
            Self::TooManyErrors => Standard::TooManyErrors,
            Self::AccessDenied => Standard::AccessDenied,
            // RFC 5321 section 3.8 gives 421 for any shut-down; this one is planned.
            Self::TooManyTransactions | Self::Stopping => Standard::ShuttingDown,
            Self::Unreachable(_) => Standard::NextHopDown,
            Self::Loop => Standard::Loop,
            Self::Refused(reply) | Self::Relay(RelayError::Closing(reply)) => return Some(reply.clone()),
            Self::Relay(
                RelayError::Peer(_)
                | RelayError::Early(_)
                | RelayError::Garbled(_)
                | RelayError::Unexpected(_)
                | RelayError::Message(_),
            ) => Standard::NextHopDown,
        };
        Some(occasion.into())
    }

    /// True if an administrator should look.
    pub(crate) fn is_trouble(&self) -> bool {
        match self {
            Self::Client(_) | Self::TooManyTransactions | Self::Stopping => false,
            Self::TooManyErrors | Self::AccessDenied | Self::Unreachable(_) | Self::Loop => true,
            Self::Refused(_) | Self::Relay(_) => true,
        }
    }
}

impl RelayError {
    /// The reply to the end of data of the message that was on its way. Never 2xx: the relay gave none.
    pub(super) fn end_of_data_reply(&self) -> Reply {
        match self {
            Self::Closing(reply) | Self::Early(reply) => reply.clone(),
            Self::Peer(PeerError::Timeout) => Standard::RelayTimeout.into(),
            Self::Peer(PeerError::Closed | PeerError::Io(_)) => Standard::RelayLost.into(),
            Self::Garbled(_) | Self::Unexpected(_) => Standard::RelayGarbled.into(),
            Self::Message(_) => Standard::LocalTrouble.into(),
        }
    }
}
