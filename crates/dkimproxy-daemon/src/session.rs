//! One client connection, told top to bottom.
//!
//! The client connects, we connect to the relay; then the client's commands go to the relay and its replies come back,
//! octet for octet. Only mail data stay with us until they are complete and the filter has given its verdict.
//!
//! | room       | what happens there                                          |
//! |------------|-------------------------------------------------------------|
//! | `greeting` | connecting, banner, EHLO                                    |
//! | `commands` | reading commands, pipelining, what is answered by ourselves |
//! | `data`     | mail data from the client, the verdict, the reply           |
//! | `relay`    | the other side: replies, and mail data to the relay         |
//! | `error`    | how a session ends, and the client's last reply             |
//!
//! The words for the relay's trouble: a command gets 421 and the session ends (RFC 5321 section 3.8), a message gets 451
//! and is still the client's (section 6.1: 2xx means that we are responsible, and we have no queue).

mod commands;
mod data;
mod error;
mod greeting;
mod relay;

pub use error::SessionError;
pub use relay::RelayError;

use crate::{
    filter::{Client, Filter, Reply, Transaction},
    peer::{Peer, PeerError},
    serve::{Service, Settings},
};
use dkimproxy_smtp::line::LineReader;
use relay::Relay;
use std::{future::Future, net::IpAddr, ops::ControlFlow, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

/// Serves one client until it says QUIT.
///
/// `from` is the client's address, None on a unix socket. `connect` connects to the relay. When `stop` becomes true,
/// the session ends as soon as no transaction is open.
///
/// # Errors
///
/// Any other end. The client has been told and the streams are closed; the error is for the log.
pub async fn run<F, C, R>(
    client: C,
    from: Option<IpAddr>,
    connect: impl Future<Output = Result<R, SessionError>>,
    service: &Service<F>,
    stop: watch::Receiver<bool>,
) -> Result<(), SessionError>
where
    F: Filter,
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = Peer::new(client);
    let end = match greeting::connect(&mut client, connect, &service.settings).await {
        Ok(relay) => Session::new(&mut client, relay, from, service, stop).serve().await,
        Err(error) => Err(error),
    };
    if let Some(reply) = end.as_ref().err().and_then(SessionError::reply) {
        client.output.extend_from_slice(reply.as_bytes());
    }
    if end.is_ok() && client.input.is_empty() {
        // It said QUIT and nothing after that: nothing is under way that could take our last words back.
        let _ = client.flush(LAST_WORDS).await;
    } else {
        client.close(LAST_WORDS).await;
    }
    end
}

/// How long a client may take to read our last reply and close.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A session after the relay's banner was passed on.
struct Session<'a, F, C, R> {
    service: &'a Service<F>,
    client: &'a mut Peer<C>,
    lines: LineReader,
    /// A line that was read too early.
    put_back: Option<commands::Line>,
    relay: Relay<R>,
    /// Why nothing more can be had from the relay: told to the client with its next command.
    relay_lost: Option<RelayError>,
    from: Client,
    /// May send XFORWARD.
    trusted: bool,
    transaction: Transaction,
    /// Transactions that came to their end of data.
    transactions: u64,
    errors: u32,
    /// The relay refused XFORWARD, and that was logged.
    xforward_refused: bool,
    stop: watch::Receiver<bool>,
}

impl<'a, F, C, R> Session<'a, F, C, R>
where
    F: Filter,
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    fn new(
        client: &'a mut Peer<C>,
        relay: Relay<R>,
        addr: Option<IpAddr>,
        service: &'a Service<F>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let settings = &service.settings;
        Self {
            service,
            client,
            lines: LineReader::new(settings.limits.line_length),
            put_back: None,
            relay,
            relay_lost: None,
            from: Client { addr, helo: String::new() },
            trusted: addr.is_none_or(|addr| settings.xforward_hosts.contains(addr)),
            transaction: Transaction::default(),
            transactions: 0,
            errors: 0,
            xforward_refused: false,
            stop,
        }
    }

    async fn serve(mut self) -> Result<(), SessionError> {
        loop {
            let command = self.next_command().await?;
            if let ControlFlow::Break(()) = self.obey(command).await? {
                return Ok(());
            }
        }
    }

    fn settings(&self) -> &'a Settings {
        &self.service.settings
    }

    /// Queues a reply to the client.
    fn answer(&mut self, reply: impl Into<Reply>) {
        self.client.output.extend_from_slice(reply.into().as_bytes());
    }

    /// Sends all queued replies.
    async fn flush(&mut self) -> Result<(), SessionError> {
        self.client.flush(self.settings().timeouts.client_command).await.map_err(SessionError::Client)
    }
}

impl From<PeerError> for SessionError {
    fn from(error: PeerError) -> Self {
        Self::Client(error)
    }
}
