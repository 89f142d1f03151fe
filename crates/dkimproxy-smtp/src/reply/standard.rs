//! The replies that are our own words: one table. Strangers read them, so they tell nothing of the inside.

use super::Reply;

/// Occasions for a reply of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standard {
    /// 250: RSET, NOOP or XFORWARD done.
    Ok,
    /// 221: answer to QUIT.
    Bye,
    /// 354: go on with the mail data.
    StartMailInput,
    /// 421: we are stopping.
    ShuttingDown,
    /// 421: as many sessions as allowed are open.
    TooManyConnections,
    /// 421: the client was silent for too long.
    Timeout,
    /// 421: the client made too many mistakes.
    TooManyErrors,
    /// 421: the relay cannot be reached; the text is that of the original DKIMproxy.
    NextHopDown,
    /// 451: the connection to the relay ended before its reply.
    RelayLost,
    /// 451: the relay did not answer in time.
    RelayTimeout,
    /// 451: the relay's reply was no SMTP.
    RelayGarbled,
    /// 451: our own trouble, not the message's.
    LocalTrouble,
    /// 452: no room for the message.
    StorageFull,
    /// 452: more recipients than we keep.
    TooManyRecipients,
    /// 500: the command line was too long.
    LineTooLong,
    /// 500: bare CR, bare LF, NUL or another control character in a command line.
    StrayControl,
    /// 500: an empty line, or none that could be a command.
    BadCommand,
    /// 501: the argument is wrong.
    BadArgument,
    /// 501: no path could be read in MAIL or RCPT.
    BadPath,
    /// 502: a command we do not carry.
    NotImplemented,
    /// 503: not now.
    BadSequence,
    /// 550: the client may not use this command.
    NotAllowed,
    /// 554 instead of the greeting: the client may not use this service.
    AccessDenied,
    /// 554: DATA without an accepted recipient.
    NoRecipients,
    /// 552: larger than our cap.
    MessageTooBig,
    /// 554: a bare CR or LF in the mail data, and the policy is to refuse it.
    BareNewline,
    /// 554: the message goes in circles.
    Loop,
}

impl Standard {
    /// The one table: code, enhanced status code (RFC 3463), text.
    fn words(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Ok => (250, "2.0.0", "Ok"),
            Self::Bye => (221, "2.0.0", "Bye"),
            Self::StartMailInput => (354, "", "End data with <CR><LF>.<CR><LF>"),
            Self::ShuttingDown => (421, "4.3.2", "Service shutting down, try again later"),
            Self::TooManyConnections => (421, "4.3.2", "Too many connections, try again later"),
            Self::Timeout => (421, "4.4.2", "Timeout exceeded, closing connection"),
            Self::TooManyErrors => (421, "4.7.0", "Too many errors, closing connection"),
            Self::NextHopDown => (421, "", "Internal error (Next hop is down)"),
            Self::RelayLost => (451, "4.3.0", "Mail system unavailable, try again later"),
            Self::RelayTimeout => (451, "4.4.1", "Mail system does not answer, try again later"),
            Self::RelayGarbled => (451, "4.3.0", "Mail system trouble, try again later"),
            Self::LocalTrouble => (451, "4.3.0", "Local error in processing, try again later"),
            Self::StorageFull => (452, "4.3.1", "Insufficient system storage, try again later"),
            Self::TooManyRecipients => (452, "4.5.3", "Too many recipients"),
            Self::LineTooLong => (500, "5.5.2", "Line too long"),
            Self::StrayControl => (500, "5.5.2", "Bare <CR>, bare <LF> or control character in command"),
            Self::BadCommand => (500, "5.5.2", "Command not recognized"),
            Self::BadArgument => (501, "5.5.4", "Syntax error in parameters or arguments"),
            Self::BadPath => (501, "5.1.7", "Bad address syntax"),
            Self::NotImplemented => (502, "5.5.1", "Command not implemented"),
            Self::BadSequence => (503, "5.5.1", "Bad sequence of commands"),
            Self::NotAllowed => (550, "5.7.1", "Not authorized for this command"),
            Self::AccessDenied => (554, "5.7.1", "Access denied"),
            Self::NoRecipients => (554, "5.5.1", "No valid recipients"),
            Self::MessageTooBig => (552, "5.3.4", "Message too big"),
            Self::BareNewline => (554, "5.6.0", "Bare <CR> or <LF> in message, lines must end in <CR><LF>"),
            Self::Loop => (554, "5.4.6", "Mail loop detected"),
        }
    }
}

impl Reply {
    /// The reply for that occasion.
    pub fn standard(occasion: Standard) -> Self {
        let (code, enhanced, text) = occasion.words();
        Self::new(code, enhanced, text)
    }
}

impl From<Standard> for Reply {
    fn from(occasion: Standard) -> Self {
        Self::standard(occasion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reaches_the_wire() {
        let occasions = [
            Standard::Ok,
            Standard::Bye,
            Standard::StartMailInput,
            Standard::ShuttingDown,
            Standard::TooManyConnections,
            Standard::Timeout,
            Standard::TooManyErrors,
            Standard::NextHopDown,
            Standard::RelayLost,
            Standard::RelayTimeout,
            Standard::RelayGarbled,
            Standard::LocalTrouble,
            Standard::StorageFull,
            Standard::TooManyRecipients,
            Standard::LineTooLong,
            Standard::StrayControl,
            Standard::BadCommand,
            Standard::BadArgument,
            Standard::BadPath,
            Standard::NotImplemented,
            Standard::BadSequence,
            Standard::NotAllowed,
            Standard::AccessDenied,
            Standard::NoRecipients,
            Standard::MessageTooBig,
            Standard::BareNewline,
            Standard::Loop,
        ];
        for occasion in occasions {
            let (code, enhanced, text) = occasion.words();
            let reply = Reply::from(occasion);
            let space = if enhanced.is_empty() { "" } else { " " };
            // Reply::new leaves out an enhanced status code of the wrong class and replaces odd characters.
            assert_eq!(reply.as_bytes(), format!("{code} {enhanced}{space}{text}\r\n").as_bytes());
        }
    }

    #[test]
    fn next_hop_down_is_in_the_words_of_the_original() {
        assert_eq!(Reply::from(Standard::NextHopDown).as_bytes(), b"421 Internal error (Next hop is down)\r\n");
    }
}
