//! A whole daemon, from its arguments to its end: the example `pass_through` as a process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly, its helpers too"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixDatagram, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    thread,
};

/// The example, which `cargo test` has built beside this test (`cargo test --test start` alone would not build it anew).
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/test");
    target.join("examples/pass_through")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("JOURNAL_STREAM");
    command
}

fn output(args: &[&str]) -> Output {
    command(args).output().expect("the example runs")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A running daemon; killed with this value.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Daemon {
    /// Starts it. The log goes to standard error alone.
    fn start(args: &[&str]) -> Self {
        Self::spawn(&mut command(&[&["--log_file=stderr"], args].concat()))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the example runs");
        let log = BufReader::new(child.stderr.take().expect("piped"));
        Self { child, log }
    }

    /// Waits for a line of its log with `text` in it.
    fn line_with(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let start = all.len();
            let length = self.log.read_line(&mut all).expect("its log is text");
            assert_ne!(length, 0, "it ended without {text:?}:\n{all}");
            if all[start..].contains(text) {
                return all[start..].trim_end().to_owned();
            }
        }
    }

    /// The address that it listens on.
    fn addr(&mut self) -> String {
        let line = self.line_with("listening on ");
        line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).expect("its log is text");
        (self.child.wait().expect("a child").code(), rest)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(pid: u32, name: &str) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    let signal = match name {
        "TERM" => rustix::process::Signal::TERM,
        "HUP" => rustix::process::Signal::HUP,
        "INT" => rustix::process::Signal::INT,
        _ => rustix::process::Signal::QUIT,
    };
    rustix::process::kill_process(pid, signal).unwrap();
}

/// A relay that takes connections and any command, and says 250 to them.
fn relay() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    addr
}

fn serve(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let _ = stream.write_all(b"220 relay ESMTP\r\n");
    while let Some(Ok(line)) = lines.next() {
        let reply: &[u8] = match line.to_ascii_uppercase().as_str() {
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            "." => b"250 2.0.0 taken\r\n",
            "EHLO C" => b"250-relay\r\n250 8BITMIME\r\n",
            command if command.starts_with("MAIL") || command.starts_with("RCPT") || command == "RSET" => b"250 ok\r\n",
            _ => continue, // mail data
        };
        let _ = stream.write_all(reply);
    }
}

/// A client that says what it is told to.
struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn connect(addr: &str) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        let mut client = Self { lines: BufReader::new(stream.try_clone().unwrap()), stream };
        assert!(client.reply().starts_with("220"));
        client
    }

    fn say(&mut self, command: &str) -> String {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Up to the 354.
    fn begin_message(&mut self) {
        assert_eq!(&self.say("EHLO c")[..3], "250");
        assert_eq!(&self.say("MAIL FROM:<a@example.org>")[..3], "250");
        assert_eq!(&self.say("RCPT TO:<b@example.org>")[..3], "250");
        assert_eq!(&self.say("DATA")[..3], "354");
    }

    fn end_message(&mut self) {
        assert_eq!(self.say("Subject: x\r\n\r\nbody\r\n."), "250 2.0.0 taken");
    }
}

#[test]
fn term_lets_a_transaction_finish() {
    for name in ["TERM", "INT", "QUIT"] {
        let mut daemon = Daemon::start(&["--listen=127.0.0.1:0", &format!("--relay={}", relay()), "--threads=2"]);
        let mut client = Client::connect(&daemon.addr());
        client.begin_message();
        daemon.signal(name);
        daemon.line_with("stopping");
        client.end_message();
        daemon.line_with("passed; client=127.0.0.1, relay=\"250 2.0.0 taken\"");
        let (code, rest) = daemon.end();
        assert_eq!(code, Some(0), "{rest}");
        assert!(rest.contains("stopped"), "{rest}");
    }
}

