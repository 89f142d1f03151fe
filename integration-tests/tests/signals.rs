//! Signals, the process id file and the change of user, as an init script sees them.

use integration_tests::{
    client::Client,
    daemon::Daemon,
    keys::Key,
    programs,
    sink::{Manners, Sink},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

const MESSAGE: &[u8] = b"From: a@example.net\r\nSubject: x\r\nMessage-ID: <1@example.net>\r\n\r\nbody\r\n";

fn hang_up(daemon: &Daemon) {
    signal(i32::try_from(daemon.pid()).expect("a process id"), Signal::HUP);
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).expect("a process id"), signal).expect("a process of ours");
}

/// s= of the topmost signature.
fn selector(sink: &Sink, count: usize) -> String {
    let message = sink.messages(count).remove(count - 1);
    let signature = message.fields("DKIM-Signature").into_iter().next().unwrap_or_default();
    let tag = signature.split(';').find_map(|tag| tag.trim().strip_prefix("s=").map(str::to_owned));
    tag.unwrap_or_default()
}

#[test]
fn hup_reads_configuration_maps_and_keys_anew_and_cuts_no_session() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name);
    let old = Key::generate(folder.path(), "example.net", "old", "ed25519");
    let sink = Sink::start(Manners::default());
    fs::write(file("map"), format!("example.net dkim(s=old,key={})\n", old.path.display())).expect("a new file");
    let conf = format!("listen 127.0.0.1:0\nrelay {}\nsender_map {}\n", sink.addr(), file("map").display());
    fs::write(file("conf"), &conf).expect("a new file");
    let daemon = Daemon::start("dkimproxy-out", &["--conf_file", &file("conf").display().to_string()]);

    let mut session = Client::hello(daemon.addr());
    session.command("MAIL FROM:<a@example.net>", "250");
    session.command("RCPT TO:<b@example.org>", "250");
    session.command("DATA", "354");
    session.send(&MESSAGE[..20]);
    let new = Key::generate(folder.path(), "example.net", "new", "ed25519");
    fs::remove_file(&old.path).expect("a file of ours");
    fs::write(file("map"), format!("example.net dkim(s=new,key={})\n", new.path.display())).expect("a new file");
    hang_up(&daemon);
    daemon.line_with("read again and is in force");
    session.send(&MESSAGE[20..]);
    session.send(".\r\n");
    session.expect("250");
    assert_eq!(selector(&sink, 1), "old", "a message is signed by the rules it began with");
    // The same session, the next message.
    session.deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    Client::hello(daemon.addr()).deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    assert_eq!(selector(&sink, 3), "new");

    // A map with a mistake: the old one stays, and the log says why.
    fs::write(file("map"), "example.net dkim(s=bad,key=/nonexistent)\n").expect("a new file");
    hang_up(&daemon);
    let line = daemon.line_with("/nonexistent");
    assert!(line.contains(&format!("{}:1: sender_map: cannot read", file("map").display())), "{line}");
    daemon.line_with("the old one stays in force");
    Client::hello(daemon.addr()).deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    assert_eq!(selector(&sink, 4), "new");
}

#[test]
fn term_int_and_quit_end_it_with_0() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "s", "ed25519");
    for number in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let sink = Sink::start(Manners::default());
        let pidfile = folder.path().join("pid");
        let flags = flags(&key, sink.addr(), &[&format!("--pidfile={}", pidfile.display())]);
        let mut daemon = Daemon::start("dkimproxy-out", &flags.iter().map(String::as_str).collect::<Vec<_>>());
        let pid = fs::read_to_string(&pidfile).expect("the file of the process id");
        assert_eq!(pid, format!("{}\n", daemon.pid()));
        signal(i32::try_from(daemon.pid()).expect("a process id"), number);
        assert_eq!(daemon.wait().code(), Some(0), "{number:?}");
        assert!(!pidfile.exists(), "{number:?}");
    }
}

