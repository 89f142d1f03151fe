//! From arguments to a serving daemon: configuration, log, bind, drop privileges, serve.

use crate::{
    config::{Arguments, Problems, Program, RawConfig},
    filter::Filter,
};
use std::process::ExitCode;

/// The whole of a program: reads the command line and does what it says. Subcommands of the program's own go to `tool`,
/// with their name, their arguments and the command line as a whole (for [`Arguments::read`]).
pub fn main<F: Filter>(
    program: &'static Program,
    load: impl Fn(&RawConfig, &mut Problems) -> Option<F>,
    tool: impl FnOnce(&str, &clap::ArgMatches, &Arguments) -> ExitCode,
) -> ExitCode {
    let _ = (program, load, tool);
    todo!()
}

/// Runs the daemon until it is told to stop.
///
/// `load` makes the filter from the configuration, at start and at each reload. Exit codes: 0 after a stop that was asked
/// for, 1 if the system refused something (address in use, unknown user), 2 for mistakes in the configuration.
pub fn run<F: Filter>(
    program: &'static Program,
    arguments: &Arguments,
    load: impl Fn(&RawConfig, &mut Problems) -> Option<F>,
) -> ExitCode {
    let _ = (program, arguments, load);
    todo!()
}

/// Reads and understands the configuration as [`run`] would, and prints what it means.
pub fn check<F: Filter>(
    program: &'static Program,
    arguments: &Arguments,
    load: impl Fn(&RawConfig, &mut Problems) -> Option<F>,
) -> ExitCode {
    let _ = (program, arguments, load);
    todo!()
}
