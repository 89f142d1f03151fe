use super::*;
use hickory_server::{
    Server,
    proto::rr::{
        Record,
        rdata::{CNAME, MX, SOA, TXT},
    },
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use std::net::UdpSocket;
use tokio::net::TcpListener;

const LOCAL: &str = "127.0.0.1:0";

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// The zone `example.`; whoever asks for another one is refused.
fn catalog() -> Catalog {
    let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
        InMemoryZoneHandler::empty(name("example."), ZoneType::Primary, AxfrPolicy::Deny);
    let mut add = |owner: &str, ttl, data| zone.upsert_mut(Record::from_rdata(name(owner), ttl, data), 1);
    let txt = |strings: Vec<&[u8]>| RData::TXT(TXT::from_bytes(strings));
    let alias = |target: &str| RData::CNAME(CNAME(name(target)));
    add("example.", 600, RData::SOA(SOA::new(name("ns.example."), name("root.example."), 1, 60, 60, 60, 77)));
    add("plain.example.", 300, txt(vec![b"one"]));
    add("joined.example.", 300, txt(vec![b"v=DKIM1; ", b"p=\xff\0"]));
    add("_under._domainkey.example.", 300, txt(vec![b"under"]));
    add("two.example.", 300, txt(vec![b"a"]));
    add("two.example.", 300, txt(vec![b"b"]));
    add("long.example.", 300, txt([[b'x'; 255]; 40].iter().map(|string| &string[..]).collect()));
    add("alias.example.", 300, alias("alias2.example."));
    add("alias2.example.", 300, alias("plain.example."));
    add("dangling.example.", 300, alias("absent.example."));
    add("loop.example.", 300, alias("loop.example."));
    add("aliasonly.example.", 300, alias("empty.example."));
    add("under.empty.example.", 300, txt(vec![b"x"]));
    add("empty.example.", 300, an_address());
    add("empty.example.", 300, RData::AAAA("2001:db8::1".parse().unwrap()));
    add("mail.example.", 300, RData::MX(MX::new(10, name("MX.example."))));
    add("mailalias.example.", 300, alias("mail.example."));
    let mut catalog = Catalog::new();
    catalog.upsert(name("example.").into(), vec![Arc::new(zone)]);
    catalog
}

/// What is no TXT record.
fn an_address() -> RData {
    RData::A("192.0.2.1".parse().unwrap())
}

/// Within a runtime. The server ends with it.
async fn start_server() -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = tokio::net::UdpSocket::bind(LOCAL).await.unwrap();
        // The same port may be taken for TCP.
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let mut server = Server::new(catalog());
    server.register_socket(udp);
    server.register_listener(tcp, Duration::from_secs(30), 16);
    tokio::spawn(async move { server.block_until_done().await });
    address
}

async fn ask(resolver: &NetworkResolver, name: &str) -> Result<Vec<Vec<u8>>, LookupError> {
    resolver.txt(name).await.map(|answer| answer.records)
}

#[tokio::test]
async fn every_kind_of_answer_from_a_real_server() {
    let resolver = NetworkResolver::new(&[start_server().await]).unwrap();
    let records = |list: &[&[u8]]| Ok(list.iter().map(|record| record.to_vec()).collect::<Vec<_>>());
    assert_eq!(ask(&resolver, "plain.example").await, records(&[b"one"]));
    assert_eq!(ask(&resolver, "joined.example").await, records(&[b"v=DKIM1; p=\xff\0"]));
    assert_eq!(ask(&resolver, "_under._domainkey.example").await, records(&[b"under"]));
    assert_eq!(ask(&resolver, "PLAIN.Example").await, records(&[b"one"]));
    let mut two = ask(&resolver, "two.example").await.unwrap();
    two.sort();
    assert_eq!(two, [b"a", b"b"]);
    // 10,200 octets: more than any answer over UDP may have, so this one came over TCP.
    assert_eq!(ask(&resolver, "long.example").await, Ok(vec![vec![b'x'; 255 * 40]]));
    assert_eq!(ask(&resolver, "alias.example").await, records(&[b"one"]));
    for absent in ["absent.example", "dangling.example"] {
        assert!(matches!(ask(&resolver, absent).await, Err(LookupError::NoName { .. })), "{absent}");
    }
    for empty in ["empty.example", "aliasonly.example"] {
        assert!(matches!(ask(&resolver, empty).await, Err(LookupError::NoData { .. })), "{empty}");
    }
    assert!(ask(&resolver, "loop.example").await.is_err());
    // REFUSED, as SERVFAIL, says nothing about the name.
    assert_eq!(ask(&resolver, "foreign.test").await, Err(LookupError::ServerFailure));
    let long_name = format!("{}example", "a.".repeat(130));
    assert!(matches!(ask(&resolver, &long_name).await, Err(LookupError::NoName { .. })));
}

