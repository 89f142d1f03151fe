//! Clients: most of them behave, some die or stall at any step.

use crate::{ledger::Ledger, mail::Mail, rng::Rng, stopped, wire};
use integration_tests::client::mail_data;
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::AtomicBool,
    thread::sleep,
    time::Duration,
};

/// How long a client waits for any reply: longer than all time limits together. A daemon that needs longer has stalled.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a client works with.
pub(crate) struct Work<'a> {
    pub(crate) ledger: &'a Ledger,
    /// Doors of the daemons.
    pub(crate) doors: &'a [SocketAddr],
    /// Messages in all, over which there are no more.
    pub(crate) most: u64,
    pub(crate) stop: &'a AtomicBool,
}

/// Where a client may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connected,
    Greeted,
    Mail,
    Recipient,
    Data,
    Inside,
    Ended,
    Answered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Close,
    Reset,
    HalfClose,
    Stall,
}

/// Sends messages until there are enough.
pub(crate) fn run(work: &Work<'_>, mut rng: Rng) {
    while !stopped(work.stop) && work.ledger.count() < work.most {
        let door = rng.pick(work.doors);
        let Ok(stream) = TcpStream::connect(door) else {
            work.ledger.event("client: not connected");
            sleep(Duration::from_millis(10));
            continue;
        };
        let fault = rng.percent(15).then(|| {
            let step = rng.pick(&[
                Step::Connected,
                Step::Greeted,
                Step::Mail,
                Step::Recipient,
                Step::Data,
                Step::Inside,
                Step::Ended,
                Step::Answered,
            ]);
            (step, if rng.percent(5) { Act::Stall } else { rng.pick(&[Act::Close, Act::Reset, Act::HalfClose]) })
        });
        let ended = Conversation::new(&stream, work, &mut rng, fault).and_then(Conversation::hold);
        if let Err(error) = ended
            && matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
        {
            work.ledger.violation(format!("no answer to a client within {PATIENCE:?}"));
        }
    }
}

struct Conversation<'a> {
    reader: BufReader<&'a TcpStream>,
    work: &'a Work<'a>,
    rng: &'a mut Rng,
    fault: Option<(Step, Act)>,
}

impl<'a> Conversation<'a> {
    fn new(
        stream: &'a TcpStream,
        work: &'a Work<'a>,
        rng: &'a mut Rng,
        fault: Option<(Step, Act)>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(stream), work, rng, fault })
    }

    fn hold(mut self) -> io::Result<()> {
        self.may_fail(Step::Connected)?;
        if self.reply()? != 220 {
            return Ok(());
        }
        self.may_fail(Step::Greeted)?;
        if self.command("EHLO client.example")? != 250 {
            return Ok(());
        }
        for _ in 0..=self.rng.below(4) {
            let mail = Mail::new(self.work.ledger.number(), self.rng);
            let accepted = if self.rng.percent(40) { self.pipelined(&mail)? } else { self.in_lock_step(&mail)? };
            if accepted {
                self.message(&mail)?;
            } else if self.command("RSET")? != 250 {
                break;
            }
        }
        self.command("QUIT").map(drop)
    }

    /// True if DATA was accepted.
    fn in_lock_step(&mut self, mail: &Mail) -> io::Result<bool> {
        let [from, to, data] = commands(mail);
        for (step, command, wanted) in [(Step::Mail, from, 250), (Step::Recipient, to, 250), (Step::Data, data, 354)] {
            self.may_fail(step)?;
            if self.command(&command)? != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn pipelined(&mut self, mail: &Mail) -> io::Result<bool> {
        let lines: String = commands(mail).iter().map(|command| format!("{command}\r\n")).collect();
        self.write(lines.as_bytes())?;
        self.may_fail(Step::Mail)?;
        let mut last = 0;
        for _ in 0..3 {
            last = self.reply()?;
        }
        Ok(last == 354)
    }

    /// Mail data, and what is said to them.
    fn message(&mut self, mail: &Mail) -> io::Result<()> {
        let ledger = self.work.ledger;
        ledger.announce(mail);
        let data = mail_data(&mail.message);
        let (begin, end) = data.split_at(self.rng.below(data.len() - 2));
        self.in_pieces(begin)?;
        self.may_fail(Step::Inside)?;
        ledger.ended(mail.id);
        self.write(end)?;
        self.may_fail(Step::Ended)?;
        let code = self.reply()?;
        ledger.heard(mail.id, code);
        ledger.event(format!("end of data: {code}"));
        if code == 421 {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.may_fail(Step::Answered)
    }

    /// Slowly, now and then.
    fn in_pieces(&mut self, octets: &[u8]) -> io::Result<()> {
        let size = if self.rng.percent(10) { 1 + octets.len() / (1 + self.rng.below(20)) } else { octets.len().max(1) };
        octets.chunks(size).try_for_each(|piece| self.write(piece))
    }

    fn command(&mut self, command: &str) -> io::Result<u16> {
        self.write(format!("{command}\r\n").as_bytes())?;
        let code = self.reply()?;
        if code == 421 { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(code) }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(octets)
    }

    /// The code of the next reply. Each of its lines must be well-formed, whatever the next hop sent.
    fn reply(&mut self) -> io::Result<u16> {
        loop {
            let mut line = Vec::new();
            self.reader.read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let code = line.get(..3).and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok());
            match (code, line.get(3), line.ends_with(b"\r\n")) {
                (Some(200..600), Some(b'-'), true) => {}
                (Some(code @ 200..600), Some(b' ' | b'\r'), true) => return Ok(code),
                // The daemon may be killed in the middle of a line.
                (_, _, false) => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => self.work.ledger.violation(format!("no reply: {:?}", String::from_utf8_lossy(&line))),
            }
        }
    }

    /// Fails, if this is where it shall. An error ends the conversation.
    fn may_fail(&mut self, here: Step) -> io::Result<()> {
        let Some((_, act)) = self.fault.filter(|(step, _)| *step == here && !stopped(self.work.stop)) else {
            return Ok(());
        };
        self.work.ledger.event(format!("client: {act:?} at {here:?}"));
        let stream = *self.reader.get_ref();
        match act {
            Act::Close => wire::close(stream),
            Act::Reset => wire::reset(stream),
            Act::HalfClose => {
                wire::half_close(stream);
                self.fault = None;
                return Ok(()); // it still listens
            }
            Act::Stall => wire::stall(stream),
        }
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn commands(mail: &Mail) -> [String; 3] {
    let from = format!("MAIL FROM:<jean@d{}.example.net>", mail.domain);
    [from, "RCPT TO:<pierre@example.org>".to_owned(), "DATA".to_owned()]
}
