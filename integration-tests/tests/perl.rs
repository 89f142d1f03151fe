//! The same suite against DKIMproxy 1.4.1 in Perl, where the environment variable `DKIMPROXY_PERL` names one, and against
//! ours. Where the two differ the reason stands in the table, and both sides are asserted: if the original did what ours does,
//! the table would be wrong. Without Perl, ours is still held to its side.

use integration_tests::{
    client::Client,
    daemon::Daemon,
    messages,
    perl::{self, Perl},
    programs,
    sink::{Manners, Sink, reply},
};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Who is under test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Original,
    Ours,
}

/// One of the two, running.
enum Proxy {
    Original(Perl),
    Ours(Daemon),
}

impl Proxy {
    fn addr(&self) -> SocketAddr {
        match self {
            Self::Original(perl) => perl.addr(),
            Self::Ours(daemon) => daemon.addr(),
        }
    }
}

/// A folder with an RSA key `key` and what a test writes.
struct World {
    folder: TempDir,
    perl: Option<PathBuf>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut genkey = Command::new(programs::ours("dkimproxy-out"));
        genkey.args(["genkey", "--domain=example.org", "--out-file"]).arg(folder.path().join("key"));
        programs::output_of(&mut genkey, b"");
        // Mail::DKIM reads PKCS#8 as well.
        Self { folder, perl: perl::installed() }
    }

    /// Those that can be run here.
    fn all(&self) -> Vec<Who> {
        self.perl.iter().map(|_| Who::Original).chain([Who::Ours]).collect()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a new file");
        path.display().to_string()
    }

    fn start(&self, who: Who, relay: SocketAddr, flags: &[String]) -> Proxy {
        let key = format!("--keyfile={}", self.folder.path().join("key").display());
        let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        flags.extend([key.as_str(), "--selector=s0"]);
        match (who, &self.perl) {
            (Who::Original, Some(folder)) => Proxy::Original(Perl::start(folder, "dkimproxy.out", relay, &flags)),
            _ => {
                let relay = format!("--relay={relay}");
                flags.extend(["--listen=127.0.0.1:0", relay.as_str()]);
                Proxy::Ours(Daemon::start("dkimproxy-out", &flags))
            }
        }
    }
}

/// What signatures are on top of a message, shortest form: `a c d s [i]` each.
fn signatures(message: &[u8]) -> String {
    let dkim = messages::fields(message, "DKIM-Signature").into_iter().map(|field| describe("", &field));
    let domain_keys = messages::fields(message, "DomainKey-Signature").into_iter().map(|field| describe("dk ", &field));
    dkim.chain(domain_keys).collect::<Vec<_>>().join("; ")
}

fn describe(kind: &str, field: &str) -> String {
    let field: String = field.chars().filter(|c| !c.is_whitespace()).collect();
    let tag = |name: &str| field.split(';').find_map(|tag| tag.strip_prefix(name)?.strip_prefix('=')).unwrap_or("-");
    // A single word is for the header alone (RFC 6376 section 3.5).
    let method = match tag("c") {
        word @ ("simple" | "relaxed") if kind.is_empty() => format!("{word}/simple"),
        word => word.to_owned(),
    };
    let identity = if tag("i") == "-" { String::new() } else { format!(" i={}", tag("i")) };
    let missing = if tag("b") == "-" || tag("b").is_empty() { " without b=" } else { "" };
    format!("{kind}{} {method} d={} s={}{identity}{missing}", tag("a"), tag("d"), tag("s"))
}

/// A message by its header, what the original puts on top, what ours does, and why, if that is not the same.
struct Case {
    header: &'static str,
    original: &'static str,
    ours: &'static str,
    reason: &'static str,
}

const fn same(header: &'static str, both: &'static str) -> Case {
    Case { header, original: both, ours: both, reason: "" }
}

const fn differs(header: &'static str, original: &'static str, ours: &'static str, reason: &'static str) -> Case {
    Case { header, original, ours, reason }
}

