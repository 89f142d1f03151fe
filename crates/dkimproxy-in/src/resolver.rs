//! Asks DNS over the network: hickory-resolver behind [`dkimproxy_auth::dns::Resolver`].
//!
//! All lookups run on one thread of their own. So a connection to a name server, which several sessions may use, never
//! depends on the thread of the session that opened it; a lookup that nobody waits for any more is ended.

use dkimproxy_auth::dns::{Answer, LookupError, MailExchanger, Resolver, Zone, reverse_name};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::AbortHandle,
};

/// Answers kept as they came. What is asked for again and again is kept parsed, by `KeyFetcher`; this is for the rest.
const CACHE_SIZE: u64 = 1024;

/// How long it is remembered that something is not there, where the answer has no SOA record to say it (RFC 2308
/// section 5 would not remember it at all).
const NEGATIVE_TTL: Duration = Duration::from_secs(30);

/// Where the answers come from.
pub(crate) enum Dns {
    /// From name servers.
    Network(NetworkResolver),
    /// From a file, read into memory.
    Zone(Zone),
}

impl Resolver for Dns {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        match self {
            Self::Network(resolver) => resolver.txt(name).await,
            Self::Zone(zone) => zone.txt(name).await,
        }
    }

    async fn a(&self, name: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        match self {
            Self::Network(resolver) => resolver.a(name).await,
            Self::Zone(zone) => zone.a(name).await,
        }
    }

    async fn aaaa(&self, name: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        match self {
            Self::Network(resolver) => resolver.aaaa(name).await,
            Self::Zone(zone) => zone.aaaa(name).await,
        }
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        match self {
            Self::Network(resolver) => resolver.mx(name).await,
            Self::Zone(zone) => zone.mx(name).await,
        }
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, LookupError> {
        match self {
            Self::Network(resolver) => resolver.ptr(address).await,
            Self::Zone(zone) => zone.ptr(address).await,
        }
    }
}

/// Asks name servers, over UDP with EDNS, over TCP where an answer is too long.
pub(crate) struct NetworkResolver {
    resolvers: Arc<Resolvers>,
    /// Started with the first lookup, since no thread survives the fork of a daemon. None: it could not be started.
    worker: OnceLock<Option<Worker>>,
}

impl NetworkResolver {
    /// Asks these servers; if there are none, those that the system asks.
    pub(crate) fn new(servers: &[SocketAddr]) -> Result<Self, NetError> {
        let (config, options) =
            if servers.is_empty() { system() } else { (explicit(servers), ResolverOpts::default()) };
        Ok(Self { resolvers: Arc::new(Resolvers::new(config, &tuned(options))?), worker: OnceLock::new() })
    }

    /// Asks for the records at `name` of the type that `pick` picks.
    async fn lookup<T: Send + 'static>(
        &self,
        name: &str,
        kind: RecordType,
        pick: fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, LookupError> {
        // A name that cannot be written in a question (RFC 1035 section 2.3.4) cannot exist.
        let labels = name.split('.').map(str::as_bytes);
        let mut name = Name::from_labels(labels).map_err(|_| LookupError::NoName { ttl: NEGATIVE_TTL })?;
        name.set_fqdn(true);
        let worker = self.worker.get_or_init(Worker::start).as_ref().ok_or(LookupError::ServerFailure)?;
        let resolvers = Arc::clone(&self.resolvers);
        let lookup = worker.runtime.spawn(async move { resolvers.lookup(name, kind, pick).await });
        let _end_with_us = AbortOnDrop(lookup.abort_handle());
        lookup.await.unwrap_or(Err(LookupError::ServerFailure))
    }
}

impl Resolver for NetworkResolver {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        let pick = |data: &RData| if let RData::TXT(txt) = data { Some(txt.txt_data.concat()) } else { None };
        self.lookup(name, RecordType::TXT, pick).await
    }

    async fn a(&self, name: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        let pick = |data: &RData| if let RData::A(address) = data { Some(address.0) } else { None };
        self.lookup(name, RecordType::A, pick).await
    }

    async fn aaaa(&self, name: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        let pick = |data: &RData| if let RData::AAAA(address) = data { Some(address.0) } else { None };
        self.lookup(name, RecordType::AAAA, pick).await
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        let pick = |data: &RData| {
            let RData::MX(mx) = data else { return None };
            Some(MailExchanger { preference: mx.preference, exchanger: host(&mx.exchange) })
        };
        self.lookup(name, RecordType::MX, pick).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, LookupError> {
        let pick = |data: &RData| if let RData::PTR(name) = data { Some(host(&name.0)) } else { None };
        self.lookup(&reverse_name(address), RecordType::PTR, pick).await
    }
}

