//! Reads the configuration file: one `key value` a line.
//!
//! As Net::Server since 2.011 reads it: `key value`, `key=value`, `key: value`, `--key value`, comments from `#` to the end
//! of the line, `\#` for the sign itself. Better than there: blanks at the end of a line and CRLF line ends do not become
//! part of the value, a switch may stand alone on its line, hyphens in keys count as underscores, and what is not
//! understood is a mistake and not skipped. Its `%X` (a value's "%" and one hex digit became an octet) is not repeated.

use super::{Entry, Origin, Problem, Problems, Program, nearest::nearest, value::read_problem};
use std::{fs::File, io::Read, path::Path};

/// The longest configuration file in octets: what is longer was not written as one.
const LONGEST_FILE: u64 = 16 << 20;

/// Reads the file. What is wrong with its lines is in `problems`, with the entries of the others returned.
pub(super) fn read(program: &Program, path: &Path, problems: &mut Problems) -> Vec<Entry> {
    match read_octets(path) {
        Ok(octets) => parse(program, path, &octets, problems),
        Err(message) => {
            problems.push(Problem { origin: Origin::Flag, key: "conf_file".into(), message });
            Vec::new()
        }
    }
}

fn read_octets(path: &Path) -> Result<Vec<u8>, String> {
    let explain = |error| read_problem(path, &error);
    let mut octets = Vec::new();
    File::open(path).map_err(explain)?.take(LONGEST_FILE + 1).read_to_end(&mut octets).map_err(explain)?;
    if octets.len() as u64 > LONGEST_FILE {
        return Err(format!("{} has more than {LONGEST_FILE} octets: this is no configuration file", path.display()));
    }
    Ok(octets)
}

/// Reads the text of a file.
pub(crate) fn parse(program: &Program, path: &Path, octets: &[u8], problems: &mut Problems) -> Vec<Entry> {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let mut entries = Vec::new();
    for (index, line) in octets.split(|&octet| octet == b'\n').enumerate() {
        let origin = Origin::File { path: path.to_owned(), line: index + 1 };
        match parse_line(program, line) {
            Ok(Some((key, value))) => entries.push(Entry { key, value, origin }),
            Ok(None) => {}
            Err(Mistake { key, message }) => problems.push(Problem { origin, key, message }),
        }
    }
    entries
}

/// What is wrong with a line.
struct Mistake {
    key: String,
    message: String,
}

fn mistake(key: &str, message: impl Into<String>) -> Mistake {
    const LONGEST_KEY: usize = 64;
    Mistake { key: key.chars().take(LONGEST_KEY).flat_map(char::escape_default).collect(), message: message.into() }
}

/// Key and value of a line; None if it is empty or a comment.
fn parse_line(program: &Program, line: &[u8]) -> Result<Option<(&'static super::OptionDef, String)>, Mistake> {
    let text =
        str::from_utf8(line).map_err(|_| mistake(&String::from_utf8_lossy(line), "this line is no UTF-8 text"))?;
    if text.contains('\0') {
        return Err(mistake(text, "this line has a NUL: no text"));
    }
    let text = without_comment(text);
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (name, value) = split(text)?;
    let key = program.option(name).ok_or_else(|| mistake(name, unknown(program, name)))?;
    match (key.name, key.value, value) {
        ("conf_file", ..) => Err(mistake(name, "a file cannot name another; the flag --conf_file FILE is right")),
        (_, None, "") => Ok(Some((key, "on".to_owned()))),
        (_, Some(placeholder), "") => Err(mistake(name, format!("has no value; {} {placeholder} is right", key.name))),
        (_, _, value) => Ok(Some((key, value.to_owned()))),
    }
}

/// The line up to a `#` without a backslash before it; `\#` becomes `#`.
fn without_comment(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    for part in line.split_inclusive('#') {
        match part.strip_suffix('#').map(|before| (before, before.strip_suffix('\\'))) {
            None => kept.push_str(part),
            Some((_, Some(escaped))) => {
                kept.push_str(escaped);
                kept.push('#');
            }
            Some((before, None)) => {
                kept.push_str(before);
                break;
            }
        }
    }
    kept
}

