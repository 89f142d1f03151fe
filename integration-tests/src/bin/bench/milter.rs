//! Postfix's side of the milter protocol (version 6), as much as it takes to have a message judged.

use std::{
    io::{self, BufWriter, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// Hands a message over and waits for the verdict.
///
/// # Errors
///
/// The connection broke, or the milter did not accept the message.
pub(crate) fn hand_over(to: SocketAddr, message: &[u8]) -> io::Result<()> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    let mut milter = Milter { reader: &stream, writer: BufWriter::new(&stream) };
    milter.negotiate()?;
    milter.envelope()?;
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    let (header, body) = message.split_at(end);
    milter.header(&String::from_utf8_lossy(header))?;
    for piece in body.get(2..).unwrap_or_default().chunks(65_535) {
        milter.step(b'B', piece)?;
    }
    milter.end_of_message()?;
    milter.send(b'Q', b"")?;
    milter.writer.flush()
}

struct Milter<'a> {
    reader: &'a TcpStream,
    writer: BufWriter<&'a TcpStream>,
}

impl Milter<'_> {
    /// Version 6; it may change all it likes, and shall skip nothing but what it asks to skip.
    fn negotiate(&mut self) -> io::Result<()> {
        let wanted: [u32; 3] = [6, 0x1ff, 0];
        self.send(b'O', &wanted.map(u32::to_be_bytes).concat())?;
        self.expect(b'O')
    }

    fn envelope(&mut self) -> io::Result<()> {
        self.send(b'D', b"Ci\x004F1C23A\0j\0mail.example.net\0")?;
        self.step(b'C', b"client.example\x004\x00\x19192.0.2.7\0")?;
        self.step(b'H', b"client.example\0")?;
        self.step(b'M', b"<jean@example.net>\0")?;
        self.step(b'R', b"<pierre@example.org>\0")?;
        self.step(b'T', b"")
    }

    fn header(&mut self, header: &str) -> io::Result<()> {
        let unfolded = header.replace("\r\n\t", "\n\t").replace("\r\n ", "\n ");
        for field in unfolded.split_terminator("\r\n") {
            let (name, body) = field.split_once(':').unwrap_or((field, ""));
            self.step(b'L', format!("{name}\0{}\0", body.trim_start()).as_bytes())?;
        }
        self.step(b'N', b"")
    }

    /// It may ask for any number of changes before it accepts.
    fn end_of_message(&mut self) -> io::Result<()> {
        self.send(b'E', b"")?;
        loop {
            match self.receive()? {
                b'a' | b'c' => return Ok(()),
                b'h' | b'i' | b'm' | b'p' => {}
                other => return Err(unexpected(other)),
            }
        }
    }

    fn step(&mut self, command: u8, data: &[u8]) -> io::Result<()> {
        self.send(command, data)?;
        self.expect(b'c')
    }

    fn send(&mut self, command: u8, data: &[u8]) -> io::Result<()> {
        let length = u32::try_from(data.len() + 1).map_err(io::Error::other)?;
        self.writer.write_all(&length.to_be_bytes())?;
        self.writer.write_all(&[command])?;
        self.writer.write_all(data)
    }

    fn expect(&mut self, wanted: u8) -> io::Result<()> {
        let answer = self.receive()?;
        if answer == wanted { Ok(()) } else { Err(unexpected(answer)) }
    }

    /// The command octet of its next packet; what goes with it does not matter here.
    fn receive(&mut self) -> io::Result<u8> {
        self.writer.flush()?;
        let mut length = [0; 4];
        self.reader.read_exact(&mut length)?;
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.reader.read_exact(&mut packet)?;
        packet.first().copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn unexpected(answer: u8) -> io::Error {
    io::Error::other(format!("the milter answered {:?}", char::from(answer)))
}
