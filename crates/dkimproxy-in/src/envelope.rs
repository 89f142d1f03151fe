//! What is known of a message before its first octet: who brought it, and in whose name.

use crate::config::Clients;
use dkimproxy_daemon::filter::{Client, Transaction};
use std::net::IpAddr;

/// What is known of a message before its first octet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) source: Source,
    /// The name of the client's address, as XFORWARD tells it.
    pub(crate) client_name: Option<String>,
    /// The argument of the client's EHLO or HELO.
    pub(crate) helo: Option<String>,
    /// MAIL FROM, without angle brackets; empty for the null reverse-path.
    pub(crate) reverse_path: Option<String>,
    /// The message travels with SMTPUTF8, so its header may have UTF-8 in it.
    pub(crate) smtputf8: bool,
}

/// Where a message comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// From a stranger with this address.
    Client(IpAddr),
    /// From a relay of ours, which knows where it comes from.
    Relay(IpAddr),
    /// From this host, or nobody says where from.
    #[default]
    Unknown,
    /// A user asks about a message and says nothing about its client.
    Untold,
}

impl Source {
    /// An address of a client. Nobody else's mail comes from this host.
    fn of(address: IpAddr, clients: &Clients) -> Self {
        let address = address.to_canonical();
        match address {
            _ if clients.trusted.contains(address) => Self::Relay(address),
            _ if address.is_loopback() || address.is_unspecified() => Self::Unknown,
            _ => Self::Client(address),
        }
    }

    /// The address of the client, whoever it is.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Client(address) | Self::Relay(address) => Some(address),
            Self::Unknown | Self::Untold => None,
        }
    }

    /// The address of whom SPF and iprev ask about.
    pub(crate) fn stranger(self) -> Option<IpAddr> {
        match self {
            Self::Client(address) => Some(address),
            Self::Relay(_) | Self::Unknown | Self::Untold => None,
        }
    }
}

impl Envelope {
    /// From what XFORWARD told, or from the connection, never from both: a connected client that may use XFORWARD and
    /// does not is no original client.
    pub(crate) fn new(client: &Client, transaction: &Transaction, clients: &Clients) -> Self {
        let original = &transaction.original_client;
        let is_original = client.addr.is_some_and(|address| !clients.xforward.contains(address));
        let (address, name, helo) = if is_original {
            (client.addr, None, Some(client.helo.clone()))
        } else {
            (original.addr, original.name.clone(), original.helo.clone())
        };
        let reverse_path = transaction.reverse_path.as_ref();
        Self {
            source: address.map_or(Source::Unknown, |address| Source::of(address, clients)),
            client_name: name,
            helo: helo.filter(|helo| !helo.is_empty()),
            reverse_path: reverse_path.map(|path| String::from_utf8_lossy(path.as_bytes()).into_owned()),
            smtputf8: transaction.smtputf8,
        }
    }

    /// What a user says on the command line.
    pub(crate) fn told(
        address: Option<IpAddr>,
        client_name: Option<String>,
        helo: Option<String>,
        mail_from: Option<&str>,
        clients: &Clients,
    ) -> Self {
        let bare =
            |path: &str| path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path).to_owned();
        Self {
            source: address.map_or(Source::Untold, |address| Source::of(address, clients)),
            client_name,
            helo,
            reverse_path: mail_from.map(bare),
            smtputf8: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimproxy_daemon::network::Networks;
    use dkimproxy_smtp::{path::Path, xforward::Update};

    fn clients() -> Clients {
        Clients { xforward: Networks::loopback(), trusted: "192.0.2.0/28, 2001:db8::/32".parse().unwrap() }
    }

    fn envelope(peer: Option<&str>, helo: &str, xforward: &str) -> Envelope {
        let client = Client { addr: peer.map(|address| address.parse().unwrap()), helo: helo.into() };
        let mut transaction =
            Transaction { reverse_path: Some(Path::new("joe@example.org")), ..Transaction::default() };
        if !xforward.is_empty() {
            transaction.xforward(Update::parse(xforward.as_bytes()).unwrap());
        }
        Envelope::new(&client, &transaction, &clients())
    }

    #[test]
    fn the_client_is_the_one_that_xforward_tells_or_else_a_stranger_that_is_connected() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let stranger = |text| Source::Client(address(text));
        let relay = |text| Source::Relay(address(text));
        for (peer, xforward, source, helo) in [
            (Some("127.0.0.1"), "ADDR=203.0.113.1 HELO=mx.there", stranger("203.0.113.1"), Some("mx.there")),
            (None, "ADDR=IPV6:2001:db9::1 NAME=a.example", stranger("2001:db9::1"), None),
            (Some("::1"), "ADDR=192.0.2.7 HELO=backup", relay("192.0.2.7"), Some("backup")),
            (Some("127.0.0.1"), "ADDR=192.0.2.16", stranger("192.0.2.16"), None),
            (Some("127.0.0.1"), "ADDR=::ffff:192.0.2.1", relay("192.0.2.1"), None),
            (Some("127.0.0.1"), "ADDR=127.0.0.1 HELO=localhost", Source::Unknown, Some("localhost")),
            (Some("127.0.0.1"), "ADDR=[UNAVAILABLE] HELO=x", Source::Unknown, Some("x")),
            (Some("127.0.0.1"), "", Source::Unknown, None),
            (None, "", Source::Unknown, None),
            (Some("203.0.113.9"), "", stranger("203.0.113.9"), Some("peer")),
            (Some("2001:db8::1"), "", relay("2001:db8::1"), Some("peer")),
        ] {
            let found = envelope(peer, "peer", xforward);
            assert_eq!((found.source, found.helo.as_deref()), (source, helo), "{peer:?} {xforward}");
            assert_eq!(found.reverse_path.as_deref(), Some("joe@example.org"));
        }
        assert_eq!(envelope(None, "peer", "NAME=a.example ADDR=203.0.113.1").client_name.as_deref(), Some("a.example"));
    }

    /// Smtpd never takes XFORWARD from such a peer; if it did, the peer would still be the client.
    #[test]
    fn a_stranger_cannot_say_that_it_is_somebody_else() {
        let found = envelope(Some("203.0.113.9"), "peer", "ADDR=192.0.2.7 NAME=relay.example HELO=relay.example");
        assert_eq!(found.source, Source::Client("203.0.113.9".parse().unwrap()));
        assert_eq!((found.helo.as_deref(), found.client_name), (Some("peer"), None));
    }

    #[test]
    fn a_path_may_be_written_with_brackets() {
        let told = |path| Envelope::told(None, None, None, path, &clients()).reverse_path;
        assert_eq!(told(Some("<joe@example.org>")).as_deref(), Some("joe@example.org"));
        assert_eq!(told(Some("joe@example.org")).as_deref(), Some("joe@example.org"));
        assert_eq!(told(Some("<>")).as_deref(), Some(""));
        assert_eq!(told(None), None);
    }
}
