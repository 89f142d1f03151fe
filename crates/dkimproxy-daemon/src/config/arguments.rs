//! Reads the command line.
//!
//! Net::Server's ways are understood: `--name=value`, `--name value`, both also without dashes, hyphens as underscores, and
//! the two addresses alone. They are put into one form first, `--name=value`, which clap then reads.

use super::{Entry, OptionDef, Origin, Problems, Program, RawConfig, file, value::on_off};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::{ffi::OsString, iter::Peekable, path::PathBuf, process::ExitCode};

/// The command line, read.
#[derive(Debug, Clone)]
pub struct Arguments {
    command: Option<(String, ArgMatches)>,
    flags: Vec<Entry>,
    words: Vec<OsString>,
}

impl Arguments {
    /// Reads a command line, the program's own name first.
    ///
    /// # Errors
    ///
    /// There is nothing left to do: help was asked for and printed (exit code 0), or the mistake was printed (2).
    pub fn parse(program: &'static Program, args: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        Self::try_parse(program, args).map_err(|error| {
            let _ = error.print(); // nowhere left to complain
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        })
    }

    fn try_parse(program: &'static Program, args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words: Vec<OsString> = args.into_iter().collect();
        let matches = command(program).try_get_matches_from(normalize(program, words.iter().cloned()))?;
        let mut flags = Vec::new();
        collect(program, &matches, &mut flags);
        let command = matches.subcommand().map(|(name, matches)| (name.to_owned(), matches.clone()));
        if let Some((_, matches)) = &command {
            collect(program, matches, &mut flags);
        }
        Ok(Self { command: command.filter(|(name, _)| name != "run"), flags, words })
    }

    /// The subcommand and its arguments. None: the daemon (`run` counts as none).
    pub fn command(&self) -> Option<(&str, &ArgMatches)> {
        self.command.as_ref().map(|(name, matches)| (name.as_str(), matches))
    }

    /// The command line as it was given, the program's own name first.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Reads the configuration file named by --conf_file, if any, and puts the flags before it. May be called again.
    ///
    /// # Errors
    ///
    /// All mistakes in the file's form; what the values mean is not looked at.
    pub fn read(&self, program: &'static Program) -> Result<RawConfig, Problems> {
        let mut problems = Problems::default();
        let raw = self.read_all(program, &mut problems);
        if problems.is_empty() { Ok(raw) } else { Err(problems) }
    }

    /// As [`Self::read`], with the lines without mistakes returned even if others have some, so that mistakes in values
    /// can be named together with them.
    pub fn read_all(&self, program: &'static Program, problems: &mut Problems) -> RawConfig {
        let named = self.flags.iter().rfind(|flag| flag.key.name == "conf_file");
        let file = named.map(|flag| file::read(program, &PathBuf::from(&flag.value), problems)).unwrap_or_default();
        RawConfig::new(program, self.flags.clone(), file)
    }
}

/// The whole command, as help, manual and completions show it.
pub(super) fn command(program: &'static Program) -> Command {
    let root = Command::new(program.name)
        .version(program.version)
        .about(program.about)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .override_usage(usage(program))
        .arg(help_flag());
    let mut root = with_addresses(with_options(program, root, false));
    for subcommand in subcommands(program) {
        // The root's own help flag is not handed down, and clap's is switched off for all.
        root = root.subcommand(with_options(program, subcommand.arg(help_flag()), true));
    }
    root
}

/// The ways to call the program.
pub(super) fn usage(program: &Program) -> String {
    let name = program.name;
    format!("{name} [run] [--conf_file=FILE] [--KEY=VALUE]... [LISTEN RELAY]\n       {name} COMMAND [--help]")
}

fn subcommands(program: &'static Program) -> Vec<Command> {
    let shells = Arg::new("SHELL").required(true).value_parser(clap::value_parser!(clap_complete::Shell));
    let mut all = vec![
        with_addresses(Command::new("run").about("Run the daemon; the same as no command")),
        with_addresses(Command::new("check").about("Check the configuration and print what it means")),
    ];
    all.extend((program.commands)());
    all.extend([
        Command::new("manual").about("Print the manual page").hide(true),
        Command::new("sample").about("Print a sample configuration file").hide(true),
        Command::new("completions").about("Print completions for a shell").hide(true).arg(shells),
    ]);
    all
}