const MAP: &str = "\
# comment
; another
user@example.org  dkim(a=rsa-sha256,c=relaxed,s=full)
example.org       dkim(a=rsa-sha256,c=relaxed,s=dom)
sub.example.org   dkim(a=rsa-sha256,c=relaxed/relaxed,s=subd,i=$sender)
c.example         dkim(a=rsa-sha256)
a.example         dkim(c=relaxed)
sha1.example      dkim(a=rsa-sha1,c=simple)
two.example       dkim(a=rsa-sha256,c=simple,s=one), domainkeys(c=nofws,s=two)
theirs.example    dkim(a=rsa-sha256,c=simple), domainkeys(d=elsewhere.example)
jason@long.name   dkim(a=rsa-sha256,c=simple,s=jason)
long.name         dkim(a=rsa-sha256,c=simple,s=longname)
UPPER.example     dkim(a=rsa-sha256,c=simple)
  blank.example   dkim(a=rsa-sha256,c=simple)
comment.example   dkim(a=rsa-sha256,c=simple) # comment
tag.example       dkim( s=tag,a=rsa-sha256,c=simple)
d.example         dkim(d=other.example,s=sx,c=relaxed/simple,a=rsa-sha256)
mac.example       dkim(d=$senderdomain,i=$sender,a=rsa-sha256,c=simple)
key.example       dkim(d=mail.$key,a=rsa-sha256,c=simple)
again.example     dkim(s=s1,a=rsa-sha256,c=simple)
again.example     dkim(s=s2,a=rsa-sha256,c=simple)
none.example      none
";

const MAP_CASES: &[Case] = &[
    same("From: user@example.org", "rsa-sha256 relaxed/simple d=example.org s=full"),
    same("From: User@Example.ORG", "rsa-sha256 relaxed/simple d=example.org s=full"),
    same("From: a@x.y.example.org", "rsa-sha256 relaxed/simple d=example.org s=dom"),
    same("From: A <b@sub.example.org>", "rsa-sha256 relaxed/relaxed d=sub.example.org s=subd i=b@sub.example.org"),
    same("From: a@unknown.example", ""),
    same("From: a@notexample.org", ""),
    same("Subject: nobody", ""),
    same("From: a@two.example", "rsa-sha256 simple/simple d=two.example s=one; dk rsa-sha1 nofws d=two.example s=two"),
    same("From: a@theirs.example", "rsa-sha256 simple/simple d=theirs.example s=s0"),
    same("From: a@d.example", "rsa-sha256 relaxed/simple d=other.example s=sx"),
    same("From: a@x.mac.example", "rsa-sha256 simple/simple d=x.mac.example s=s0 i=a@x.mac.example"),
    same("From: a@key.example", "rsa-sha256 simple/simple d=mail.key.example s=s0"),
    same("From: a@again.example", "rsa-sha256 simple/simple d=again.example s=s2"),
    same("From: a@none.example", ""),
    same("From: a@unknown.example\nSender: user@example.org", "rsa-sha256 relaxed/simple d=example.org s=full"),
    differs(
        "From: user@example.org\nSender: a@long.name",
        "rsa-sha256 simple/simple d=long.name s=longname",
        "rsa-sha256 relaxed/simple d=example.org s=full",
        "From is what receivers compare d= with (DMARC); sign_for sender,from has the old order",
    ),
    differs(
        "From: a@c.example",
        "rsa-sha256 relaxed/simple d=c.example s=s0",
        "rsa-sha256 relaxed/relaxed d=c.example s=s0",
        "a missing c= means relaxed/relaxed, which survives blanks at line ends",
    ),
    differs(
        "From: a@a.example",
        "rsa-sha1 relaxed/simple d=a.example s=s0",
        "rsa-sha256 relaxed/simple d=a.example s=s0",
        "RFC 8301 section 3.1: rsa-sha1 MUST NOT be used",
    ),
    differs(
        "From: a@sha1.example",
        "rsa-sha1 simple/simple d=sha1.example s=s0",
        "rsa-sha256 simple/simple d=sha1.example s=s0",
        "RFC 8301 section 3.1: rsa-sha1 MUST NOT be used",
    ),
    differs(
        "From: jason+ext@long.name",
        "",
        "rsa-sha256 simple/simple d=long.name s=jason",
        "the documents promise it; the original cut the @ off with the extension",
    ),
    differs(
        "From: eve+ext@long.name",
        "",
        "rsa-sha256 simple/simple d=long.name s=longname",
        "the documents promise it; the original cut the @ off with the extension",
    ),
    differs(
        "From: a@upper.example",
        "",
        "rsa-sha256 simple/simple d=upper.example s=s0",
        "domain names know no case (RFC 4343)",
    ),
    differs(
        "From: a@blank.example",
        "",
        "rsa-sha256 simple/simple d=blank.example s=s0",
        "the original ignored indented lines without a word; ours says so and counts them",
    ),
    differs(
        "From: a@comment.example",
        "",
        "rsa-sha256 simple/simple d=comment.example s=s0",
        "the original failed at each message",
    ),
    differs(
        "From: a@tag.example",
        "rsa-sha256 simple/simple d=tag.example s=s0",
        "rsa-sha256 simple/simple d=tag.example s=tag",
        "the original ignored a tag with a blank before its name",
    ),
];