/// A name as text, odd octets escaped as in a zone file, without the dot at the end.
fn host(name: &Name) -> String {
    let name = name.to_ascii();
    name.strip_suffix('.').unwrap_or(&name).to_owned()
}

/// What is wrong with the system's list of name servers, if anything: then 127.0.0.1 is asked, as the C library does.
pub(crate) fn system_problem() -> Option<String> {
    let error = hickory_resolver::system_conf::read_system_conf().err()?;
    Some(format!("no name server in /etc/resolv.conf ({error}); asking 127.0.0.1. The option resolver names others"))
}

fn system() -> (ResolverConfig, ResolverOpts) {
    hickory_resolver::system_conf::read_system_conf().unwrap_or_else(|_| {
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
        (explicit(&[local]), ResolverOpts::default())
    })
}

fn explicit(servers: &[SocketAddr]) -> ResolverConfig {
    let server = |address: &SocketAddr| {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        connections.iter_mut().for_each(|connection| connection.port = address.port());
        NameServerConfig::new(address.ip(), true, connections)
    };
    ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect())
}

fn tuned(mut options: ResolverOpts) -> ResolverOpts {
    options.cache_size = CACHE_SIZE;
    // One server at a time: two would double all questions for nothing.
    options.num_concurrent_reqs = 1;
    // Against forged answers (draft-vixie-dnsext-dns0x20).
    options.case_randomization = true;
    options.edns0 = true;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

/// hickory-resolver asks the next server when one is silent, but takes SERVFAIL and REFUSED for the final answer. The C
/// library does not, and who lists two servers expects that one may be ill.
struct Resolvers {
    /// All servers.
    pool: TokioResolver,
    /// Each alone, if there are several.
    single: Vec<TokioResolver>,
}

impl Resolvers {
    fn new(config: ResolverConfig, options: &ResolverOpts) -> Result<Self, NetError> {
        let build = |servers: Vec<NameServerConfig>| {
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().clone_from(options);
            builder.build()
        };
        let servers = config.name_servers().to_vec();
        let alone = if servers.len() > 1 { servers.clone() } else { Vec::new() };
        let single = alone.into_iter().map(|server| build(vec![server])).collect::<Result<_, _>>()?;
        Ok(Self { pool: build(servers)?, single })
    }

    async fn lookup<T>(
        &self,
        name: Name,
        kind: RecordType,
        pick: fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, LookupError> {
        let mut answer = lookup(&self.pool, name.clone(), kind, pick).await;
        for resolver in &self.single {
            if !matches!(answer, Err(LookupError::ServerFailure)) {
                break;
            }
            answer = lookup(resolver, name.clone(), kind, pick).await;
        }
        answer
    }
}

async fn lookup<T>(
    resolver: &TokioResolver,
    name: Name,
    kind: RecordType,
    pick: fn(&RData) -> Option<T>,
) -> Result<Answer<T>, LookupError> {
    let lookup = resolver.lookup(name, kind).await.map_err(|error| failure(&error))?;
    let ttl = lookup.valid_until().saturating_duration_since(Instant::now());
    // The aliases that led here stand in the answer, too.
    let records: Vec<T> = lookup.answers().iter().filter_map(|record| pick(&record.data)).collect();
    if records.is_empty() { Err(LookupError::NoData { ttl }) } else { Ok(Answer { records, ttl }) }
}

fn failure(error: &NetError) -> LookupError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, negative_ttl, .. })) => {
            let ttl = negative_ttl.map_or(NEGATIVE_TTL, |seconds| Duration::from_secs(seconds.into()));
            match *response_code {
                ResponseCode::NXDomain => LookupError::NoName { ttl },
                ResponseCode::NoError => LookupError::NoData { ttl },
                _ => LookupError::ServerFailure,
            }
        }
        NetError::Timeout => LookupError::Timeout,
        _ => LookupError::ServerFailure,
    }
}

/// The thread on which lookups run. Ends with this value.
struct Worker {
    runtime: Handle,
    _end: oneshot::Sender<()>,
}

impl Worker {
    fn start() -> Option<Self> {
        let started = Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            let (end, ended) = oneshot::channel::<()>();
            let handle = runtime.handle().clone();
            let run = move || drop(runtime.block_on(ended));
            std::thread::Builder::new().name("dns".into()).spawn(run)?;
            Ok(Self { runtime: handle, _end: end })
        });
        started.inspect_err(|error| tracing::error!("cannot start the thread that asks DNS: {error}")).ok()
    }
}

/// Ends a task when nobody waits for it any more.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
