//! A relay that takes mail, and remembers what it understood.

use crate::world::End;

/// One message as the relay understood it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Delivered {
    pub(crate) mail: Vec<u8>,
    pub(crate) rcpt: Vec<Vec<u8>>,
    /// Mail data, dots decoded, as the line ends stood.
    pub(crate) octets: Vec<u8>,
}

/// What ends a line for a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newlines {
    /// CRLF.
    Strict,
    /// LF, with or without a CR before it: Postfix before 3.9, for clients in $mynetworks.
    BareLf,
    /// Also CR.
    BareAny,
}

/// A relay's life on one connection.
pub(crate) struct ModelRelay {
    end: End,
    newlines: Newlines,
    pending: Option<u8>,
    delivered: Vec<Delivered>,
    commands: Vec<Vec<u8>>,
}

/// What a relay heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) delivered: Vec<Delivered>,
    /// All command lines, without their ends.
    pub(crate) commands: Vec<Vec<u8>>,
}

impl ModelRelay {
    pub(crate) fn new(end: End, newlines: Newlines) -> Self {
        Self { end, newlines, pending: None, delivered: Vec::new(), commands: Vec::new() }
    }

    /// Serves until the connection ends.
    pub(crate) async fn serve(mut self) -> Heard {
        self.end.say("220 relay.example ESMTP\r\n");
        let mut current = Delivered::default();
        while let Some((line, _)) = self.line().await {
            self.commands.push(line.clone());
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_slice() {
                b"EHLO" => self.ehlo(),
                b"MAIL" => {
                    current = Delivered { mail: line, ..Delivered::default() };
                    self.end.say("250 2.1.0 Ok\r\n");
                }
                b"RCPT" if line.windows(6).any(|window| window == b"refuse") => {
                    self.end.say("550 5.1.1 No such user\r\n");
                }
                b"RCPT" => {
                    current.rcpt.push(line);
                    self.end.say("250 2.1.5 Ok\r\n");
                }
                b"DATA" => {
                    self.end.say("354 Go on\r\n");
                    if !self.mail_data(&mut current).await {
                        break;
                    }
                    self.delivered.push(std::mem::take(&mut current));
                    self.end.say(format!("250 2.0.0 Ok: queued as {}\r\n", self.delivered.len()));
                }
                b"QUIT" => {
                    self.end.say("221 2.0.0 Bye\r\n");
                    self.end.close();
                }
                _ => self.end.say("250 2.0.0 Ok\r\n"),
            }
        }
        Heard { delivered: self.delivered, commands: self.commands }
    }

    fn ehlo(&self) {
        let keywords = ["PIPELINING", "SIZE 0", "8BITMIME", "SMTPUTF8", "DSN", "XFORWARD NAME ADDR HELO SOURCE"];
        self.end.say(format!("250-relay.example\r\n250-{}\r\n250 HELP\r\n", keywords.join("\r\n250-")));
    }

    /// False: the connection ended first.
    async fn mail_data(&mut self, into: &mut Delivered) -> bool {
        while let Some((line, newline)) = self.line().await {
            if line == b"." {
                return true;
            }
            into.octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            into.octets.extend_from_slice(newline);
        }
        false
    }

    /// The next line and what ended it.
    async fn line(&mut self) -> Option<(Vec<u8>, &'static [u8])> {
        let mut line = Vec::new();
        loop {
            match self.octet().await? {
                b'\n' if line.last() == Some(&b'\r') => {
                    line.pop();
                    return Some((line, b"\r\n"));
                }
                b'\n' if self.newlines != Newlines::Strict => return Some((line, b"\n")),
                octet if line.last() == Some(&b'\r') && self.newlines == Newlines::BareAny => {
                    self.pending = Some(octet);
                    line.pop();
                    return Some((line, b"\r"));
                }
                octet => line.push(octet),
            }
        }
    }

    async fn octet(&mut self) -> Option<u8> {
        match self.pending.take() {
            Some(octet) => Some(octet),
            None => self.end.hear_octet().await,
        }
    }
}
