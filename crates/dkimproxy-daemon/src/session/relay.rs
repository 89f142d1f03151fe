//! The relay's side of a session: commands and mail data go out, replies come in, matched by order.

use super::data::Outcome;
use crate::{
    log::escape,
    peer::{LARGE, Peer, PeerError, SMALL},
    serve::Timeouts,
    spool::Pieces,
};
use dkimproxy_smtp::{
    command::Command,
    data::DataEncoder,
    extension::Extensions,
    reply::{Class, Reply, ReplyError, ReplyReader},
};
use std::{fmt::Display, io, time::Duration};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

/// Why the connection to the relay is of no use any more.
#[derive(Debug, Error)]
pub enum RelayError {
    /// Gone, silent for too long, or the connection broke.
    #[error("{0}")]
    Peer(#[from] PeerError),
    /// It answered 421: it will close the connection (RFC 5321 section 3.8).
    #[error("closes the connection: {}", text(.0))]
    Closing(Reply),
    /// It refused the message before it had all of it.
    #[error("refused a message before its end: {}", text(.0))]
    Early(Reply),
    /// What it sent is no reply.
    #[error("{0}")]
    Garbled(#[from] ReplyError),
    /// It sent a reply that cannot be one to what it was sent.
    #[error("unexpected reply {0}")]
    Unexpected(u16),
    /// The message could not be read back while it was being sent.
    #[error("spool: {0}")]
    Message(io::Error),
}

/// The connection to the relay.
#[derive(Debug)]
pub(super) struct Relay<S> {
    peer: Peer<S>,
    replies: ReplyReader,
    timeouts: Timeouts,
    /// What it announced in reply to the last EHLO.
    pub(super) extensions: Extensions,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Relay<S> {
    pub(super) fn new(stream: S, timeouts: Timeouts) -> Self {
        Self { peer: Peer::new(stream), replies: ReplyReader::new(), timeouts, extensions: Extensions::default() }
    }

    /// A command, to be sent with the next wait for a reply.
    pub(super) fn queue_command(&mut self, command: &Command) {
        command.put(&mut self.peer.output);
    }

    /// Sends one command line (CRLF included) and waits for the reply.
    pub(super) async fn ask(&mut self, line: &[u8]) -> Result<Reply, RelayError> {
        self.peer.output.extend_from_slice(line);
        self.reply().await
    }

    /// The reply to the next command that has none yet. Cancel safe.
    pub(super) async fn reply(&mut self) -> Result<Reply, RelayError> {
        final_reply(self.any_reply(self.timeouts.relay_command).await?)
    }

    /// QUIT and the reply to it; it need not come, and is not waited for as long as others.
    pub(super) async fn quit(&mut self) -> Result<Reply, RelayError> {
        self.peer.output.extend_from_slice(b"QUIT\r\n");
        self.any_reply(self.timeouts.relay_command.min(QUIT_LIMIT)).await
    }

    /// Sends a message: DATA, `prepend`, `pieces`, end of data; waits for what the relay says to it.
    pub(super) async fn send(&mut self, prepend: &[u8], pieces: Pieces) -> Outcome {
        match self.offer_data().await {
            Ok(None) => match self.mail_data(prepend, pieces).await {
                Ok(reply) => Outcome::Answered(reply),
                Err(error) => Outcome::Lost(error),
            },
            Ok(Some(refusal)) => Outcome::Declined(refusal),
            Err(error) => Outcome::Lost(error),
        }
    }

    /// DATA. None: the relay said 354.
    async fn offer_data(&mut self) -> Result<Option<Reply>, RelayError> {
        self.peer.output.extend_from_slice(b"DATA\r\n");
        let reply = self.any_reply(self.timeouts.relay_command).await?;
        match reply.class() {
            Class::Intermediate => Ok(None),
            Class::Transient | Class::Permanent => Ok(Some(reply)),
            Class::Positive => Err(RelayError::Unexpected(reply.code())),
        }
    }

    /// Mail data, after the relay said 354, and its reply to them.
    async fn mail_data(&mut self, prepend: &[u8], mut pieces: Pieces) -> Result<Reply, RelayError> {
        self.no_early_reply()?; // it may have come with the 354
        let mut encoder = DataEncoder::new();
        encoder.encode(prepend, |octets| self.peer.output.extend_from_slice(octets));
        while let Some(piece) = pieces.next_piece().map_err(RelayError::Message)? {
            encoder.encode(piece, |octets| self.peer.output.extend_from_slice(octets));
            while self.peer.output.len() >= LARGE {
                self.peer.turn(SMALL, self.timeouts.relay_data).await?;
                self.no_early_reply()?;
            }
        }
        self.peer.output.extend_from_slice(encoder.finish());
        loop {
            self.peer.turn(SMALL, self.timeouts.relay_data).await?;
            if self.peer.output.is_empty() {
                break;
            }
            self.no_early_reply()?;
        }
        self.peer.shrink();
        final_reply(self.any_reply(self.timeouts.relay_end_of_data).await?)
    }

    /// A reply before the end of data cannot be one to the message; what the relay makes of the rest nobody knows, so
    /// the connection is given up, without the end of data.
    fn no_early_reply(&mut self) -> Result<(), RelayError> {
        match self.next_reply()? {
            None => Ok(()),
            Some(reply) if matches!(reply.class(), Class::Transient | Class::Permanent) => {
                Err(RelayError::Early(reply))
            }
            Some(reply) => Err(RelayError::Unexpected(reply.code())),
        }
    }

    /// Closes the connection, now that it is of no use any more. What was not yet sent never will be.
    pub(super) async fn hang_up(&mut self) {
        self.peer.hang_up().await;
    }

    /// Waits for what nobody asked for: a 421, or the end of the connection. Cancel safe.
    pub(super) async fn unasked(&mut self) -> RelayError {
        loop {
            match self.next_reply() {
                Ok(None) => {}
                Ok(Some(reply)) => return RelayError::Unexpected(reply.code()),
                Err(error) => return error,
            }
            if let Err(error) = self.peer.read(SMALL).await {
                return error.into();
            }
        }
    }

    /// The whole reply must come within `limit`: a relay that trickles is as bad as one that is silent.
    async fn any_reply(&mut self, limit: Duration) -> Result<Reply, RelayError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(reply) = self.next_reply()? {
                return Ok(reply);
            }
            self.peer.turn(SMALL, deadline.saturating_duration_since(Instant::now())).await?;
        }
    }

    /// A reply that has already come. 421 is never just a reply.
    fn next_reply(&mut self) -> Result<Option<Reply>, RelayError> {
        match self.replies.next_reply(&mut self.peer.input).transpose()? {
            Some(reply) if reply.code() == CLOSING => Err(RelayError::Closing(reply)),
            reply => Ok(reply),
        }
    }
}

/// A reply as it may stand in a log line.
pub(super) fn text(reply: &Reply) -> impl Display {
    escape(reply.as_bytes().trim_ascii_end())
}

/// "Go on" is an answer to DATA alone.
fn final_reply(reply: Reply) -> Result<Reply, RelayError> {
    match reply.class() {
        Class::Intermediate => Err(RelayError::Unexpected(reply.code())),
        Class::Positive | Class::Transient | Class::Permanent => Ok(reply),
    }
}

/// Service not available, closing transmission channel (RFC 5321 section 4.2.3).
const CLOSING: u16 = 421;

/// A client that said QUIT does not wait for the answer, so we do not wait long for the relay's.
const QUIT_LIMIT: Duration = Duration::from_secs(5);
