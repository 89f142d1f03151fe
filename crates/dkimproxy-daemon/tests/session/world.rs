//! What the tests share: a filter that does as it is told, and a session between two streams in memory.

use dkimproxy_daemon::{
    filter::{Client, Decision, Edits, Filter, MessageFilter, Transaction, Verdict},
    peer::Endpoint,
    serve::{Service, Settings},
    session::{self, SessionError},
};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, duplex, split},
    sync::{mpsc, watch},
};

/// One message as the filter saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub client: Client,
    pub transaction: Transaction,
    pub octets: Vec<u8>,
}

/// Gives the same verdict to every message, and remembers them.
#[derive(Debug)]
pub struct TestFilter {
    verdict: Verdict,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

pub struct TestMessage {
    verdict: Verdict,
    seen: Seen,
    all: Arc<Mutex<Vec<Seen>>>,
}

impl Filter for TestFilter {
    type Message = TestMessage;

    fn begin(self: &Arc<Self>, client: &Client, transaction: &Transaction) -> TestMessage {
        let seen = Seen { client: client.clone(), transaction: transaction.clone(), octets: Vec::new() };
        TestMessage { verdict: self.verdict.clone(), seen, all: self.seen.clone() }
    }
}

impl MessageFilter for TestMessage {
    fn chunk(&mut self, chunk: &[u8]) {
        assert!(!chunk.is_empty());
        self.seen.octets.extend_from_slice(chunk);
    }

    async fn finish(self) -> Decision {
        // A verdict takes its time: the session must not rely on having it at once.
        tokio::task::yield_now().await;
        self.all.lock().unwrap().push(self.seen);
        Decision { verdict: self.verdict, summary: "test".into(), fields: Vec::new(), warn: false }
    }
}

/// Settings, filter and circumstances of a session.
pub struct World {
    pub settings: Settings,
    pub verdict: Verdict,
    pub from: Option<IpAddr>,
    pub stop: watch::Sender<bool>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    /// Octets that fit into each of the two streams.
    pub pipe: usize,
}

impl World {
    pub fn new() -> Self {
        let relay = Endpoint::Unix("/nonexistent/relay".into());
        Self {
            settings: Settings::new(relay, "proxy.example"),
            verdict: Verdict::Relay(Edits::default()),
            from: Some([127, 0, 0, 1].into()),
            stop: watch::Sender::new(false),
            seen: Arc::default(),
            pipe: 64 * 1024,
        }
    }

    pub fn with_pipe(pipe: usize) -> Self {
        Self { pipe, ..Self::new() }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The far ends of a session, and the session itself, to be polled together.
    pub fn session(&self) -> (End, End, impl Future<Output = Result<(), SessionError>> + use<>) {
        let (client, our_client) = duplex(self.pipe);
        let (relay, our_relay) = duplex(self.pipe);
        let session = self.run(our_client, async { Ok(our_relay) });
        (End::new(client), End::new(relay), session)
    }

    /// A session on the given streams.
    pub fn run(
        &self,
        client: DuplexStream,
        connect: impl Future<Output = Result<DuplexStream, SessionError>>,
    ) -> impl Future<Output = Result<(), SessionError>> {
        let filter = TestFilter { verdict: self.verdict.clone(), seen: self.seen.clone() };
        let service = Service { settings: self.settings.clone(), filter: Arc::new(filter) };
        let (from, stop) = (self.from, self.stop.subscribe());
        async move { session::run(client, from, connect, &service, stop).await }
    }
}

/// The far end of a stream: what is said goes out by itself, so that nobody waits for anybody by accident.
pub struct End {
    to_say: Option<mpsc::UnboundedSender<Vec<u8>>>,
    hears: ReadHalf<DuplexStream>,
}

impl End {
    pub fn new(stream: DuplexStream) -> Self {
        let (hears, mut says) = split(stream);
        let (to_say, mut said) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::spawn(async move {
            while let Some(octets) = said.recv().await {
                if says.write_all(&octets).await.is_err() {
                    return;
                }
            }
            let _ = says.shutdown().await;
        });
        Self { to_say: Some(to_say), hears }
    }

    pub fn say(&self, octets: impl Into<Vec<u8>>) {
        if let Some(to_say) = &self.to_say {
            let _ = to_say.send(octets.into());
        }
    }

    /// True once nobody listens to us any more.
    pub fn is_deaf(&self) -> bool {
        self.to_say.as_ref().is_none_or(mpsc::UnboundedSender::is_closed)
    }

    /// Says no more.
    pub fn close(&mut self) {
        self.to_say = None;
    }

    /// Reads so many octets; fewer at the end of the stream.
    pub async fn hear(&mut self, many: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        (&mut self.hears).take(many as u64).read_to_end(&mut heard).await.unwrap();
        heard
    }

    /// Reads one line with its CRLF; less at the end of the stream.
    pub async fn hear_line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            match self.hear(1).await.first() {
                Some(&octet) => line.push(octet),
                None => break,
            }
        }
        line
    }

    /// Reads one reply, all its lines; less at the end of the stream.
    pub async fn hear_reply(&mut self) -> Vec<u8> {
        let mut reply = Vec::new();
        loop {
            let line = self.hear_line().await;
            reply.extend_from_slice(&line);
            if line.get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// Reads to the end of the stream.
    pub async fn hear_all(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        self.hears.read_to_end(&mut heard).await.unwrap();
        heard
    }
}
