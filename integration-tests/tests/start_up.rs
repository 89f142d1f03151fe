//! What a start needs, and where it listens.

use integration_tests::{
    client::Client,
    daemon::Daemon,
    keys::Key,
    programs,
    sink::{Manners, Sink},
};
use std::net::{Ipv6Addr, TcpListener};

const MESSAGE: &[u8] = b"From: a@example.net\r\nSubject: x\r\n\r\nbody\r\n";

/// Each connection to an IPv6 listener of 1.4.1 ended without a banner.
#[test]
fn ipv6_works_on_both_sides() {
    let relay = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
    if programs::skipped("IPv6 on this machine", relay.is_ok()) {
        return;
    }
    let sink = Sink::listen(relay.expect("just asked"), Manners::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "s", "ed25519");
    let flags = [
        "--listen=[::1]:0".to_owned(),
        format!("--relay={}", sink.addr()),
        "--domain=example.net".to_owned(),
        "--selector=s".to_owned(),
        format!("--keyfile={}", key.path.display()),
    ];
    let daemon = Daemon::start("dkimproxy-out", &flags.each_ref().map(String::as_str));
    assert!(daemon.addr().is_ipv6());
    Client::hello(daemon.addr()).deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    assert_eq!(sink.messages(1).remove(0).fields("DKIM-Signature").len(), 1);
    let line = daemon.line_with("DKIM signing - signed");
    assert!(line.contains("client=::1, "), "{line}");
}

/// 1.4.1 listened on IPv4 alone where a name had been given, and took the first address of the relay only.
#[test]
fn names_have_all_their_addresses() {
    let sink = Sink::start(Manners::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "s", "ed25519");
    // localhost is ::1 first on many machines, and nobody listens there.
    let flags = [
        "--listen=127.0.0.1:0".to_owned(),
        format!("--relay=localhost:{}", sink.addr().port()),
        "--domain=example.net".to_owned(),
        "--selector=s".to_owned(),
        format!("--keyfile={}", key.path.display()),
    ];
    let daemon = Daemon::start("dkimproxy-out", &flags.each_ref().map(String::as_str));
    Client::hello(daemon.addr()).deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    assert_eq!(sink.messages(1).len(), 1);
}
