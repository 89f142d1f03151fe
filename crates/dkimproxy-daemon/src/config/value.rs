//! Readers of single values. Each says what is wrong and what would be right.

use std::{fmt, fs::Metadata, io, ops::RangeInclusive, os::unix::fs::MetadataExt, path::Path, time::Duration};

/// `on`, `yes`, `true`, `1`; `off`, `no`, `false`, `0`. Case counts for nothing.
pub fn on_off(text: &str) -> Result<bool, String> {
    const WORDS: &[(&str, bool)] = &[
        ("on", true),
        ("off", false),
        ("yes", true),
        ("no", false),
        ("true", true),
        ("false", false),
        ("1", true),
        ("0", false),
    ];
    one_of(WORDS)(text).map_err(|_| format!("\"{text}\" is neither on nor off; on, off, or the key alone is right"))
}

/// A whole number within `range`.
pub fn number(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> {
    move |text| match digits(text) {
        Some(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("\"{text}\" is no number from {} to {}", range.start(), range.end())),
    }
}

/// A time: `30` (seconds), `500ms`, `30s`, `5m`, `72h`, `3d`; within `range`.
pub fn duration(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| match read_duration(text) {
        Some(time) if range.contains(&time) => Ok(time),
        Some(_) => Err(format!(
            "{text} is out of range; {} to {} is right",
            ShowDuration(*range.start()),
            ShowDuration(*range.end())
        )),
        None => Err(format!("\"{text}\" is no time; a number with ms, s, m, h or d is right: 30s, 5m")),
    }
}

/// A size in octets: `65536`, `64K`, `50M`, `2G` (powers of 1024); within `range`.
pub fn size(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> {
    move |text| match read_size(text) {
        Some(size) if range.contains(&size) => Ok(size),
        Some(_) => Err(format!("{text} is out of range; {} to {} octets is right", range.start(), range.end())),
        None => Err(format!("\"{text}\" is no size; a number of octets is right, or one with K, M or G: 50M")),
    }
}

/// One of these words, which stand with what they mean. Case counts for nothing.
pub fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|&(_, meaning)| meaning).ok_or_else(|| {
            let all: Vec<_> = words.iter().map(|&(word, _)| word).collect();
            format!("\"{text}\" is not known; one of these is right: {}", all.join(", "))
        })
    }
}

/// Words with blanks or commas between them.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', ',']).filter(|word| !word.is_empty())
}

/// What is wrong with owner and mode of a private key's file, if anything: which path, which mode, which command mends it.
///
/// Others must not read it, and nobody but its owner may write it; a group may read it, as daemons share keys that way.
/// The owner is root or the user we are. None also if the file cannot be looked at: reading it will say why.
pub fn file_mode_problem(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let us = rustix::process::geteuid().as_raw();
    mode_problem(path, metadata.mode() & 0o7777).or_else(|| owner_problem(path, metadata.uid(), us))
}

fn mode_problem(path: &Path, mode: u32) -> Option<String> {
    let who = match mode & 0o077 {
        others if others & 0o007 != 0 => "everybody on this host can get at the private key",
        group if group & 0o030 != 0 => "its group can replace the private key",
        _ => return None,
    };
    let right = if mode & 0o040 == 0 { "0600" } else { "0640" };
    let path = path.display();
    Some(format!("{path} has mode {mode:04o}: {who}; this mends it: chmod {right} {path}"))
}

fn owner_problem(path: &Path, owner: u32, us: u32) -> Option<String> {
    if owner == 0 || owner == us || us == 0 {
        return None;
    }
    let path = path.display();
    Some(format!("{path} belongs to user {owner}, who can replace it; this mends it: chown root {path}"))
}

/// Why a file that should be read cannot be: which path, and if it is a matter of permission, whose file it is, which mode
/// it has, who we are, and which command mends it.
pub fn read_problem(path: &Path, error: &io::Error) -> String {
    let reason = Reason(error);
    match (error.kind(), path.metadata()) {
        (io::ErrorKind::PermissionDenied, Ok(metadata)) => {
            format!("cannot read {}: {reason}; {}", path.display(), whose(path, &metadata))
        }
        (io::ErrorKind::PermissionDenied, Err(_)) => {
            format!("cannot read {}: {reason}; a folder on the way to it is closed to user {}", path.display(), us())
        }
        _ => format!("cannot read {}: {reason}", path.display()),
    }
}

/// Why a file that should be written cannot be, as [`read_problem`] says it of one to read.
pub fn write_problem(path: &Path, error: &io::Error) -> String {
    let (reason, path) = (Reason(error), path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!(
                "cannot write {path}: {reason}; this is user {us}, and this may mend it: chown {us} {path}",
                us = us()
            )
        }
        _ => format!("cannot write {path}: {reason}"),
    }
}

fn whose(path: &Path, metadata: &Metadata) -> String {
    let group = rustix::process::getegid().as_raw();
    format!(
        "it has mode {:04o} and belongs to user {}, group {}, and this is user {}; this mends it: chgrp {group} {path} && chmod 0640 {path}",
        metadata.mode() & 0o7777,
        metadata.uid(),
        metadata.gid(),
        us(),
        path = path.display(),
    )
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// An I/O error without the number that Rust adds.
pub(crate) struct Reason<'a>(pub(crate) &'a io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split_once(" (os error ").map_or(text.as_str(), |(reason, _)| reason))
    }
}