/// Sends a message for each case through each of the two, and compares.
fn run(world: &World, flags: &[String], cases: &[Case]) {
    for who in world.all() {
        let sink = Sink::start(Manners::default());
        let proxy = world.start(who, sink.addr(), flags);
        for (index, Case { header, original, ours, reason }) in cases.iter().enumerate() {
            let message = format!("{header}\nSubject: x\n\nbody \n.dot\n").replace('\n', "\r\n");
            let mut client = Client::hello(proxy.addr());
            client.deliver("<env@elsewhere.example>", &["<b@x.example>"], message.as_bytes());
            let received = sink.messages(index + 1).remove(index).message();
            assert!(received.ends_with(message.as_bytes()), "{who:?}: {header:?}: the message itself has changed");
            let expected = if who == Who::Original { original } else { ours };
            assert_eq!(signatures(&received), *expected, "{who:?}: {header:?}");
            assert_eq!(original == ours, reason.is_empty(), "{header:?}: a difference needs a reason, and only that");
        }
    }
}

#[test]
fn rules_of_a_map() {
    let world = World::new();
    let map = world.write("map", MAP);
    run(&world, &[format!("--sender_map={map}")], MAP_CASES);
}

#[test]
fn the_order_of_the_original_can_be_had() {
    let world = World { perl: None, ..World::new() };
    let map = world.write("map", MAP);
    let case = same("From: user@example.org\nSender: a@long.name", "rsa-sha256 simple/simple d=long.name s=longname");
    run(&world, &[format!("--sender_map={map}"), "--sign_for=sender,from".to_owned()], &[case]);
}

#[test]
fn the_rule_for_everybody() {
    let world = World::new();
    let map = world.write("map", ". dkim(a=rsa-sha256,c=simple)\n");
    run(
        &world,
        &[format!("--sender_map={map}")],
        &[differs(
            "From: a@some.example",
            "rsa-sha256 simple/simple d=. s=s0",
            "rsa-sha256 simple/simple d=some.example s=s0",
            "d=. is no domain; the author's is what was meant",
        )],
    );
}

#[test]
fn domains_by_options() {
    let world = World::new();
    let signature = "--signature=dkim(a=rsa-sha256,c=relaxed/relaxed)".to_owned();
    run(
        &world,
        &["--domain=one.example,Two.example".to_owned(), signature.clone(), "--signature=domainkeys".to_owned()],
        &[
            same(
                "From: a@one.example",
                "rsa-sha256 relaxed/relaxed d=one.example s=s0; dk rsa-sha1 nofws d=one.example s=s0",
            ),
            same("From: a@three.example", ""),
            differs(
                "From: a@x.two.example",
                "rsa-sha256 relaxed/relaxed d=Two.example s=s0; dk rsa-sha1 nofws d=Two.example s=s0",
                "rsa-sha256 relaxed/relaxed d=two.example s=s0; dk rsa-sha1 nofws d=two.example s=s0",
                "domains are written in lower case",
            ),
        ],
    );
    // One domain signs everybody's mail, and DomainKeys that of its own senders.
    run(
        &world,
        &["--domain=one.example".to_owned(), signature, "--signature=domainkeys(c=simple)".to_owned()],
        &[
            same("From: a@three.example", "rsa-sha256 relaxed/relaxed d=one.example s=s0"),
            same(
                "From: a@x.one.example",
                "rsa-sha256 relaxed/relaxed d=one.example s=s0; dk rsa-sha1 simple d=one.example s=s0",
            ),
        ],
    );
}

