//! The form of sender_map and listid_map: one rule per line, `KEY SIGNATURES`.
//!
//! Empty lines, and lines that begin with `#` or `;`, are skipped. What 1.4.1 lost silently: a line that begins with
//! blanks counts like any other, blanks and CR at the end do not matter, and the case of a key does not either.

use super::map_key::{KeyError, normalize};
use thiserror::Error;

/// One rule as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MapLine {
    /// Line number, from 1.
    pub line: usize,
    /// The key in the form that lookups use (lower-case, A-labels): `user@domain`, a domain, or `.`.
    pub key: String,
    /// What stands to the right of the key.
    pub value: String,
}

/// A line that gives no rule, or one that deserves a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remark {
    /// Line number, from 1.
    pub line: usize,
    /// What there is to say.
    pub about: Oddity,
}

/// What is odd about a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Oddity {
    /// 1.4.1 ignored such lines; here they count.
    #[error("the line begins with a blank: 1.4.1 ignored it, it counts now; put # before it to switch it off")]
    Indented,
    /// A key and nothing else.
    #[error("\"{0}\" has no signature to its right; the line is ignored. To leave this mail unsigned write: {0} none")]
    NoValue(String),
    /// The key can match nothing.
    #[error("{0}; the line is ignored, as 1.4.1 did")]
    Key(#[from] KeyError),
    /// Octets that are not UTF-8.
    #[error("the line is not UTF-8 text; it is ignored")]
    NotUtf8,
}

impl Oddity {
    /// Groups what is alike, for the report.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Indented => "indented",
            Self::NoValue(_) => "no value",
            Self::Key(_) => "map key",
            Self::NotUtf8 => "utf-8",
        }
    }
}

/// Reads a map file. Nothing here is fatal: what cannot be a rule becomes a remark.
pub(super) fn parse(file: &[u8]) -> (Vec<MapLine>, Vec<Remark>) {
    let mut lines = Vec::new();
    let mut remarks = Vec::new();
    for (line, octets) in (1..).zip(file.split(|&b| b == b'\n')) {
        let mut remark = |about| remarks.push(Remark { line, about });
        match parse_line(octets) {
            Ok(Some(written)) => {
                if written.indented {
                    remark(Oddity::Indented);
                }
                lines.push(MapLine { line, key: written.key, value: written.value });
            }
            Ok(None) => {}
            Err(oddity) => remark(oddity),
        }
    }
    (lines, remarks)
}

struct Written {
    key: String,
    value: String,
    indented: bool,
}

fn parse_line(octets: &[u8]) -> Result<Option<Written>, Oddity> {
    let text = std::str::from_utf8(octets).map_err(|_| Oddity::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // the byte order mark some editors write
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
        return Ok(None);
    }
    let Some((key, value)) = trimmed.split_once(char::is_whitespace) else {
        return Err(Oddity::NoValue(trimmed.to_owned()));
    };
    let indented = text.starts_with(char::is_whitespace);
    Ok(Some(Written { key: normalize(key)?, value: value.trim().to_owned(), indented }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(file: &str) -> Vec<(usize, String, String)> {
        parse(file.as_bytes()).0.into_iter().map(|l| (l.line, l.key, l.value)).collect()
    }

    #[test]
    fn lines() {
        let file = "# comment\n; another\n  # indented comment\n\nexample.org\tdkim(s=a)\t\r\nUser@Example.COM   dkim(s=b), dkim(s=c)\r\n. dkim";
        assert_eq!(
            keys(file),
            [
                (5, "example.org".to_owned(), "dkim(s=a)".to_owned()),
                (6, "user@example.com".to_owned(), "dkim(s=b), dkim(s=c)".to_owned()),
                (7, ".".to_owned(), "dkim".to_owned()),
            ]
        );
    }

    #[test]
    fn an_indented_line_counts_and_is_mentioned() {
        let (lines, remarks) = parse(b"  indented.example dkim(s=ind)\n");
        assert_eq!(lines.first().map(|l| l.key.as_str()), Some("indented.example"));
        assert_eq!(remarks, [Remark { line: 1, about: Oddity::Indented }]);
    }

    #[test]
    fn lines_that_can_never_match_are_remarks() {
        let (lines, remarks) =
            parse(b"sp9.example\n@sp20.example dkim\n*.sp21.example dkim\n.sp22.example dkim\n\xff.example dkim\n");
        assert_eq!(lines, []);
        assert_eq!(remarks.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert!(remarks.iter().any(|r| r.about.to_string().contains("write sp21.example")), "{remarks:?}");
    }
}
