//! `make demo`: both daemons at work, in a few seconds and with nothing installed.
//!
//! Makes a key, publishes it in a DNS server of its own, starts dkimproxy-out and dkimproxy-in in front of two small mail
//! servers, and sends a message through the one and what came out through the other; then once more, changed on its way.
//! The daemons are the real programs, talked to over real sockets. Ends with an error if a result is not as it should be.

use integration_tests::{
    client::Client,
    daemon::Daemon,
    dns::Dns,
    keys::Key,
    sink::{Manners, Sink},
};
use std::{fmt::Display, fs, io::IsTerminal, net::SocketAddr, process::ExitCode};

const MESSAGE: &str = "From: Jean Kevin <jean@example.net>\r\n\
    To: Jean Pierre <pierre@example.org>\r\n\
    Subject: Dinner\r\n\
    Date: Tue, 26 Jan 2010 12:57:07 +0100\r\n\
    Message-ID: <dinner@example.net>\r\n\
    \r\n\
    Shall we meet at eight?\r\n";

fn main() -> ExitCode {
    let mut show = Show { colours: std::io::stdout().is_terminal(), failed: false };
    show.heading("A key for example.net");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "demo", "rsa");
    let dns = Dns::start();
    dns.txt(&key.name, &key.record);
    show.lines(&[&format!("DNS now says about {}:", key.name)]);
    show.quote(&folded(&key.record));

    let signed = outgoing(&mut show, folder.path(), &key);
    let (verified, changed) = incoming(&mut show, dns.addr(), &signed);

    show.heading("Result");
    show.check("dkimproxy-out signed the message", field(&signed, "DKIM-Signature").contains("d=example.net"));
    show.check("dkimproxy-in verified it: dkim=pass", verified.contains("dkim=pass"));
    show.check("dkimproxy-in told the changed one apart: dkim=fail", changed.contains("dkim=fail"));
    ExitCode::from(u8::from(show.failed))
}

/// Sends the message through dkimproxy-out; returns it as the next hop gets it.
fn outgoing(show: &mut Show, folder: &std::path::Path, key: &Key) -> String {
    show.heading("Outgoing: through dkimproxy-out");
    let next_hop = Sink::start(Manners::default());
    let sender_map = folder.join("sender_map");
    let rule =
        format!("example.net dkim(s=demo, d=example.net, c=relaxed, a=rsa-sha256, key={})\n", key.path.display());
    fs::write(&sender_map, rule).expect("a new file");
    let conf_file = folder.join("dkimproxy_out.conf");
    let conf = format!("listen 127.0.0.1:0\nrelay {}\nsender_map {}\n", next_hop.addr(), sender_map.display());
    fs::write(&conf_file, conf).expect("a new file");
    let daemon = Daemon::start("dkimproxy-out", &[&format!("--conf_file={}", conf_file.display())]);
    let signed = through(daemon.addr(), &next_hop, MESSAGE, 1);
    show.lines(&["was added:"]);
    show.quote(&field(&signed, "DKIM-Signature"));
    show.lines(&["the daemon's log:", &daemon.line_with("DKIM signing")]);
    signed
}

/// Sends the signed message through dkimproxy-in, as it is and changed; returns the two Authentication-Results.
fn incoming(show: &mut Show, dns: SocketAddr, signed: &str) -> (String, String) {
    let mailbox = Sink::start(Manners::default());
    let (relay, resolver) = (format!("--relay={}", mailbox.addr()), format!("--resolver={dns}"));
    let flags = ["--listen=127.0.0.1:0", &relay, &resolver, "--hostname=mail.example.org"];
    let daemon = Daemon::start("dkimproxy-in", &flags);

    show.heading("Incoming: the signed message through dkimproxy-in");
    let verified = field(&through(daemon.addr(), &mailbox, signed, 1), "Authentication-Results");
    show.lines(&["was added:"]);
    show.quote(&verified);

    show.heading("Incoming: the same, but somebody made it \"at nine\" on its way");
    let changed = signed.replace("at eight", "at nine");
    let changed = field(&through(daemon.addr(), &mailbox, &changed, 2), "Authentication-Results");
    show.lines(&["was added:"]);
    show.quote(&changed);
    show.lines(&["the daemon's log:", &daemon.line_with("DKIM verify - fail")]);
    (verified, changed)
}

/// Sends `message` to `daemon`; returns the message that `next_hop` then gets as its `count`th.
fn through(daemon: SocketAddr, next_hop: &Sink, message: &str, count: usize) -> String {
    Client::hello(daemon).deliver("<jean@example.net>", &["<pierre@example.org>"], message.as_bytes());
    let received = next_hop.messages(count);
    String::from_utf8(received.last().expect("just counted").message()).expect("the message is text")
}

/// The topmost field of this name, as it stands in the message. Empty if there is none.
fn field(message: &str, name: &str) -> String {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    let Some(first) = lines.find(|line| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name)))
    else {
        return String::new();
    };
    let more = lines.take_while(|line| line.starts_with([' ', '\t']));
    std::iter::once(first).chain(more).collect::<Vec<_>>().join("\n")
}

/// A long text in lines that fit a terminal.
fn folded(text: &str) -> String {
    let octets: Vec<&[u8]> = text.as_bytes().chunks(72).collect();
    octets.into_iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
}

/// What the user sees.
struct Show {
    colours: bool,
    failed: bool,
}

impl Show {
    fn heading(&self, text: &str) {
        println!("\n{}", self.coloured(1, format!("== {text}")));
    }

    fn lines(&self, lines: &[&str]) {
        for line in lines {
            println!("   {line}");
        }
    }

    fn quote(&self, field: &str) {
        for line in field.lines() {
            println!("   | {}", self.coloured(36, line));
        }
    }

    fn check(&mut self, what: &str, good: bool) {
        let word = if good { self.coloured(32, "PASS") } else { self.coloured(31, "FAIL") };
        println!("   {word}  {what}");
        self.failed |= !good;
    }

    fn coloured(&self, code: u8, text: impl Display) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}
