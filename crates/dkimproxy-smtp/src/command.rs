//! Commands: the verb, and what we must know of the argument; the octets are kept as they came (RFC 5321 section 4.1).

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use thiserror::Error;

use crate::path::Path;

/// Why a line is no command that may be relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommandError {
    /// Nothing but blanks.
    #[error("empty command line")]
    Empty,
    /// A control character other than TAB: CR, LF or NUL above all.
    #[error("control character in a command")]
    Control,
}

/// The first word of a command, in whatever case it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// EHLO (RFC 5321)
    Ehlo,
    /// HELO (RFC 5321)
    Helo,
    /// LHLO (RFC 2033)
    Lhlo,
    /// MAIL (RFC 5321)
    Mail,
    /// RCPT (RFC 5321)
    Rcpt,
    /// DATA (RFC 5321)
    Data,
    /// BDAT (RFC 3030)
    Bdat,
    /// RSET (RFC 5321)
    Rset,
    /// NOOP (RFC 5321)
    Noop,
    /// QUIT (RFC 5321)
    Quit,
    /// VRFY (RFC 5321)
    Vrfy,
    /// EXPN (RFC 5321)
    Expn,
    /// HELP (RFC 5321)
    Help,
    /// ETRN (RFC 1985)
    Etrn,
    /// AUTH (RFC 4954)
    Auth,
    /// STARTTLS (RFC 3207)
    StartTls,
    /// XFORWARD (Postfix)
    XForward,
    /// XCLIENT (Postfix)
    XClient,
    /// Anything else.
    Other,
}

/// One command line: free of control characters except TAB, octet for octet as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    line: Bytes,
    verb: Verb,
    argument: Bytes,
    envelope: Option<Envelope>,
}

/// The argument of MAIL or RCPT: `FROM:<path> parameters`, `TO:<path> parameters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path or forward-path.
    pub path: Path,
    /// The parameters in their order, those unknown to us among them.
    pub parameters: Vec<Parameter>,
}

/// An esmtp-param (RFC 5321 section 4.1.2), as it came: neither decoded nor checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// What stands before "=".
    pub keyword: Bytes,
    /// What stands after it; None where there is no "=".
    pub value: Option<Bytes>,
}

impl Command {
    /// Reads a line (without its CRLF). Words it does not know make it `Verb::Other`, not an error.
    pub fn parse(line: Bytes) -> Result<Self, CommandError> {
        if line.iter().any(|&octet| octet.is_ascii_control() && octet != b'\t') {
            return Err(CommandError::Control);
        }
        let word = split_word(line.trim_ascii());
        if word.0.is_empty() {
            return Err(CommandError::Empty);
        }
        let verb = Verb::of(word.0);
        let argument = line.slice_ref(word.1);
        let envelope = match verb {
            Verb::Mail => Envelope::parse(&argument, b"FROM:"),
            Verb::Rcpt => Envelope::parse(&argument, b"TO:"),
            _ => None,
        };
        Ok(Self { line, verb, argument, envelope })
    }

    /// The verb.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// What follows the verb, without the blanks around it.
    pub fn argument(&self) -> &[u8] {
        &self.argument
    }

    /// The whole line as it came, without CRLF.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// MAIL and RCPT: path and parameters. None for other verbs, and where the argument could not be read: the
    /// session may leave such a command to the relay or refuse it (`Standard::BadPath`); refusing is safer, for the
    /// relay may see another sender in it than our filter.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }

    /// MAIL and RCPT: the path, if it could be read.
    pub fn path(&self) -> Option<&Path> {
        self.envelope.as_ref().map(|envelope| &envelope.path)
    }

    /// MAIL and RCPT: the first parameter with that keyword, in any case.
    pub fn parameter(&self, keyword: &str) -> Option<&Parameter> {
        let mut parameters = self.envelope.as_ref()?.parameters.iter();
        parameters.find(|parameter| parameter.keyword.eq_ignore_ascii_case(keyword.as_bytes()))
    }

    /// MAIL: the number of `SIZE=` (RFC 1870): octets of the message. None: absent or not a number.
    pub fn declared_size(&self) -> Option<u64> {
        decimal(self.parameter("SIZE")?.value.as_deref()?)
    }

    /// The line as it came and CRLF.
    pub fn to_wire(&self) -> Bytes {
        let mut wire = BytesMut::with_capacity(self.line.len() + 2);
        self.put(&mut wire);
        wire.freeze()
    }

