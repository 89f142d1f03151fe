//! The next hop: it records each message, and fails at any step.

use crate::{ledger::Ledger, rng::Rng, wire};
use integration_tests::sink::Received;
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, sleep},
    time::Duration,
};

/// Where the next hop may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Banner,
    Hello,
    Mail,
    Recipient,
    Data,
    Inside,
    End,
    After,
    Quit,
}

const STEPS: [Step; 9] = [
    Step::Banner,
    Step::Hello,
    Step::Mail,
    Step::Recipient,
    Step::Data,
    Step::Inside,
    Step::End,
    Step::After,
    Step::Quit,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Close,
    Reset,
    HalfClose,
    Stall,
    Transient,
    Permanent,
    Closing,
    Garbage,
    Endless,
    Trickle,
    /// A reply that fits no such command.
    WrongClass,
}

const ACTS: [Act; 11] = [
    Act::Close,
    Act::Reset,
    Act::HalfClose,
    Act::Stall,
    Act::Transient,
    Act::Permanent,
    Act::Closing,
    Act::Garbage,
    Act::Endless,
    Act::Trickle,
    Act::WrongClass,
];

/// The running next hop. It ends with the process.
pub(crate) struct NextHop {
    pub(crate) addr: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl NextHop {
    pub(crate) fn start(ledger: &Arc<Ledger>, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let next_hop = Self { addr: listener.local_addr().expect("a bound socket"), open: Arc::default() };
        let (ledger, open) = (Arc::clone(ledger), Arc::clone(&next_hop.open));
        thread::spawn(move || {
            for (number, stream) in (0..).zip(listener.incoming()) {
                let Ok(stream) = stream else { continue };
                let (ledger, open) = (Arc::clone(&ledger), Arc::clone(&open));
                open.fetch_add(1, Ordering::AcqRel);
                thread::spawn(move || {
                    let ended = Connection::new(&stream, &ledger, Rng::new(seed, number)).and_then(Connection::serve);
                    drop(ended); // a connection may break at any time; what arrived is on record
                    open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        next_hop
    }

    /// Waits until all connections have ended, for a while. False: some have not.
    pub(crate) fn is_quiet(&self) -> bool {
        for _ in 0..500 {
            if self.open.load(Ordering::Acquire) == 0 {
                return true;
            }
            sleep(Duration::from_millis(20));
        }
        false
    }
}

struct Connection<'a> {
    reader: BufReader<&'a TcpStream>,
    ledger: &'a Ledger,
    fault: Option<(Step, Act)>,
    /// Messages before the fault.
    spared: usize,
}

/// What the connection is good for after a step.
#[derive(PartialEq, Eq)]
enum State {
    /// It said what it usually says.
    Well,
    /// It said something else.
    Odd,
}

impl<'a> Connection<'a> {
    fn new(stream: &'a TcpStream, ledger: &'a Ledger, mut rng: Rng) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let fault = rng.percent(25).then(|| (rng.pick(&STEPS), rng.pick(&ACTS)));
        // Stalls keep others waiting: they are rarer.
        let fault = fault.filter(|(_, act)| *act != Act::Stall || rng.percent(30));
        Ok(Self { reader: BufReader::with_capacity(1 << 16, stream), ledger, fault, spared: rng.below(2) })
    }

    fn serve(mut self) -> io::Result<()> {
        self.say(Step::Banner, "220 sink.example ESMTP")?;
        loop {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).to_ascii_uppercase();
            match line.split([' ', '\r']).next().unwrap_or_default() {
                "EHLO" => {
                    self.say(Step::Hello, EHLO)?;
                }
                "MAIL" => {
                    self.say(Step::Mail, "250 2.1.0 Ok")?;
                }
                "RCPT" => {
                    self.say(Step::Recipient, "250 2.1.5 Ok")?;
                }
                "DATA" => {
                    if self.say(Step::Data, "354 Go on")? == State::Well {
                        self.message()?;
                    }
                }
                "QUIT" => return self.say(Step::Quit, "221 2.0.0 Bye").map(drop),
                _ => self.write("250 2.0.0 Ok\r\n")?,
            }
        }
    }

    fn message(&mut self) -> io::Result<()> {
        let mut received = Received::default();
        if !self.mail_data(&mut received)? {
            return Ok(());
        }
        let id = self.ledger.record(&received.message());
        if self.say(Step::End, "250 2.0.0 Ok: recorded")? == State::Well
            && let Some(id) = id
        {
            self.ledger.acknowledged(id);
        }
        self.spared = self.spared.saturating_sub(1);
        self.may_fail(Step::After).map(drop)
    }

    /// Mail data up to their end. False: the connection ended before.
    fn mail_data(&mut self, received: &mut Received) -> io::Result<bool> {
        loop {
            let start = received.raw.len();
            if self.reader.read_until(b'\n', &mut received.raw)? == 0 {
                return Ok(false);
            }
            let after_crlf = start == 0 || received.raw[..start].ends_with(b"\r\n");
            if after_crlf && &received.raw[start..] == b".\r\n" {
                received.raw.truncate(start);
                return Ok(true);
            }
            if start == 0 {
                self.may_fail(Step::Inside)?;
            }
        }
    }

    /// Says the usual, or fails.
    fn say(&mut self, here: Step, usual: &str) -> io::Result<State> {
        match self.may_fail(here)? {
            Some(Act::Trickle) => {
                for octet in format!("{usual}\r\n").bytes() {
                    self.reader.get_mut().write_all(&[octet])?;
                    sleep(Duration::from_millis(2));
                }
                Ok(State::Well)
            }
            Some(_) => Ok(State::Odd),
            None => self.write(&format!("{usual}\r\n")).map(|()| State::Well),
        }
    }

    /// Fails, if this is where it shall: says what it then says. An error ends the connection.
    fn may_fail(&mut self, here: Step) -> io::Result<Option<Act>> {
        let early = matches!(here, Step::Banner | Step::Hello);
        let Some((_, act)) = self.fault.filter(|(step, _)| *step == here && (early || self.spared == 0)) else {
            return Ok(None);
        };
        self.fault = None;
        self.ledger.event(format!("next hop: {act:?} at {here:?}"));
        let stream = *self.reader.get_ref();
        match act {
            Act::Close => wire::close(stream),
            Act::Reset => wire::reset(stream),
            Act::Stall => wire::stall(stream),
            Act::HalfClose => {
                wire::half_close(stream);
                wire::stall(stream); // reads on
            }
            Act::Closing => self.write("421 4.3.2 closing\r\n")?,
            Act::Endless => self.endless()?,
            Act::Transient => return self.write("451 4.3.0 later\r\n").map(|()| Some(act)),
            Act::Permanent => return self.write("554 5.3.0 never\r\n").map(|()| Some(act)),
            Act::Garbage => return self.write("\u{fffd}\0what\n999 x\r\n").map(|()| Some(act)),
            Act::WrongClass => {
                let reply = if here == Step::Data { "250 2.0.0 thanks\r\n" } else { "354 go\r\n" };
                return self.write(reply).map(|()| Some(act));
            }
            Act::Trickle => return Ok(Some(act)),
        }
        Err(io::ErrorKind::BrokenPipe.into())
    }

    /// A reply that does not end; bounded, lest two of us wait for each other for ever.
    fn endless(&mut self) -> io::Result<()> {
        let lines = "250-and another line\r\n".repeat(1000);
        (0..100).try_for_each(|_| self.write(&lines))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.reader.get_mut().write_all(text.as_bytes())
    }
}

const EHLO: &str = "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n\
    250 XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT";
