//! Where to listen, where to connect to, who may come.

use crate::{
    config::{
        Entry, Problems, RawConfig,
        value::{number, words},
    },
    network::{Network, NetworkError, Networks},
    peer::{Endpoint, EndpointError},
    serve::Settings,
};
use std::net::{IpAddr, Ipv4Addr};

/// Where Net::Server listens if no port is given.
const NET_SERVER_PORT: u16 = 20203;
/// SMTP (RFC 5321 section 4.5.4.2).
const SMTP_PORT: u16 = 25;

/// The addresses to listen on: `listen`, or else `host` and `port`.
pub(super) fn listeners(
    raw: &RawConfig,
    passed: bool,
    problems: &mut Problems,
    notes: &mut Vec<String>,
) -> Vec<Endpoint> {
    let before = problems.len();
    let mut listeners = raw.parsed_all("listen", problems, |text| Endpoint::parse(text, Some(NET_SERVER_PORT)));
    let host_and_port = raw.is_written("host") || raw.is_written("port");
    match (raw.is_written("listen"), host_and_port) {
        (true, true) => notes.push("host and port do not count, because listen is given".to_owned()),
        (false, true) => listeners = hosts_and_ports(raw, problems),
        (true, false) => notes.extend(raw.all("listen").filter_map(without_port)),
        (false, false) => {}
    }
    if listeners.is_empty() && !passed && problems.len() == before {
        problems.key(raw, "listen", "no address to listen on was given; listen 127.0.0.1:10027 is right");
    }
    listeners.into_iter().map(any_host).collect()
}

/// Every `host` with every `port`, as Net::Server has it.
fn hosts_and_ports(raw: &RawConfig, problems: &mut Problems) -> Vec<Endpoint> {
    let mut ports = raw.parsed_all("port", problems, |text| number(0..=65535)(text).map(to_port));
    if !raw.is_written("port") {
        ports.push(NET_SERVER_PORT);
    }
    let mut hosts = raw.parsed_all("host", problems, host);
    if !raw.is_written("host") {
        hosts.push("*".to_owned());
    }
    let pairs = hosts.iter().flat_map(|host| ports.iter().map(move |&port| (host.clone(), port)));
    pairs.map(|(host, port)| Endpoint::Tcp { host, port }).collect()
}

/// A host alone; an IPv6 address with or without brackets.
fn host(text: &str) -> Result<String, EndpointError> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    match Endpoint::parse(text, Some(0))? {
        Endpoint::Tcp { host, port: 0 } => Ok(host),
        _ => Err(EndpointError::NoHost),
    }
}

fn to_port(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(0)
}

/// What to say about a listener without a port, which only Net::Server gives a meaning.
fn without_port(entry: &Entry) -> Option<String> {
    Endpoint::parse(&entry.value, None).is_err().then(|| {
        format!("listen {} has no port: as with DKIMproxy 1.4.1 this is {NET_SERVER_PORT}; better say so", entry.value)
    })
}

/// `*` is Net::Server's word for every address.
fn any_host(endpoint: Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::Tcp { host, port } if host == "*" => Endpoint::Tcp { host: Ipv4Addr::UNSPECIFIED.to_string(), port },
        other => other,
    }
}

/// The relay: `relay`, or else `relay_host` and `relay_port`.
pub(super) fn relay(raw: &RawConfig, problems: &mut Problems) -> Option<Endpoint> {
    let port = raw.parsed("relay_port", problems, number(1..=65535)).map(to_port);
    let (key, default) = match (raw.is_written("relay"), raw.is_written("relay_host")) {
        (true, _) => ("relay", Some(SMTP_PORT)),
        (false, true) => ("relay_host", port),
        (false, false) => {
            problems.key(raw, "relay", "no address to pass mail on to was given; relay 127.0.0.1:10028 is right");
            return None;
        }
    };
    let relay = raw.parsed(key, problems, |text| Endpoint::parse(text, default))?;
    if matches!(relay, Endpoint::Tcp { port: 0, .. }) {
        problems.key(raw, key, EndpointError::Port("0".into()));
        return None;
    }
    Some(relay)
}

/// Mail passed on to ourselves would come back to us, again and again.
pub(super) fn refuse_loops(raw: &RawConfig, listeners: &[Endpoint], relay: &Endpoint, problems: &mut Problems) {
    if let Some(listener) = listeners.iter().find(|listener| leads_to(relay, listener)) {
        let key = if raw.is_written("relay") { "relay" } else { "relay_host" };
        problems.key(raw, key, format!("{relay} is where we listen ({listener}): mail would go round in circles"));
    }
}

fn leads_to(relay: &Endpoint, listener: &Endpoint) -> bool {
    match (relay, listener) {
        (Endpoint::Tcp { host: to, port }, Endpoint::Tcp { host: at, port: listening }) => {
            let everywhere = at.parse().is_ok_and(|addr: IpAddr| addr.is_unspecified());
            port == listening
                && (to.eq_ignore_ascii_case(at) || is_loopback(to) && (everywhere || same_loopback(to, at)))
        }
        (Endpoint::Unix(to), Endpoint::Unix(at)) => to == at,
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|addr: IpAddr| addr.to_canonical().is_loopback())
}

