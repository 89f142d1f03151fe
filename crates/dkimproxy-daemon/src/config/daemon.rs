//! What the shared options mean.

mod network;

use super::{
    Problems, RawConfig,
    value::{duration, number, one_of, size, words},
};
use crate::peer::Endpoint;
use crate::{
    log,
    serve::{Limits, Settings, Timeouts},
    systemd,
};
use dkimproxy_smtp::data::StrayNewlines;
use std::{ops::RangeInclusive, path::PathBuf, time::Duration};
use tracing::Level;

/// What the shared options mean.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// Where to listen; empty only if systemd has passed sockets.
    pub listeners: Vec<Endpoint>,
    /// File mode of the unix sockets among them.
    pub socket_mode: u32,
    /// The SMTP side.
    pub settings: Settings,
    /// Worker threads.
    pub threads: usize,
    /// The process side.
    pub process: Process,
    /// Logging.
    pub log: log::Settings,
    /// What an administrator should be told, though it is no mistake.
    pub notes: Vec<String>,
}

/// What the process shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// User to become after binding.
    pub user: Option<String>,
    /// Groups to become a member of; the first one is the primary group.
    pub groups: Vec<String>,
    /// Folder to be locked into after binding.
    pub chroot: Option<PathBuf>,
    /// To leave the terminal, with the caller getting its prompt back when all is ready.
    pub daemonize: bool,
    /// File for the process id.
    pub pidfile: Option<PathBuf>,
}

impl DaemonConfig {
    /// Understands the shared options. None: `problems` says why.
    pub fn from_raw(raw: &RawConfig, problems: &mut Problems) -> Option<Self> {
        let before = problems.len();
        let mut notes = raw.notes.clone();
        let listeners = network::listeners(raw, systemd::has_sockets(), problems, &mut notes);
        let relay = network::relay(raw, problems);
        let process = process(raw, problems);
        let log = log_settings(raw, problems);
        let threads = raw.parsed("threads", problems, threads);
        let socket_mode = raw.parsed("socket_mode", problems, mode);
        let mut settings = Settings::new(relay.clone().unwrap_or_else(nowhere), hostname(raw));
        smtp_side(raw, &mut settings, problems);
        if let Some(relay) = &relay {
            network::refuse_loops(raw, &listeners, relay, problems);
        }
        notes.extend(network::open_relay(&listeners, &settings));
        notes.extend(ignored(raw));
        (problems.len() == before).then_some(())?;
        Some(Self { listeners, socket_mode: socket_mode?, settings, threads: threads?, process, log, notes })
    }
}

