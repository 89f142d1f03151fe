//! Mail data: taken in to their end, judged by the filter, passed on or refused.

use super::{RelayError, Session, SessionError};
use crate::{
    filter::{Decision, Filter, MessageFilter, Reply, Verdict},
    log,
    peer::{LARGE, MEDIUM},
    serve::Settings,
    spool::Spool,
};
use bytes::Buf;
use dkimproxy_smtp::{command::Command, data::DataDecoder, reply::Class, reply::Standard};
use std::io;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::yield_now,
    time::Instant,
};

impl<F, C, R> Session<'_, F, C, R>
where
    F: Filter,
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    /// DATA, and all that follows up to the reply to the end of data. The relay hears nothing of it until the filter
    /// has given its verdict: so it can be refused at any time without breaking a connection.
    pub(super) async fn data(&mut self, command: &Command) -> Result<(), SessionError> {
        if !command.argument().is_empty() {
            return self.mistake(Standard::BadArgument);
        }
        if !self.transaction.is_open() {
            return self.mistake(Standard::BadSequence);
        }
        if self.transaction.recipients.is_empty() {
            // No mistake: a client that pipelines cannot know that the relay refused every recipient.
            self.answer(Standard::NoRecipients);
            return Ok(());
        }
        self.answer(Standard::StartMailInput);
        self.flush().await?;
        self.message(Instant::now()).await
    }

    /// Takes the message in and answers it.
    async fn message(&mut self, began: Instant) -> Result<(), SessionError> {
        let message = self.service.filter.begin(&self.from, &self.transaction);
        let mut intake = Intake::new(message, self.settings());
        self.take_in(&mut intake).await?;
        self.transactions += 1;
        let size = intake.size;
        let outcome = match intake.whole {
            Ok(whole) => {
                let decision = whole.message.finish().await;
                let outcome = self.carry_out(&decision.verdict, whole.spool).await;
                self.log(&decision, &outcome, size, began);
                outcome
            }
            Err(trouble) => {
                tracing::warn!(size, "message refused: {trouble}");
                Outcome::Refused(trouble.reply())
            }
        };
        self.end_transaction(outcome).await
    }

    /// Reads mail data to their end. What follows stays in the input.
    async fn take_in<M: MessageFilter>(&mut self, intake: &mut Intake<M>) -> Result<(), SessionError> {
        let limit = self.settings().timeouts.client_data;
        let mut decoder = DataDecoder::new(self.settings().stray_newlines);
        let mut size = MEDIUM;
        loop {
            let taken = decoder.decode(&self.client.input, |piece| intake.take(piece));
            self.client.input.advance(taken);
            if decoder.is_ended() {
                break;
            }
            self.client.fill(size, limit).await?;
            if self.client.input.len() >= size {
                size = LARGE; // there is more of it
                // A client that sends as fast as we read would keep the thread: the others have their turn.
                yield_now().await;
            }
        }
        if decoder.is_refused() {
            intake.whole = Err(Trouble::BareNewline);
        }
        self.client.shrink();
        Ok(())
    }

    async fn carry_out(&mut self, verdict: &Verdict, spool: Spool) -> Outcome {
        match verdict {
            Verdict::Relay(edits) => match spool.into_pieces(&edits.cut) {
                Ok(pieces) => self.relay.send(&edits.prepend, pieces).await,
                Err(error) => {
                    tracing::error!("the filter's edits do not fit the message: {error}");
                    Outcome::Refused(Standard::LocalTrouble.into())
                }
            },
            Verdict::Refuse(reply) => Outcome::Refused(refusal(reply)),
        }
    }

    fn log(&self, decision: &Decision, outcome: &Outcome, size: u64, began: Instant) {
        let reply = outcome.reply();
        let delivery = log::Delivery {
            client: &self.from,
            transaction: &self.transaction,
            reply: &reply,
            relayed: outcome.is_relays_own(),
            size,
            elapsed: began.elapsed(),
        };
        log::message(decision, &delivery);
    }

    /// Tells the client, and sees to it that the transaction is over on both sides.
    async fn end_transaction(&mut self, outcome: Outcome) -> Result<(), SessionError> {
        self.transaction.reset();
        match outcome {
            Outcome::Answered(reply) => {
                self.answer(reply);
                self.flush().await
            }
            Outcome::Declined(reply) | Outcome::Refused(reply) => {
                self.answer(reply);
                self.flush().await?;
                self.relay.ask(b"RSET\r\n").await?;
                Ok(())
            }
            Outcome::Lost(error @ RelayError::Closing(_)) => Err(error.into()),
            Outcome::Lost(error) => {
                tracing::warn!("relay: {error}");
                self.relay.hang_up().await;
                self.answer(error.end_of_data_reply());
                self.relay_lost = Some(error);
                self.flush().await
            }
        }
    }
}

