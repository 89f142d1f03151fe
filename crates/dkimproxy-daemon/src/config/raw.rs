//! What was written, and what is wrong with it.

use super::{OptionDef, Program, value};
use std::{fmt, path::PathBuf, process::ExitCode};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// Which key (or the unknown word in its place).
    pub key: String,
    /// What is wrong and what would be right: `"99999" is no port; a number from 1 to 65535`.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `FILE:LINE: KEY: MESSAGE`, or `--KEY: MESSAGE` for a flag, or `KEY: MESSAGE` for what is written nowhere. One line,
    /// whatever was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message.replace(char::is_control, "?");
        match &self.origin {
            Origin::Flag => write!(f, "--{}: {message}", self.key),
            Origin::File { path, line } => write!(f, "{}:{line}: {}: {message}", path.display(), self.key),
            Origin::Default => write!(f, "{}: {message}", self.key),
        }
    }
}

/// All mistakes found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds one about this entry.
    pub fn entry(&mut self, entry: &Entry, message: impl fmt::Display) {
        self.push(Problem {
            origin: entry.origin.clone(),
            key: entry.key.name.to_owned(),
            message: message.to_string(),
        });
    }

    /// Adds one about this key, at the place where its value was written (or nowhere).
    pub fn key(&mut self, raw: &RawConfig, key: &str, message: impl fmt::Display) {
        self.push(Problem { origin: raw.origin(key), key: key.to_owned(), message: message.to_string() });
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are. A reader that must know whether it added one compares this before and after.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All, in the order found.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// Prints all of them on standard error, one per line, with the program's name before them. The exit code is that of
    /// a configuration mistake: 2.
    pub fn report(&self, program: &Program) -> ExitCode {
        for problem in &self.0 {
            eprintln!("{}: {problem}", program.name);
        }
        ExitCode::from(2)
    }
}

impl fmt::Display for Problems {
    /// One per line, no line end after the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// What was written: all sources, flags before file, not yet understood.
#[derive(Debug, Clone, Default)]
pub struct RawConfig {
    /// The entries that count, in the order written.
    pub entries: Vec<Entry>,
    /// The keys there are; the home of the defaults.
    pub options: Vec<&'static OptionDef>,
    /// What is no mistake, but should be said: values that do not count because a later one does.
    pub notes: Vec<String>,
    /// The program's name in syslog, unless `syslog_ident` says another.
    pub ident: &'static str,
}

impl RawConfig {
    /// Of all that was written, keeps what counts. For each key, flags beat the file; a key that repeats adds up within
    /// the source that wins, and of any other the last one counts.
    pub fn new(program: &Program, flags: Vec<Entry>, file: Vec<Entry>) -> Self {
        let options = program.all_options().collect();
        let mut raw = Self { entries: Vec::new(), options, notes: Vec::new(), ident: program.ident };
        let in_file = file.into_iter().filter(|entry| !flags.iter().any(|flag| same_key(flag, entry)));
        let winners: Vec<Entry> = in_file.collect();
        for entry in winners.into_iter().chain(flags) {
            raw.add(entry);
        }
        raw
    }

    fn add(&mut self, entry: Entry) {
        if !entry.key.repeats
            && let Some(index) = self.entries.iter().position(|earlier| same_key(earlier, &entry))
        {
            let earlier = self.entries.remove(index);
            self.notes.push(format!("{}: given more than once; {} counts", earlier.key.name, Place(&entry.origin)));
        }
        self.entries.push(entry);
    }

    /// All values written for this key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.key.name == key)
    }

    /// The value written for this key, the last one if there are several.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        debug_assert!(self.is_known(key), "no option is called {key}");
        self.entries.iter().rfind(|entry| entry.key.name == key)
    }

    /// True if somebody wrote a value for this key.
    pub fn is_written(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Where the value of this key comes from.
    pub fn origin(&self, key: &str) -> Origin {
        self.entries.iter().rfind(|entry| entry.key.name == key).map_or(Origin::Default, |entry| entry.origin.clone())
    }

    /// The value of this key: written, or the default. None: neither.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.entry(key) {
            Some(entry) => Some(&entry.value),
            None => self.definition(key).and_then(|option| option.default),
        }
    }

    /// The value of this key (written, or the default), read by `parse`. None: neither is there, or `parse` refused it
    /// and `problems` has one more.
    pub fn parsed<T, E: fmt::Display>(
        &self,
        key: &str,
        problems: &mut Problems,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(self.text(key)?).map_err(|error| problems.key(self, key, error)).ok()
    }

    /// All values written for this key (or the default, if there is one), read by `parse`; those it refused are in
    /// `problems`.
    pub fn parsed_all<T, E: fmt::Display>(
        &self,
        key: &str,
        problems: &mut Problems,
        mut parse: impl FnMut(&str) -> Result<T, E>,
    ) -> Vec<T> {
        if !self.is_written(key) {
            return self.parsed(key, problems, parse).into_iter().collect();
        }
        let mut read = |entry: &Entry| parse(&entry.value).map_err(|error| problems.entry(entry, error)).ok();
        self.all(key).filter_map(&mut read).collect()
    }

    /// True if this on/off key is on. Neither written nor on by default: off.
    pub fn is_on(&self, key: &str, problems: &mut Problems) -> bool {
        self.parsed(key, problems, value::on_off).unwrap_or(false)
    }

    fn definition(&self, key: &str) -> Option<&'static OptionDef> {
        self.options.iter().copied().find(|option| option.name == key)
    }

    /// For the assertion above: a configuration made without a program (in a test) knows what it has.
    fn is_known(&self, key: &str) -> bool {
        self.options.is_empty() || self.definition(key).is_some()
    }
}

/// Where something stands, in words.
pub(super) struct Place<'a>(pub(super) &'a Origin);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Origin::Flag => f.write_str("the flag"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Default => f.write_str("the default"),
        }
    }
}

fn same_key(a: &Entry, b: &Entry) -> bool {
    a.key.name == b.key.name
}