/// A number of decimal digits and nothing else: no sign, no blank.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A number, and the unit after it.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(end)?;
    Some((digits(number)?, unit.trim()))
}

fn read_duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

fn read_size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let octets = match unit {
        "" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(octets)
}

/// A time, as [`duration`] reads it.
struct ShowDuration(Duration);

impl fmt::Display for ShowDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{}ms", self.0.as_millis()),
            _ if seconds.is_multiple_of(86_400) => write!(f, "{}d", seconds / 86_400),
            _ if seconds.is_multiple_of(3600) => write!(f, "{}h", seconds / 3600),
            _ => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    const DAY: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

    #[test]
    fn times() {
        for (text, expected) in [("30", 30), ("30s", 30), ("5m", 300), ("24h", 86_400), ("1d", 86_400), ("5 m", 300)] {
            assert_eq!(duration(DAY)(text), Ok(Duration::from_secs(expected)), "{text}");
        }
        assert_eq!(duration(DAY)("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "s", "-1", "+1", "1w", "1.5s", "1s2", "99999999999999999999"] {
            let message = format!("\"{text}\" is no time; a number with ms, s, m, h or d is right: 30s, 5m");
            assert_eq!(duration(DAY)(text), Err(message));
        }
        assert_eq!(duration(DAY)("25h"), Err("25h is out of range; 1ms to 1d is right".into()));
        assert_eq!(duration(DAY)("0"), Err("0 is out of range; 1ms to 1d is right".into()));
    }

    #[test]
    fn sizes() {
        let read = size(0..=1 << 40);
        for (text, expected) in [("0", 0), ("65536", 65536), ("64K", 65536), ("50M", 52_428_800), ("2g", 1 << 31)] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in ["", "M", "1T", "1KB", "-5", "18446744073709551615G"] {
            assert!(read(text).unwrap_err().contains("is no size"), "{text}");
        }
        assert_eq!(size(1..=10)("11"), Err("11 is out of range; 1 to 10 octets is right".into()));
    }

    #[test]
    fn numbers_and_words() {
        assert_eq!(number(1..=5)("5"), Ok(5));
        for text in ["0", "6", "", "+1", "1 ", "five"] {
            assert_eq!(number(1..=5)(text), Err(format!("\"{text}\" is no number from 1 to 5")));
        }
        assert_eq!(on_off("Yes"), Ok(true));
        assert_eq!(on_off("0"), Ok(false));
        assert!(on_off("maybe").unwrap_err().contains("neither on nor off"));
        assert_eq!(one_of(&[("text", 1), ("json", 2)])("JSON"), Ok(2));
        let message = "\"xml\" is not known; one of these is right: text, json";
        assert_eq!(one_of(&[("text", 1), ("json", 2)])("xml"), Err(message.into()));
    }

    #[test]
    fn a_key_that_others_can_read_is_named_with_what_mends_it() {
        let path = Path::new("/etc/dkimproxy/private.key");
        for (mode, expected) in [
            (0o600, None),
            (0o400, None),
            (0o640, None),
            (
                0o644,
                Some("has mode 0644: everybody on this host can get at the private key; this mends it: chmod 0640 "),
            ),
            (
                0o604,
                Some("has mode 0604: everybody on this host can get at the private key; this mends it: chmod 0600 "),
            ),
            (0o660, Some("has mode 0660: its group can replace the private key; this mends it: chmod 0640 ")),
        ] {
            let expected = expected.map(|text| format!("{0} {text}{0}", path.display()));
            assert_eq!(mode_problem(path, mode), expected, "{mode:o}");
        }
        assert_eq!(owner_problem(path, 1000, 1000), None);
        assert_eq!(owner_problem(path, 0, 1000), None);
        let message = "/etc/dkimproxy/private.key belongs to user 1001, who can replace it; this mends it: chown root ";
        assert_eq!(owner_problem(path, 1001, 1000), Some(format!("{message}{}", path.display())));
    }

    #[test]
    fn the_mode_is_that_of_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(file_mode_problem(file.path()), None);
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(file_mode_problem(file.path()).unwrap().contains("has mode 0666"));
        assert_eq!(file_mode_problem(Path::new("/nonexistent")), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_explained() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o400)).unwrap();
        let message = read_problem(file.path(), &io::Error::from_raw_os_error(13));
        assert!(message.contains("Permission denied; it has mode 0400 and belongs to user "), "{message}");
        assert!(message.ends_with(&format!("chmod 0640 {}", file.path().display())), "{message}");
        let message = read_problem(Path::new("/nonexistent"), &io::Error::from_raw_os_error(2));
        assert_eq!(message, "cannot read /nonexistent: No such file or directory");
        let message = write_problem(Path::new("/no/log"), &io::Error::from_raw_os_error(2));
        assert_eq!(message, "cannot write /no/log: No such file or directory");
        let message = write_problem(Path::new("/no/log"), &io::Error::from_raw_os_error(13));
        assert!(message.starts_with("cannot write /no/log: Permission denied; this is user "), "{message}");
    }
}
