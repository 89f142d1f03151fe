//! Logs: one line per message, syslog or stderr; nothing from a message can split a line.

mod escape;
mod message;

use std::path::PathBuf;
use tracing::Level;

pub use escape::escape;
pub use message::{Delivery, message};

/// Where and how to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where.
    pub target: Target,
    /// Lines of this level and worse.
    pub level: Level,
    /// Form of a line.
    pub format: Format,
    /// Name before each line.
    pub ident: String,
    /// Syslog facility by number (RFC 3164 section 4.1.1); 2 is mail.
    pub facility: u8,
    /// Where syslog listens.
    pub socket: PathBuf,
}

/// Where to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To syslog if it is there. To standard error if it is not, and also in the foreground, unless standard error is
    /// systemd's journal, which would have each line twice.
    Auto,
    /// To standard error.
    Stderr,
    /// To syslog, whether it is there now or only later.
    Syslog,
    /// At the end of a file.
    File(PathBuf),
}

/// Form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 1.4.1's form: `DKIM signing - signed; message-id=<..>, signer=<..>`.
    Text,
    /// A JSON object.
    Json,
}
