//! Configuration: DKIMproxy's `key value` file, and every key as a flag. Two forms: what was written ([`RawConfig`]),
//! and what it means (each program's own `Config`). The step between them returns all problems at once.

use std::{fmt, path::PathBuf};

/// One configuration key: the single definition of its name, flag, help, manual text and default.
#[derive(Debug)]
pub struct OptionDef {
    /// Name in the file, with underscores; as a flag hyphens and underscores are alike.
    pub name: &'static str,
    /// Placeholder of the value in help and manual (`ADDRESS:PORT`). None: an on/off key, whose value may be left out.
    pub value: Option<&'static str>,
    /// Default, as it would be written. None: unset.
    pub default: Option<&'static str>,
    /// May be given several times, and then adds up. Otherwise the last one in the winning source counts.
    pub repeats: bool,
    /// One line for --help.
    pub help: &'static str,
    /// Paragraphs for the manual page, after the line of `help`. Plain text, blank line between paragraphs.
    pub manual: &'static str,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In a file.
    File {
        /// Path as given.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// Nowhere: the default.
    Default,
}

/// One value as it was written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which key.
    pub key: &'static OptionDef,
    /// The text, blanks around it removed.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

/// A mistake in the configuration: where, what, and what would be right.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// Which key (or the unknown word in its place).
    pub key: String,
    /// What is wrong and what would be right: `"99999" is no port; a number from 1 to 65535`.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `FILE:LINE: KEY: MESSAGE`, or `--KEY: MESSAGE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}

/// What was written: all sources, flags before file, not yet understood.
#[derive(Debug, Default)]
pub struct RawConfig {
    /// The entries that count, in the order written.
    pub entries: Vec<Entry>,
}
