//! Where lines go.

use super::{Format, Settings, Target, format::render, syslog::Syslog};
use crate::config::value::write_problem;
use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::{Event, Level};

/// Where lines go, and in which form.
#[derive(Debug)]
pub(super) struct Sinks {
    pub(super) level: Level,
    format: Format,
    ident: String,
    syslog: Option<Arc<Syslog>>,
    stderr: Option<Prefix>,
    file: Option<Mutex<File>>,
}

/// What stands before a line on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    /// `dkimproxy.out[11893]: `, as syslog shows it.
    Name,
    /// `<6>`: systemd reads the level off it and knows the rest.
    Priority,
}

impl Sinks {
    /// Opens what must be open. The way to syslog is taken over from `before` if it is the same: since then a chroot may
    /// have hidden it.
    pub(super) fn open(settings: &Settings, before: Option<&Self>) -> io::Result<Self> {
        let journal = env::var_os("JOURNAL_STREAM").is_some();
        let prefix = if journal { Prefix::Priority } else { Prefix::Name };
        let syslog = || match before.and_then(|before| before.syslog.as_ref()).filter(|syslog| syslog.is(settings)) {
            Some(syslog) => Arc::clone(syslog),
            None => Arc::new(Syslog::new(settings)),
        };
        let mut sinks = Self {
            level: settings.level,
            format: settings.format,
            ident: settings.ident.clone(),
            syslog: None,
            stderr: None,
            file: None,
        };
        match &settings.target {
            Target::Auto => {
                sinks.syslog = Some(syslog()).filter(|syslog| syslog.is_there());
                sinks.stderr = (sinks.syslog.is_none() || !journal).then_some(prefix);
            }
            Target::Stderr => sinks.stderr = Some(prefix),
            Target::Syslog => sinks.syslog = Some(syslog()),
            Target::File(path) => sinks.file = Some(Mutex::new(append(path)?)),
        }
        Ok(sinks)
    }

    /// Writes an event to all of them.
    pub(super) fn write(&self, event: &Event<'_>) {
        let level = *event.metadata().level();
        let line = render(event, self.format, &self.ident);
        if let Some(syslog) = &self.syslog {
            syslog.write(level, &line);
        }
        if let Some(prefix) = self.stderr {
            self.write_to(&mut io::stderr().lock(), prefix, level, &line);
        }
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            self.write_dated(&mut *file, &line);
        }
    }

    /// One write per line, so that lines of several processes do not mix. A line that cannot be written is lost.
    fn write_to(&self, out: &mut impl Write, prefix: Prefix, level: Level, line: &str) {
        let text = match (self.format, prefix) {
            (_, Prefix::Priority) => format!("<{}>{line}\n", super::syslog::severity(level)),
            (Format::Text, Prefix::Name) => format!("{}[{}]: {line}\n", self.ident, std::process::id()),
            (Format::Json, Prefix::Name) => format!("{line}\n"),
        };
        let _ = out.write_all(text.as_bytes());
    }

    /// A line for a file: with the time, as nobody else adds it.
    fn write_dated(&self, out: &mut impl Write, line: &str) {
        let text = match self.format {
            Format::Text => format!("{} {}[{}]: {line}\n", now(), self.ident, std::process::id()),
            Format::Json => format!("{line}\n"),
        };
        let _ = out.write_all(text.as_bytes());
    }
}

fn append(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), write_problem(path, &error)))
}

/// Now, in UTC, to the second (RFC 3339): `2026-11-22T03:20:26Z`.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