#[test]
fn lists() {
    let world = World::new();
    let map = world
        .write("lists", "kernel.org dkim(a=rsa-sha256,c=simple)\nxorg-devel.lists.x.org dkim(a=rsa-sha256,c=simple)\n");
    run(
        &world,
        &[format!("--listid_map={map}")],
        &[
            same(
                "From: a@b.example\nList-Id: Kernel <linux.vger.kernel.org>",
                "rsa-sha256 simple/simple d=kernel.org s=s0",
            ),
            same("From: a@b.example\nList-Id: <xorg-devel.lists.x.org>", "rsa-sha256 simple/simple d=lists.x.org s=s0"),
            same("From: a@b.example\nList-Id: <other.example>", ""),
            same("From: a@kernel.org", ""),
        ],
    );
}

/// The same octets, with `layout dkimproxy1`, for messages of every kind.
#[test]
fn octets_are_the_same_in_the_layout_of_old() {
    let world = World::new();
    let Some(_) = &world.perl else { return };
    let flags = |more: &str| {
        let mut flags = vec![
            "--domain=example.net".to_owned(),
            "--signature=dkim(a=rsa-sha256,c=relaxed)".to_owned(),
            "--signature=domainkeys(c=nofws)".to_owned(),
            "--signature=dkim(a=rsa-sha256,c=simple/relaxed,i=jean@example.net)".to_owned(),
        ];
        flags.extend((!more.is_empty()).then(|| more.to_owned()));
        flags
    };
    let sinks = [Sink::start(Manners::default()), Sink::start(Manners::default())];
    let original = world.start(Who::Original, sinks[0].addr(), &flags(""));
    let ours = world.start(Who::Ours, sinks[1].addr(), &flags("--layout=dkimproxy1"));
    for (index, kind) in messages::kinds().into_iter().enumerate() {
        let [theirs, our] = [(&original, &sinks[0]), (&ours, &sinks[1])].map(|(proxy, sink)| {
            Client::hello(proxy.addr()).deliver("<jean@example.net>", &["<b@x.example>"], &kind.message);
            sink.messages(index + 1).remove(index).raw
        });
        assert_eq!(String::from_utf8_lossy(&our), String::from_utf8_lossy(&theirs), "{}", kind.name);
    }
}

/// A signature that cannot be made, of two.
#[test]
fn half_made_signatures() {
    let world = World::new();
    let map = world.write("map", "part.example dkim(s=one,a=rsa-sha256),dkim(s=two,a=rsa-sha256,key=/nonexistent)\n");
    if world.perl.is_some() {
        let sink = Sink::start(Manners::default());
        let proxy = world.start(Who::Original, sink.addr(), &[format!("--sender_map={map}")]);
        let mut client = Client::hello(proxy.addr());
        client.deliver("<a@part.example>", &["<b@x.example>"], b"From: a@part.example\r\n\r\nx\r\n");
        let found = signatures(&sink.messages(1).remove(0).message());
        assert!(found.ends_with(" without b="), "the original sent {found}");
    }
    // Ours does not start with such a map.
    let mut command = Command::new(programs::ours("dkimproxy-out"));
    command.args(["--listen=127.0.0.1:0", "--relay=127.0.0.1:1", "--selector=s0"]).arg(format!("--sender_map={map}"));
    let output = programs::run(command.arg(format!("--keyfile={}/key", world.folder.path().display())), b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains(&format!("{map}:1: sender_map: cannot read /nonexistent"))
    );
}

fn one_domain() -> Vec<String> {
    vec!["--domain=example.org".to_owned(), "--signature=dkim(a=rsa-sha256,c=simple)".to_owned()]
}

#[test]
fn pipelined_commands_are_answered_in_order_by_both() {
    let world = World::new();
    for who in world.all() {
        let sink = Sink::start(Manners::default());
        let proxy = world.start(who, sink.addr(), &one_domain());
        let mut client = Client::connect(proxy.addr());
        assert!(client.expect("220").contains("sink.example"), "the banner is that of the next hop");
        client.command("EHLO me", "250");
        client.send("MAIL FROM:<a@example.org> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<b@x.example>\r\nDATA\r\n");
        for code in ["250", "250", "354"] {
            client.expect(code);
        }
        client.send("From: a@example.org\r\n\r\ncaf\u{e9}\r\n.\r\nRSET\r\nQUIT\r\n");
        for code in ["250 2.0.0 Ok: queued as SINK", "250", "221"] {
            client.expect(code);
        }
        let message = sink.messages(1).remove(0);
        assert_eq!(message.mail, "MAIL FROM:<a@example.org> SIZE=100 BODY=8BITMIME", "{who:?}");
    }
}