/// The name this host goes by: the `hostname` option, or what the system says.
pub fn hostname(raw: &RawConfig) -> String {
    match raw.text("hostname") {
        Some(name) => name.to_owned(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// Stands for the relay that was not understood, so that the other options can be looked at.
fn nowhere() -> Endpoint {
    Endpoint::Unix(PathBuf::new())
}

fn smtp_side(raw: &RawConfig, settings: &mut Settings, problems: &mut Problems) {
    settings.limits = limits(raw, problems);
    settings.timeouts = timeouts(raw, problems);
    settings.allow = network::ranges(raw, "cidr_allow", "allow", problems);
    settings.deny = network::ranges(raw, "cidr_deny", "deny", problems);
    settings.xforward_hosts = network::lists(raw, "xforward_hosts", problems);
    settings.discard_ehlo =
        raw.all("discard_ehlo_keywords").flat_map(|entry| words(&entry.value)).map(str::to_ascii_uppercase).collect();
    if let Some(policy) = raw.parsed("stray_newlines", problems, one_of(STRAY_NEWLINES)) {
        settings.stray_newlines = policy;
    }
    if let Some(folder) = raw.parsed("spool_dir", problems, folder) {
        settings.spool_dir = folder;
    }
    if let Some(name) = raw.entry("hostname")
        && !is_hostname(&name.value)
    {
        problems.entry(name, format!("\"{}\" is no host name; mail.example.org is right", name.value));
    }
}

const STRAY_NEWLINES: &[(&str, StrayNewlines)] =
    &[("normalize", StrayNewlines::Normalize), ("reject", StrayNewlines::Reject)];

/// The name goes into replies and into Authentication-Results: letters, digits, dots, hyphens, and the underscore that
/// many hosts have.
fn is_hostname(name: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    name.len() <= 255 && name.starts_with(char::is_alphanumeric) && name.chars().all(allowed)
}

fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err(format!("{text} is no folder")) }
}

fn limits(raw: &RawConfig, problems: &mut Problems) -> Limits {
    let default = Limits::default();
    let mut amount = |key: &str, range, otherwise| raw.parsed(key, problems, size(range)).map_or(otherwise, to_usize);
    let spool_memory = amount("spool_memory", 0..=1 << 30, default.spool_memory);
    // RFC 5321 section 4.5.3.1.4: a command line of 512 octets must be possible.
    let line_length = amount("command_line_limit", 512..=1 << 20, default.line_length);
    let mut count = |key: &str, range, otherwise| raw.parsed(key, problems, number(range)).unwrap_or(otherwise);
    let connections = to_usize(count("max_connections", 1..=1_000_000, 1));
    let errors = u32::try_from(count("error_limit", 1..=1_000_000, 1)).unwrap_or(u32::MAX);
    let transactions = count("max_transactions", 0..=u64::MAX, 0);
    // RFC 5321 section 4.5.3.1.8: 100 recipients must be possible.
    let recipients = to_usize(count("max_recipients", 100..=1_000_000, 100));
    let message_size = raw.parsed("message_size_limit", problems, size(0..=1 << 40)).unwrap_or(0);
    Limits {
        connections,
        line_length,
        message_size: (message_size > 0).then_some(message_size),
        spool_memory,
        errors,
        transactions: (transactions > 0).then_some(transactions),
        recipients,
    }
}

fn timeouts(raw: &RawConfig, problems: &mut Problems) -> Timeouts {
    const RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);
    let mut time = |key: &str| raw.parsed(key, problems, duration(RANGE)).unwrap_or_default();
    Timeouts {
        connect: time("connect_timeout"),
        relay_command: time("relay_timeout"),
        relay_data: time("relay_data_timeout"),
        relay_end_of_data: time("end_of_data_timeout"),
        client_command: time("client_timeout"),
        client_data: time("client_data_timeout"),
        drain: time("shutdown_timeout"),
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn threads(text: &str) -> Result<usize, String> {
    match text {
        "auto" => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        _ => number(1..=1024)(text).map(to_usize).map_err(|error| format!("{error}, nor auto")),
    }
}

/// A file mode for a socket: octal, of the nine permission bits.
fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
    mode.ok_or_else(|| format!("\"{text}\" is no file mode; an octal number like 0660 is right"))
}

fn process(raw: &RawConfig, problems: &mut Problems) -> Process {
    Process {
        user: raw.text("user").map(str::to_owned),
        groups: raw.text("group").map(|text| words(text).map(str::to_owned).collect()).unwrap_or_default(),
        chroot: raw.text("chroot").map(PathBuf::from), // inside, at a reload, there need be no such folder
        daemonize: raw.is_on("daemonize", problems),
        pidfile: raw.text("pidfile").map(PathBuf::from),
    }
}

fn log_settings(raw: &RawConfig, problems: &mut Problems) -> log::Settings {
    let level = raw.parsed("log_level", problems, one_of(LEVELS)).unwrap_or(Level::INFO);
    let trace = raw.is_on("debugtrace", problems);
    log::Settings {
        target: raw.text("log_file").map_or(log::Target::Auto, log_target),
        level: if trace { Level::TRACE } else { level },
        format: raw.parsed("log_format", problems, one_of(FORMATS)).unwrap_or(log::Format::Text),
        ident: raw.text("syslog_ident").unwrap_or(raw.ident).to_owned(),
        facility: raw.parsed("syslog_facility", problems, facility).unwrap_or(log::MAIL),
        socket: raw.text("syslog_socket").map(PathBuf::from).unwrap_or_default(),
    }
}

const FORMATS: &[(&str, log::Format)] = &[("text", log::Format::Text), ("json", log::Format::Json)];

/// Words of our own, of syslog, and the numbers of Net::Server.
const LEVELS: &[(&str, Level)] = &[
    ("error", Level::ERROR),
    ("warning", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
    ("err", Level::ERROR),
    ("warn", Level::WARN),
    ("notice", Level::INFO),
    ("0", Level::ERROR),
    ("1", Level::WARN),
    ("2", Level::INFO),
    ("3", Level::INFO),
    ("4", Level::DEBUG),
];

fn log_target(text: &str) -> log::Target {
    match text {
        "auto" => log::Target::Auto,
        "stderr" => log::Target::Stderr,
        "syslog" | "Sys::Syslog" => log::Target::Syslog,
        path => log::Target::File(PathBuf::from(path)),
    }
}

/// The name of a syslog facility, also in C's form (`LOG_MAIL`), as Perl's Sys::Syslog takes it.
fn facility(text: &str) -> Result<u8, String> {
    let name = text.to_ascii_lowercase();
    one_of(log::FACILITIES)(name.strip_prefix("log_").unwrap_or(&name))
}

/// One line that names all options without effect that were given.
fn ignored(raw: &RawConfig) -> Option<String> {
    let mut names: Vec<_> = raw.entries.iter().filter(|entry| entry.key.ignored).map(|entry| entry.key.name).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty())
        .then(|| format!("these options of Net::Server have no meaning here and can be removed: {}", names.join(", ")))
}

#[cfg(test)]
mod tests;
