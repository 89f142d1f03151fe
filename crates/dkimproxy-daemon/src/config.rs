//! Configuration: DKIMproxy's `key value` file, and every key as a flag. Two forms: what was written ([`RawConfig`]),
//! and what it means ([`DaemonConfig`], and each program's own `Config`). The step between them returns all problems at
//! once.
//!
//! ```text
//! Arguments::parse -> Arguments::read -> RawConfig -> DaemonConfig::from_raw and the program's own Config
//! ```

mod arguments;
mod daemon;
mod file;
mod manual;
mod nearest;
mod options;
mod raw;
mod sample;
pub mod value;

pub use arguments::Arguments;
pub use daemon::{DaemonConfig, Process, hostname};
pub(crate) use file::parse;
pub use manual::{completions, manual};
pub use options::DAEMON_OPTIONS;
pub use raw::{Entry, Origin, Problem, Problems, RawConfig};
pub use sample::{differences, effective, sample};
pub use value::{file_mode_problem, read_problem};

/// One configuration key: the single definition of its name, flag, help, manual text and default.
///
/// Made with [`OptionDef::new`] or [`OptionDef::switch`] and the `const` methods after it, so that a table reads as a
/// list of sentences.
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
    /// Further names that mean the same.
    pub aliases: &'static [&'static str],
    /// What the sample file shows where there is no default: `127.0.0.1:10027`.
    pub example: Option<&'static str>,
    /// Accepted for old configurations, and without effect.
    pub ignored: bool,
    /// What is felt to be different from DKIMproxy 1.4.1 by somebody who writes this key; for `check`. Empty: nothing.
    pub difference: &'static str,
}

impl OptionDef {
    /// A key with a value.
    pub const fn new(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self { value: Some(value), ..Self::switch(name, help) }
    }

    /// An on/off key.
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            value: None,
            default: None,
            repeats: false,
            help,
            manual: "",
            aliases: &[],
            example: None,
            ignored: false,
            difference: "",
        }
    }

    /// With a default, as it would be written.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// May be given several times.
    #[must_use]
    pub const fn repeats(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// With paragraphs for the manual page.
    #[must_use]
    pub const fn manual(mut self, manual: &'static str) -> Self {
        self.manual = manual;
        self
    }

    /// With further names.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// With a value for the sample file.
    #[must_use]
    pub const fn example(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }

    /// Accepted, and without effect.
    #[must_use]
    pub const fn ignored(mut self) -> Self {
        self.ignored = true;
        self
    }

    /// With what differs from DKIMproxy 1.4.1.
    #[must_use]
    pub const fn difference(mut self, difference: &'static str) -> Self {
        self.difference = difference;
        self
    }

    /// True if `name` (hyphens as underscores) is this key's name or one of its aliases.
    pub fn is_called(&self, name: &str) -> bool {
        let same = |known: &str| {
            known.len() == name.len()
                && known.bytes().zip(name.bytes()).all(|(a, b)| a == if b == b'-' { b'_' } else { b })
        };
        same(self.name) || self.aliases.iter().any(|alias| same(alias))
    }
}

/// Options that belong together: a heading in help, manual and sample.
#[derive(Debug)]
pub struct Section {
    /// The heading: `Limits`.
    pub title: &'static str,
    /// The options, in the order to be shown.
    pub options: &'static [OptionDef],
}

/// A command line with what it does, for the manual.
#[derive(Debug)]
pub struct Example {
    /// What it does, one sentence.
    pub about: &'static str,
    /// The command, without a prompt.
    pub command: &'static str,
}

/// What distinguishes one program from the other: its name, its options, its texts.
#[derive(Debug)]
pub struct Program {
    /// `dkimproxy-out`.
    pub name: &'static str,
    /// Name in syslog: `dkimproxy.out`, as log watchers know it.
    pub ident: &'static str,
    /// `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// One line for --help and the head of the manual page.
    pub about: &'static str,
    /// Paragraphs of the manual page's description. Plain text, blank line between paragraphs.
    pub description: &'static str,
    /// Where the configuration usually is: `/etc/dkimproxy/dkimproxy_out.conf`. Nothing is read from it unasked.
    pub conf_file: &'static str,
    /// The ports to listen on and to pass mail on to in the sample file: two daemons on one host need different ones.
    pub sample_ports: (u16, u16),
    /// The program's own options; [`DAEMON_OPTIONS`] are added.
    pub options: &'static [Section],
    /// The program's own subcommands; `run`, `check` and some hidden ones are added. All of them take the configuration's
    /// flags too.
    pub commands: fn() -> Vec<clap::Command>,
    /// What an administrator should be told about this configuration, though it is no mistake; said at start and by
    /// `check`.
    pub notes: fn(&RawConfig) -> Vec<String>,
    /// For the manual page: further files and what they are.
    pub files: &'static [(&'static str, &'static str)],
    /// For the manual page.
    pub examples: &'static [Example],
}

impl Program {
    /// All sections, the program's own first.
    pub fn sections(&self) -> impl Iterator<Item = &'static Section> + use<> {
        self.options.iter().chain(DAEMON_OPTIONS)
    }

    /// All options.
    pub fn all_options(&self) -> impl Iterator<Item = &'static OptionDef> + use<> {
        self.sections().flat_map(|section| section.options)
    }

    /// The option with this name or alias; hyphens and underscores are alike.
    pub fn option(&self, name: &str) -> Option<&'static OptionDef> {
        self.all_options().find(|option| option.is_called(name))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program for tests: the shared options, one switch of its own and one subcommand.
    pub(crate) static PROGRAM: Program = Program {
        name: "test-proxy",
        ident: "test.proxy",
        version: "1.0",
        about: "A proxy for tests",
        description: "It is described.\n\n.It has a line that begins with a dot.",
        conf_file: "/etc/test-proxy.conf",
        sample_ports: (10025, 10026),
        options: &[Section {
            title: "Own",
            options: &[OptionDef::switch("reject_error", "Refuse what cannot be handled").default("off")],
        }],
        commands: || {
            vec![clap::Command::new("tool").arg(clap::Arg::new("FILE")).arg(clap::Arg::new("own").long("own"))]
        },
        notes: |_| vec!["a note".to_owned()],
        files: &[("/etc/test-proxy.map", "A map.")],
        examples: &[Example { about: "Do it.", command: "test-proxy --relay=h:1 listen" }],
    };

    #[test]
    fn names_are_unique_and_of_one_form() {
        let mut seen = std::collections::BTreeSet::new();
        for option in PROGRAM.all_options() {
            for name in [option.name].iter().chain(option.aliases) {
                assert!(seen.insert(*name), "{name} twice");
                assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            }
            assert!(!option.help.is_empty() && !option.help.ends_with('.'), "{}", option.name);
        }
    }
}