/// `localhost` and `127.0.0.1` are one; `127.0.0.1` and `127.0.0.2` are two.
fn same_loopback(a: &str, b: &str) -> bool {
    is_loopback(b) && [a, b].iter().any(|host| host.eq_ignore_ascii_case("localhost"))
}

/// The ranges of `cidr`, and those that `pattern` has in Net::Server's form.
pub(super) fn ranges(raw: &RawConfig, cidr: &str, pattern: &str, problems: &mut Problems) -> Networks {
    let mut all = lists(raw, cidr, problems);
    all.extend(raw.parsed_all(pattern, problems, |text| {
        read_pattern(text).ok_or_else(|| {
            format!("\"{text}\" is no pattern for an address or for how one begins; {cidr} with a range like 10.0.0.0/8 is plainer")
        })
    }));
    all
}

/// All ranges of a key whose values are lists of them.
pub(super) fn lists(raw: &RawConfig, key: &str, problems: &mut Problems) -> Networks {
    let read = |text: &str| words(text).map(str::parse).collect::<Result<Vec<Network>, NetworkError>>();
    raw.parsed_all(key, problems, read).into_iter().flatten().collect()
}

/// An address range out of a regular expression that means one: an IPv4 address or its first numbers, with or without `^`,
/// `$`, backslashes and a wildcard after them; or an address of either kind; or everything. Net::Server looks for it
/// anywhere in the address; here it is the beginning, which is what was meant.
fn read_pattern(pattern: &str) -> Option<Network> {
    let text = pattern.strip_prefix('^').unwrap_or(pattern);
    let plain = text.strip_suffix('$').unwrap_or(text).replace("\\.", ".");
    if let Ok(network) = plain.parse() {
        return Some(network);
    }
    let beginning = [".*", "*", "\\d+"].iter().find_map(|wildcard| plain.strip_suffix(wildcard)).unwrap_or(&plain);
    let beginning = beginning.strip_suffix('.').unwrap_or(beginning);
    first_numbers(beginning).and_then(|text| text.parse().ok())
}

/// `10.1` as `10.1.0.0/16`.
fn first_numbers(beginning: &str) -> Option<String> {
    let numbers: Vec<&str> = beginning.split('.').filter(|number| !number.is_empty()).collect();
    if numbers.len() > 3 || numbers.iter().any(|number| number.parse::<u8>().is_err()) {
        return None;
    }
    let zeros = vec!["0"; 4 - numbers.len()];
    Some(format!("{}/{}", [numbers.as_slice(), &zeros].concat().join("."), numbers.len() * 8))
}

/// What to say if strangers can reach us and nobody is kept out.
pub(super) fn open_relay(listeners: &[Endpoint], settings: &Settings) -> Option<String> {
    let public =
        listeners.iter().find(|listener| matches!(listener, Endpoint::Tcp { host, .. } if !is_loopback(host)))?;
    settings.allow.is_empty().then(|| {
        format!(
            "ATTENTION: {public} is no loopback address, and cidr_allow is not given: whoever reaches it can have mail \
             relayed through {}",
            settings.relay
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_mean_a_range() {
        for (pattern, expected) in [
            ("127.0.0.1", Some("127.0.0.1/32")),
            (r"^127\.0\.0\.1$", Some("127.0.0.1/32")),
            (r"^192\.168\.", Some("192.168.0.0/16")),
            ("192.168.1.*", Some("192.168.1.0/24")),
            (r"10\.\d+", Some("10.0.0.0/8")),
            ("10.", Some("10.0.0.0/8")),
            (".*", Some("0.0.0.0/0")),
            ("::1", Some("::1/128")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            (r"^(10|192)\.", None),
            ("example.org", None),
            ("300.1", None),
        ] {
            assert_eq!(read_pattern(pattern).map(|network| network.to_string()).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn loops_are_seen() {
        for (relay, listener, expected) in [
            ("127.0.0.1:25", "127.0.0.1:25", true),
            ("127.0.0.1:25", "127.0.0.1:26", false),
            ("127.0.0.1:25", "127.0.0.2:25", false),
            ("127.0.0.1:25", "0.0.0.0:25", true),
            ("[::1]:25", "[::]:25", true),
            ("localhost:25", "127.0.0.1:25", true),
            ("127.0.0.1:25", "LOCALHOST:25", true),
            ("mail.example:25", "0.0.0.0:25", false),
            ("unix:/a", "unix:/a", true),
            ("unix:/a", "unix:/b", false),
        ] {
            let endpoint = |text| Endpoint::parse(text, None).unwrap();
            assert_eq!(leads_to(&endpoint(relay), &endpoint(listener)), expected, "{relay} {listener}");
        }
    }
}