/// Original: everything the next hop offers is offered, and breaks. Ours: what can be carried.
#[test]
fn what_cannot_be_carried_is_offered_by_the_original_only() {
    let world = World::new();
    for who in world.all() {
        let sink = Sink::start(Manners::default().extensions(&["STARTTLS", "CHUNKING", "8BITMIME", "XFORWARD ADDR"]));
        let proxy = world.start(who, sink.addr(), &one_domain());
        let mut client = Client::connect(proxy.addr());
        client.expect("220");
        let offered = client.command("EHLO me", "250");
        assert!(offered.contains("8BITMIME") && offered.contains("XFORWARD"), "{who:?}: {offered}");
        for extension in ["STARTTLS", "CHUNKING"] {
            assert_eq!(offered.contains(extension), who == Who::Original, "{who:?}: {offered}");
        }
    }
}

/// Original: takes what follows for the message, and sends that as commands. Ours: the client hears the refusal.
#[test]
fn a_refused_data_hangs_the_original_only() {
    let world = World::new();
    for who in world.all() {
        let refuse = |command: &str| if command == "DATA" { reply("554 5.5.1 no") } else { None };
        let sink = Sink::start(Manners::default().on(refuse));
        let proxy = world.start(who, sink.addr(), &one_domain());
        let mut client = Client::hello(proxy.addr());
        client.command("MAIL FROM:<a@example.org>", "250");
        client.command("RCPT TO:<b@x.example>", "250");
        client.send("DATA\r\n");
        if who == Who::Original {
            client.expect("554");
            client.send("RSET\r\n.\r\n");
            client.expect("250"); // the sink's answer to a signature taken for a command
            let commands = sink.commands();
            assert!(commands.iter().any(|command| command.starts_with("DKIM-Signature: ")), "{commands:?}");
        } else {
            client.expect("354");
            client.send("From: a@example.org\r\n\r\nx\r\n.\r\n");
            client.expect("554 5.5.1 no");
            client.command("RSET", "250");
            assert!(sink.commands().iter().all(|command| !command.contains("DKIM")), "{:?}", sink.commands());
        }
    }
}

/// Original: passes on what ends a message at other servers. Ours: CRLF for each.
#[test]
fn bare_newlines_are_smuggled_by_the_original_only() {
    let world = World::new();
    for who in world.all() {
        let sink = Sink::start(Manners::default());
        let proxy = world.start(who, sink.addr(), &one_domain());
        let mut client = Client::hello(proxy.addr());
        client.command("MAIL FROM:<a@example.org>", "250");
        client.command("RCPT TO:<b@x.example>", "250");
        client.command("DATA", "354");
        client.send("From: a@example.org\r\n\r\nx\n.\nMAIL FROM:<root@example.org>\r\n.\r\n");
        client.expect("250");
        let raw = sink.messages(1).remove(0).raw;
        let smuggled = raw.windows(3).any(|octets| octets == b"\n.\n");
        assert_eq!(smuggled, who == Who::Original, "{who:?}: {}", String::from_utf8_lossy(&raw));
    }
}

/// Original: closes without a word. Ours: says what is wrong, and goes on.
#[test]
fn an_empty_command_ends_the_originals_session_only() {
    let world = World::new();
    for who in world.all() {
        let sink = Sink::start(Manners::default());
        let proxy = world.start(who, sink.addr(), &one_domain());
        let mut client = Client::hello(proxy.addr());
        client.send("\r\n");
        let answer = client.reply();
        assert_eq!(answer.is_empty(), who == Who::Original, "{who:?}: {answer}");
        if who == Who::Ours {
            assert!(answer.starts_with("500"), "{answer}");
            client.command("NOOP", "250");
        }
    }
}

/// Original: a line that ends in LF alone, and not a word in its log. Ours: a reply as it must be.
#[test]
fn the_next_hop_is_down() {
    let world = World::new();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for who in world.all() {
        let proxy = world.start(who, nowhere, &one_domain());
        let said = Client::connect(proxy.addr()).rest();
        assert!(said.starts_with("421 "), "{who:?}: {said:?}");
        assert_eq!(said.ends_with("\r\n"), who == Who::Ours, "{said:?}");
    }
}

