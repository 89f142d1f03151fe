//! What log watchers see: lines at a syslog socket of the test's own, and JSON.

use integration_tests::{
    client::Client,
    dns::Dns,
    keys::Key,
    programs,
    sink::{Manners, Sink},
};
use std::{
    net::SocketAddr,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A daemon that logs to a socket of ours. Killed with this value.
struct Logged {
    child: Child,
    socket: UnixDatagram,
    addr: SocketAddr,
    _folder: TempDir,
}

impl Logged {
    fn start(program: &str, flags: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log");
        let socket = UnixDatagram::bind(&path).expect("a socket of ours");
        socket.set_read_timeout(Some(integration_tests::PATIENCE)).expect("a time that is not zero");
        let mut command = Command::new(programs::ours(program));
        command.args(flags(folder.path())).args(["--listen=127.0.0.1:0", "--log_file=syslog"]);
        command.arg(format!("--syslog_socket={}", path.display())).stdin(Stdio::null());
        let child = command.spawn().expect("the program under test");
        let mut logged = Self { child, socket, addr: SocketAddr::from(([127, 0, 0, 1], 0)), _folder: folder };
        let line = logged.line_with("listening on ");
        let addr = line.split("listening on ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
        logged.addr = addr.parse().expect("an address");
        logged
    }

    /// The next datagram with `text` in it.
    fn line_with(&self, text: &str) -> String {
        let mut octets = vec![0; 65_536];
        loop {
            let length = self.socket.recv(&mut octets).unwrap_or_else(|error| panic!("no line with {text:?}: {error}"));
            let line = String::from_utf8(octets[..length].to_vec()).expect("a log line is text");
            assert!(!line.trim_end_matches('\n').contains(char::is_control), "{line:?} is more than a line");
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signing(relay: SocketAddr, more: &[&str]) -> Logged {
    Logged::start("dkimproxy-out", |folder| {
        let key = Key::generate(folder, "example.org", "s1", "ed25519");
        let mut flags = vec![
            format!("--relay={relay}"),
            format!("--keyfile={}", key.path.display()),
            "--domain=example.org,example.net".to_owned(),
            "--selector=s1".to_owned(),
        ];
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        flags
    })
}

/// `<PRI>Mmm dd hh:mm:ss IDENT[PID]: `: what stands before the text, cut off; PRI and IDENT.
fn heading(line: &str) -> (u8, String, &str) {
    let (priority, rest) = line.strip_prefix('<').and_then(|rest| rest.split_once('>')).expect("a priority");
    let (time, rest) = rest.split_at(16);
    assert!(time.ends_with(' ') && time.as_bytes()[6] == b' ' && time.as_bytes()[9] == b':', "{time:?}");
    let (ident, text) = rest.split_once("]: ").expect("a name and a process id");
    let (ident, pid) = ident.split_once('[').expect("a process id");
    assert!(pid.parse::<u32>().is_ok(), "{pid}");
    (priority.parse().expect("a number"), ident.to_owned(), text)
}

#[test]
fn a_signed_message_has_the_line_of_old_and_more_after_it() {
    let sink = Sink::start(Manners::default());
    let logged = signing(sink.addr(), &[]);
    let mut client = Client::hello(logged.addr);
    client.command("XFORWARD ADDR=192.0.2.7 IDENT=4Zqueue", "250");
    client.deliver("<a@example.org>", &["<b@x.example>"], b"Message-ID: <x@y>\r\nFrom: A <a@example.org>\r\n\r\nx\r\n");
    let line = logged.line_with("DKIM signing");
    let (priority, ident, text) = heading(&line);
    assert_eq!((priority, ident.as_str()), (22, "dkimproxy.out"), "facility mail, level info, as 1.4.1 had it");
    let rest =
        text.strip_prefix("DKIM signing - signed; message-id=<x@y>, signer=<@example.org>, from=<a@example.org>, ");
    let rest = rest.unwrap_or_else(|| panic!("another shape: {text}"));
    let (fields, time) = rest.rsplit_once(", time=").expect("the time comes last");
    assert_eq!(
        fields,
        "rule=domain:example.org, key=s1._domainkey.example.org, a=ed25519-sha256, client=127.0.0.1, queue-id=4Zqueue, \
         original-client=192.0.2.7, relay=\"250 2.0.0 Ok: queued as SINK\", size=49"
    );
    assert!(time.trim_end().ends_with("ms"), "{time}");
    // A message that no rule covers: the shape of old too.
    client.deliver("<a@example.org>", &["<b@x.example>"], b"From: a@elsewhere.example\r\n\r\nx\r\n");
    let line = logged.line_with("DKIM signing");
    let (_, _, text) = heading(&line);
    assert!(
        text.starts_with("DKIM signing - skipped; from=<a@elsewhere.example>, reason=\"no rule covers it\""),
        "{text}"
    );
    // Sender, where the rule was found by it.
    client.deliver(
        "<a@example.org>",
        &["<b@x.example>"],
        b"From: a@elsewhere.example\r\nSender: l@example.net\r\n\r\nx\r\n",
    );
    let line = logged.line_with("DKIM signing");
    assert!(line.contains("signed; signer=<@example.net>, sender=<l@example.net>, "), "{line}");
}

/// 1.4.1 decoded i= and wrote it as it was.
#[test]
fn nothing_of_a_message_splits_or_forges_a_line() {
    let sink = Sink::start(Manners::default());
    let logged = signing(sink.addr(), &[]);
    let hostile = b"Message-ID: <x>, from=<root@bank.example>\x1b[2J\x00\xe2\x80\xae y>\r\n\
        From: \"a\r\n b\"@example.org\r\nSubject: x\r\n\r\nx\r\n";
    Client::hello(logged.addr).deliver("<a@example.org>", &["<b@x.example>"], hostile);
    // The next datagram with this in it is whole, and `line_with` has seen to its being one line.
    let line = logged.line_with("DKIM signing");
    assert!(
        line.contains("message-id=<x\\x3e\\x2c from=\\x3croot@bank.example\\x3e\\x1b[2J\\x00\\u{202e} y>, "),
        "{line}"
    );
    assert_eq!(line.matches(" from=<").count(), 1, "{line}");
}

#[test]
fn ident_and_facility_can_be_chosen() {
    let logged = signing(SocketAddr::from(([127, 0, 0, 1], 1)), &["--syslog_ident=other", "--syslog_facility=daemon"]);
    assert!(Client::connect(logged.addr).reply().starts_with("421"));
    let line = logged.line_with("127.0.0.1:1");
    let (priority, ident, text) = heading(&line);
    // The next hop is down: 1.4.1 had no word of it in its log.
    assert_eq!((priority >> 3, ident.as_str()), (3, "other"), "{text}");
}

#[test]
fn incoming_mail_has_its_own_ident() {
    let dns = Dns::start();
    let sink = Sink::start(Manners::default());
    let logged = Logged::start("dkimproxy-in", |_| {
        vec![
            format!("--relay={}", sink.addr()),
            "--hostname=mail.example.org".to_owned(),
            format!("--resolver={}", dns.addr()),
        ]
    });
    let message = b"Message-ID: <x@y>\r\nFrom: a@example.org\r\n\r\nx\r\n";
    Client::hello(logged.addr).deliver("<a@example.org>", &["<b@x.example>"], message);
    let line = logged.line_with("DKIM verify");
    let (priority, ident, text) = heading(&line);
    assert_eq!((priority, ident.as_str()), (22, "dkimproxy.in"));
    assert!(text.starts_with("DKIM verify - none; message-id=<x@y>, from=<a@example.org>, "), "{text}");
}

#[test]
fn json_has_an_object_for_each_line() {
    let sink = Sink::start(Manners::default());
    let logged = signing(sink.addr(), &["--log_format=json"]);
    let message = b"Message-ID: <\"x\\y\">\r\nFrom: a@example.org\r\n\r\nx\r\n";
    Client::hello(logged.addr).deliver("<a@example.org>", &["<b@x.example>"], message);
    let line = logged.line_with("DKIM signing");
    let (_, _, text) = heading(&line);
    let object: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap_or_else(|e| panic!("{e}: {text}"));
    for (name, value) in [
        ("summary", "DKIM signing - signed"),
        ("program", "dkimproxy.out"),
        ("level", "info"),
        ("signer", "@example.org"),
        ("from", "a@example.org"),
        ("key", "s1._domainkey.example.org"),
        ("relay", "250 2.0.0 Ok: queued as SINK"),
    ] {
        assert_eq!(object[name], value, "{name}: {text}");
    }
}
