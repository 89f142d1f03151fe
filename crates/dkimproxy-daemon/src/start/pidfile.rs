//! The file with the process id.

use super::{Identity, StartError};
use rustix::{
    fs::OFlags,
    io::Errno,
    process::{Pid, test_kill_process},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The file with the process id. It is removed with this value, or emptied where the user we became may not remove it.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Writes our process id, if no process lives that has the one in the file.
    pub(super) fn create(path: &Path, identity: &Identity) -> Result<Self, StartError> {
        if let Some(pid) = living(path) {
            return Err(StartError::Running { path: path.to_owned(), pid });
        }
        let refused = |error| StartError::PidFile { path: path.to_owned(), error };
        let file = write(path).map_err(refused)?;
        identity.give(path).map_err(refused)?;
        Ok(Self { path: path.to_owned(), file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if fs::remove_file(&self.path).is_err() {
            let _ = self.file.set_len(0); // an empty one names nobody
        }
    }
}

/// The folder may be another user's: a link there must not make us write elsewhere.
fn write(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).custom_flags(flags).open(path)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// The process id in the file, if such a process lives and is not ourselves (in a container, ids come again).
fn living(path: &Path) -> Option<i32> {
    let text = fs::read_to_string(path).ok()?;
    let number: i32 = text.trim().parse().ok().filter(|&number| number > 0)?;
    let pid = Pid::from_raw(number)?;
    let lives = matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM));
    (pid != rustix::process::getpid() && lives).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_respected_and_a_dead_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        fs::write(&path, format!("{}\n", child.id())).unwrap();
        let error = PidFile::create(&path, &Identity::default()).unwrap_err();
        assert!(matches!(error, StartError::Running { pid, .. } if pid.unsigned_abs() == child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        let ours = PidFile::create(&path, &Identity::default()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(ours);
        assert!(!path.exists());
    }

    #[test]
    fn nonsense_in_the_file_is_overwritten_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        for text in ["", "x", "-1", "0", "99999999999999"] {
            fs::write(&path, text).unwrap();
            drop(PidFile::create(&path, &Identity::default()).unwrap());
        }
        let target = folder.path().join("target");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(matches!(PidFile::create(&path, &Identity::default()), Err(StartError::PidFile { .. })));
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }
}
