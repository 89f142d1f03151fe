//! A private Postfix: its own configuration, queue, data and log, high ports, no DNS and no network.

use crate::{PATIENCE, programs};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What must be here for these tests.
pub fn available() -> bool {
    programs::foreign("postfix").is_some() && rustix::process::geteuid().is_root()
}

/// A running instance. Stopped with this value.
pub struct Postfix {
    folder: PathBuf,
}

impl Postfix {
    /// Starts an instance in `folder`. `main` and `master` are put behind what every instance needs.
    pub fn start(folder: &Path, main: &str, master: &str) -> Self {
        // Postfix's daemons drop to its own user and must get to the queue and the log.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a folder of our own");
        let [config, queue, data] = ["config", "queue", "data"].map(|name| folder.join(name));
        for folder in [&config, &queue, &data] {
            fs::create_dir(folder).expect("a new folder");
        }
        programs::output_of(Command::new("chown").arg("postfix").arg(&data), b"");
        fs::write(config.join("main.cf"), format!("{}\n{main}", base_main(folder))).expect("a new file");
        fs::write(config.join("master.cf"), format!("{MASTER}\n{master}")).expect("a new file");
        let postfix = Self { folder: folder.to_owned() };
        postfix.command(&["start"]);
        postfix
    }

    /// Waits until something listens on `addr`.
    pub fn wait_for(&self, addr: SocketAddr) {
        let limit = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(addr).is_err() {
            assert!(Instant::now() < limit, "Postfix does not listen on {addr}:\n{}", self.log());
            thread::sleep(Duration::from_millis(20)); // nothing tells when another program's socket appears
        }
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("maillog")).unwrap_or_default()
    }

    /// Waits until its log contains `text`, and returns that line.
    pub fn line_with(&self, text: &str) -> String {
        let limit = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < limit, "Postfix never said {text:?}, but:\n{log}");
            thread::sleep(Duration::from_millis(50)); // nothing tells when a log grows
        }
    }

    fn command(&self, arguments: &[&str]) {
        let program = programs::foreign("postfix").expect("the caller has looked");
        let mut command = Command::new(program);
        command.arg("-c").arg(self.folder.join("config")).args(arguments);
        // master(8) stays in the background and keeps what it is given: no pipes, or we would wait for its end.
        let log = fs::File::create(self.folder.join("postfix.out")).expect("a new file");
        command.stdin(std::process::Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        let status = command.status().expect("postfix can be started");
        let said = || fs::read_to_string(self.folder.join("postfix.out")).unwrap_or_default();
        assert!(status.success(), "{command:?}: {status}\n{}\n{}", said(), self.log());
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- Postfix said:\n{}\n---", self.log());
            let program = programs::foreign("postfix").expect("it was started");
            let _ = Command::new(program).arg("-c").arg(self.folder.join("config")).arg("abort").status();
        } else {
            self.command(&["abort"]); // stop would wait for deliveries under way
        }
    }
}

/// A port of 127.0.0.1 that nobody uses, outside the range from which the kernel takes ports of its own accord; no two calls
/// of a process return the same.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 1_000).unwrap_or_default() * 12;
    for _ in 0..12_000 {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 32000");
}

fn base_main(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mail.example.net
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
mydestination =
local_recipient_maps =
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
notify_classes =
queue_minfree = 0
smtputf8_enable = yes
"
    )
}

/// Postfix's own services, chroot off throughout.
const MASTER: &str = "\
pickup     unix  n  -  n  60    1  pickup
cleanup    unix  n  -  n  -     0  cleanup
qmgr       unix  n  -  n  300   1  qmgr
tlsmgr     unix  -  -  n  1000? 1  tlsmgr
rewrite    unix  -  -  n  -     -  trivial-rewrite
bounce     unix  -  -  n  -     0  bounce
defer      unix  -  -  n  -     0  bounce
trace      unix  -  -  n  -     0  bounce
verify     unix  -  -  n  -     1  verify
flush      unix  n  -  n  1000? 0  flush
proxymap   unix  -  -  n  -     -  proxymap
proxywrite unix  -  -  n  -     1  proxymap
smtp       unix  -  -  n  -     -  smtp
relay      unix  -  -  n  -     -  smtp
showq      unix  n  -  n  -     -  showq
error      unix  -  -  n  -     -  error
retry      unix  -  -  n  -     -  error
discard    unix  -  -  n  -     -  discard
anvil      unix  -  -  n  -     1  anvil
scache     unix  -  -  n  -     1  scache
postlog    unix-dgram n - n -   1  postlogd
";
