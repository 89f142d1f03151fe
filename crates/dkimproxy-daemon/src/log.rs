//! Logs: one line per message, syslog or stderr; nothing from a message can split a line.
//!
//! Everything goes through `tracing`; [`start`] installs what turns its events into lines. Text taken from a peer, a
//! message or DNS goes through [`escape()`] on its way, here and nowhere else: a message's line by [`message()`], any other
//! event as a whole.

mod escape;
mod format;
mod message;
mod sink;
mod syslog;

use self::sink::Sinks;
use arc_swap::ArcSwap;
use std::{io, path::PathBuf, sync::Arc};
use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry::Registry,
};

pub use escape::{LONGEST, escape};
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
    /// Syslog facility by number (RFC 3164 section 4.1.1): one of [`FACILITIES`].
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

/// The facility for mail.
pub const MAIL: u8 = 2;

/// Syslog's facilities by name (RFC 3164 section 4.1.1).
pub const FACILITIES: &[(&str, u8)] = &[
    ("mail", MAIL),
    ("daemon", 3),
    ("user", 1),
    ("auth", 4),
    ("syslog", 5),
    ("authpriv", 10),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// The running log, for a reload.
#[derive(Debug, Clone)]
pub struct Log {
    sinks: Arc<ArcSwap<Sinks>>,
}

impl Log {
    /// Where lines go from now on. A file is opened anew, so that a rotated one can be let go.
    ///
    /// # Errors
    ///
    /// A file cannot be opened; all stays as it was.
    pub fn replace(&self, settings: &Settings) -> io::Result<()> {
        let sinks = Sinks::open(settings, Some(&self.sinks.load()))?;
        self.sinks.store(Arc::new(sinks));
        Ok(())
    }
}

/// Why the log cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened.
    #[error("log: {0}")]
    Open(#[from] io::Error),
    /// There is a log already.
    #[error("the log has begun before")]
    Twice(#[from] SetGlobalDefaultError),
}

/// Begins to log, for the whole process.
pub fn start(settings: &Settings) -> Result<Log, LogError> {
    let (layer, log) = layer(settings)?;
    tracing::subscriber::set_global_default(Registry::default().with(layer))?;
    Ok(log)
}

/// A log of its own, for a test: `tracing::subscriber::with_default(log::subscriber(&settings)?, || ...)`.
pub fn subscriber(settings: &Settings) -> io::Result<impl Subscriber + Send + Sync + use<>> {
    Ok(Registry::default().with(layer(settings)?.0))
}

fn layer(settings: &Settings) -> io::Result<(Lines, Log)> {
    let sinks = Arc::new(ArcSwap::from_pointee(Sinks::open(settings, None)?));
    Ok((Lines { sinks: Arc::clone(&sinks) }, Log { sinks }))
}

/// Turns events into lines.
#[derive(Debug)]
struct Lines {
    sinks: Arc<ArcSwap<Sinks>>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let level = self.sinks.load().level;
        // Libraries are heard when something is wrong, and in full only with our own full trace.
        let ours = metadata.target().starts_with("dkimproxy") || level == Level::TRACE;
        *metadata.level() <= if ours { level } else { level.min(Level::WARN) }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.sinks.load().write(event);
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        None // a reload may want more
    }
}

#[cfg(test)]
mod tests;
