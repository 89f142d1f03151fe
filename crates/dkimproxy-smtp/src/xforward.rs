//! XFORWARD: attributes of the original client, as Postfix passes them through content filters (XFORWARD_README).
//!
//! Postfix refuses mail whose XFORWARD we refuse, and a client may say HELO with anything. So values are read as
//! Postfix reads them: characters that cannot be are replaced, and only what has no meaning at all is an error.

use std::{fmt::Write, net::IpAddr};

use bytes::Bytes;
use memchr::memchr;
use thiserror::Error;

use crate::command::decimal;

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

/// One XFORWARD command, read: the attributes it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    named: AttributeSet,
    values: Attributes,
}

impl Update {
    /// The longest value in octets, encoded or not.
    pub const MAX_VALUE: usize = 255;
    /// The longest command that we write, in octets, CRLF included.
    pub const MAX_COMMAND: usize = 512;

    /// Reads the argument of an XFORWARD command: `NAME=value ADDR=value ...`, names in any case, values xtext. Where
    /// an attribute comes twice, the last counts.
    pub fn parse(argument: &[u8]) -> Result<Self, XForwardError> {
        let mut update = Self::default();
        for word in argument.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            let (attribute, value) = parse_word(word)?;
            update.values.set(attribute, value).ok_or(XForwardError::BadValue(attribute))?;
            update.named = update.named.with(attribute);
        }
        if update.named.is_empty() { Err(XForwardError::Empty) } else { Ok(update) }
    }

    /// The attributes named.
    pub fn named(&self) -> AttributeSet {
        self.named
    }

    /// The commands, CRLF included, that tell a relay the same, limited to the attributes it `takes`; each at most
    /// 512 octets. Empty if it takes none of them.
    pub fn commands(&self, takes: AttributeSet) -> Vec<Bytes> {
        self.values.commands(self.named.intersection(takes))
    }
}

impl Attributes {
    /// Takes over what `update` names, `[UNAVAILABLE]` included.
    pub fn apply(&mut self, update: Update) {
        let Update { named, values } = update;
        let Attributes { name, addr, port, proto, helo, ident, source } = values;
        let take = |attribute| named.contains(attribute);
        replace_if(take(Attribute::Name), &mut self.name, name);
        replace_if(take(Attribute::Addr), &mut self.addr, addr);
        replace_if(take(Attribute::Port), &mut self.port, port);
        replace_if(take(Attribute::Proto), &mut self.proto, proto);
        replace_if(take(Attribute::Helo), &mut self.helo, helo);
        replace_if(take(Attribute::Ident), &mut self.ident, ident);
        replace_if(take(Attribute::Source), &mut self.source, source);
    }

    /// The commands, CRLF included, that tell a relay all attributes that it `takes`, those we do not know as
    /// `[UNAVAILABLE]`; each at most 512 octets.
    pub fn commands(&self, takes: AttributeSet) -> Vec<Bytes> {
        let mut commands: Vec<String> = Vec::new();
        for attribute in takes.iter() {
            let word = self.word(attribute);
            match commands.last_mut() {
                Some(last) if last.len() + word.len() + 2 <= Update::MAX_COMMAND => last.push_str(&word),
                _ => commands.push(format!("XFORWARD{word}")),
            }
        }
        commands.into_iter().map(|command| Bytes::from(command + "\r\n")).collect()
    }

    /// SP, name, "=", value.
    fn word(&self, attribute: Attribute) -> String {
        let value = match attribute {
            Attribute::Name => self.name.as_deref().map(to_xtext),
            Attribute::Addr => self.addr.map(addr_to_text),
            Attribute::Port => self.port.map(|port| port.to_string()),
            Attribute::Proto => self.proto.as_deref().map(to_xtext),
            Attribute::Helo => self.helo.as_deref().map(to_xtext),
            Attribute::Ident => self.ident.as_deref().map(to_xtext),
            Attribute::Source => self.source.as_deref().map(to_xtext),
        };
        // A value of plus signs only may triple in size; such a one is not worth a line that is too long.
        const ROOM: usize = Update::MAX_COMMAND - "XFORWARD SOURCE=\r\n".len();
        let value = value.filter(|value| !value.is_empty() && value.len() <= ROOM);
        format!(" {}={}", attribute.name(), value.as_deref().unwrap_or(UNAVAILABLE))
    }

    /// Stores a decoded value; None for `[UNAVAILABLE]`. None back: it is not of the attribute's kind.
    fn set(&mut self, attribute: Attribute, value: Option<String>) -> Option<()> {
        match attribute {
            Attribute::Name => self.name = value,
            Attribute::Addr => self.addr = value.map(|text| parse_addr(&text).ok_or(())).transpose().ok()?,
            Attribute::Port => self.port = value.map(|text| parse_port(&text).ok_or(())).transpose().ok()?,
            Attribute::Proto => self.proto = value,
            Attribute::Helo => self.helo = value,
            Attribute::Ident => self.ident = value,
            Attribute::Source => self.source = value.map(|text| text.to_ascii_uppercase()),
        }
        Some(())
    }
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

impl Attribute {
    /// All of them, in the order in which we announce and send them. SOURCE is last, and always announced: Postfix
    /// before 3.8 misread the last attribute of an announcement, and can best do without this one.
    pub const ALL: [Self; 7] = [Self::Name, Self::Addr, Self::Port, Self::Proto, Self::Helo, Self::Ident, Self::Source];