/// Cuts `key value`, `key = value` or `key: value`.
fn split(text: &str) -> Result<(&str, &str), Mistake> {
    let text = text.strip_prefix("--").unwrap_or(text);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let value = rest.trim_start();
    let separated = rest.is_empty() || rest.len() != value.len() || value.starts_with(['=', ':']);
    if name.is_empty() || !separated {
        let word = text.split_whitespace().next().unwrap_or(text);
        return Err(mistake(word, "is no key; KEY VALUE is right"));
    }
    Ok((name, value.strip_prefix(['=', ':']).unwrap_or(value).trim()))
}

/// What to say about an unknown key.
pub(super) fn unknown(program: &Program, name: &str) -> String {
    let names =
        program.all_options().flat_map(|option| [option.name].into_iter().chain(option.aliases.iter().copied()));
    match nearest(name, names) {
        Some(near) => format!("no such key; is {near} meant?"),
        None => format!("no such key; {} --help lists all", program.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::PROGRAM;

    fn read_text(text: &[u8]) -> (Vec<(&'static str, String)>, Vec<String>) {
        let mut problems = Problems::default();
        let entries = parse(&PROGRAM, Path::new("f"), text, &mut problems);
        let entries = entries.into_iter().map(|entry| (entry.key.name, entry.value)).collect();
        (entries, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_way_to_write_a_line() {
        for (line, key, value) in [
            ("relay 127.0.0.1:25", "relay", "127.0.0.1:25"),
            ("relay=127.0.0.1:25", "relay", "127.0.0.1:25"),
            ("relay = 127.0.0.1:25", "relay", "127.0.0.1:25"),
            ("relay: 127.0.0.1:25", "relay", "127.0.0.1:25"),
            ("relay : 127.0.0.1:25", "relay", "127.0.0.1:25"),
            ("--relay 127.0.0.1:25", "relay", "127.0.0.1:25"),
            (" \t relay\t127.0.0.1:25 \t", "relay", "127.0.0.1:25"),
            ("relay 127.0.0.1:25 # there", "relay", "127.0.0.1:25"),
            ("relay 127.0.0.1:25\r", "relay", "127.0.0.1:25"),
            ("relay unix:/run/x.sock", "relay", "unix:/run/x.sock"),
            (r"hostname a\#b\#c#d", "hostname", "a#b#c"),
            (r"hostname a\b", "hostname", r"a\b"),
            ("syslog-ident x y", "syslog_ident", "x y"),
            ("daemonize", "daemonize", "on"),
            ("daemonize 0", "daemonize", "0"),
            ("setsid 1", "daemonize", "1"),
            ("pid_file /run/x", "pidfile", "/run/x"),
            ("\u{feff}relay x:1", "relay", "x:1"),
        ] {
            assert_eq!(read_text(line.as_bytes()), (vec![(key, value.to_owned())], vec![]), "{line}");
        }
        for line in ["", " ", "\r", "# relay x", "  # relay x", "#"] {
            assert_eq!(read_text(line.as_bytes()), (vec![], vec![]), "{line}");
        }
    }

    #[test]
    fn all_mistakes_at_once_each_with_its_line() {
        let text =
            b"lisen 127.0.0.1:1\n# comment\nrelay\nbanana 1\n=x\nrelay/25\nrelay \xff\nconf_file x\r\nhostname ok\n";
        let (entries, problems) = read_text(text);
        assert_eq!(entries, [("hostname", "ok".to_owned())]);
        assert_eq!(
            problems,
            [
                "f:1: lisen: no such key; is listen meant?",
                "f:3: relay: has no value; relay HOST:PORT is right",
                "f:4: banana: no such key; test-proxy --help lists all",
                "f:5: =x: is no key; KEY VALUE is right",
                "f:6: relay/25: is no key; KEY VALUE is right",
                "f:7: relay \\u{fffd}: this line is no UTF-8 text",
                "f:8: conf_file: a file cannot name another; the flag --conf_file FILE is right",
            ]
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_mistake() {
        let mut problems = Problems::default();
        assert!(read(&PROGRAM, Path::new("/nonexistent"), &mut problems).is_empty());
        assert_eq!(problems.to_string(), "--conf_file: cannot read /nonexistent: No such file or directory");
    }
}
