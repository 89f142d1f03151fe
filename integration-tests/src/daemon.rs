//! Starts one of our daemons and reads what it says.

use crate::{PATIENCE, programs};
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ended: bool,
}

/// A running daemon. Killed with this value.
pub struct Daemon {
    name: String,
    child: Child,
    log: Arc<(Mutex<Log>, Condvar)>,
}

impl Daemon {
    /// Starts `dkimproxy-out` or `dkimproxy-in` and waits until it is ready: it then says `listening on ADDRESS` on standard
    /// error, once for each listener. Its log goes there, too, and not to the syslog of this machine.
    ///
    /// # Panics
    ///
    /// If it ends instead; the message carries what it said.
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let daemon = Self::spawn(program, arguments);
        daemon.line_with("listening on ");
        daemon
    }

    /// Starts it without waiting for anything.
    pub fn spawn(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(programs::ours(program));
        command
            .args(arguments)
            .arg("--log_file=stderr")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let log = Arc::<(Mutex<Log>, Condvar)>::default();
        let stderr = child.stderr.take().expect("piped");
        thread::spawn({
            let log = Arc::clone(&log);
            move || follow(stderr, &log)
        });
        Self { name: program.to_owned(), child, log }
    }

    /// The address of its first listener, with the port it really got.
    pub fn addr(&self) -> SocketAddr {
        let line = self.line_with("listening on ");
        let (_, addr) = line.split_once("listening on ").expect("just found");
        let addr = addr.split_whitespace().next().unwrap_or_default();
        addr.parse().unwrap_or_else(|_| panic!("{}: no address in {line:?}", self.name))
    }

    /// Waits for a line of its log that contains `text`, and returns the first.
    pub fn line_with(&self, text: &str) -> String {
        let (log, changed) = &*self.log;
        let found = |log: &Log| log.lines.iter().find(|line| line.contains(text)).cloned();
        let log = crate::lock(log);
        let waited = changed.wait_timeout_while(log, PATIENCE, |log| found(log).is_none() && !log.ended);
        let (log, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found(&log).unwrap_or_else(|| panic!("{} never said {text:?}, but:\n{}", self.name, log.lines.join("\n")))
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        crate::lock(&self.log.0).lines.join("\n")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("a child's process id");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a child can be signalled");
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {} said:\n{}\n---", self.name, self.log());
        }
    }
}

fn follow(stderr: impl Read, (log, changed): &(Mutex<Log>, Condvar)) {
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        crate::lock(log).lines.push(String::from_utf8_lossy(&line).into_owned());
        changed.notify_all();
    }
    crate::lock(log).ended = true;
    changed.notify_all();
}
