//! A next hop that does what a test tells it, and remembers every octet.

use crate::PATIENCE;
use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// What the sink does with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Answers with these lines, each without CRLF.
    Reply(Vec<String>),
    /// Answers, then closes the connection.
    ReplyAndClose(String),
    /// Closes the connection without an answer.
    Close,
    /// Never answers; what follows is still read.
    Silence,
}

/// One line of answer.
pub fn reply(text: &str) -> Option<Action> {
    Some(Action::Reply(vec![text.to_owned()]))
}

type Rule = Box<dyn Fn(&str) -> Option<Action> + Send + Sync>;

/// What a sink offers and says.
pub struct Manners {
    extensions: Vec<String>,
    rule: Rule,
}

impl Default for Manners {
    /// Everything that Postfix's smtpd offers and a proxy can carry, XFORWARD included; 2xx to everything.
    fn default() -> Self {
        let extensions = "PIPELINING,SIZE 104857600,ETRN,8BITMIME,SMTPUTF8,DSN,ENHANCEDSTATUSCODES,\
                          XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT,CHUNKING";
        Self { extensions: extensions.split(',').map(str::to_owned).collect(), rule: Box::new(|_| None) }
    }
}

impl Manners {
    /// Offers only these extensions in its reply to EHLO.
    #[must_use]
    pub fn extensions(mut self, extensions: &[&str]) -> Self {
        self.extensions = extensions.iter().map(|&line| line.to_owned()).collect();
        self
    }

    /// Asks `rule` about each command, without its CRLF; `""` stands for the connection itself (the greeting) and `"."` for
    /// the end of mail data. None: the usual answer.
    #[must_use]
    pub fn on(mut self, rule: impl Fn(&str) -> Option<Action> + Send + Sync + 'static) -> Self {
        self.rule = Box::new(rule);
        self
    }

    fn usual(&self, command: &str) -> Action {
        let verb = command.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let line = match verb.as_str() {
            "" => "220 sink.example ESMTP",
            "EHLO" => {
                let mut lines = vec!["sink.example".to_owned()];
                lines.extend(self.extensions.iter().cloned());
                return Action::Reply(multiline(250, &lines));
            }
            "DATA" => "354 End data with <CR><LF>.<CR><LF>",
            "QUIT" => return Action::ReplyAndClose("221 2.0.0 Bye".into()),
            "." => "250 2.0.0 Ok: queued as SINK",
            _ => "250 2.0.0 Ok",
        };
        Action::Reply(vec![line.to_owned()])
    }
}

fn multiline(code: u16, texts: &[String]) -> Vec<String> {
    let last = texts.len().saturating_sub(1);
    texts.iter().enumerate().map(|(i, text)| format!("{code}{}{text}", if i == last { ' ' } else { '-' })).collect()
}

/// One message that the sink has taken or refused at its end.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// The MAIL command as it came.
    pub mail: String,
    /// The RCPT commands that were accepted, as they came.
    pub recipients: Vec<String>,
    /// The XFORWARD commands of this transaction, as they came.
    pub xforward: Vec<String>,
    /// Mail data as it came, with dots doubled, up to the last CRLF before the final dot.
    pub raw: Vec<u8>,
}

impl Received {
    /// The message: mail data without the doubled dots.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.raw.len());
        for line in self.raw.split_inclusive(|&octet| octet == b'\n') {
            let at_line_start = message.is_empty() || message.ends_with(b"\r\n");
            let dotted = if at_line_start { line.strip_prefix(b".") } else { None };
            message.extend_from_slice(dotted.unwrap_or(line));
        }
        message
    }

    /// All field bodies of this name in the header, unfolded, top first. (No field begins with a dot.)
    pub fn fields(&self, name: &str) -> Vec<String> {
        crate::messages::fields(&self.raw, name)
    }
}

#[derive(Default)]
struct Record {
    messages: Vec<Received>,
    commands: Vec<String>,
    stopped: bool,
    open: usize,
    connections: usize,
}

struct Shared {
    manners: Manners,
    record: Mutex<Record>,
    changed: Condvar,
}

impl Shared {
    fn change(&self, what: impl FnOnce(&mut Record)) {
        what(&mut crate::lock(&self.record));
        self.changed.notify_all();
    }
}

/// The running next hop. Ends with this value; connections end with their clients.
pub struct Sink {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Sink {
    /// Listens on a free port of 127.0.0.1.
    pub fn start(manners: Manners) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").expect("a free port"), manners)
    }

