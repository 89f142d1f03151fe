//! What is measured: HAProxy, ours, OpenDKIM, the Perl original; each a process between source and sink.

use crate::{Direction, cpu, load::Load};
use integration_tests::{
    PATIENCE,
    client::Client,
    daemon::Daemon,
    dns::Dns,
    keys::Key,
    postfix::free_port,
    programs,
    sink::{Manners, Sink},
};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What all subjects share: a key, DNS, and where mail goes.
pub(crate) struct Site {
    folder: TempDir,
    key: Key,
    dns: Dns,
    sink: SocketAddr,
    _sink: Process,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = Key::generate(folder.path(), "example.net", "bench", "rsa");
        let dns = Dns::start();
        dns.txt(&key.name, &key.record);
        let rule = format!("example.net dkim(s=bench, c=relaxed/relaxed, a=rsa-sha256, key={})\n", key.path.display());
        fs::write(folder.path().join("sender_map"), rule).expect("a new file");
        let sink = local(free_port());
        let mut command = Command::new(programs::foreign("smtp-sink").expect("looked for at the start"));
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        let process = Process::start(command.args(["-m", "2000", &sink.to_string(), "1024"]), sink, folder.path());
        Self { folder, key, dns, sink, _sink: process }
    }

    /// `message` as dkimproxy-out signs it.
    pub(crate) fn signed(&self, message: &[u8]) -> Vec<u8> {
        let sink = Sink::start(Manners::default());
        let daemon = Daemon::start(
            "dkimproxy-out",
            &[
                "--listen=127.0.0.1:0",
                &format!("--relay={}", sink.addr()),
                &format!("--sender_map={}", self.file("sender_map").display()),
            ],
        );
        Client::hello(daemon.addr()).deliver("<jean@example.net>", &["<pierre@example.org>"], message);
        sink.messages(1).remove(0).message()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// One of those that are measured.
pub(crate) struct Subject {
    kind: Kind,
    process: Process,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    HaProxy,
    Ours,
    OpenDkim,
    Perl,
}

/// What one turn cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// CPU time per message.
    pub(crate) cpu: Duration,
    /// Peak of resident memory, in octets.
    pub(crate) memory: u64,
}

impl Subject {
    /// All that are installed, started: first HAProxy if there is one, and ours always.
    pub(crate) fn all(site: &Site, direction: Direction) -> Vec<Self> {
        let perl = std::env::var_os("DKIMPROXY_PERL").map(PathBuf::from);
        let installed = |name| !programs::skipped(name, programs::foreign(name).is_some());
        let mut all = vec![Self::start(Kind::Ours, |listen| ours(site, direction, listen), site)];
        if installed("haproxy") {
            all.insert(0, Self::start(Kind::HaProxy, |listen| haproxy(site, listen), site));
        }
        if installed("opendkim") {
            all.push(Self::start(Kind::OpenDkim, |listen| opendkim(site, direction, listen), site));
        }
        if let Some(perl) = perl {
            all.push(Self::start(Kind::Perl, |listen| original(site, direction, listen, &perl), site));
        }
        all
    }

    fn start(kind: Kind, command: impl FnOnce(SocketAddr) -> Command, site: &Site) -> Self {
        let listen = local(free_port());
        Self { kind, process: Process::start(&mut command(listen), listen, site.folder.path()) }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::HaProxy => HAPROXY,
            Kind::Ours => OURS,
            Kind::OpenDkim => "OpenDKIM (milter alone)",
            Kind::Perl => "DKIMproxy 1.4.1",
        }
    }

    /// How many times fewer messages it gets.
    pub(crate) fn patience(&self) -> f64 {
        match self.kind {
            Kind::HaProxy | Kind::Ours => 1.0,
            Kind::OpenDkim => 6.0,
            Kind::Perl => 30.0,
        }
    }

    /// Sends a load through it.
    pub(crate) fn cost(&mut self, load: &Load<'_>) -> Cost {
        let pid = self.process.child.id();
        cpu::forget_peak(pid);
        let before = cpu::of_tree(pid);
        match self.kind {
            Kind::OpenDkim => load.send_to_milter(self.process.addr),
            Kind::HaProxy | Kind::Ours | Kind::Perl => load.send(self.process.addr),
        }
        let used = cpu::of_tree(pid).saturating_sub(before);
        let messages = u32::try_from(load.messages).expect("not so many");
        Cost { cpu: used / messages, memory: cpu::peak_of_tree(pid) }
    }
}

/// Names that the report looks for.
pub(crate) const HAPROXY: &str = "HAProxy";
/// See [`HAPROXY`].
pub(crate) const OURS: &str = "ours";

