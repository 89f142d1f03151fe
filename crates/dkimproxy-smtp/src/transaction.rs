//! The envelope of one transaction, learnt from pairs of command and reply.

use crate::{
    command::{Command, Verb},
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
        if !reply.is_positive() {
            return;
        }
        match command.verb() {
            Verb::Mail => self.mail_accepted(command),
            Verb::Rcpt => self.rcpt_accepted(command),
            Verb::Rset | Verb::Ehlo | Verb::Helo | Verb::Lhlo => self.reset(),
            _ => {}
        }
    }

    /// The relay accepted this MAIL. A path that could not be read counts as null, so that nobody's domain gains by it.
    pub fn mail_accepted(&mut self, command: &Command) {
        self.reverse_path = Some(command.path().cloned().unwrap_or_default());
        self.smtputf8 = command.parameter("SMTPUTF8").is_some();
        let body = command.parameter("BODY").and_then(|body| body.value.as_deref());
        self.eight_bit = body.is_some_and(|value| value.eq_ignore_ascii_case(b"8BITMIME"));
    }

    /// The relay accepted this RCPT.
    pub fn rcpt_accepted(&mut self, command: &Command) {
        self.recipients.push(command.path().cloned().unwrap_or_default());
    }

    /// XFORWARD came from a client that may send it. What it names is replaced, the rest stays until `reset`; so the
    /// first XFORWARD of a transaction leaves unavailable whatever it does not name.
    pub fn xforward(&mut self, update: Update) {
        self.original_client.apply(update);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(transaction: &mut Transaction, line: &'static str, code: u16) {
        transaction.learn(&Command::parse(line.into()).unwrap(), &Reply::new(code, "", ""));
    }

    #[test]
    fn the_envelope_is_what_the_relay_accepted() {
        let mut transaction = Transaction::default();
        learn(&mut transaction, "MAIL FROM:<refused@a.example>", 550);
        assert!(!transaction.is_open());
        learn(&mut transaction, "MAIL FROM:<a@a.example> body=8bitmime SMTPUTF8", 250);
        assert!(transaction.is_open());
        learn(&mut transaction, "RCPT TO:<one@b.example>", 250);
        learn(&mut transaction, "RCPT TO:<two@b.example>", 450);
        learn(&mut transaction, "RCPT TO:<three@b.example>", 251);
        learn(&mut transaction, "DATA", 354);
        learn(&mut transaction, "NOOP", 250);
        let expected = Transaction {
            reverse_path: Some(Path::new("a@a.example")),
            recipients: vec![Path::new("one@b.example"), Path::new("three@b.example")],
            original_client: Attributes::default(),
            smtputf8: true,
            eight_bit: true,
        };
        assert_eq!(transaction, expected);
    }

    #[test]
    fn nothing_of_one_transaction_reaches_the_next() {
        for line in ["RSET", "EHLO again.example", "HELO again.example", "LHLO again.example"] {
            let mut transaction = Transaction::default();
            transaction.xforward(Update::parse(b"NAME=a.example ADDR=192.0.2.1").unwrap());
            transaction.xforward(Update::parse(b"HELO=a").unwrap());
            assert_eq!(transaction.original_client.name.as_deref(), Some("a.example"));
            learn(&mut transaction, "MAIL FROM:<>", 250);
            learn(&mut transaction, "RCPT TO:<one@b.example>", 250);
            learn(&mut transaction, line, 503);
            assert!(transaction.is_open(), "a refused {line} changes nothing");
            learn(&mut transaction, line, 250);
            assert_eq!(transaction, Transaction::default(), "{line}");
        }
    }

    #[test]
    fn an_unreadable_path_is_nobodys() {
        let mut transaction = Transaction::default();
        learn(&mut transaction, "MAIL FROM:Joe <joe@victim.example>", 250);
        assert_eq!(transaction.reverse_path, Some(Path::default()));
    }
}