#[tokio::test]
async fn every_type_of_record_from_a_real_server() {
    let resolver = NetworkResolver::new(&[start_server().await]).unwrap();
    assert_eq!(resolver.a("empty.example").await.unwrap().records, [Ipv4Addr::new(192, 0, 2, 1)]);
    assert_eq!(resolver.aaaa("empty.example").await.unwrap().records, ["2001:db8::1".parse::<Ipv6Addr>().unwrap()]);
    for name in ["mail.example", "mailalias.example"] {
        let [mx] = <[MailExchanger; 1]>::try_from(resolver.mx(name).await.unwrap().records).unwrap();
        assert_eq!((mx.preference, mx.exchanger.to_ascii_lowercase().as_str()), (10, "mx.example"));
    }
    assert!(matches!(resolver.a("mail.example").await, Err(LookupError::NoData { .. })));
    assert_eq!(resolver.ptr(Ipv4Addr::new(192, 0, 2, 1).into()).await, Err(LookupError::ServerFailure));
}

#[tokio::test]
async fn lifetimes_come_from_the_answer() {
    let resolver = NetworkResolver::new(&[start_server().await]).unwrap();
    let ttl = resolver.txt("plain.example").await.unwrap().ttl;
    assert!(ttl <= Duration::from_secs(300) && ttl > Duration::from_secs(200), "{ttl:?}");
    let absent = LookupError::NoName { ttl: Duration::from_secs(77) };
    assert_eq!(resolver.txt("absent.example").await, Err(absent));
}

/// A server that says SERVFAIL to everything.
fn failing_server() -> SocketAddr {
    let socket = UdpSocket::bind(LOCAL).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut question) {
            let mut answer = question[..length].to_vec();
            answer[2] |= 0x80; // it is a response
            answer[3] = 0x80 | 2; // SERVFAIL
            socket.send_to(&answer, client).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_server_failure_is_temporary() {
    let resolver = NetworkResolver::new(&[failing_server()]).unwrap();
    assert_eq!(resolver.txt("plain.example").await, Err(LookupError::ServerFailure));
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_fails() {
    // Which one is asked first is not for us to say: the ill ones have the majority.
    let servers = [failing_server(), failing_server(), start_server().await, failing_server()];
    let resolver = NetworkResolver::new(&servers).unwrap();
    assert_eq!(ask(&resolver, "plain.example").await, Ok(vec![b"one".to_vec()]));
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_time_limit() {
    use dkimproxy_auth::keys::{KeyFetcher, KeyLimits};
    use dkimproxy_core::{
        domain::{DomainName, Selector},
        key::{KeyError, KeyName},
    };
    let silent = UdpSocket::bind(LOCAL).unwrap();
    let resolver = NetworkResolver::new(&[silent.local_addr().unwrap()]).unwrap();
    let keys = KeyFetcher::new(resolver, KeyLimits { time: Duration::from_millis(50), ..KeyLimits::default() });
    let name = KeyName { selector: Selector::new("s").unwrap(), domain: DomainName::new("a.example").unwrap() };
    let found = keys.fetch(vec![name.clone()]).await;
    assert_eq!(found[&name].as_ref().unwrap_err(), &KeyError::Unavailable);
}

/// Sessions live on threads with a runtime each; none of them may take a connection to the server with it.
#[test]
fn lookups_do_not_depend_on_the_runtime_that_came_first() {
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = server.block_on(start_server());
    let resolver = Arc::new(NetworkResolver::new(&[address]).unwrap());
    for asked in ["long.example", "plain.example", "long.example", "two.example"] {
        let resolver = Arc::clone(&resolver);
        let session = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(ask(&resolver, asked)).unwrap();
        };
        std::thread::spawn(session).join().unwrap();
    }
}

#[test]
fn the_system_is_asked_unless_servers_are_named() {
    assert!(NetworkResolver::new(&[]).is_ok());
    let config = explicit(&["[::1]:5353".parse().unwrap()]);
    let [server] = config.name_servers() else { panic!("one server") };
    assert_eq!(server.ip, "::1".parse::<IpAddr>().unwrap());
    assert!(server.connections.iter().all(|connection| connection.port == 5353));
}
