//! Who the daemon will be after it has given up its privileges, as far as the local files tell.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
};

/// A user and its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunAs {
    name: String,
    uid: u32,
    gids: Vec<u32>,
}

impl RunAs {
    /// A user by numbers.
    pub fn new(name: &str, uid: u32, gids: Vec<u32>) -> Self {
        Self { name: name.to_owned(), uid, gids }
    }

    /// Looks `user` (and `group`) up in the local files. None if the files do not know the user: it may live in a
    /// directory service, and then nothing can be said here.
    pub fn look_up(user: &str, group: Option<&str>) -> Option<Self> {
        let passwd = fs::read_to_string("/etc/passwd").ok()?;
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        Self::from_files(&passwd, &groups, user, group)
    }

    /// The name it was looked up by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if it is in that group.
    pub fn has_group(&self, gid: u32) -> bool {
        self.gids.contains(&gid)
    }

    /// What the mode bits of a file say. (Whether its folders may be entered is not looked at.)
    pub fn can_read(&self, metadata: &Metadata) -> bool {
        let mode = metadata.mode();
        let bit = if metadata.uid() == self.uid {
            0o400
        } else if self.has_group(metadata.gid()) {
            0o040
        } else {
            0o004
        };
        self.uid == 0 || mode & bit != 0
    }

    fn from_files(passwd: &str, groups: &str, user: &str, group: Option<&str>) -> Option<Self> {
        let mut fields = passwd.lines().find_map(|line| line.strip_prefix(user)?.strip_prefix(':'))?.split(':').skip(1);
        let uid = fields.next()?.parse().ok()?;
        let primary = fields.next()?.parse().ok()?;
        let mut gids = vec![primary];
        for line in groups.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(gid), members) = (fields.next(), fields.nth(1), fields.next().unwrap_or_default())
            else {
                continue;
            };
            let asked = group.is_some_and(|asked| asked.split([',', ' ']).any(|g| g == name || g == gid));
            if asked || (group.is_none() && members.split(',').any(|member| member == user)) {
                gids.extend(gid.parse::<u32>());
            }
        }
        Some(Self::new(user, uid, gids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_files() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\ndkimproxy:x:7:8::/:\ndkim:x:101:102::/nonexistent:/bin/false\n";
        let groups = "root:x:0:\ndkim:x:102:\nmail:x:12:postfix,dkim\nssl-cert:x:110:\n";
        let look_up = |user, group| RunAs::from_files(passwd, groups, user, group);
        assert_eq!(look_up("dkim", None), Some(RunAs::new("dkim", 101, vec![102, 12])));
        assert_eq!(look_up("dkim", Some("ssl-cert")), Some(RunAs::new("dkim", 101, vec![102, 110])));
        assert_eq!(look_up("nobody", None), None);
    }
}
