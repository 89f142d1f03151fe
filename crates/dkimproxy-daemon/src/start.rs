//! From arguments to a serving daemon: configuration, log, bind, drop privileges, serve.

mod bind;
mod control;
mod detach;
mod pidfile;
mod privileges;

use self::{bind::Bound, control::Daemon, detach::Detached, pidfile::PidFile, privileges::Identity};
use crate::{
    config::{
        Arguments, DaemonConfig, Origin, Problems, Program, RawConfig, completions, differences, effective, manual,
        sample,
    },
    filter::Filter,
    log::{self, LogError},
    peer::Endpoint,
    systemd,
};
use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};
use thiserror::Error;

/// The whole of a program: reads the command line and does what it says. Subcommands of the program's own go to `tool`,
/// with their name, their arguments and the command line as a whole (for [`Arguments::read`]).
pub fn main<F: Filter>(
    program: &'static Program,
    load: impl Fn(&RawConfig, &mut Problems) -> Option<F>,
    tool: impl FnOnce(&str, &clap::ArgMatches, &Arguments) -> ExitCode,
) -> ExitCode {
    let arguments = match Arguments::parse(program, env::args_os()) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match arguments.command() {
        None => run(program, &arguments, load),
        Some(("check", _)) => check(program, &arguments, load),
        Some(("manual", _)) => print(&manual(program)),
        Some(("sample", _)) => print(&sample(program)),
        Some(("completions", matches)) => match matches.get_one("SHELL") {
            Some(&shell) => print(&completions(program, shell)),
            None => ExitCode::from(2),
        },
        Some((name, matches)) => tool(name, matches, &arguments),
    }
}

/// Runs the daemon until it is told to stop.
///
/// `load` makes the filter from the configuration, at start and at each reload; if it returns None, it has said why in the
/// problems. Exit codes: 0 after a stop that was asked for, 1 if the system refused something (address in use, unknown
/// user), 2 for mistakes in the configuration.
pub fn run<F: Filter>(
    program: &'static Program,
    arguments: &Arguments,
    load: impl Fn(&RawConfig, &mut Problems) -> Option<F>,
) -> ExitCode {
    let understand = || understand(program, arguments, &load);
    let loaded = match understand() {
        Ok(loaded) => loaded,
        Err(problems) => return problems.report(program),
    };
    let done = if loaded.config.process.daemonize && !detach::is_detached() {
        detach::start_again(arguments)
    } else {
        serve(loaded, &understand).map(|()| ExitCode::SUCCESS)
    };
    done.unwrap_or_else(|error| {
        eprintln!("{}: {error}", program.name);
        ExitCode::from(1)
    })
}

/// Reads and understands the configuration as [`run`] would, and prints what it means.
pub fn check<F: Filter>(
    program: &'static Program,
    arguments: &Arguments,
    load: impl Fn(&RawConfig, &mut Problems) -> Option<F>,
) -> ExitCode {
    let loaded = match understand(program, arguments, &load) {
        Ok(loaded) => loaded,
        Err(problems) => return problems.report(program),
    };
    let described: String = loaded.filter.describe().iter().map(|line| format!("{line}\n")).collect();
    let notes: String = loaded.config.notes.iter().map(|note| format!("note: {note}\n")).collect();
    let (written, differences) = (effective(&loaded.raw), differences(&loaded.raw));
    print(&format!("{written}{described}{differences}{notes}{}: the configuration is good\n", program.name))
}