    /// Appends the line as it came and CRLF.
    pub fn put(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.line);
        out.extend_from_slice(b"\r\n");
    }
}

impl Verb {
    /// All verbs but `Other`, with their names.
    const NAMES: [(&str, Verb); 18] = [
        ("EHLO", Verb::Ehlo),
        ("HELO", Verb::Helo),
        ("LHLO", Verb::Lhlo),
        ("MAIL", Verb::Mail),
        ("RCPT", Verb::Rcpt),
        ("DATA", Verb::Data),
        ("BDAT", Verb::Bdat),
        ("RSET", Verb::Rset),
        ("NOOP", Verb::Noop),
        ("QUIT", Verb::Quit),
        ("VRFY", Verb::Vrfy),
        ("EXPN", Verb::Expn),
        ("HELP", Verb::Help),
        ("ETRN", Verb::Etrn),
        ("AUTH", Verb::Auth),
        ("STARTTLS", Verb::StartTls),
        ("XFORWARD", Verb::XForward),
        ("XCLIENT", Verb::XClient),
    ];

    fn of(word: &[u8]) -> Self {
        let mut names = Self::NAMES.iter();
        names.find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map_or(Self::Other, |&(_, verb)| verb)
    }

    /// The verb in capitals; `None` for `Other`.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find(|(_, verb)| *verb == self).map(|&(name, _)| name)
    }
}

impl Envelope {
    /// Reads `FROM:<path> parameters`. As Postfix does, and clients need, it takes blanks after the colon ("MAIL FROM:
    /// <a@b>") and a path without brackets ("MAIL FROM:a@b").
    fn parse(argument: &Bytes, prefix: &[u8]) -> Option<Self> {
        let (start, rest) = argument.split_at_checked(prefix.len())?;
        if !start.eq_ignore_ascii_case(prefix) {
            return None;
        }
        let (path, rest) = split_path(rest.trim_ascii_start())?;
        let words = rest.split(|octet| is_blank(*octet)).filter(|word| !word.is_empty());
        let parameters = words.map(|word| Parameter::parse(argument.slice_ref(word))).collect::<Option<_>>()?;
        Some(Self { path: Path::new(path), parameters })
    }
}

impl Parameter {
    /// None: the keyword is none (RFC 5321 section 4.1.2: `(ALPHA / DIGIT) *(ALPHA / DIGIT / "-")`).
    fn parse(word: Bytes) -> Option<Self> {
        let equals = memchr(b'=', &word);
        let keyword = word.slice(..equals.unwrap_or(word.len()));
        let value = equals.map(|at| word.slice(at + 1..));
        let valid = keyword.first().is_some_and(u8::is_ascii_alphanumeric)
            && keyword.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-');
        valid.then_some(Self { keyword, value })
    }
}

/// The octets of the path, and what follows it: nothing, or a blank and parameters.
fn split_path(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (path, rest) = match text.strip_prefix(b"<") {
        Some(inside) => {
            let (path, rest) = inside.split_at_checked(path_end(inside, |octet| octet == b'>')?)?;
            (path, rest.get(1..)?)
        }
        None => {
            let end = path_end(text, is_blank).unwrap_or(text.len());
            let (path, rest) = text.split_at_checked(end)?;
            // A display name, or a bracket that was never opened; and without brackets there is no null path.
            if path.is_empty() || path.iter().any(|octet| b"<>".contains(octet)) {
                return None;
            }
            (path, rest)
        }
    };
    rest.first().is_none_or(|octet| is_blank(*octet)).then_some((path, rest))
}

/// Where the path ends: at the first octet that `ends` it outside a quoted string or quoted pair.
fn path_end(text: &[u8], ends: impl Fn(u8) -> bool) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.iter().position(|&octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ => return !quoted && ends(octet),
        }
        false
    })
}

/// The first word, and what follows the blanks after it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| is_blank(*octet)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

