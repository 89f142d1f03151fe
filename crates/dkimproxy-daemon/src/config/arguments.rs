//! Reads the command line.

use super::{Problems, Program, RawConfig};
use std::{ffi::OsString, process::ExitCode};

/// The command line, read.
#[derive(Debug, Clone)]
pub struct Arguments {
    command: Option<(String, clap::ArgMatches)>,
}

impl Arguments {
    /// Reads a command line, the program's own name first.
    ///
    /// # Errors
    ///
    /// There is nothing left to do: help was asked for and printed (exit code 0), or the mistake was printed (2).
    pub fn parse(program: &'static Program, args: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        let _ = (program, args.into_iter());
        todo!()
    }

    /// The subcommand and its arguments. None: the daemon (`run` counts as none).
    pub fn command(&self) -> Option<(&str, &clap::ArgMatches)> {
        self.command.as_ref().map(|(name, matches)| (name.as_str(), matches))
    }

    /// Reads the configuration file named by --conf_file, if any, and puts the flags before it. May be called again.
    ///
    /// # Errors
    ///
    /// All mistakes in the file's form; what the values mean is not looked at.
    pub fn read(&self, program: &'static Program) -> Result<RawConfig, Problems> {
        let _ = program;
        todo!()
    }
}