#[test]
fn log_lines_begin_the_same() {
    let world = World::new();
    for who in world.all() {
        let sink = Sink::start(Manners::default());
        let proxy = world.start(who, sink.addr(), &one_domain());
        let message = b"Message-ID: <x@y>\r\nFrom: A <a@example.org>\r\n\r\nx\r\n";
        Client::hello(proxy.addr()).deliver("<a@example.org>", &["<b@x.example>"], message);
        let line = "DKIM signing - signed; message-id=<x@y>, signer=<@example.org>, from=<a@example.org>";
        match proxy {
            Proxy::Ours(daemon) => drop(daemon.line_with(line)),
            Proxy::Original(perl) => {
                sink.all_closed();
                let log = perl.end();
                assert!(log.contains(line), "{log}");
            }
        }
    }
}

/// The exit codes that init scripts look at.
#[test]
fn exit_codes() {
    let world = World::new();
    let key = format!("--keyfile={}", world.folder.path().join("key").display());
    for (flags, original, ours) in [
        (&["--help"][..], 1, 0), // help that was asked for is no failure
        (&[], 2, 2),
        (&["127.0.0.1:0", "127.0.0.1:1"], 2, 2),
        (&[key.as_str(), "--selector=s", "127.0.0.1:0", "127.0.0.1:1"], 2, 2),
        (&[key.as_str(), "--selector=s", "--domain=x.example", "--method=foo", "127.0.0.1:0", "127.0.0.1:1"], 2, 2),
        (
            &[key.as_str(), "--selector=s", "--domain=x.example", "--signature=dkim(", "127.0.0.1:0", "127.0.0.1:1"],
            2,
            2,
        ),
        (&[key.as_str(), "--selector=s", "--domain=x.example", "--bogus", "127.0.0.1:0", "127.0.0.1:1"], 2, 2),
        (&[key.as_str(), "--selector=s", "--domain=x.example", "--user=no-such", "127.0.0.1:0", "127.0.0.1:1"], 1, 1),
    ] {
        if let Some(folder) = &world.perl {
            assert_eq!(code(&mut perl::command(folder, "dkimproxy.out"), flags), Some(original), "original: {flags:?}");
        }
        assert_eq!(code(&mut Command::new(programs::ours("dkimproxy-out")), flags), Some(ours), "ours: {flags:?}");
    }
}

fn code(command: &mut Command, flags: &[&str]) -> Option<i32> {
    programs::run(command.args(flags), b"").status.code()
}

/// The keys that the original took from its file and did not heed.
#[test]
fn reject_error_in_the_file() {
    let world = World::new();
    let map = world.write("map", "example.org dkim(s=s1,key=)\n".replace("key=", "c=simple").as_str());
    let conf = world.write("conf", &format!("sender_map {map}\nreject_error 1\n"));
    // Nothing to sign with: the rule has no key.
    for who in world.all() {
        let sink = Sink::start(Manners::default());
        let flags = [format!("--conf_file={conf}")];
        let proxy = match (who, &world.perl) {
            (Who::Original, Some(folder)) => {
                Proxy::Original(Perl::start(folder, "dkimproxy.out", sink.addr(), &[&flags[0], "--selector=s0"]))
            }
            _ => {
                let relay = format!("--relay={}", sink.addr());
                let arguments = [flags[0].as_str(), "--selector=s0", "--listen=127.0.0.1:0", &relay];
                let daemon = Daemon::start("dkimproxy-out", &arguments);
                daemon.line_with("1.4.1 ignored this key in the file; it counts now");
                Proxy::Ours(daemon)
            }
        };
        let mut client = Client::hello(proxy.addr());
        client.command("MAIL FROM:<a@example.org>", "250");
        client.command("RCPT TO:<b@x.example>", "250");
        let answer = client.data(b"From: a@example.org\r\n\r\nx\r\n");
        match who {
            Who::Original => assert!(answer.starts_with("250"), "{answer}"),
            Who::Ours => {
                assert!(answer.starts_with("450 4.7.0 DKIM - temperror ("), "{answer}");
                client.command("NOOP", "250"); // the connection lives on; the original's --reject-error cut it
            }
        }
    }
}

#[test]
fn the_original_is_where_it_is_said_to_be() {
    let Some(folder) = perl::installed() else { return };
    assert!(Path::new(&folder).join("lib/MySmtpProxyServer.pm").is_file());
}
