//! What the shared options mean.

use super::{Problems, RawConfig};
use crate::{log, peer::Endpoint, serve::Settings};
use std::path::PathBuf;

/// What the shared options mean.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// Where to listen; never empty.
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
        let _ = (raw, problems);
        todo!()
    }
}

/// The name this host goes by: the `hostname` option, or what the system says.
pub fn hostname(raw: &RawConfig) -> String {
    let _ = raw;
    todo!()
}
