//! The original, DKIMproxy 1.4.1 in Perl, where the environment variable `DKIMPROXY_PERL` names a folder that holds it.

use crate::{PATIENCE, postfix::free_port, programs};
use std::{
    env,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Instant,
};

/// The folder with `scripts/dkimproxy.out` and `lib`. None: says so aloud.
pub fn installed() -> Option<PathBuf> {
    // No system's package any more, so not even CI must have it: the recordings of what it did are tested there.
    let Some(folder) = env::var_os("DKIMPROXY_PERL").map(PathBuf::from) else {
        programs::aloud("SKIPPED: DKIMPROXY_PERL names no folder with DKIMproxy 1.4.1");
        return None;
    };
    assert!(folder.join("scripts/dkimproxy.out").is_file(), "DKIMPROXY_PERL={}: no DKIMproxy there", folder.display());
    Some(folder)
}

/// Its command line, without arguments.
pub fn command(folder: &Path, program: &str) -> Command {
    let mut command = Command::new("perl");
    command.arg("-I").arg(folder.join("lib")).arg(folder.join("scripts").join(program));
    command
}

/// Runs it to its end.
pub fn output(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    programs::run(command(folder, program).args(arguments), b"")
}

/// The running original. Killed with this value, children included.
pub struct Perl {
    child: Child,
    addr: SocketAddr,
    log: Option<thread::JoinHandle<String>>,
}

impl Perl {
    /// Starts it and waits until it accepts connections. One process for each connection is enough for a test.
    pub fn start(folder: &Path, program: &str, relay: SocketAddr, arguments: &[&str]) -> Self {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = command(folder, program);
        command.arg("--server_type=Fork").args(arguments).args([addr.to_string(), relay.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("perl: {error}"));
        let mut stderr = child.stderr.take().expect("piped");
        let log = thread::spawn(move || {
            let mut octets = Vec::new();
            let _ = stderr.read_to_end(&mut octets);
            String::from_utf8_lossy(&octets).into_owned()
        });
        let mut perl = Self { child, addr, log: Some(log) };
        perl.wait_for_listener();
        perl
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it; returns what it wrote to standard error.
    pub fn end(mut self) -> String {
        self.kill();
        self.log.take().expect("taken once").join().expect("a thread that reads")
    }

    /// It has no way to say that it is ready.
    fn wait_for_listener(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(self.addr).is_err() {
            let ended = self.child.try_wait().expect("a child of ours");
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "the original does not start: {ended:?}");
            thread::yield_now();
        }
    }

    fn kill(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Perl {
    fn drop(&mut self) {
        self.kill();
    }
}
