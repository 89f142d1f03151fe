//! The tools: they run the daemon's own code and configuration, so they are also the way to see what it would do.

mod canonical;
mod genkey;
mod sign;

use crate::config::PROGRAM;
use dkimproxy_daemon::config::Arguments;
use std::process::ExitCode;

/// The subcommands of this program's own.
pub fn commands() -> Vec<clap::Command> {
    vec![sign::command(), genkey::command()]
}

/// Runs the subcommand `name`.
pub fn run(name: &str, matches: &clap::ArgMatches, arguments: &Arguments) -> ExitCode {
    let raw = match arguments.read(&PROGRAM) {
        Ok(raw) => raw,
        Err(problems) => return problems.report(&PROGRAM),
    };
    let done = match name {
        "genkey" => genkey::run(matches, &raw),
        _ => sign::run(matches, raw),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{}: {error:#}", PROGRAM.name);
        ExitCode::from(2)
    })
}