    /// As on the wire, in capitals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Addr => "ADDR",
            Self::Port => "PORT",
            Self::Proto => "PROTO",
            Self::Helo => "HELO",
            Self::Ident => "IDENT",
            Self::Source => "SOURCE",
        }
    }

    /// The attribute of that name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| name.eq_ignore_ascii_case(attribute.name().as_bytes()))
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
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
        self.0 & attribute.bit() != 0
    }

    /// With `attribute` added.
    #[must_use]
    pub fn with(self, attribute: Attribute) -> Self {
        Self(self.0 | attribute.bit())
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// In the order of `Attribute::ALL`.
    pub fn iter(self) -> impl Iterator<Item = Attribute> {
        Attribute::ALL.into_iter().filter(move |attribute| self.contains(*attribute))
    }
}

impl FromIterator<Attribute> for AttributeSet {
    fn from_iter<I: IntoIterator<Item = Attribute>>(attributes: I) -> Self {
        attributes.into_iter().fold(Self::EMPTY, Self::with)
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

const UNAVAILABLE: &str = "[UNAVAILABLE]";
const IPV6_PREFIX: &str = "IPV6:";

fn replace_if<T>(named: bool, field: &mut T, value: T) {
    if named {
        *field = value;
    }
}

/// `NAME=value`; None: unavailable.
fn parse_word(word: &[u8]) -> Result<(Attribute, Option<String>), XForwardError> {
    let equals = memchr(b'=', word).ok_or(XForwardError::NoValue)?;
    let (name, value) = word.split_at_checked(equals).ok_or(XForwardError::NoValue)?;
    let attribute = Attribute::from_name(name).ok_or(XForwardError::UnknownAttribute)?;
    let value = from_xtext(value.get(1..).unwrap_or_default());
    if value.is_empty() || value.len() > Update::MAX_VALUE {
        return Err(XForwardError::BadValue(attribute));
    }
    Ok((attribute, Some(value).filter(|value| !value.eq_ignore_ascii_case(UNAVAILABLE))))
}

/// Decodes xtext (RFC 3461 section 4). Postfix before 2.3 sent values as they are, so a "+" that no hex digits follow
/// is itself. What is no visible ASCII character becomes "?".
fn from_xtext(mut text: &[u8]) -> String {
    let mut decoded = String::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        let hex = if first == b'+' { hex_octet(rest) } else { None };
        let octet = hex.unwrap_or(first);
        text = rest.get(if hex.is_some() { 2 } else { 0 }..).unwrap_or_default();
        decoded.push(if octet.is_ascii_graphic() { char::from(octet) } else { '?' });
    }
    decoded
}

fn hex_octet(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text.get(..2)?).ok()?;
    // from_str_radix would take a sign.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

fn to_xtext(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for octet in value.bytes() {
        if octet.is_ascii_graphic() && octet != b'+' && octet != b'=' {
            encoded.push(char::from(octet));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "+{octet:02X}");
        }
    }
    encoded
}

fn parse_addr(text: &str) -> Option<IpAddr> {
    let bare = match text.split_at_checked(IPV6_PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(IPV6_PREFIX) => rest,
        _ => text,
    };
    let unscoped = bare.split_once('%').map_or(bare, |(addr, _scope)| addr);
    unscoped.parse().ok().map(|addr: IpAddr| addr.to_canonical())
}