fn ours(site: &Site, direction: Direction, listen: SocketAddr) -> Command {
    let (program, what) = match direction {
        Direction::Out => ("dkimproxy-out", format!("--sender_map={}", site.file("sender_map").display())),
        Direction::In => ("dkimproxy-in", format!("--resolver={}", site.dns.addr())),
    };
    let mut command = Command::new(programs::ours(program));
    command.arg(format!("--listen={listen}")).arg(format!("--relay={}", site.sink)).arg(what);
    command.arg(format!("--log_file={}", site.file("ours.log").display())).arg("--hostname=mail.example.org");
    command.arg("--max_connections=2000");
    command
}

fn haproxy(site: &Site, listen: SocketAddr) -> Command {
    let text = format!(
        "global\n  maxconn 2000\ndefaults\n  mode tcp\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n\
         listen relay\n  bind {listen}\n  server sink {}\n",
        site.sink
    );
    fs::write(site.file("haproxy.cfg"), text).expect("a new file");
    let mut command = Command::new(programs::foreign("haproxy").expect("just found"));
    command.arg("-db").arg("-f").arg(site.file("haproxy.cfg"));
    command
}

fn opendkim(site: &Site, direction: Direction, listen: SocketAddr) -> Command {
    let what = match direction {
        Direction::Out => format!(
            "Mode s\nDomain example.net\nSelector bench\nKeyFile {}\nCanonicalization relaxed/relaxed\n\
             RequireSafeKeys no\nInternalHosts 192.0.2.0/24\n",
            site.key.path.display()
        ),
        Direction::In => {
            fs::write(site.file("zone"), format!("{} {}\n", site.key.name, site.key.record)).expect("a new file");
            format!("Mode v\nTestDNSData file:{}\n", site.file("zone").display())
        }
    };
    let text = format!("Socket inet:{}@127.0.0.1\nBackground no\nSyslog yes\nLogResults no\n{what}", listen.port());
    fs::write(site.file("opendkim.conf"), text).expect("a new file");
    let mut command = Command::new(programs::foreign("opendkim").expect("just found"));
    command.args(["-f", "-x"]).arg(site.file("opendkim.conf"));
    command
}

fn original(site: &Site, direction: Direction, listen: SocketAddr, folder: &Path) -> Command {
    let name = match direction {
        Direction::Out => "dkimproxy.out",
        Direction::In => "dkimproxy.in",
    };
    let mut command = Command::new("perl");
    command.arg(format!("-I{}", folder.join("lib").display())).arg(folder.join("scripts").join(name));
    command.arg(format!("--listen={listen}")).arg(format!("--relay={}", site.sink));
    if direction == Direction::Out {
        command.args(["--domain=example.net", "--selector=bench", "--method=relaxed/relaxed"]);
        command.arg("--signature=dkim(c=relaxed/relaxed,a=rsa-sha256)");
        command.arg(format!("--keyfile={}", site.key.path.display()));
    }
    // Net::DNS::Resolver reads these.
    let port = site.dns.addr().port();
    command.env("RES_NAMESERVERS", "127.0.0.1").env("RES_OPTIONS", format!("port:{port}"));
    command
}

/// A process that listens. Ends with this value.
struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    /// Starts it and waits until it can be reached.
    fn start(command: &mut Command, addr: SocketAddr, folder: &Path) -> Self {
        let said = folder.join(format!("{}.said", addr.port()));
        let file = File::create(&said).expect("a new file");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut process = Self { child, addr };
        let limit = Instant::now() + PATIENCE;
        while TcpStream::connect(addr).is_err() {
            let lives = process.child.try_wait().expect("a child can be waited for").is_none();
            let text = || fs::read_to_string(&said).unwrap_or_default();
            assert!(lives && Instant::now() < limit, "{command:?} does not listen:\n{}", text());
            thread::sleep(Duration::from_millis(20)); // nothing tells when another program's socket appears
        }
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        // Asked first: who has children must end them.
        let asked = pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok());
        let limit = Instant::now() + Duration::from_secs(5);
        while asked && Instant::now() < limit && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Resident memory of dkimproxy-out while many sessions are in the middle of a large message, as a sentence.
pub(crate) fn memory_of_many_sessions(site: &Site) -> String {
    const SESSIONS: usize = 1000;
    const PART: usize = 1_500_000;
    let subject = Subject::start(Kind::Ours, |listen| ours(site, Direction::Out, listen), site);
    let part: Vec<u8> =
        b"Subject: large\r\n\r\n".iter().chain(b"a line of text\r\n".iter().cycle().take(PART)).copied().collect();
    let mut clients = Vec::new();
    for _ in 0..SESSIONS {
        let mut client = Client::hello(subject.process.addr);
        client.command("MAIL FROM:<jean@example.net>", "250");
        client.command("RCPT TO:<pierre@example.org>", "250");
        client.command("DATA", "354");
        client.send(&part);
        clients.push(client);
    }
    let octets = cpu::peak_of_tree(subject.process.child.id());
    let [mib, each] = [octets >> 20, (octets / SESSIONS as u64) >> 10];
    format!(
        "{SESSIONS} sessions, each in the middle of a message, {PART} octets into it: {mib} MiB resident at most, {each} KiB for each session.\n"
    )
}
