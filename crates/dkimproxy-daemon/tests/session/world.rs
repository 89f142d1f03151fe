//! What the tests share: a filter that does as it is told, and a session between two streams in memory.

use dkimproxy_daemon::{
    filter::{Client, Decision, Edits, Filter, MessageFilter, Transaction, Verdict},
    peer::Endpoint,
    serve::{Service, Settings},
    session::{self, SessionError},
};
use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split},
    sync::{mpsc, watch},
};

/// One message as the filter saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) client: Client,
    pub(crate) transaction: Transaction,
    pub(crate) octets: Vec<u8>,
}

/// Gives the same verdict to every message, and remembers them.
#[derive(Debug)]
pub(crate) struct TestFilter {
    verdict: Verdict,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
}

pub(crate) struct TestMessage {
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
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) verdict: Verdict,
    pub(crate) from: Option<IpAddr>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    /// Octets that fit into each of the two streams.
    pub(crate) pipe: usize,
}

impl World {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn with_pipe(pipe: usize) -> Self {
        Self { pipe, ..Self::new() }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn filter(&self) -> Arc<TestFilter> {
        Arc::new(TestFilter { verdict: self.verdict.clone(), seen: self.seen.clone() })
    }

    /// The far ends of a session, and the session itself, to be polled together.
    pub(crate) fn session(&self) -> (End, End, impl Future<Output = Result<(), SessionError>> + use<>) {
        let (client, our_client) = duplex(self.pipe);
        let (relay, our_relay) = duplex(self.pipe);
        let session = self.run(our_client, async { Ok(our_relay) });
        (End::new(client), End::new(relay), session)
    }

    /// A session on the given streams.
    pub(crate) fn run<T: Future<Output = Result<DuplexStream, SessionError>>>(
        &self,
        client: DuplexStream,
        connect: T,
    ) -> impl Future<Output = Result<(), SessionError>> + use<T> {
        let service = Service { settings: self.settings.clone(), filter: self.filter() };
        let (from, stop) = (self.from, self.stop.subscribe());
        async move { session::run(client, from, connect, &service, stop).await }
    }
}

/// The far end of a stream. What is said goes out by itself, and what comes is taken, so that nobody waits for anybody by
/// accident.
pub(crate) struct End {
    to_say: Option<mpsc::UnboundedSender<Vec<u8>>>,
    hears: mpsc::UnboundedReceiver<Vec<u8>>,
    heard: VecDeque<u8>,
}

impl End {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        let (mut reads, mut writes) = split(stream);
        let (to_say, mut said) = mpsc::unbounded_channel::<Vec<u8>>();
        let (to_hear, hears) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(octets) = said.recv().await {
                if writes.write_all(&octets).await.is_err() {
                    return;
                }
            }
            let _ = writes.shutdown().await;
        });
        tokio::spawn(async move {
            let mut piece = vec![0; 4096];
            while let Ok(many @ 1..) = reads.read(&mut piece).await {
                if to_hear.send(piece[..many].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { to_say: Some(to_say), hears, heard: VecDeque::new() }
    }

    pub(crate) fn say(&self, octets: impl Into<Vec<u8>>) {
        if let Some(to_say) = &self.to_say {
            let _ = to_say.send(octets.into());
        }
    }

    /// True once nobody listens to us any more.
    pub(crate) fn is_deaf(&self) -> bool {
        self.to_say.as_ref().is_none_or(mpsc::UnboundedSender::is_closed)
    }

    /// Says no more.
    pub(crate) fn close(&mut self) {
        self.to_say = None;
    }

    /// The next octet; None at the end of the stream.
    pub(crate) async fn hear_octet(&mut self) -> Option<u8> {
        while self.heard.is_empty() {
            self.heard.extend(self.hears.recv().await?);
        }
        self.heard.pop_front()
    }

    /// True if there is something to hear already.
    pub(crate) fn has_more(&self) -> bool {
        !self.heard.is_empty() || !self.hears.is_empty()
    }

    /// So many octets; fewer at the end of the stream.
    pub(crate) async fn hear(&mut self, many: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        while heard.len() < many
            && let Some(octet) = self.hear_octet().await
        {
            heard.push(octet);
        }
        heard
    }

    /// One line with its CRLF; less at the end of the stream.
    pub(crate) async fn hear_line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n")
            && let Some(octet) = self.hear_octet().await
        {
            line.push(octet);
        }
        line
    }

    /// One reply, all its lines; less at the end of the stream.
    pub(crate) async fn hear_reply(&mut self) -> Vec<u8> {
        let mut reply = Vec::new();
        loop {
            let line = self.hear_line().await;
            reply.extend_from_slice(&line);
            if line.get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// Everything to the end of the stream.
    pub(crate) async fn hear_all(&mut self) -> Vec<u8> {
        self.hear(usize::MAX / 2).await
    }
}
