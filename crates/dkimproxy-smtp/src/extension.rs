//! The EHLO reply: what the relay offers, cut to what we can carry (RFC 5321 section 4.1.1.1).

use bytes::Bytes;

use crate::{reply::Reply, xforward::AttributeSet};

/// The extensions we can carry, as one side announces them. What is not here (STARTTLS, CHUNKING, BINARYMIME, AUTH,
/// ETRN, anything unknown) never passes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The text of the first line: the host's name, perhaps a greeting after it.
    pub greeting: Bytes,
    /// PIPELINING (RFC 2920)
    pub pipelining: bool,
    /// SIZE (RFC 1870): the largest message in octets, 0 for no fixed limit. None: not announced.
    pub size: Option<u64>,
    /// 8BITMIME (RFC 6152)
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531)
    pub smtputf8: bool,
    /// DSN (RFC 3461)
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034)
    pub enhanced_status_codes: bool,
    /// XFORWARD and its attributes; empty: not announced.
    pub xforward: AttributeSet,
}

/// What we add to or take from the relay's offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Our own cap on messages in octets; None or 0: no cap.
    pub max_message_size: Option<u64>,
    /// This client may send XFORWARD.
    pub xforward_allowed: bool,
    /// Keywords never to announce, in any case.
    pub discard: Vec<String>,
}

impl Extensions {
    /// Reads the relay's reply to EHLO. A reply that is not positive, and one to HELO, announces nothing.
    pub fn parse(reply: &Reply) -> Self {
        let _ = reply;
        todo!()
    }

    /// What we offer to the client, the relay having announced `self`.
    pub fn offer(&self, terms: &Terms) -> Self {
        let _ = terms;
        todo!()
    }

    /// The reply to EHLO that announces this.
    pub fn ehlo_reply(&self) -> Reply {
        todo!()
    }

    /// The reply to HELO: the first line alone.
    pub fn helo_reply(&self) -> Reply {
        todo!()
    }
}
