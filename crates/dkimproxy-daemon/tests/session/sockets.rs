//! The accept loop, over real sockets. Nothing here waits for a time to pass: each step waits for what it needs.

use crate::world::{TestFilter, World};
use dkimproxy_daemon::{
    network::Networks,
    peer::Endpoint,
    serve::{Listener, Service, Shared, serve},
};
use std::{
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    sync::Arc,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream},
    net::{TcpStream, UnixStream},
    time::Duration,
};

fn tcp() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap());
    (listener, endpoint)
}

fn endpoint(addr: SocketAddr) -> Endpoint {
    Endpoint::Tcp { host: addr.ip().to_string(), port: addr.port() }
}

/// A relay that greets as it is told and then says 250 to every line. It lives as long as the runtime.
fn relay_saying(banner: &'static str) -> Endpoint {
    let (listener, endpoint) = tcp();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufStream::new(stream);
                let mut says = banner;
                loop {
                    stream.write_all(says.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    if line(&mut stream).await.is_empty() {
                        return;
                    }
                    says = "250 Ok\r\n";
                }
            });
        }
    });
    endpoint
}

fn shared(world: &World) -> Arc<Shared<TestFilter>> {
    Arc::new(Shared::new(service(world)))
}

fn service(world: &World) -> Service<TestFilter> {
    Service { settings: world.settings.clone(), filter: world.filter() }
}

async fn dial(endpoint: &Endpoint) -> BufStream<TcpStream> {
    let Endpoint::Tcp { host, port } = endpoint else { panic!("{endpoint}") };
    BufStream::new(TcpStream::connect((host.as_str(), *port)).await.unwrap())
}

async fn line(stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    line
}

/// A server on one listener, and what a client does with it; then the server is stopped and ends.
async fn while_serving<T>(world: &World, listener: Listener, client: impl Future<Output = T>) -> T {
    let serving = serve(vec![listener], shared(world), world.stop.subscribe());
    let client = async {
        let result = client.await;
        world.stop.send_replace(true);
        result
    };
    let (served, result) = tokio::join!(serving, client);
    served.unwrap();
    result
}

#[tokio::test(flavor = "local")]
async fn banners_pass_over_tcp_and_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listen");
    let mut world = World::new();
    world.settings.relay = relay_saying("220 r\r\n");
    let (listener, here) = tcp();
    let greeting = while_serving(&world, Listener::Tcp(listener), async { line(&mut dial(&here).await).await }).await;
    assert_eq!(greeting, "220 r\r\n");

    world.stop.send_replace(false);
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    let dial = async { line(&mut BufStream::new(UnixStream::connect(&path).await.unwrap())).await };
    assert_eq!(while_serving(&world, listener, dial).await, "220 r\r\n");
}

#[tokio::test(flavor = "local")]
async fn a_relay_that_is_down_is_named_so() {
    let (_, nobody) = tcp();
    let mut world = World::new();
    world.settings.relay = nobody;
    let (listener, here) = tcp();
    let greeting = while_serving(&world, Listener::Tcp(listener), async { line(&mut dial(&here).await).await }).await;
    assert_eq!(greeting, "421 Internal error (Next hop is down)\r\n");
}

#[tokio::test(flavor = "local")]
async fn a_loop_to_ourselves_is_detected() {
    let (listener, here) = tcp();
    let mut world = World::new();
    // By another name than the one the listener was bound to: only the connection tells.
    let Endpoint::Tcp { port, .. } = &here else { unreachable!() };
    world.settings.relay = Endpoint::Tcp { host: "localhost".into(), port: *port };
    let greeting = while_serving(&world, Listener::Tcp(listener), async { line(&mut dial(&here).await).await }).await;
    assert_eq!(greeting, "554 5.4.6 Mail loop detected\r\n");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listen");
    let mut world = World::new();
    world.settings.relay = Endpoint::Unix(path.clone());
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    let dial = async { line(&mut BufStream::new(UnixStream::connect(&path).await.unwrap())).await };
    assert_eq!(while_serving(&world, listener, dial).await, "554 5.4.6 Mail loop detected\r\n");
}

