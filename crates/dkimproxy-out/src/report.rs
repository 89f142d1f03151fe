//! What reading a configuration has to say: problems, which forbid a start, warnings, which do not, and differences from
//! 1.4.1, which only `check` tells.

use dkimproxy_daemon::config::{Origin, Problem};
use std::{collections::HashMap, fmt::Display, path::Path};

/// A map of 10,000 lines with one habit in it shall not log 10,000 lines: this many of a kind are shown, the rest
/// counted.
const SHOWN_PER_KIND: usize = 5;

/// Where something stands: the key it is about, and the place.
#[derive(Debug, Clone)]
pub struct Place {
    /// Name of the option, or of the map that a line belongs to.
    pub key: &'static str,
    /// Flag, or file and line.
    pub origin: Origin,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Report {
    problems: Notes,
    warnings: Notes,
    differences: Notes,
}

/// All that was found, in the order of files and lines. What was not shown is summed up in the last one of its kind.
#[derive(Debug, Default)]
pub struct Findings {
    /// What forbids a start.
    pub problems: Vec<Problem>,
    /// What an administrator should know.
    pub warnings: Vec<Problem>,
    /// What somebody who comes from 1.4.1 will feel.
    pub differences: Vec<Problem>,
}

impl Report {
    /// Something that forbids a start. `kind` groups what is alike.
    pub fn problem(&mut self, place: &Place, kind: &'static str, message: impl Display) {
        self.problems.add(place, kind, &message);
    }

    /// Something that an administrator should know.
    pub fn warn(&mut self, place: &Place, kind: &'static str, message: impl Display) {
        self.warnings.add(place, kind, &message);
    }

    /// Something that was otherwise in 1.4.1.
    pub fn differ(&mut self, place: &Place, kind: &'static str, message: impl Display) {
        self.differences.add(place, kind, &message);
    }

    /// All that was found.
    pub fn finish(self) -> Findings {
        Findings {
            problems: self.problems.finish(),
            warnings: self.warnings.finish(),
            differences: self.differences.finish(),
        }
    }
}

#[derive(Debug, Default)]
struct Notes {
    shown: Vec<Problem>,
    /// Per kind: how many there were, and which of `shown` is the last.
    kinds: HashMap<&'static str, (usize, usize)>,
}

impl Notes {
    fn add(&mut self, place: &Place, kind: &'static str, message: &dyn Display) {
        let note = Problem { origin: place.origin.clone(), key: place.key.to_owned(), message: message.to_string() };
        // One `signature` serves many domains; what is odd about it is said once.
        if self.shown.contains(&note) {
            return;
        }
        let (count, last) = self.kinds.entry(kind).or_default();
        *count += 1;
        if *count <= SHOWN_PER_KIND {
            *last = self.shown.len();
            self.shown.push(note);
        }
    }

    fn finish(mut self) -> Vec<Problem> {
        for (count, last) in self.kinds.into_values() {
            if let (Some(note), Some(hidden @ 1..)) = (self.shown.get_mut(last), count.checked_sub(SHOWN_PER_KIND)) {
                note.message.push_str(&format!(" (and {hidden} more like this)"));
            }
        }
        self.shown.sort_by(|a, b| position(&a.origin).cmp(&position(&b.origin)));
        self.shown
    }
}

/// What is about the same file is told in the order of its lines.
fn position(origin: &Origin) -> Option<(&Path, usize)> {
    match origin {
        Origin::File { path, line } => Some((path, *line)),
        Origin::Flag | Origin::Default => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_of_a_kind_are_summed_up() {
        let place = Place { key: "sender_map", origin: Origin::Flag };
        let mut report = Report::default();
        for n in 0..10_000 {
            report.warn(&place, "sha1", format_args!("line {n}"));
        }
        report.warn(&place, "other", "once");
        let Findings { problems, warnings, differences } = report.finish();
        assert!(problems.is_empty() && differences.is_empty());
        assert_eq!(warnings.len(), SHOWN_PER_KIND + 1);
        assert_eq!(warnings[SHOWN_PER_KIND - 1].message, "line 4 (and 9995 more like this)");
        assert_eq!(warnings[SHOWN_PER_KIND].message, "once");
    }
}
