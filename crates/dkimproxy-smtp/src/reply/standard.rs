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

impl Reply {
    /// The reply for that occasion.
    pub fn standard(occasion: Standard) -> Self {
        let _ = occasion;
        todo!()
    }
}

impl From<Standard> for Reply {
    fn from(occasion: Standard) -> Self {
        Self::standard(occasion)
    }
}