/// Why the daemon cannot start, or cannot go on.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Bind(Endpoint, String),
    /// A socket that systemd passed is of no use.
    #[error("a socket passed by systemd is neither TCP nor a unix stream socket, or does not listen: {0}")]
    Passed(io::Error),
    /// The log cannot begin.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no such user or group.
    #[error("there is no {0} \"{1}\" on this system")]
    Nobody(&'static str, String),
    /// A user by number alone has no group.
    #[error("user {0} has no entry on this system; say with group which group it shall have")]
    NoGroup(String),
    /// Only root can become somebody else.
    #[error("only root can become user {0}; start as root or without user")]
    NotRoot(String),
    /// The system refused the change of user, group or root folder.
    #[error("cannot drop privileges: {0}")]
    Privileges(#[from] privdrop::PrivDropError),
    /// The file of the process id is taken.
    #[error("{}: a process with this id ({pid}) is running; stop it first", path.display())]
    Running {
        /// The file.
        path: PathBuf,
        /// What it says.
        pid: i32,
    },
    /// The file of the process id cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    PidFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The background process cannot be started.
    #[error("cannot go to the background: {0}")]
    Detach(io::Error),
    /// Threads, signals or timers are not to be had.
    #[error("cannot start serving: {0}")]
    Runtime(io::Error),
    /// A worker thread ended, though nobody told it to.
    #[error("a worker thread has ended: {0}")]
    Worker(String),
}

/// A configuration, understood.
struct Loaded<F> {
    raw: RawConfig,
    config: DaemonConfig,
    filter: F,
}

/// All problems at once: of the file's form, of the shared options, of the program's own.
fn understand<F: Filter>(
    program: &'static Program,
    arguments: &Arguments,
    load: impl Fn(&RawConfig, &mut Problems) -> Option<F>,
) -> Result<Loaded<F>, Problems> {
    let mut problems = Problems::default();
    let raw = arguments.read_all(program, &mut problems);
    if problems.iter().any(|problem| problem.key == "conf_file" && matches!(problem.origin, Origin::Flag)) {
        return Err(problems); // what is absent otherwise may be in that file
    }
    let config = DaemonConfig::from_raw(&raw, &mut problems);
    let filter = load(&raw, &mut problems);
    match (config, filter) {
        (Some(mut config), Some(filter)) if problems.is_empty() => {
            config.notes.extend((program.notes)(&raw));
            config.notes.extend(filter.notes());
            Ok(Loaded { raw, config, filter })
        }
        _ => Err(problems),
    }
}

/// Everything from the log to the end.
fn serve<F: Filter>(loaded: Loaded<F>, understand: &dyn Fn() -> Result<Loaded<F>, Problems>) -> Result<(), StartError> {
    let config = &loaded.config;
    let detached = if detach::is_detached() { Some(Detached::leave_terminal()?) } else { None };
    privileges::no_core_dumps();
    let identity = Identity::look_up(&config.process)?;
    let log = start_log(&config.log, &identity)?;
    for note in &config.notes {
        tracing::warn!("{note}");
    }
    let passed = systemd::sockets().map_err(StartError::Passed)?;
    let bound = Bound::bind(passed, &config.listeners, config.socket_mode, &identity)?;
    let pidfile = config.process.pidfile.as_deref().map(|path| PidFile::create(path, &identity)).transpose()?;
    if identity.drop_privileges(&config.process)? {
        warn_of_reload(understand);
    }
    let result = Daemon { bound: &bound, log: &log, detached, understand }.run(loaded);
    drop((pidfile, bound)); // removes their files
    result
}

/// Begins the log. A file that is new belongs to the user to become: a reload opens it again.
fn start_log(settings: &log::Settings, identity: &Identity) -> Result<log::Log, StartError> {
    let file = match &settings.target {
        log::Target::File(path) if !path.exists() => Some(path),
        _ => None,
    };
    let log = log::start(settings)?;
    if let Some(path) = file {
        identity.give(path).map_err(LogError::Open)?;
    }
    Ok(log)
}

/// After the change of user, the configuration may be out of reach: better known now than at the first reload.
fn warn_of_reload<F>(understand: &dyn Fn() -> Result<Loaded<F>, Problems>) {
    for problem in understand().err().iter().flat_map(Problems::iter) {
        tracing::warn!("a reload (SIGHUP) will not work: {problem}");
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1), // a closed pipe, and nowhere to say so
    }
}