fn addr_to_text(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(addr) => addr.to_string(),
        IpAddr::V6(addr) => format!("{IPV6_PREFIX}{addr}"),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    decimal(text.as_bytes())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attributes(argument: &str) -> Attributes {
        let mut attributes = Attributes::default();
        attributes.apply(Update::parse(argument.as_bytes()).unwrap());
        attributes
    }

    fn all() -> AttributeSet {
        Attribute::ALL.into_iter().collect()
    }

    #[test]
    fn all_attributes_in_any_case() {
        let expected = Attributes {
            name: Some("spike.example".into()),
            addr: Some([168, 100, 189, 2].into()),
            port: Some(2525),
            proto: Some("ESMTP".into()),
            helo: Some("a+b=c".into()),
            ident: Some("4Yx".into()),
            source: Some("REMOTE".into()),
        };
        let argument =
            "name=spike.example Addr=168.100.189.2  PORT=2525\tPROTO=ESMTP HELO=a+2Bb+3dc IDENT=4Yx SOURCE=remote";
        assert_eq!(attributes(argument), expected);
    }

    #[test]
    fn values() {
        let helo = |value: &str| attributes(&format!("HELO={value}")).helo;
        assert_eq!(helo("[unavailable]"), None);
        assert_eq!(helo("+5BUNAVAILABLE+5D"), None, "compared after decoding");
        assert_eq!(helo("my+20computer").as_deref(), Some("my?computer"));
        assert_eq!(helo("x+0D+0A+00+7F+C3+A4").as_deref(), Some("x??????"));
        assert_eq!(helo("b\u{fc}cher").as_deref(), Some("b??cher"));
        assert_eq!(helo("raw+plus+").as_deref(), Some("raw+plus+"), "as Postfix before 2.3 sent it");
        assert_eq!(helo("a=b").as_deref(), Some("a=b"));
    }

    #[test]
    fn addresses() {
        let rows: [(&str, &str); 6] = [
            ("192.0.2.1", "192.0.2.1"),
            ("IPV6:2001:db8::1", "2001:db8::1"),
            ("ipv6:2001:DB8::1", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("IPV6:::ffff:192.0.2.1", "192.0.2.1"),
            ("IPV6:fe80::1%eth0", "fe80::1"),
        ];
        for (value, addr) in rows {
            assert_eq!(attributes(&format!("ADDR={value}")).addr, addr.parse().ok(), "{value}");
        }
    }

    #[test]
    fn errors() {
        let long = format!("HELO={}", "x".repeat(256));
        let rows = [
            ("", XForwardError::Empty),
            ("  ", XForwardError::Empty),
            ("NAME", XForwardError::NoValue),
            ("LOGIN=x", XForwardError::UnknownAttribute),
            ("NAME=a =b", XForwardError::UnknownAttribute),
            ("NAME=", XForwardError::BadValue(Attribute::Name)),
            ("ADDR=example.org", XForwardError::BadValue(Attribute::Addr)),
            ("ADDR=192.0.2.256", XForwardError::BadValue(Attribute::Addr)),
            ("PORT=65536", XForwardError::BadValue(Attribute::Port)),
            ("PORT=+25", XForwardError::BadValue(Attribute::Port)),
            (&long, XForwardError::BadValue(Attribute::Helo)),
        ];
        for (argument, error) in rows {
            assert_eq!(Update::parse(argument.as_bytes()), Err(error), "{argument}");
        }
    }

    #[test]
    fn later_commands_update_what_they_name_only() {
        let mut client = attributes("NAME=a.example ADDR=192.0.2.1 HELO=a");
        client.apply(Update::parse(b"HELO=[UNAVAILABLE] PORT=25").unwrap());
        assert_eq!(client, attributes("NAME=a.example ADDR=192.0.2.1 PORT=25"));
    }

    #[test]
    fn the_relay_is_told_what_it_takes() {
        let update = Update::parse(b"NAME=a.example ADDR=ipv6:2001:db8::1 HELO=[UNAVAILABLE] SOURCE=LOCAL").unwrap();
        let takes: AttributeSet = [Attribute::Addr, Attribute::Helo, Attribute::Ident].into_iter().collect();
        assert_eq!(update.commands(takes), ["XFORWARD ADDR=IPV6:2001:db8::1 HELO=[UNAVAILABLE]\r\n"]);
        assert!(update.commands(AttributeSet::EMPTY).is_empty());
        let client = attributes("HELO=x+2By");
        assert_eq!(client.commands(takes), ["XFORWARD ADDR=[UNAVAILABLE] HELO=x+2By IDENT=[UNAVAILABLE]\r\n"]);
    }

    #[test]
    fn long_values_take_several_commands_and_impossible_ones_none() {
        let value = "v".repeat(255);
        let client = attributes(&format!("NAME={value} HELO={value} IDENT={}", "+".repeat(255)));
        let takes: AttributeSet = [Attribute::Name, Attribute::Helo, Attribute::Ident].into_iter().collect();
        let expected = [format!("XFORWARD NAME={value}\r\n"), format!("XFORWARD HELO={value} IDENT=[UNAVAILABLE]\r\n")];
        assert_eq!(client.commands(takes), expected);
    }

    proptest! {
        #[test]
        fn what_we_send_reads_back_the_same(helo in "[!-~]{1,120}", name in "[!-~]{1,120}", addr in any::<IpAddr>()) {
            let client = Attributes {
                name: Some(name).filter(|name| name != UNAVAILABLE),
                addr: Some(addr.to_canonical()),
                helo: Some(helo),
                ..Attributes::default()
            };
            let mut again = Attributes::default();
            for command in client.commands(all()) {
                prop_assert!(command.len() <= Update::MAX_COMMAND);
                let argument = command.strip_prefix(b"XFORWARD ").unwrap().strip_suffix(b"\r\n").unwrap();
                again.apply(Update::parse(argument).unwrap());
            }
            prop_assert_eq!(again, client);
        }
    }
}