fn help_flag() -> Arg {
    Arg::new("help").long("help").short('h').short_alias('?').action(ArgAction::Help).help("Print help")
}

/// `LISTEN RELAY`: both or neither.
fn with_addresses(command: Command) -> Command {
    command
        .arg(Arg::new("LISTEN").requires("RELAY").help("Where to wait for mail; the same as --listen"))
        .arg(Arg::new("RELAY").help("Where to pass mail on to; the same as --relay"))
}

/// Adds the configuration's flags, except those that a subcommand has given a meaning of its own.
fn with_options(program: &'static Program, mut command: Command, hide: bool) -> Command {
    for section in program.sections() {
        for option in section.options {
            let taken =
                command.get_arguments().any(|arg| arg.get_id() == option.name || arg.get_long() == Some(option.name));
            if !taken {
                let hide = option.ignored || (hide && option.name != "conf_file");
                command = command.arg(flag(option).help_heading(section.title).hide(hide));
            }
        }
    }
    command
}

fn flag(option: &'static OptionDef) -> Arg {
    let arg = Arg::new(option.name).long(option.name).action(ArgAction::Append).help(help(option));
    match option.value {
        Some(placeholder) => arg.value_name(placeholder).require_equals(true),
        None => arg.value_name("on|off").num_args(0..=1).require_equals(true).default_missing_value("on"),
    }
}

/// The line of help, with the default.
fn help(option: &OptionDef) -> String {
    match (option.default, option.repeats) {
        (Some(default), _) => format!("{} [default: {default}]", option.help),
        (None, true) => format!("{} [may be repeated]", option.help),
        (None, false) => option.help.to_owned(),
    }
}

/// The configuration's flags among `matches`.
fn collect(program: &'static Program, matches: &ArgMatches, flags: &mut Vec<Entry>) {
    for option in program.all_options() {
        collect_one(option, option.name, matches, flags);
    }
    for (argument, option) in [("LISTEN", "listen"), ("RELAY", "relay")] {
        if let Some(option) = program.option(option) {
            collect_one(option, argument, matches, flags);
        }
    }
}

fn collect_one(key: &'static OptionDef, id: &str, matches: &ArgMatches, flags: &mut Vec<Entry>) {
    // A subcommand may know the name with values of another type: those are its own.
    let values = matches.try_get_many::<String>(id).ok().flatten().into_iter().flatten();
    flags.extend(values.map(|value| Entry { key, value: value.trim().to_owned(), origin: Origin::Flag }));
}

/// Puts every flag of the configuration into the form `--name=value`. Everything else stays as it is.
fn normalize(program: &'static Program, args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let subcommands: Vec<String> = subcommands(program).iter().map(|command| command.get_name().to_owned()).collect();
    let mut args = args.peekable();
    let mut all: Vec<OsString> = args.next().into_iter().collect();
    let mut bare_names = true; // only before a subcommand, whose words may be anything
    while let Some(arg) = args.next() {
        if arg == "--" {
            all.push(arg);
            break;
        }
        bare_names &= !subcommands.iter().any(|name| arg == name.as_str());
        match arg.to_str().and_then(|text| flag_name(program, text, bare_names)) {
            Some((option, written)) => all.push(joined(option, written, &mut args)),
            None => all.push(arg),
        }
    }
    all.extend(args);
    all
}

/// The option that `text` names, and the value after `=` if there is one.
fn flag_name<'a>(program: &Program, text: &'a str, bare_names: bool) -> Option<(&'static OptionDef, Option<&'a str>)> {
    let name = match text.strip_prefix("--") {
        Some(name) => name,
        None if bare_names => text,
        None => return None,
    };
    let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
    Some((program.option(name)?, value))
}

