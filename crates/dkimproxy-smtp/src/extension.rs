//! The EHLO reply: what the relay offers, cut to what we can carry (RFC 5321 section 4.1.1.1).

use bytes::Bytes;

use crate::{
    command::decimal,
    reply::Reply,
    xforward::{Attribute, AttributeSet},
};

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
        let mut lines = reply.lines();
        let greeting = Bytes::copy_from_slice(lines.next().unwrap_or_default());
        let mut extensions = Self { greeting, ..Self::default() };
        if reply.is_positive() {
            lines.for_each(|line| extensions.read(line));
        }
        extensions
    }

    /// What we offer to the client, the relay having announced `self`.
    pub fn offer(&self, terms: &Terms) -> Self {
        let keep = |keyword: &str| !terms.discard.iter().any(|word| word.eq_ignore_ascii_case(keyword));
        let cap = terms.max_message_size.unwrap_or(0);
        let eight_bit_mime = self.eight_bit_mime && keep("8BITMIME");
        Self {
            greeting: self.greeting.clone(),
            // Our own: commands wait in our buffer until the relay is ready for them.
            pipelining: keep("PIPELINING"),
            size: self.size.filter(|_| keep("SIZE")).map(|size| smaller_limit(size, cap)),
            eight_bit_mime,
            // RFC 6531 section 3.1: servers that offer SMTPUTF8 must offer 8BITMIME.
            smtputf8: self.smtputf8 && eight_bit_mime && keep("SMTPUTF8"),
            dsn: self.dsn && keep("DSN"),
            // Most replies are the relay's. Had we announced the codes alone, those would break our word.
            enhanced_status_codes: self.enhanced_status_codes && keep("ENHANCEDSTATUSCODES"),
            xforward: if terms.xforward_allowed && keep("XFORWARD") {
                ours(self.xforward)
            } else {
                AttributeSet::EMPTY
            },
        }
    }

    /// The reply to EHLO that announces this.
    pub fn ehlo_reply(&self) -> Reply {
        let mut lines = vec![String::from_utf8_lossy(&self.greeting).into_owned()];
        let mut announce = |announced: bool, line: &str| {
            if announced {
                lines.push(line.to_owned());
            }
        };
        announce(self.pipelining, "PIPELINING");
        match self.size {
            Some(0) => announce(true, "SIZE"),
            Some(size) => announce(true, &format!("SIZE {size}")),
            None => {}
        }
        announce(self.eight_bit_mime, "8BITMIME");
        announce(self.smtputf8, "SMTPUTF8");
        announce(self.dsn, "DSN");
        announce(self.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        let names: Vec<&str> = self.xforward.iter().map(Attribute::name).collect();
        announce(!names.is_empty(), &format!("XFORWARD {}", names.join(" ")));
        Reply::new(250, "", &lines.join("\n"))
    }

    /// The reply to HELO: the first line alone.
    pub fn helo_reply(&self) -> Reply {
        Reply::new(250, "", &String::from_utf8_lossy(&self.greeting))
    }

    /// One line after the first: `keyword parameters`.
    fn read(&mut self, line: &[u8]) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_slice() {
            b"PIPELINING" => self.pipelining = true,
            // RFC 1870 section 3: without a number, or with 0, there is no fixed limit.
            b"SIZE" => self.size = Some(words.next().and_then(decimal).unwrap_or(0)),
            b"8BITMIME" => self.eight_bit_mime = true,
            b"SMTPUTF8" => self.smtputf8 = true,
            b"DSN" => self.dsn = true,
            b"ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            b"XFORWARD" => self.xforward = words.filter_map(Attribute::from_name).collect(),
            _ => {}
        }
    }
}

/// The smaller of two limits, 0 being none.
fn smaller_limit(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, limit) | (limit, 0) => limit,
        _ => one.min(other),
    }
}

