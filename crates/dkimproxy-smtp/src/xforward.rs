//! XFORWARD: attributes of the original client, as Postfix passes them through content filters.

use std::net::IpAddr;

use bytes::Bytes;
use thiserror::Error;

/// What XFORWARD told of the original client, xtext decoded; None: not sent or `[UNAVAILABLE]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// NAME: host name.
    pub name: Option<String>,
    /// ADDR: address (IPV6: prefix understood, IPv4-mapped IPv6 as IPv4).
    pub addr: Option<IpAddr>,
    /// PORT
    pub port: Option<u16>,
    /// PROTO: SMTP or ESMTP.
    pub proto: Option<String>,
    /// HELO name.
    pub helo: Option<String>,
    /// IDENT: the queue id of the sending Postfix.
    pub ident: Option<String>,
    /// SOURCE: LOCAL or REMOTE.
    pub source: Option<String>,
}

/// The name of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// NAME
    Name,
    /// ADDR
    Addr,
    /// PORT
    Port,
    /// PROTO
    Proto,
    /// HELO
    Helo,
    /// IDENT
    Ident,
    /// SOURCE
    Source,
}

/// A set of attribute names, such as a server announces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttributeSet(u8);

impl AttributeSet {
    /// No attribute.
    pub const EMPTY: Self = Self(0);

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// True if `attribute` is one of them.
    pub fn contains(self, attribute: Attribute) -> bool {
        let _ = attribute;
        todo!()
    }
    /// With `attribute` added.
    #[must_use]
    pub fn with(self, attribute: Attribute) -> Self {
        let _ = attribute;
        todo!()
    }
}

/// Why an XFORWARD command is refused (501).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum XForwardError {
    /// No attribute at all.
    #[error("XFORWARD without attributes")]
    Empty,
    /// A word without "=".
    #[error("XFORWARD attribute without a value")]
    NoValue,
    /// A name that is not one of the seven.
    #[error("unknown XFORWARD attribute")]
    UnknownAttribute,
    /// The value is empty, too long or not of the attribute's kind.
    #[error("bad value of XFORWARD attribute {0:?}")]
    BadValue(Attribute),
}

/// One XFORWARD command, read: the attributes it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    named: AttributeSet,
    values: Attributes,
}

impl Update {
    /// Reads the argument of an XFORWARD command.
    pub fn parse(argument: &[u8]) -> Result<Self, XForwardError> {
        let _ = argument;
        todo!()
    }

    /// The attributes named.
    pub fn named(&self) -> AttributeSet {
        self.named
    }

    /// The commands, CRLF included, that tell a relay the same, limited to the attributes it `takes`; each at most
    /// 512 octets. Empty if it takes none of them.
    pub fn commands(&self, takes: AttributeSet) -> Vec<Bytes> {
        let _ = takes;
        todo!()
    }
}

impl Attributes {
    /// Takes over what `update` names, `[UNAVAILABLE]` included.
    pub fn apply(&mut self, update: Update) {
        let _ = update;
        todo!()
    }

    /// The commands, CRLF included, that tell a relay all attributes that it `takes`, those we do not know as
    /// `[UNAVAILABLE]`; each at most 512 octets.
    pub fn commands(&self, takes: AttributeSet) -> Vec<Bytes> {
        let _ = takes;
        todo!()
    }
}