fn is_blank(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// A decimal number, nothing around it.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    // from_str would take a sign.
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Command {
        Command::parse(Bytes::copy_from_slice(line.as_bytes())).unwrap()
    }

    #[test]
    fn verbs_in_any_case() {
        for (name, verb) in Verb::NAMES {
            assert_eq!(command(name).verb(), verb);
            assert_eq!(command(&format!("{} x", name.to_lowercase())).verb(), verb);
            assert_eq!(verb.name(), Some(name));
        }
        assert_eq!(command("DATAX").verb(), Verb::Other);
        assert_eq!(command("GET / HTTP/1.1").verb(), Verb::Other);
        assert_eq!(Verb::Other.name(), None);
    }

    #[test]
    fn argument_loses_the_blanks_around_it_and_the_wire_keeps_them() {
        let ehlo = command("ehlo \t mx.example  ");
        assert_eq!(ehlo.argument(), b"mx.example");
        assert_eq!(ehlo.to_wire(), "ehlo \t mx.example  \r\n");
        assert_eq!(command("RSET").argument(), b"");
    }

    #[test]
    fn control_characters_are_no_command() {
        for line in ["NOOP\r", "NO\nOP", "NOOP\0", "NOOP \x1b[2J", "NOOP \x7f"] {
            assert_eq!(Command::parse(line.into()), Err(CommandError::Control), "{line:?}");
        }
        assert_eq!(Command::parse(Bytes::new()), Err(CommandError::Empty));
        assert_eq!(Command::parse(" \t ".into()), Err(CommandError::Empty));
    }

    #[test]
    fn paths() {
        let rows = [
            ("MAIL FROM:<>", ""),
            ("MAIL FROM:<a@b.example>", "a@b.example"),
            ("mail from: <a@b.example>", "a@b.example"),
            ("MAIL  From:\t<a@b.example> ", "a@b.example"),
            ("MAIL FROM:<\"a > b\"@c.example>", "\"a > b\"@c.example"),
            ("MAIL FROM:<\"a\\\" > b\"@c.example>", "\"a\\\" > b\"@c.example"),
            ("MAIL FROM:<@x,@y:a@b.example>", "@x,@y:a@b.example"),
            ("MAIL FROM:<jörg@bücher.example> SMTPUTF8", "jörg@bücher.example"),
            ("MAIL FROM:a@b.example SIZE=1", "a@b.example"),
            ("RCPT TO:<postmaster>", "postmaster"),
            ("RCPT TO: \"a b\"@c.example", "\"a b\"@c.example"),
        ];
        for (line, path) in rows {
            assert_eq!(command(line).path(), Some(&Path::new(path)), "{line}");
        }
    }

    #[test]
    fn unreadable_arguments_have_no_path() {
        let lines = [
            "MAIL",
            "MAIL FROM",
            "MAIL FROM:",
            "MAIL <a@b.example>",
            "MAIL FROM <a@b.example>",
            "MAIL FROM:<a@b.example",
            "MAIL FROM:<\"a@b.example>",
            "MAIL FROM:a@b.example>",
            "MAIL FROM:<a@b.example>SIZE=1",
            "MAIL FROM:<a@b.example>x@y>",
            "MAIL FROM:Joe <a@b.example>",
            "MAIL FROM:<a@b.example> =1",
            "RCPT FROM:<a@b.example>",
        ];
        for line in lines {
            assert_eq!(command(line).path(), None, "{line}");
            assert_eq!(command(line).to_wire(), format!("{line}\r\n"));
        }
    }

    #[test]
    fn parameters_stay_as_they_came() {
        let line = "MAIL FROM:<a@b.example>  size=0012 BODY=8bitMime  ENVID=q+2Bx=y AUTH=<> X-NEW SMTPUTF8";
        let mail = command(line);
        let words: Vec<_> =
            mail.envelope().unwrap().parameters.iter().map(|p| (&p.keyword[..], p.value.as_deref())).collect();
        let expected: [(&[u8], Option<&[u8]>); 6] = [
            (b"size", Some(b"0012")),
            (b"BODY", Some(b"8bitMime")),
            (b"ENVID", Some(b"q+2Bx=y")),
            (b"AUTH", Some(b"<>")),
            (b"X-NEW", None),
            (b"SMTPUTF8", None),
        ];
        assert_eq!(words, expected);
        assert_eq!(mail.declared_size(), Some(12));
        assert_eq!(mail.to_wire(), format!("{line}\r\n"));
        assert!(mail.parameter("smtputf8").is_some());
        assert!(mail.parameter("RET").is_none());
    }

    #[test]
    fn declared_size_is_a_plain_number() {
        for value in ["", "=", "=+1", "=-1", "=1k", "=99999999999999999999999"] {
            assert_eq!(command(&format!("MAIL FROM:<> SIZE{value}")).declared_size(), None, "{value}");
        }
    }
}