#[tokio::test(flavor = "local")]
async fn strangers_are_not_served() {
    for (allow, deny, served) in
        [("", "", true), ("127.0.0.0/8", "", true), ("::1", "", false), ("", "127.0.0.1", false)]
    {
        let mut world = World::new();
        world.settings.relay = relay_saying("220 r\r\n");
        (world.settings.allow, world.settings.deny) = (allow.parse().unwrap(), deny.parse::<Networks>().unwrap());
        let (listener, here) = tcp();
        let greeting =
            while_serving(&world, Listener::Tcp(listener), async { line(&mut dial(&here).await).await }).await;
        assert_eq!(greeting, if served { "220 r\r\n" } else { "554 5.7.1 Access denied\r\n" }, "{allow:?} {deny:?}");
    }
}

/// The second client is not turned away: it waits until the first one goes, whichever worker and listener it came to.
#[tokio::test(flavor = "local")]
async fn connections_over_the_limit_wait() {
    let mut world = World::new();
    world.settings.relay = relay_saying("220 r\r\n");
    world.settings.limits.connections = 1;
    let (listener, here) = tcp();
    let (other_listener, there) = tcp();
    let listeners = [listener, other_listener].map(Listener::Tcp);
    // Two workers, for the limit is that of the daemon.
    let workers = [listeners.each_ref().map(|listener| listener.try_clone().unwrap()), listeners];
    let shared = shared(&world);
    let [one, two] = workers.map(|listeners| serve(listeners.into(), shared.clone(), world.stop.subscribe()));
    let talk = async {
        let mut first = dial(&here).await;
        assert_eq!(line(&mut first).await, "220 r\r\n");
        let mut second = dial(&there).await;
        let mut octet = [0];
        // Time enough for one that would be served at once: the first one's next command is answered meanwhile.
        say(&mut first, "FROBNICATE\r\n").await;
        assert_eq!(line(&mut first).await, "502 5.5.1 Command not implemented\r\n");
        assert!(second.get_mut().try_read(&mut octet).is_err());
        assert_eq!(shared.connections(), 1);
        drop(first);
        assert_eq!(line(&mut second).await, "220 r\r\n");
        drop(second);
        assert_eq!(line(&mut dial(&here).await).await, "220 r\r\n");
        world.stop.send_replace(true);
    };
    let (one, two, ()) = tokio::join!(one, two, talk);
    one.and(two).unwrap();
}

#[tokio::test(flavor = "local")]
async fn new_settings_are_for_new_connections() {
    let mut world = World::new();
    world.settings.relay = relay_saying("220 old\r\n");
    let (listener, here) = tcp();
    let shared = shared(&world);
    let serving = serve(vec![Listener::Tcp(listener)], shared.clone(), world.stop.subscribe());
    let talk = async {
        let mut old = dial(&here).await;
        assert_eq!(line(&mut old).await, "220 old\r\n");
        let mut changed = World::new();
        changed.settings.relay = relay_saying("220 new\r\n");
        shared.replace(service(&changed));
        assert_eq!(line(&mut dial(&here).await).await, "220 new\r\n");
        say(&mut old, "FROBNICATE\r\n").await;
        assert_eq!(line(&mut old).await, "502 5.5.1 Command not implemented\r\n");
        world.stop.send_replace(true);
    };
    tokio::join!(serving, talk).0.unwrap();
}

/// A transaction may take its time, but not for ever: then it is cut off, without a reply to its message.
#[tokio::test(flavor = "local")]
async fn the_drain_ends_in_time() {
    let mut world = World::new();
    world.settings.timeouts.drain = Duration::from_millis(1);
    world.settings.relay = relay_saying("220 r\r\n");
    let (listener, here) = tcp();
    let mut client = while_serving(&world, Listener::Tcp(listener), async {
        let mut client = dial(&here).await;
        line(&mut client).await;
        say(&mut client, "MAIL FROM:<a@b>\r\n").await;
        assert_eq!(line(&mut client).await, "250 Ok\r\n");
        client
    })
    .await;
    assert_eq!(line(&mut client).await, "");
}

async fn say(stream: &mut BufStream<TcpStream>, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}