#[test]
fn a_second_signal_cuts_what_is_open() {
    let relay = format!("--relay={}", relay());
    let mut daemon = Daemon::start(&["--listen=127.0.0.1:0", &relay, "--shutdown_timeout=1d"]);
    let mut client = Client::connect(&daemon.addr());
    client.begin_message();
    daemon.signal("TERM");
    daemon.line_with("stopping");
    daemon.signal("TERM");
    daemon.line_with("a second time");
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn a_reload_cuts_no_session_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf");
    let write = |lines: &str| fs::write(&conf, format!("listen 127.0.0.1:0\nrelay {}\n{lines}\n", relay())).unwrap();
    write("summary before");
    let mut daemon = Daemon::start(&["--conf_file", conf.to_str().unwrap()]);
    let addr = daemon.addr();
    let mut old = Client::connect(&addr);
    old.begin_message();
    write("summary after\nlog_level info\nthreads 7");
    daemon.signal("HUP");
    daemon.line_with("only a restart makes it so: threads");
    daemon.line_with("read again");
    old.end_message();
    daemon.line_with("before; client=");
    let mut new = Client::connect(&addr);
    new.begin_message();
    new.end_message();
    daemon.line_with("after; client=");
    write("sumary never\nmax_connections 0");
    daemon.signal("HUP");
    let place = |line| format!("{}:{line}: ", conf.display());
    assert!(daemon.line_with("sumary").ends_with(&format!("{}sumary: no such key; is summary meant?", place(3))));
    assert!(daemon.line_with("max_connections").contains(&place(4)));
    daemon.line_with("the old one stays in force");
    let mut new = Client::connect(&addr);
    new.begin_message();
    new.end_message();
    daemon.line_with("after; client=");
}

#[test]
fn daemonize_returns_when_all_is_ready_and_says_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let pidfile = folder.path().join("pid");
    let log = folder.path().join("log");
    let args = [
        "--daemonize".to_owned(),
        "127.0.0.1:0".to_owned(),
        relay(),
        format!("--pidfile={}", pidfile.display()),
        format!("--log_file={}", log.display()),
    ];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let first = output(&args);
    assert_eq!((first.status.code(), text(&first.stderr)), (Some(0), String::new()));
    let pid: u32 = fs::read_to_string(&pidfile).unwrap().trim().parse().unwrap();
    let line = fs::read_to_string(&log).unwrap();
    let addr = line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap();
    Client::connect(addr);
    let second = output(&args);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains(&format!("a process with this id ({pid}) is running")));
    let third = output(&["--daemonize", addr, "127.0.0.1:1"]);
    assert_eq!(third.status.code(), Some(1));
    assert!(text(&third.stderr).contains(&format!("cannot listen on {addr}: ")), "{}", text(&third.stderr));
    signal(pid, "TERM");
    while pidfile.exists() {
        thread::yield_now(); // nobody else tells of the end of a process that is not our child
    }
}