/// The attributes to announce: the relay's, and those that our own filters and Postfix's rewriting need.
fn ours(relays: AttributeSet) -> AttributeSet {
    [Attribute::Name, Attribute::Addr, Attribute::Helo, Attribute::Source].into_iter().fold(relays, AttributeSet::with)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Postfix announces it, with all that we cannot carry.
    const POSTFIX: &str = "mx.example Hello\nPIPELINING\nSIZE 10240000\nVRFY\nETRN\nSTARTTLS\nAUTH PLAIN LOGIN\n\
        AUTH=PLAIN LOGIN\nXCLIENT NAME ADDR\nXFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\nENHANCEDSTATUSCODES\n\
        8BITMIME\nDSN\nSMTPUTF8\nCHUNKING\nBINARYMIME\nREQUIRETLS\nX-NEW";

    fn relay(text: &str) -> Extensions {
        Extensions::parse(&Reply::new(250, "", text))
    }

    fn offered(text: &str, terms: &Terms) -> String {
        let reply = relay(text).offer(terms).ehlo_reply();
        let lines: Vec<_> = reply.lines().map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
        lines.join("|")
    }

    fn friend() -> Terms {
        Terms { xforward_allowed: true, ..Terms::default() }
    }

    #[test]
    fn what_we_cannot_carry_is_dropped() {
        let expected = "mx.example Hello|PIPELINING|SIZE 10240000|8BITMIME|SMTPUTF8|DSN|ENHANCEDSTATUSCODES";
        assert_eq!(offered(POSTFIX, &Terms::default()), expected);
        let expected = format!("{expected}|XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE");
        assert_eq!(offered(POSTFIX, &friend()), expected);
    }

    #[test]
    fn what_the_relay_lacks_is_not_offered_but_what_is_our_own() {
        assert_eq!(offered("mx.example", &Terms::default()), "mx.example|PIPELINING");
        assert_eq!(offered("mx.example", &friend()), "mx.example|PIPELINING|XFORWARD NAME ADDR HELO SOURCE");
        assert_eq!(
            offered("mx.example\nxforward ident x-new", &friend()),
            "mx.example|PIPELINING|XFORWARD NAME ADDR HELO IDENT SOURCE"
        );
    }

    #[test]
    fn keywords_in_any_case() {
        assert_eq!(offered("mx\n8bitMime\nDsn\nsize 5", &Terms::default()), "mx|PIPELINING|SIZE 5|8BITMIME|DSN");
        assert_eq!(offered("mx\nDSNX\nX8BITMIME\nSIZE=5", &Terms::default()), "mx|PIPELINING");
    }

    #[test]
    fn size_is_the_smaller_limit() {
        let rows = [
            ("SIZE 100", None, "SIZE 100"),
            ("SIZE 100", Some(0), "SIZE 100"),
            ("SIZE 100", Some(50), "SIZE 50"),
            ("SIZE 100", Some(200), "SIZE 100"),
            ("SIZE 0", Some(200), "SIZE 200"),
            ("SIZE", None, "SIZE"),
            ("SIZE 0", None, "SIZE"),
            ("SIZE lots", None, "SIZE"),
        ];
        for (relays, cap, ours) in rows {
            let terms = Terms { max_message_size: cap, ..Terms::default() };
            assert_eq!(offered(&format!("mx\n{relays}"), &terms), format!("mx|PIPELINING|{ours}"));
        }
        let capped = Terms { max_message_size: Some(50), ..Terms::default() };
        assert_eq!(offered("mx", &capped), "mx|PIPELINING", "the relay would refuse the parameter");
    }

    #[test]
    fn smtputf8_needs_8bitmime() {
        assert_eq!(offered("mx\nSMTPUTF8", &Terms::default()), "mx|PIPELINING");
        let terms = Terms { discard: vec!["8bitmime".into()], ..Terms::default() };
        assert_eq!(offered("mx\nSMTPUTF8\n8BITMIME", &terms), "mx|PIPELINING");
    }

    #[test]
    fn anything_can_be_discarded() {
        let words = ["pipelining", "SIZE", "8BITMIME", "SMTPUTF8", "dsn", "EnhancedStatusCodes", "XFORWARD"];
        let terms = Terms { discard: words.map(String::from).to_vec(), ..friend() };
        assert_eq!(offered(POSTFIX, &terms), "mx.example Hello");
    }

    #[test]
    fn a_refusal_announces_nothing() {
        let refused = Extensions::parse(&Reply::new(502, "5.5.1", "No\nPIPELINING\nDSN"));
        assert!(!refused.pipelining && !refused.dsn);
    }

    #[test]
    fn helo_has_one_line() {
        assert_eq!(relay(POSTFIX).helo_reply().as_bytes(), b"250 mx.example Hello\r\n");
    }
}