/// What came of a message.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The relay had all of it, this is its reply.
    Answered(Reply),
    /// The relay did not want it, this is its reply to DATA. To the relay the transaction is still open.
    Declined(Reply),
    /// We did not pass it on. To the relay the transaction is still open.
    Refused(Reply),
    /// The relay has not answered for the message, and the connection is of no use any more. Only if all was sent can
    /// the relay have taken the message nevertheless.
    Lost(RelayError),
}

impl Outcome {
    /// What the client hears.
    fn reply(&self) -> Reply {
        match self {
            Self::Answered(reply) | Self::Declined(reply) | Self::Refused(reply) => reply.clone(),
            Self::Lost(error) => error.end_of_data_reply(),
        }
    }

    /// True if that reply came from the relay.
    fn is_relays_own(&self) -> bool {
        match self {
            Self::Answered(_) | Self::Declined(_) => true,
            Self::Refused(_) => false,
            Self::Lost(error) => matches!(error, RelayError::Closing(_) | RelayError::Early(_)),
        }
    }
}

/// A filter's refusal. What is no refusal would be a promise that nobody keeps: RFC 5321 section 6.1, "it is accepting
/// responsibility for delivering or relaying the message".
fn refusal(reply: &Reply) -> Reply {
    match reply.class() {
        Class::Transient | Class::Permanent => reply.clone(),
        Class::Positive | Class::Intermediate => Standard::LocalTrouble.into(),
    }
}

/// Why a message that came is not even shown to the filter to its end.
#[derive(Debug, Error)]
enum Trouble {
    #[error("larger than {0} octets")]
    TooBig(u64),
    #[error("bare CR or LF in mail data")]
    BareNewline,
    #[error("cannot be kept: {0}")]
    Storage(io::Error),
}

impl Trouble {
    fn reply(&self) -> Reply {
        match self {
            Self::TooBig(_) => Standard::MessageTooBig,
            Self::BareNewline => Standard::BareNewline,
            Self::Storage(_) => Standard::StorageFull,
        }
        .into()
    }
}

/// A message on its way in.
struct Intake<M> {
    /// The message so far, as long as there is no trouble.
    whole: Result<Whole<M>, Trouble>,
    /// Octets that came, dots decoded.
    size: u64,
    most: Option<u64>,
}

/// The same octets twice: what is hashed is what is relayed.
struct Whole<M> {
    message: M,
    spool: Spool,
}

impl<M: MessageFilter> Intake<M> {
    fn new(message: M, settings: &Settings) -> Self {
        let spool = Spool::new(settings.limits.spool_memory, &settings.spool_dir);
        Self { whole: Ok(Whole { message, spool }), size: 0, most: settings.limits.message_size }
    }

    fn take(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        let Ok(whole) = &mut self.whole else { return };
        if let Some(most) = self.most.filter(|&most| self.size > most) {
            self.whole = Err(Trouble::TooBig(most));
        } else if let Err(error) = whole.spool.push(piece) {
            self.whole = Err(Trouble::Storage(error));
        } else {
            whole.message.chunk(piece);
        }
    }
}