/// `--name=value`, with the next argument as the value if there is none yet.
fn joined(option: &OptionDef, written: Option<&str>, args: &mut Peekable<impl Iterator<Item = OsString>>) -> OsString {
    let mut flag = OsString::from(format!("--{}", option.name));
    let value = match (written, option.value) {
        (Some(value), _) => Some(OsString::from(value)),
        (None, Some(_)) => args.next_if(|next| !next.to_str().is_some_and(|text| text.starts_with("--"))),
        // Net::Server takes any next argument for a switch, `--daemonize 127.0.0.1:10027` too. Only on and off are one.
        (None, None) => args.next_if(|next| next.to_str().is_some_and(|text| on_off(text).is_ok())),
    };
    if let Some(value) = value {
        flag.push("=");
        flag.push(value);
    }
    flag
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::PROGRAM;
    use std::io::Write;

    fn parse(args: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse(&PROGRAM, ["test-proxy"].iter().chain(args).map(OsString::from))
    }

    fn flags(args: &[&str]) -> Vec<(&'static str, String)> {
        let parsed = parse(args).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        parsed.flags.into_iter().map(|flag| (flag.key.name, flag.value)).collect()
    }

    #[test]
    fn every_way_to_write_a_flag() {
        for (args, key, value) in [
            (&["--relay=h:25"][..], "relay", "h:25"),
            (&["--relay", "h:25"], "relay", "h:25"),
            (&["relay=h:25"], "relay", "h:25"),
            (&["relay", "h:25"], "relay", "h:25"),
            (&["--relay-host=h"], "relay_host", "h"),
            (&["--relay_host", "h"], "relay_host", "h"),
            (&["--daemonize"], "daemonize", "on"),
            (&["--daemonize=0"], "daemonize", "0"),
            (&["--daemonize", "0"], "daemonize", "0"),
            (&["--setsid"], "daemonize", "on"),
            (&["--pid-file=x"], "pidfile", "x"),
            (&["--syslog_ident", "-x"], "syslog_ident", "-x"),
            (&["check", "--relay=h:25"], "relay", "h:25"),
            (&["--relay=h:25", "check"], "relay", "h:25"),
        ] {
            assert_eq!(flags(args), [(key, value.to_owned())], "{args:?}");
        }
    }

    #[test]
    fn a_switch_does_not_swallow_the_address_after_it() {
        let expected = [("listen", "a:1"), ("relay", "b:2"), ("daemonize", "on")];
        let mut found = flags(&["--daemonize", "a:1", "b:2"]);
        found.sort_by_key(|&(key, _)| expected.iter().position(|&(known, _)| known == key));
        assert_eq!(found, expected.map(|(key, value)| (key, value.to_owned())));
        assert_eq!(flags(&["run", "a:1", "b:2"]).len(), 2);
    }

    #[test]
    fn mistakes_end_with_2_and_help_with_0() {
        for (args, code) in [
            (&["--help"][..], 0),
            (&["-?"], 0),
            (&["--version"], 0),
            (&["tool", "--help"], 0),
            (&["check", "-h"], 0),
            (&["--bogus"], 2),
            (&["a:1"], 2),
            (&["a:1", "b:2", "c:3"], 2),
            (&["--relay"], 2),
            (&["--relay", "--daemonize"], 2),
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), code, "{args:?}");
        }
    }

    #[test]
    fn words_of_a_subcommand_are_its_own() {
        let parsed = parse(&["tool", "relay", "--relay=h:1", "--own=relay"]).unwrap();
        let (name, matches) = parsed.command().unwrap();
        assert_eq!((name, matches.get_one::<String>("FILE").unwrap().as_str()), ("tool", "relay"));
        assert_eq!(matches.get_one::<String>("own").unwrap(), "relay");
        assert_eq!(parsed.flags.len(), 1);
        assert!(parse(&["run"]).unwrap().command().is_none());
    }

    #[test]
    fn a_flag_beats_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "listen a:1\nlisten b:2\nrelay c:3\nhostname x\nhostname y").unwrap();
        let conf_file = format!("--conf_file={}", file.path().display());
        let read = |args: &[&str]| {
            let mut all = vec![conf_file.as_str()];
            all.extend(args);
            parse(&all).unwrap().read(&PROGRAM).unwrap()
        };
        let listens = |raw: &RawConfig| raw.all("listen").map(|entry| entry.value.clone()).collect::<Vec<_>>();
        let raw = read(&[]);
        assert_eq!(listens(&raw), ["a:1", "b:2"]);
        assert_eq!(raw.text("hostname"), Some("y"));
        let note = format!("hostname: given more than once; {}:5 counts", file.path().display());
        assert_eq!(raw.notes, [note]);
        let raw = read(&["--listen=d:4", "--relay=e:5", "--relay=f:6"]);
        assert_eq!((listens(&raw), raw.text("relay")), (vec!["d:4".to_owned()], Some("f:6")));
    }

    #[test]
    fn the_command_is_sound() {
        command(&PROGRAM).debug_assert();
    }
}
