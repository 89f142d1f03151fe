//! The client's commands: read, passed on one by one or in batches, or answered by ourselves.

use super::{RelayError, Session, SessionError, relay::text};
use crate::{
    filter::Filter,
    peer::{LARGE, SMALL},
};
use dkimproxy_smtp::{
    command::{Command, CommandError, Verb},
    line::LineError,
    reply::Standard,
    xforward::Update,
};
use std::{collections::VecDeque, ops::ControlFlow};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

/// A command line, or why there is none in it.
pub(super) type Line = Result<Command, Standard>;

/// Commands that are sent to the relay together. Bounds what is kept of a batch, and with it what a relay's endless
/// replies may take: RFC 2920 says nothing of a number, Postfix sends 50 recipients at a time.
const BATCH: usize = 64;

impl<F, C, R> Session<'_, F, C, R>
where
    F: Filter,
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite + Unpin,
{
    /// The client's next command. Before waiting for it, all replies are sent: RFC 2920 section 3.2, "MUST send all
    /// responses [...] whenever it has emptied its TCP receive buffer".
    pub(super) async fn next_command(&mut self) -> Result<Line, SessionError> {
        let deadline = Instant::now() + self.settings().timeouts.client_command;
        loop {
            if *self.stop.borrow() && !self.transaction.is_open() {
                return Err(SessionError::Stopping);
            }
            if self.client.output.len() >= LARGE {
                // A client can ask for much with little: its replies must not pile up while it goes on asking.
                self.flush().await?;
            }
            if let Some(line) = self.buffered_command() {
                return Ok(line);
            }
            self.flush().await?;
            self.more_input(deadline).await?;
        }
    }

    /// A command that has already come.
    fn buffered_command(&mut self) -> Option<Line> {
        if let Some(line) = self.put_back.take() {
            return Some(line);
        }
        let line = self.lines.next_line(&mut self.client.input)?;
        Some(match line {
            Ok(line) => Command::parse(line).map_err(|error| match error {
                CommandError::Empty => Standard::BadCommand,
                CommandError::Control => Standard::StrayControl,
            }),
            Err(LineError::TooLong { .. }) => Err(Standard::LineTooLong),
            Err(LineError::StrayControl) => Err(Standard::StrayControl),
        })
    }

    /// Waits for input of the client; or for the relay to end the session, or the daemon to stop.
    async fn more_input(&mut self, deadline: Instant) -> Result<(), SessionError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        let relay_lost = self.relay_lost.is_some();
        let idle = !self.transaction.is_open();
        tokio::select! {
            biased;
            input = self.client.fill(SMALL, limit) => Ok(input?),
            error = self.relay.unasked(), if !relay_lost => Err(error.into()),
            Ok(_) = self.stop.wait_for(|&stop| stop), if idle => Ok(()),
        }
    }

    /// Does what the client says. Break: it said QUIT.
    pub(super) async fn obey(&mut self, line: Line) -> Result<ControlFlow<()>, SessionError> {
        let command = match line {
            Ok(command) => command,
            Err(mistake) => {
                self.mistake(mistake)?;
                return Ok(ControlFlow::Continue(()));
            }
        };
        if let Some(error) = self.relay_lost.take() {
            return self.without_relay(&command, error);
        }
        match command.verb() {
            Verb::Ehlo | Verb::Helo => self.hello(&command).await?,
            Verb::Mail => self.mail(command).await?,
            Verb::Rcpt => self.rcpt(command).await?,
            Verb::Rset => self.batch(command).await?,
            Verb::Data => self.data(&command).await?,
            Verb::XForward => self.xforward(&command).await?,
            Verb::Noop | Verb::Vrfy | Verb::Expn | Verb::Help => {
                let reply = self.relay.ask(&command.to_wire()).await?;
                self.answer(reply);
            }
            Verb::Quit => {
                self.quit().await;
                return Ok(ControlFlow::Break(()));
            }
            Verb::Lhlo | Verb::Bdat | Verb::Etrn | Verb::Auth | Verb::StartTls | Verb::XClient | Verb::Other => {
                self.mistake(Standard::NotImplemented)?
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Answers a command that failed with us. Too many of them end the session: who sends nothing else is no mail client.
    pub(super) fn mistake(&mut self, occasion: Standard) -> Result<(), SessionError> {
        self.errors += 1;
        if self.errors > self.settings().limits.errors {
            return Err(SessionError::TooManyErrors);
        }
        self.answer(occasion);
        Ok(())
    }

    /// Passes on a command, and as many of those that came with it as the relay takes at a time.
    ///
    /// RFC 2920 section 3.1: "RSET, MAIL FROM, SEND FROM, SOML FROM, SAML FROM, and RCPT TO can all appear anywhere in
    /// a pipelined command group." The others end it, or are not for the relay.
    async fn batch(&mut self, first: Command) -> Result<(), SessionError> {
        let most = if self.relay.extensions.pipelining { BATCH } else { 1 };
        let mut batch = VecDeque::from([first]);
        while batch.len() < most {
            match self.buffered_command() {
                Some(Ok(command)) if self.goes_along(&command, batch.len()) => batch.push_back(command),
                other => {
                    self.put_back = other;
                    break;
                }
            }
        }
        batch.iter().for_each(|command| self.relay.queue_command(command));
        while let Some(command) = batch.pop_front() {
            let reply = self.relay.reply().await?;
            self.transaction.learn(&command, &reply);
            self.answer(reply);
        }
        Ok(())
    }

    /// True for what the relay may get in one batch with `ahead` other commands.
    fn goes_along(&self, command: &Command, ahead: usize) -> bool {
        match command.verb() {
            Verb::Mail => !self.is_too_big(command) && !self.is_used_up(),
            Verb::Rcpt => self.has_room_for(ahead + 1),
            Verb::Rset => true,
            _ => false,
        }
    }

    /// RCPT, unless there are as many recipients as we keep.
    async fn rcpt(&mut self, command: Command) -> Result<(), SessionError> {
        if self.has_room_for(1) {
            return self.batch(command).await;
        }
        self.answer(Standard::TooManyRecipients);
        Ok(())
    }

    fn has_room_for(&self, recipients: usize) -> bool {
        self.transaction.recipients.len() + recipients <= self.settings().limits.recipients
    }

    /// MAIL, unless we know already that the message will not pass.
    async fn mail(&mut self, command: Command) -> Result<(), SessionError> {
        if self.is_used_up() {
            return Err(SessionError::TooManyTransactions);
        }
        if self.is_too_big(&command) {
            self.answer(Standard::MessageTooBig);
            return Ok(());
        }
        self.batch(command).await
    }

    /// The client declares more octets than we take (RFC 1870 section 6.1).
    fn is_too_big(&self, command: &Command) -> bool {
        let declared = command.declared_size().unwrap_or(0);
        self.settings().limits.message_size.is_some_and(|most| declared > most)
    }

    fn is_used_up(&self) -> bool {
        self.settings().limits.transactions.is_some_and(|most| self.transactions >= most)
    }

    /// XFORWARD: who the original client is. We keep it for the filter, the relay hears as much as it announced.
    async fn xforward(&mut self, command: &Command) -> Result<(), SessionError> {
        if !self.trusted {
            return self.mistake(Standard::NotAllowed);
        }
        if self.transaction.is_open() {
            return self.mistake(Standard::BadSequence);
        }
        let Ok(update) = Update::parse(command.argument()) else {
            return self.mistake(Standard::BadArgument);
        };
        for line in update.commands(self.relay.extensions.xforward) {
            let reply = self.relay.ask(&line).await?;
            if !reply.is_positive() && !self.xforward_refused {
                // Postfix goes on as well, with a warning: the mail is worth more than the log line behind us.
                tracing::warn!("relay: refuses XFORWARD: {}", text(&reply));
                self.xforward_refused = true;
            }
        }
        self.transaction.xforward(update);
        self.answer(Standard::Ok);
        Ok(())
    }

    /// QUIT: the relay's goodbye if it comes soon, else our own.
    async fn quit(&mut self) {
        match self.relay.quit().await {
            Ok(reply) if reply.is_positive() => self.answer(reply),
            _ => self.answer(Standard::Bye),
        }
    }

    /// The client was told that its message could not be passed on; now it hears that nothing else can be.
    fn without_relay(&mut self, command: &Command, error: RelayError) -> Result<ControlFlow<()>, SessionError> {
        if command.verb() == Verb::Quit {
            self.answer(Standard::Bye);
            return Ok(ControlFlow::Break(()));
        }
        Err(error.into())
    }
}
