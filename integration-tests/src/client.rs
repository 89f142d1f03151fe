//! An SMTP client that sends exactly the octets a test gives it.

use crate::PATIENCE;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

/// One connection.
pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and reads nothing yet.
    pub fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap_or_else(|error| panic!("connect to {addr}: {error}"));
        stream.set_nodelay(true).expect("a TCP option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time that is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time that is not zero");
        Self { reader: BufReader::new(stream) }
    }

    /// Connects, reads the greeting and says EHLO.
    pub fn hello(addr: SocketAddr) -> Self {
        let mut client = Self::connect(addr);
        client.expect("220");
        client.command("EHLO client.example", "250");
        client
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.reader.get_mut().write_all(octets.as_ref()).expect("the peer reads");
    }

    /// Reads one reply, all its lines, with LF between them and without the last line end. Empty at the end of the connection.
    pub fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = Vec::new();
            let count = self.reader.read_until(b'\n', &mut line).expect("a reply in time");
            assert!(count == 0 || line.ends_with(b"\r\n"), "no CRLF behind {:?}", String::from_utf8_lossy(&line));
            let line = String::from_utf8_lossy(&line);
            reply.push_str(line.trim_end_matches("\r\n"));
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
            reply.push('\n');
        }
    }

    /// Reads one reply, which must begin with `code`.
    pub fn expect(&mut self, code: &str) -> String {
        let reply = self.reply();
        assert!(reply.starts_with(code), "expected {code}, got {reply:?}");
        reply
    }

    /// Sends a command line and reads its reply, which must begin with `code`.
    pub fn command(&mut self, command: &str, code: &str) -> String {
        self.send(format!("{command}\r\n"));
        let reply = self.reply();
        assert!(reply.starts_with(code), "{command}: expected {code}, got {reply:?}");
        reply
    }

    /// Sends `message` as mail data, with dots doubled and the final dot. Returns the reply to that.
    pub fn data(&mut self, message: &[u8]) -> String {
        self.command("DATA", "354");
        self.send(mail_data(message));
        self.reply()
    }

    /// A whole transaction: MAIL and RCPT with their parameters, then the message. All must be accepted. Returns the last reply.
    pub fn deliver(&mut self, mail: &str, recipients: &[&str], message: &[u8]) -> String {
        self.command(&format!("MAIL FROM:{mail}"), "250");
        for recipient in recipients {
            self.command(&format!("RCPT TO:{recipient}"), "250");
        }
        let reply = self.data(message);
        assert!(reply.starts_with("250"), "end of data: {reply:?}");
        reply
    }

    /// Closes our half of the connection.
    pub fn close_sending(&mut self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Write);
    }

    /// Everything the peer still sends until it closes.
    pub fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.reader.read_to_end(&mut rest); // a reset is an end, too
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// `message` as it stands between 354 and the next command: dots doubled, the final dot behind it.
///
/// Lines end with CRLF alone, so a dot behind a lone LF stays single.
pub fn mail_data(message: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(message.len() + message.len() / 50 + 8);
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") && (data.is_empty() || data.ends_with(b"\r\n")) {
            data.push(b'.');
        }
        data.extend_from_slice(line);
    }
    if !data.is_empty() && !data.ends_with(b"\r\n") {
        data.extend_from_slice(b"\r\n");
    }
    data.extend_from_slice(b".\r\n");
    data
}
