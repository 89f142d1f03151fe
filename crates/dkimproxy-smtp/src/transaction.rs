//! The envelope of one transaction, learnt from pairs of command and reply.

use crate::{
    command::Command,
    path::Path,
    reply::Reply,
    xforward::{Attributes, Update},
};

/// One transaction as far as it has come: what the relay has accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    /// MAIL FROM: the reverse-path (empty: null sender). None before MAIL was accepted.
    pub reverse_path: Option<Path>,
    /// RCPT TO: the accepted forward-paths.
    pub recipients: Vec<Path>,
    /// The original client, from XFORWARD; empty attributes if none came.
    pub original_client: Attributes,
    /// SMTPUTF8 was asked for (RFC 6531).
    pub smtputf8: bool,
    /// BODY=8BITMIME was declared (RFC 6152).
    pub eight_bit: bool,
}

impl Transaction {
    /// Learns from a command and the relay's reply to it: MAIL and RCPT by `mail_accepted` and `rcpt_accepted` if the
    /// reply is positive; positive replies to RSET, EHLO, HELO and LHLO reset (RFC 5321 section 4.1.4). XFORWARD and
    /// the end of the mail data are told by `xforward` and `reset`.
    pub fn learn(&mut self, command: &Command, reply: &Reply) {
        let _ = (command, reply);
        todo!()
    }

    /// The relay accepted this MAIL. A path that could not be read counts as null, so that nobody's domain gains by it.
    pub fn mail_accepted(&mut self, command: &Command) {
        let _ = command;
        todo!()
    }

    /// The relay accepted this RCPT.
    pub fn rcpt_accepted(&mut self, command: &Command) {
        let _ = command;
        todo!()
    }

    /// XFORWARD came from a client that may send it: what it names is replaced, the rest stays until `reset`.
    pub fn xforward(&mut self, update: Update) {
        let _ = update;
        todo!()
    }

    /// True between an accepted MAIL and the reset: XFORWARD is out of sequence then.
    pub fn is_open(&self) -> bool {
        self.reverse_path.is_some()
    }

    /// Forgets everything, XFORWARD attributes too: after RSET, EHLO and the reply to the end of the mail data.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
