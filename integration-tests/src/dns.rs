//! A DNS server (UDP and TCP) whose zone a test changes as it likes.

use hickory_proto::{
    op::{Metadata, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::TXT},
};
use hickory_server::{
    Server,
    net::runtime::Time,
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageResponseBuilder,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    str::FromStr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::{TcpListener, UdpSocket},
    runtime::Runtime,
};

/// What the server says about a name. A name that is not set does not exist (NXDOMAIN).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// TXT records, each as one text; it is cut into strings of 255 octets on the wire.
    Txt(Vec<Vec<u8>>),
    /// The name exists, but has no such record.
    NoData,
    /// SERVFAIL.
    ServFail,
    /// No answer at all.
    Silence,
}

#[derive(Default)]
struct Zone {
    answers: BTreeMap<String, Answer>,
    questions: Vec<String>,
}

/// The running server. Ends with this value.
pub struct Dns {
    addr: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    runtime: Option<Runtime>,
}

impl Dns {
    /// Listens on a free port of 127.0.0.1, the same one for UDP and TCP.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the DNS server");
        let zone = Arc::<Mutex<Zone>>::default();
        let handler = Handler(Arc::clone(&zone));
        let addr = runtime.block_on(async move {
            let (udp, tcp) = sockets().await;
            let addr = udp.local_addr().expect("a bound socket");
            let mut server = Server::new(handler);
            server.register_socket(udp);
            server.register_listener(tcp, Duration::from_secs(30), 16);
            tokio::spawn(async move { server.block_until_done().await });
            addr
        });
        Self { addr, zone, runtime: Some(runtime) }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Publishes one TXT record, in the place of what was there.
    pub fn txt(&self, name: &str, text: &str) {
        self.set(name, Answer::Txt(vec![text.as_bytes().to_vec()]));
    }

    /// Says `answer` about `name` from now on.
    pub fn set(&self, name: &str, answer: Answer) {
        let key = name.trim_end_matches('.').to_ascii_lowercase();
        crate::lock(&self.zone).answers.insert(key, answer);
    }

    /// The names asked for so far, in lower case.
    pub fn questions(&self) -> Vec<String> {
        crate::lock(&self.zone).questions.clone()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// UDP and TCP on the same port. The kernel picks the first; the second may be taken, then another pair is tried.
async fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("a bound socket")).await {
            return (udp, tcp);
        }
    }
    panic!("no port that is free for both UDP and TCP");
}

struct Handler(Arc<Mutex<Zone>>);

impl Handler {
    fn answer(&self, name: &str) -> Option<Answer> {
        let mut zone = crate::lock(&self.0);
        zone.questions.push(name.to_owned());
        zone.answers.get(name).cloned()
    }
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut response: R) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let mut records = Vec::new();
        if let Ok(info) = request.request_info() {
            let name = info.query.name().to_string().trim_end_matches('.').to_ascii_lowercase();
            match self.answer(&name) {
                None => metadata.response_code = ResponseCode::NXDomain,
                Some(Answer::ServFail) => metadata.response_code = ResponseCode::ServFail,
                Some(Answer::Silence) => {
                    return ResponseInfo::from(hickory_proto::op::Header { metadata, counts: Default::default() });
                }
                Some(Answer::Txt(texts)) if info.query.query_type() == RecordType::TXT => {
                    let name = Name::from_str(&format!("{name}.")).expect("a name that was just read");
                    records.extend(texts.iter().map(|text| record(&name, text)));
                }
                Some(_) => {}
            }
        } else {
            metadata.response_code = ResponseCode::FormErr;
        }
        let builder = MessageResponseBuilder::from_message_request(request);
        let message = builder.build(metadata, &records, &[], &[], &[]);
        match response.send_response(message).await {
            Ok(info) => info,
            Err(error) => panic!("the DNS server cannot answer: {error}"),
        }
    }
}

fn record(name: &Name, text: &[u8]) -> Record {
    let strings: Vec<&[u8]> = if text.is_empty() { vec![b""] } else { text.chunks(255).collect() };
    Record::from_rdata(name.clone(), 300, RData::TXT(TXT::from_bytes(strings)))
}