#[test]
fn systemd_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let told = || {
        let mut octets = [0; 1000];
        let length = socket.recv(&mut octets).unwrap();
        text(&octets[..length])
    };
    let mut command = command(&["--log_file=stderr", "127.0.0.1:0", "127.0.0.1:1"]);
    let daemon = Daemon::spawn(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000000000"));
    assert_eq!(told(), "READY=1\n");
    let after_watchdog = || loop {
        match told() {
            message if message == "WATCHDOG=1\n" => {}
            message => return message,
        }
    };
    daemon.signal("HUP");
    let message = after_watchdog();
    assert!(message.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{message}");
    assert_eq!(after_watchdog(), "READY=1\n");
    daemon.signal("TERM");
    assert_eq!(after_watchdog(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000\n");
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn root_is_left_behind() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED root_is_left_behind: only root can become somebody else");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf");
    fs::write(&conf, "user 65533\ngroup 65532, 65531\n").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap(); // out of reach for that user
    let conf_file = format!("--conf_file={}", conf.display());
    let mut daemon = Daemon::start(&["127.0.0.1:0", "127.0.0.1:1", &conf_file]);
    let warning = daemon.line_with("a reload (SIGHUP) will not work");
    assert!(warning.contains("is closed to user 65533"), "{warning}");
    daemon.line_with("listening on ");
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).unwrap();
    for line in ["Uid:\t65533\t65533\t65533\t65533", "Gid:\t65532\t65532\t65532\t65532", "Groups:\t65531 65532"] {
        assert!(status.contains(line), "{status}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
}

#[test]
fn a_reload_opens_the_log_that_root_has_begun() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED a_reload_opens_the_log_that_root_has_begun: only root can become somebody else");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (log, rotated) = (folder.path().join("log"), folder.path().join("log.1"));
    let log_file = format!("--log_file={}", log.display());
    let identity = ["--user=65533", "--group=65532"];
    let mut child = command(&[&["127.0.0.1:0", "127.0.0.1:1", &log_file], &identity[..]].concat()).spawn().unwrap();
    let wait_for = |path: &Path, text: &str| {
        while !fs::read_to_string(path).is_ok_and(|log| log.contains(text)) {
            thread::yield_now(); // nothing tells when another process's file grows
        }
    };
    wait_for(&log, "listening on ");
    signal(child.id(), "HUP");
    wait_for(&log, "is in force");
    assert!(!fs::read_to_string(&log).unwrap().contains("stays where it is"), "{}", fs::read_to_string(&log).unwrap());
    fs::rename(&log, &rotated).unwrap();
    signal(child.id(), "HUP");
    wait_for(&log, "is in force");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn unix_sockets_carry_mail_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let listen = format!("--listen=unix:{}", path.display());
    let mut daemon = Daemon::start(&[&listen, "--relay", &relay()]);
    assert_eq!(daemon.addr(), format!("unix:{}", path.display()));
    let mut banner = [0; 3];
    UnixStream::connect(&path).unwrap().read_exact(&mut banner).unwrap();
    assert_eq!(&banner, b"220");
    daemon.signal("TERM");
    assert_eq!(daemon.end().0, Some(0));
    assert!(!path.exists());
}

#[test]
fn of_a_file_that_is_not_there_nothing_is_missed() {
    let output = output(&["--conf_file=/nonexistent"]);
    let said = text(&output.stderr);
    assert_eq!(said, "pass_through: --conf_file: cannot read /nonexistent: No such file or directory\n");
}

#[test]
fn exit_codes_and_where_things_are_said() {
    for (args, code, out, err) in [
        (&["--help"][..], 0, "--listen", ""),
        (&["--version"], 0, "pass_through", ""),
        (&["check", "127.0.0.1:1", "127.0.0.1:2"], 0, "the configuration is good\n", ""),
        (&["manual"], 0, ".SH \"EXIT STATUS\"", ""),
        (&["sample"], 0, "#shutdown_timeout 30s\n", ""),
        (&["completions", "bash"], 0, "_pass_through", ""),
        (&[], 2, "", "pass_through: listen: no address to listen on was given"),
        (&["check"], 2, "", "pass_through: relay: no address"),
        (&["--bogus"], 2, "", "--bogus"),
        (&["127.0.0.1:1"], 2, "", "RELAY"),
        (&["--conf_file=/nonexistent"], 2, "", "--conf_file: cannot read /nonexistent: No such file"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--user=no-such"], 1, "", "there is no user \"no-such\" on this system"),
        (&["192.0.2.1:1", "127.0.0.1:1"], 1, "", "cannot listen on 192.0.2.1:1"),
        (
            &["127.0.0.1:0", "127.0.0.1:1", "--log_file=/nonexistent/log"],
            1,
            "",
            "log: cannot write /nonexistent/log: No such",
        ),
        (&["127.0.0.1:0", "127.0.0.1:1", "--pidfile=/nonexistent/pid"], 1, "", "cannot write /nonexistent/pid"),
    ] {
        let output = output(args);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stdout.contains(out) && stderr.contains(err), "{args:?}:\n{stdout}{stderr}");
        assert_eq!(stdout.is_empty(), out.is_empty(), "{args:?}: {stdout}");
    }
}
