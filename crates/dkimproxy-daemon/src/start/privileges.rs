//! Who we are, and who we become.

use super::StartError;
use crate::config::Process;
use privdrop::{
    PrivDrop,
    reexports::nix::unistd::{Group, User},
};
use rustix::process::{Resource, Rlimit, geteuid, setrlimit};
use std::{io, path::Path};

/// The user and group to become, by number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    user: Option<u32>,
    group: Option<u32>,
}

impl Identity {
    /// Finds user and group, which are names or numbers.
    pub(super) fn look_up(process: &Process) -> Result<Self, StartError> {
        let (user, own_group) = match process.user.as_deref() {
            Some(name) => find_user(name)?,
            None => (None, None),
        };
        let groups = process.groups.iter().map(|name| find_group(name)).collect::<Result<Vec<_>, _>>()?;
        let group = groups.first().copied().or(own_group);
        match (&process.user, group) {
            (Some(name), None) => Err(StartError::NoGroup(name.clone())),
            _ => Ok(Self { user, group }),
        }
    }

    /// Gives a file to the user and group to become. Without privileges it is theirs already.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        if (self.user, self.group) == (None, None) || !geteuid().is_root() {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, self.user, self.group)
    }

    /// Becomes that user, in that group and folder, for good. True if anything changed.
    pub(super) fn drop_privileges(&self, process: &Process) -> Result<bool, StartError> {
        if *self == Self::default() && process.chroot.is_none() {
            return Ok(false);
        }
        if !geteuid().is_root() {
            return match &process.user {
                Some(name) if self.user != Some(geteuid().as_raw()) => Err(StartError::NotRoot(name.clone())),
                _ if process.chroot.is_some() => Err(StartError::NotRoot("root (for chroot)".to_owned())),
                _ => Ok(false),
            };
        }
        changes(process).apply()?;
        // The kernel takes a change of user as a reason to make the process as dumpable as fs.suid_dumpable says, which is
        // 2 where systemd-coredump is installed (prctl(2), PR_SET_DUMPABLE).
        no_core_dumps();
        Ok(true)
    }
}

fn changes(process: &Process) -> PrivDrop {
    let mut changes = PrivDrop::default().fallback_to_ids_if_names_are_numeric();
    if let Some(folder) = &process.chroot {
        changes = changes.chroot(folder);
    }
    if let Some(user) = &process.user {
        changes = changes.user(user);
    }
    match process.groups.first() {
        Some(group) => changes.group(group).group_list(&process.groups),
        None if process.user.is_some() => changes.include_default_supplementary_groups(),
        None => changes,
    }
}

/// The user's number, and its own group's if it has an entry.
fn find_user(name: &str) -> Result<(Option<u32>, Option<u32>), StartError> {
    match (User::from_name(name), name.parse()) {
        (Ok(Some(user)), _) => Ok((Some(user.uid.as_raw()), Some(user.gid.as_raw()))),
        (_, Ok(number)) => Ok((Some(number), None)),
        _ => Err(StartError::Nobody("user", name.to_owned())),
    }
}

fn find_group(name: &str) -> Result<u32, StartError> {
    match (Group::from_name(name), name.parse()) {
        (Ok(Some(group)), _) => Ok(group.gid.as_raw()),
        (_, Ok(number)) => Ok(number),
        _ => Err(StartError::Nobody("group", name.to_owned())),
    }
}

/// No core dump on purpose: it would have the private keys in it (promise 6).
///
/// A limit of 0 does not keep the kernel from giving the dump to a program (core(5), "Piping core dumps to a program");
/// that the process is not dumpable does.
pub(super) fn no_core_dumps() {
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!("cannot switch off core dumps: {error}");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!("cannot switch off core dumps: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(user: Option<&str>, groups: &[&str]) -> Result<Identity, String> {
        let groups = groups.iter().map(ToString::to_string).collect();
        let process = Process { user: user.map(str::to_owned), groups, ..Process::default() };
        Identity::look_up(&process).map_err(|error| error.to_string())
    }

    #[test]
    fn users_and_groups_by_name_and_number() {
        assert_eq!(look_up(None, &[]), Ok(Identity::default()));
        assert_eq!(look_up(Some("root"), &[]), Ok(Identity { user: Some(0), group: Some(0) }));
        assert_eq!(look_up(Some("root"), &["7", "8"]), Ok(Identity { user: Some(0), group: Some(7) }));
        assert_eq!(look_up(Some("4000000"), &["7"]), Ok(Identity { user: Some(4_000_000), group: Some(7) }));
        assert_eq!(look_up(Some("no-such"), &[]), Err("there is no user \"no-such\" on this system".into()));
        assert_eq!(look_up(None, &["no-such"]), Err("there is no group \"no-such\" on this system".into()));
        assert!(look_up(Some("4000000"), &[]).unwrap_err().contains("say with group"));
    }

    #[test]
    fn core_dumps_are_off() {
        no_core_dumps();
        assert_eq!(rustix::process::getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
    }
}
