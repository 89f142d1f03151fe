//! The daemons under test: started, reloaded, stopped and killed in the middle of it all.

use crate::{ledger::Ledger, rng::Rng, stopped};
use integration_tests::{postfix::free_port, programs};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::OpenOptions,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::AtomicBool,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a daemon may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// One daemon, on a port of its own that stays the same.
pub(crate) struct Daemon {
    program: &'static str,
    arguments: Vec<String>,
    pub(crate) addr: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Daemon {
    pub(crate) fn start(program: &'static str, mut arguments: Vec<String>, log: PathBuf) -> Self {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        arguments.push(format!("--listen={addr}"));
        arguments.extend(LIMITS.iter().map(|&limit| limit.to_owned()));
        arguments.push("--log_file=stderr".to_owned());
        let child = spawn(program, &arguments, &log);
        let daemon = Self { program, arguments, addr, log, child };
        assert!(daemon.is_listening(), "{program} does not listen; see {}", daemon.log.display());
        daemon
    }

    fn is_listening(&self) -> bool {
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit {
            if TcpStream::connect(self.addr).is_ok() {
                return true;
            }
            sleep(Duration::from_millis(10)); // nothing tells when another process's socket appears
        }
        false
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child's process id");
        kill_process(pid, signal).expect("a child can be signalled");
    }

    /// Waits for its end. None: it does not end.
    fn ended(&mut self) -> Option<ExitStatus> {
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            sleep(Duration::from_millis(5));
        }
        None
    }

    /// One of the things that happen to a daemon.
    fn disturb(&mut self, ledger: &Ledger, rng: &mut Rng) {
        if let Ok(Some(status)) = self.child.try_wait() {
            ledger.violation(format!("{} has ended by itself: {status}; see {}", self.program, self.log.display()));
            return self.restart(ledger);
        }
        match rng.below(10) {
            0..4 => {
                ledger.event("daemon: SIGHUP");
                self.signal(Signal::HUP);
            }
            4..7 => {
                ledger.event("daemon: SIGTERM and restart");
                self.stop(ledger);
                self.restart(ledger);
            }
            _ => {
                ledger.event("daemon: SIGKILL and restart");
                self.signal(Signal::KILL);
                self.ended();
                self.restart(ledger);
            }
        }
    }

    fn restart(&mut self, ledger: &Ledger) {
        self.child = spawn(self.program, &self.arguments, &self.log);
        if !self.is_listening() {
            ledger.violation(format!("{} does not come back; see {}", self.program, self.log.display()));
        }
    }

    /// Asks it to stop; it must end well.
    pub(crate) fn stop(&mut self, ledger: &Ledger) {
        self.signal(Signal::TERM);
        match self.ended() {
            Some(status) if status.success() => {}
            Some(status) => ledger.violation(format!("{} was stopped and said {status}", self.program)),
            None => ledger.violation(format!("{} does not stop", self.program)),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Short, for stalls are part of the game.
const LIMITS: [&str; 6] = [
    "--client_timeout=2s",
    "--client_data_timeout=2s",
    "--connect_timeout=1s",
    "--shutdown_timeout=1s",
    "--spool_memory=64K",
    "--hostname=mail.example.org",
];

fn spawn(program: &str, arguments: &[String], log: &PathBuf) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(log).expect("a log file");
    let mut command = Command::new(programs::ours(program));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Disturbs one daemon after the other until `stop`.
pub(crate) fn disturb(daemons: &mut [Daemon], ledger: &Ledger, mut rng: Rng, stop: &AtomicBool) {
    loop {
        for _ in 0..10 + rng.below(100) {
            if stopped(stop) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        let index = rng.below(daemons.len());
        daemons[index].disturb(ledger, &mut rng);
    }
}
