//! Goes to the background.
//!
//! Without `fork`, which no safe code can call: the program starts itself a second time, and the first one waits for what
//! the second says on its standard output. So the caller gets its prompt back when all is bound and read, and the exit code
//! tells how it went.

use super::StartError;
use crate::config::Arguments;
use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode, Stdio},
};

/// Carries the process id of who started us again, and is believed from our parent only.
const VARIABLE: &str = "DKIMPROXY_DETACHED_FROM";
/// What the second process says when it is ready.
const READY: &[u8] = b"ready\n";

/// Starts this program a second time, and waits until it is ready or has ended.
pub(super) fn start_again(arguments: &Arguments) -> Result<ExitCode, StartError> {
    let mut child = again(arguments).spawn().map_err(StartError::Detach)?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(READY.len() as u64).read_to_end(&mut said).map_err(StartError::Detach)?;
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().map_err(StartError::Detach)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.filter(|&code| code != 0).unwrap_or(1)))
}

/// The same program with the same arguments, in the same folder, as the original's fork had it.
fn again(arguments: &Arguments) -> Command {
    let mut words = arguments.words().iter();
    let name = words.next().cloned().unwrap_or_default();
    let mut command = Command::new(env::current_exe().unwrap_or_else(|_| name.clone().into()));
    command.arg0(name).args(words).env(VARIABLE, std::process::id().to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// True in the second process.
pub(super) fn is_detached() -> bool {
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    parent.is_some() && env::var(VARIABLE).ok() == parent
}

/// The second process, on its own.
#[derive(Debug)]
pub(super) struct Detached {
    /// `/dev/null`, opened while it can be: after chroot it need not be there.
    null: File,
}

impl Detached {
    /// Leaves the terminal's session: its signals do not reach us any more.
    pub(super) fn leave_terminal() -> Result<Self, StartError> {
        rustix::process::setsid().map_err(|error| StartError::Detach(error.into()))?;
        let null = OpenOptions::new().read(true).write(true).open("/dev/null").map_err(StartError::Detach)?;
        Ok(Self { null })
    }

    /// Tells the first process that all is well, and lets go of what we had from it.
    pub(super) fn ready(&self) -> io::Result<()> {
        let mut stdout = io::stdout();
        stdout.write_all(READY)?;
        stdout.flush()?;
        rustix::stdio::dup2_stdout(&self.null)?;
        rustix::stdio::dup2_stderr(&self.null)?;
        Ok(())
    }
}
