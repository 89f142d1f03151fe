//! Programs that are not Postfix on both sides: lettre as the client, mailin-embedded as a next hop that offers little and
//! keeps no parameters.

use integration_tests::{client::Client, daemon::Daemon, keys::Key, messages, ours};
use mailin_embedded::{Handler, Response, Server, response};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

/// A mailin server's side of one connection: gathers a message, then sends it on.
#[derive(Clone)]
struct Primitive {
    message: Vec<u8>,
    done: Sender<Vec<u8>>,
}

impl Handler for Primitive {
    fn rcpt(&mut self, to: &str) -> Response {
        if to.contains("nobody") { response::NO_MAILBOX } else { response::OK }
    }

    fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        self.message.extend_from_slice(octets);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        match self.done.send(std::mem::take(&mut self.message)) {
            Ok(()) => response::OK,
            Err(_) => response::INTERNAL_ERROR,
        }
    }
}

/// Starts the primitive next hop. It serves until the test program ends.
fn primitive() -> (SocketAddr, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("a bound socket");
    let (done, messages) = channel();
    let mut server = Server::new(Primitive { message: Vec::new(), done });
    server.with_tcp_listener(listener).with_name("primitive.example");
    thread::spawn(move || drop(server.serve()));
    (addr, messages)
}

/// dkimproxy-out in front of `relay`, signing for example.net.
fn signing(folder: &std::path::Path, relay: SocketAddr) -> (Daemon, Key) {
    let key = Key::generate(folder, "example.net", "s", "rsa");
    let flags = [
        "--listen=127.0.0.1:0".to_owned(),
        format!("--relay={relay}"),
        format!("--keyfile={}", key.path.display()),
        "--selector=s".to_owned(),
        "--domain=example.net".to_owned(),
    ];
    let daemon = Daemon::start("dkimproxy-out", &flags.each_ref().map(String::as_str));
    (daemon, key)
}

#[test]
fn lettre_through_us_to_a_primitive_next_hop() {
    use lettre::{Message, SmtpTransport, Transport};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (relay, messages) = primitive();
    let (daemon, key) = signing(folder.path(), relay);
    let transport = SmtpTransport::builder_dangerous("127.0.0.1").port(daemon.addr().port()).build();
    for number in 0..3 {
        let message = Message::builder()
            .from("Jean <jean@example.net>".parse().expect("an address"))
            .to("pierre@example.org".parse().expect("an address"))
            .subject(format!("number {number}"))
            .body(".dots\n..\nand text\n".to_owned())
            .expect("a message");
        transport.send(&message).expect("accepted");
        let received = messages.recv_timeout(integration_tests::PATIENCE).expect("a message");
        assert_eq!(ours::results(&received, &[(key.name.clone(), key.record.clone())]), ["pass"]);
        assert_eq!(messages::fields(&received, "Subject"), [format!("number {number}")]);
    }
}

/// What the next hop does not offer is not offered to the client, and its refusals are the client's. (XFORWARD is, since we
/// ourselves want to know who the client is.)
#[test]
fn a_primitive_next_hop_shows_through() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (relay, _messages) = primitive();
    let (daemon, _) = signing(folder.path(), relay);
    let mut client = Client::connect(daemon.addr());
    client.expect("220");
    let offered = client.command("EHLO client.example", "250");
    for keyword in ["DSN", "SMTPUTF8", "SIZE", "STARTTLS", "CHUNKING", "AUTH"] {
        assert!(!offered.contains(keyword), "{keyword} was offered: {offered}");
    }
    client.command("MAIL FROM:<jean@example.net>", "250");
    client.command("RCPT TO:<nobody@example.org>", "550");
    client.command("RCPT TO:<pierre@example.org>", "250");
    assert!(client.data(messages::text("shows", "", "x\n").as_bytes()).starts_with("250"));
    client.command("QUIT", "221");
}