    /// Serves `listener`.
    pub fn listen(listener: TcpListener, manners: Manners) -> Self {
        let addr = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared { manners, record: Mutex::default(), changed: Condvar::new() });
        let serving = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &serving));
        Self { addr, shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until `enough` of the record, then returns it.
    fn wait(&self, what: &str, enough: impl Fn(&Record) -> bool) -> MutexGuard<'_, Record> {
        let record = crate::lock(&self.shared.record);
        let waited = self.shared.changed.wait_timeout_while(record, PATIENCE, |record| !enough(record));
        let (record, limit) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!limit.timed_out(), "the sink waited in vain for {what}; it saw {:?}", record.commands);
        record
    }

    /// Waits until at least `count` messages have come, and returns all of them.
    pub fn messages(&self, count: usize) -> Vec<Received> {
        self.wait(&format!("{count} messages"), |record| record.messages.len() >= count).messages.clone()
    }

    /// Waits for a message that satisfies `wanted`, and returns the first.
    pub fn message_where(&self, what: &str, wanted: impl Fn(&Received) -> bool) -> Received {
        let record = self.wait(what, |record| record.messages.iter().any(&wanted));
        record.messages.iter().find(|message| wanted(message)).cloned().expect("just seen")
    }

    /// Waits until all messages so far are `enough`.
    pub fn wait_until(&self, what: &str, enough: impl Fn(&[Received]) -> bool) {
        drop(self.wait(what, |record| enough(&record.messages)));
    }

    /// Looks at all messages so far.
    pub fn inspect<R>(&self, look: impl FnOnce(&[Received]) -> R) -> R {
        look(&crate::lock(&self.shared.record).messages)
    }

    /// All commands so far, of all connections, in the order they came; `"."` for an end of mail data.
    pub fn commands(&self) -> Vec<String> {
        crate::lock(&self.shared.record).commands.clone()
    }

    /// Waits until every connection has ended (at least one must have been there), and returns how many there were.
    pub fn all_closed(&self) -> usize {
        self.wait("all connections to end", |record| record.open == 0 && record.connections > 0).connections
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if crate::lock(&shared.record).stopped {
            break;
        }
        shared.change(|record| (record.open, record.connections) = (record.open + 1, record.connections + 1));
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let ended = Connection::new(&stream, &shared).and_then(Connection::serve);
            drop(ended); // a client may vanish at any time; what arrived is on record
            let _ = stream.shutdown(Shutdown::Both);
            shared.change(|record| record.open -= 1);
        });
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.change(|record| record.stopped = true);
        let _ = TcpStream::connect(self.addr); // wakes the thread that accepts
    }
}

struct Connection<'a> {
    shared: &'a Shared,
    reader: BufReader<&'a TcpStream>,
    transaction: Received,
}

impl<'a> Connection<'a> {
    fn new(stream: &'a TcpStream, shared: &'a Shared) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { shared, reader: BufReader::with_capacity(1 << 16, stream), transaction: Received::default() })
    }

    fn serve(mut self) -> std::io::Result<()> {
        let mut open = self.answer("")?.is_some();
        while open {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let command = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            self.shared.change(|record| record.commands.push(command.clone()));
            open = match self.answer(&command)? {
                None => false,
                Some(answer) => self.after(&command, answer)?,
            };
        }
        Ok(())
    }

    /// Answers; returns the first digit of the reply (a blank for silence), None if the connection is over.
    fn answer(&mut self, command: &str) -> std::io::Result<Option<char>> {
        let action = (self.shared.manners.rule)(command).unwrap_or_else(|| self.shared.manners.usual(command));
        let (lines, open) = match action {
            Action::Reply(lines) => (lines, true),
            Action::ReplyAndClose(line) => (vec![line], false),
            Action::Close => return Ok(None),
            Action::Silence => return Ok(Some(' ')),
        };
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.reader.get_mut().write_all(text.as_bytes())?;
        let class = text.chars().next().unwrap_or(' ');
        Ok(open.then_some(class))
    }

    /// Learns from a command and its answer. False: the connection is over.
    fn after(&mut self, command: &str, answer: char) -> std::io::Result<bool> {
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match (verb.as_str(), answer) {
            ("XFORWARD", '2') => self.transaction.xforward.push(command.to_owned()),
            ("MAIL", '2') => self.transaction.mail = command.to_owned(),
            ("RCPT", '2') => self.transaction.recipients.push(command.to_owned()),
            ("RSET" | "EHLO" | "HELO", '2') => self.transaction = Received::default(),
            ("DATA", '3') => return self.mail_data(),
            _ => {}
        }
        Ok(true)
    }

    fn mail_data(&mut self) -> std::io::Result<bool> {
        let mut received = std::mem::take(&mut self.transaction);
        loop {
            let start = received.raw.len();
            if self.reader.read_until(b'\n', &mut received.raw)? == 0 {
                return Ok(false); // vanished before the end: nothing was sent
            }
            let after_crlf = start == 0 || received.raw[..start].ends_with(b"\r\n");
            if after_crlf && &received.raw[start..] == b".\r\n" {
                received.raw.truncate(start);
                self.shared.change(|record| {
                    record.commands.push(".".into());
                    record.messages.push(received);
                });
                return Ok(self.answer(".")?.is_some());
            }
        }
    }
}