fn flags(key: &Key, relay: SocketAddr, more: &[&str]) -> Vec<String> {
    let mut flags = vec![
        "--listen=127.0.0.1:0".to_owned(),
        format!("--relay={relay}"),
        "--domain=example.net".to_owned(),
        "--selector=s".to_owned(),
        format!("--keyfile={}", key.path.display()),
    ];
    flags.extend(more.iter().map(|&flag| flag.to_owned()));
    flags
}

/// A folder that everybody can enter, with a key that only root can read. None, said aloud: we are not root.
fn as_root() -> Option<(TempDir, Key)> {
    if programs::skipped("the right to become another user (root)", rustix::process::geteuid().is_root()) {
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a folder of ours");
    let key = Key::generate(folder.path(), "example.net", "s", "ed25519");
    Some((folder, key))
}

#[test]
fn root_is_left_after_bind_and_keys() {
    let Some((folder, key)) = as_root() else { return };
    let sink = Sink::start(Manners::default());
    let pidfile = format!("--pidfile={}", folder.path().join("pid").display());
    let flags = flags(&key, sink.addr(), &["--user=nobody", &pidfile]);
    let daemon = Daemon::start("dkimproxy-out", &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("a process of ours");
    let ids = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of status").to_owned();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let nobody = fs::metadata(folder.path().join("pid")).expect("the file of the process id").uid().to_string();
    assert_ne!(nobody, "0", "the file belongs to the user");
    assert_eq!(ids("Uid:"), vec![nobody; 4]);
    assert!(!ids("Groups:").contains(&"0".to_owned()), "{status}");
    // 1.4.1 read the key again for each message, now as nobody, and sent mail unsigned.
    Client::hello(daemon.addr()).deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    assert_eq!(selector(&sink, 1), "s");
    daemon.line_with("a reload (SIGHUP) will not work");
}

/// The words of Debian's init script, as they were: options of Net::Server, signatures on the command line, an option before
/// the file that is the same key.
#[test]
fn the_call_of_debians_init_script_works_unchanged() {
    let Some((folder, _)) = as_root() else { return };
    let key = Key::generate(folder.path(), "example.com", "postfix", "rsa");
    let sink = Sink::start(Manners::default());
    let file = |name: &str| folder.path().join(name).display().to_string();
    fs::write(file("conf"), format!("listen 127.0.0.1:0\nrelay {}\nlog_file {}\n", sink.addr(), file("log")))
        .expect("a new file");
    let arguments = [
        "--user=nobody".to_owned(),
        "--group=nogroup".to_owned(),
        "--daemonize".to_owned(),
        format!("--pidfile={}", file("pid")),
        "--min_servers=5".to_owned(),
        "--domain=example.net,example.org".to_owned(),
        "--method=simple".to_owned(),
        format!("--conf_file={}", file("conf")),
        format!("--keyfile={}", key.path.display()),
        "--selector=postfix".to_owned(),
        "--signature=dkim".to_owned(),
        "--signature=domainkeys".to_owned(),
    ];
    let output = daemonized(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let pid: i32 = fs::read_to_string(file("pid")).expect("a pid file").trim().parse().expect("a number");
    let stop = Stop(pid);
    let log = fs::read_to_string(file("log")).expect("a log");
    let addr = log.split("listening on ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    let mut client = Client::hello(addr.parse().expect("an address"));
    client.deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    let message = sink.messages(1).remove(0);
    assert!(message.fields("DKIM-Signature")[0].contains("c=simple/simple"));
    assert!(message.fields("DomainKey-Signature")[0].contains("c=simple; d=example.net;"));
    // The second start says at once that there is one running, and so the script does.
    assert_eq!(daemonized(&arguments).status.code(), Some(1));
    drop(stop);
    wait_for_end(Path::new(&file("pid")));
}

/// An empty folder has neither /dev/null nor the files that were read.
#[test]
fn the_background_can_be_a_folder_of_its_own() {
    let Some((folder, key)) = as_root() else { return };
    let cage = folder.path().join("cage");
    fs::create_dir(&cage).expect("a new folder");
    let sink = Sink::start(Manners::default());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (log, pidfile) = (format!("--log_file={}", file("log")), format!("--pidfile={}", file("pid")));
    let chroot = format!("--chroot={}", cage.display());
    let arguments = flags(&key, sink.addr(), &["--daemonize", "--user=nobody", &chroot, &log, &pidfile]);
    let output = daemonized(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let pid: i32 = fs::read_to_string(file("pid")).expect("a pid file").trim().parse().expect("a number");
    let _stop = Stop(pid);
    let log = fs::read_to_string(file("log")).expect("a log");
    let addr = log.split("listening on ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    Client::hello(addr.parse().expect("an address")).deliver("<a@example.net>", &["<b@example.org>"], MESSAGE);
    assert_eq!(selector(&sink, 1), "s");
}

/// Ends a process that is not our child.
struct Stop(i32);

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

/// Nobody else tells of the end of a process that is not our child.
fn wait_for_end(pidfile: &Path) {
    let pid = fs::read_to_string(pidfile).unwrap_or_default();
    while !pid.is_empty() && Path::new("/proc").join(pid.trim()).exists() {
        thread::yield_now();
    }
}

fn daemonized(arguments: &[String]) -> Output {
    programs::run(Command::new(programs::ours("dkimproxy-out")).args(arguments), b"")
}

#[test]
fn daemonize_says_what_is_wrong_before_it_returns() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = Key::generate(folder.path(), "example.net", "s", "ed25519");
    let sink = Sink::start(Manners::default());
    let taken = format!("--listen={}", sink.addr());
    for (more, code, says) in [
        ("--keyfile=/nonexistent", 2, "/nonexistent"),
        (taken.as_str(), 1, "cannot listen on"),
        ("--user=no-such-user", 1, "no-such-user"),
    ] {
        let relay = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut flags = flags(&key, relay, &["--daemonize", more]);
        if more == taken {
            flags.remove(0);
        }
        let output = daemonized(&flags);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{more}: {stderr}");
        assert!(stderr.contains(says), "{more}: {stderr}");
    }
}

#[test]
fn the_init_script_starts_reloads_and_stops() {
    let Some((folder, key)) = as_root() else { return };
    let sink = Sink::start(Manners::default());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let conf = format!(
        "listen 127.0.0.1:0\nrelay {}\ndomain example.net\nselector s\nkeyfile {}\nlog_file {}\n",
        sink.addr(),
        key.path.display(),
        file("log")
    );
    fs::write(file("dkimproxy_out.conf"), conf).expect("a new file");
    let programs_folder = programs::ours("dkimproxy-out").parent().expect("a folder").display().to_string();
    let defaults = format!(
        "BINDIR={programs_folder}\nCONFDIR={0}\nPIDDIR={0}/run\nDKIMPROXYUSER=nobody\nDKIMPROXYGROUP=nogroup\n",
        folder.path().display()
    );
    fs::write(file("defaults"), defaults).expect("a new file");
    let script = programs::repository().join("etc/init.d/dkimproxy");
    let run = |what: &str| {
        let mut command = Command::new("sh");
        command.arg(&script).arg(what).env("DKIMPROXY_DEFAULTS", file("defaults"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("a shell");
        let said: Vec<String> =
            BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok).collect();
        (child.wait().expect("a child").code(), said.join("\n"))
    };
    assert_eq!(run("status").0, Some(3));
    assert_eq!(run("start").0, Some(0));
    let pid: i32 = fs::read_to_string(file("run/dkimproxy_out.pid")).expect("a pid").trim().parse().expect("a number");
    let _stop = Stop(pid);
    assert_eq!(run("status").0, Some(0));
    let (code, said) = run("start");
    assert_eq!((code, said.contains("is running already")), (Some(0), true), "{said}");
    assert_eq!(run("reload").0, Some(0));
    assert_eq!(run("stop-out").0, Some(0));
    assert!(!Path::new(&file("run/dkimproxy_out.pid")).exists());
    assert_eq!(run("nonsense").0, Some(2));
}
