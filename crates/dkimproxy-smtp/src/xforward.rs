//! XFORWARD: attributes of the original client, as Postfix passes them through content filters.

use std::net::IpAddr;

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
