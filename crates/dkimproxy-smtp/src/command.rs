//! Commands: the verb and what the relay must know of the arguments; the octets are kept as they came (RFC 5321 section 4.1).

use bytes::{Bytes, BytesMut};
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
        let _ = line;
        todo!()
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
        let _ = keyword;
        todo!()
    }

    /// MAIL: the number of `SIZE=` (RFC 1870): octets of the message. None: absent or not a number.
    pub fn declared_size(&self) -> Option<u64> {
        todo!()
    }

    /// The line as it came and CRLF.
    pub fn to_wire(&self) -> Bytes {
        todo!()
    }

    /// Appends the line as it came and CRLF.
    pub fn put(&self, out: &mut BytesMut) {
        let _ = out;
        todo!()
    }
}
