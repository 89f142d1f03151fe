//! A disk that is soon full.

use integration_tests::programs;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file system of a few megabytes, in memory. Gone with this value.
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Only root may mount; otherwise there is none, which is said aloud.
    pub(crate) fn mount(path: &Path) -> Option<Self> {
        fs::create_dir(path).expect("a new folder");
        let mount = |arguments: &[&str]| {
            Command::new("mount").args(arguments).arg(path).output().is_ok_and(|output| output.status.success())
        };
        let mounted = rustix::process::geteuid().is_root() && mount(&["-t", "tmpfs", "-o", "size=1500k", "soak"]);
        if programs::skipped("a small disk (for root alone)", mounted) {
            return None;
        }
        Some(Self { path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: who still has a file open there keeps it as long as that.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
