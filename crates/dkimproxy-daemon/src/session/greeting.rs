//! The relay's banner and its reply to EHLO, passed on.

use super::{RelayError, Session, SessionError, relay::Relay};
use crate::{
    filter::Filter,
    peer::{Peer, PeerError, SMALL},
    serve::Settings,
};
use dkimproxy_smtp::{
    command::{Command, Verb},
    extension::{Extensions, Terms},
};
use std::future::Future;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

/// Connects to the relay, waits for its banner and queues that for the client.
///
/// # Errors
///
/// The relay cannot be reached, sends no banner, or one that is not positive.
pub(super) async fn connect<C, R>(
    client: &mut Peer<C>,
    connect: impl Future<Output = Result<R, SessionError>>,
    settings: &Settings,
) -> Result<Relay<R>, SessionError>
where
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    let stream = match timeout(settings.timeouts.connect, connect).await {
        Ok(connected) => connected?,
        Err(_) => return Err(SessionError::Unreachable(std::io::ErrorKind::TimedOut.into())),
    };
    let mut relay = Relay::new(stream, settings.timeouts.clone());
    let banner = tokio::select! {
        biased;
        banner = relay.reply() => banner?,
        // Who connects to us and goes again without a word (a port check) must not hold the relay. What it says
        // instead of waiting for the banner is read in its turn.
        error = gone(client, settings.limits.line_length) => return Err(error.into()),
    };
    if !banner.is_positive() {
        return Err(SessionError::Refused(banner));
    }
    client.output.extend_from_slice(banner.as_bytes());
    Ok(relay)
}

/// Ends when the client does. Keeps its input, up to `most` octets.
async fn gone<C: AsyncRead + AsyncWrite + Unpin>(client: &mut Peer<C>, most: usize) -> PeerError {
    while client.input.len() < most {
        if let Err(error) = client.read(SMALL).await {
            return error;
        }
    }
    std::future::pending().await
}

impl<F, C, R> Session<'_, F, C, R>
where
    F: Filter,
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    /// EHLO or HELO: the relay hears what the client said, the client hears what the relay offers and we can carry.
    pub(super) async fn hello(&mut self, command: &Command) -> Result<(), RelayError> {
        let reply = self.relay.ask(&command.to_wire()).await?;
        self.transaction.learn(command, &reply);
        if !reply.is_positive() {
            self.answer(reply);
            return Ok(());
        }
        self.from.helo = printable(command.argument());
        if command.verb() == Verb::Ehlo {
            self.relay.extensions = Extensions::parse(&reply);
            let offer = self.relay.extensions.offer(&self.terms());
            self.answer(offer.ehlo_reply());
        } else {
            self.relay.extensions = Extensions::default();
            self.answer(reply);
        }
        Ok(())
    }

    fn terms(&self) -> Terms {
        let settings = self.settings();
        Terms {
            max_message_size: settings.limits.message_size,
            xforward_allowed: self.trusted,
            discard: settings.discard_ehlo.clone(),
        }
    }
}

/// `octets` as text, "?" for all that is not printable ASCII.
fn printable(octets: &[u8]) -> String {
    octets.iter().map(|octet| if matches!(octet, b' '..=b'~') { char::from(*octet) } else { '?' }).collect()
}
