//! Where to listen, or to connect to.

use std::{fmt, path::PathBuf};
use thiserror::Error;

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// Nothing was written, or no host before the port.
    #[error("no host; HOST:PORT, [IPV6]:PORT or unix:/PATH is right")]
    NoHost,
    /// No port was written and there is no default.
    #[error("\"{0}\" has no port; HOST:PORT, [IPV6]:PORT or unix:/PATH is right")]
    NoPort(String),
    /// The port is no number from 1 to 65535 (0 to 65535 for a listener, where 0 lets the system choose).
    #[error("\"{0}\" is no port; a number from 1 to 65535 is right")]
    Port(String),
    /// An IPv6 address without brackets: where it ends and the port begins cannot be told.
    #[error("\"{0}\" is ambiguous; write an IPv6 address in brackets: [::1]:10025")]
    Ambiguous(String),
    /// An opening bracket without its partner, or no IPv6 address between them.
    #[error("\"{0}\" is no IPv6 address in brackets; [::1]:10025 is right")]
    Brackets(String),
    /// A unix socket needs an absolute path of at most 107 octets (what `sockaddr_un` holds).
    #[error("\"{0}\" is no path of a unix socket; unix:/PATH with at most 107 octets is right")]
    UnixPath(String),
}

/// Where to listen, or to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// TCP.
    Tcp {
        /// Host name or address, an IPv6 address without brackets.
        host: String,
        /// Port; 0 only for listeners: the system chooses.
        port: u16,
    },
    /// A unix stream socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Understands `HOST:PORT`, `[IPV6]:PORT` and `unix:/PATH`; `HOST` alone if there is a default port. A port of 0
    /// is taken: whether it makes sense, the caller knows.
    pub fn parse(text: &str, default_port: Option<u16>) -> Result<Self, EndpointError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let (host, port) = split_port(text)?;
        let port = match port {
            Some(digits) => parse_port(digits)?,
            None => default_port.ok_or_else(|| EndpointError::NoPort(text.to_owned()))?,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(EndpointError::NoHost);
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

fn unix(path: &str) -> Result<Endpoint, EndpointError> {
    if !path.starts_with('/') || path.len() > 107 || path.contains('\0') {
        return Err(EndpointError::UnixPath(path.to_owned()));
    }
    Ok(Endpoint::Unix(PathBuf::from(path)))
}

/// Host and port, not yet checked; brackets taken off.
fn split_port(text: &str) -> Result<(&str, Option<&str>), EndpointError> {
    if let Some(rest) = text.strip_prefix('[') {
        let brackets = || EndpointError::Brackets(text.to_owned());
        let (address, after) = rest.split_once(']').ok_or_else(brackets)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| brackets())?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((address, Some(port))),
            None if after.is_empty() => Ok((address, None)),
            None => Err(brackets()),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(EndpointError::Ambiguous(text.to_owned())),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn parse_port(digits: &str) -> Result<u16, EndpointError> {
    let plain = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).ok_or_else(|| EndpointError::Port(digits.to_owned()))
}

impl fmt::Display for Endpoint {
    /// As [`Endpoint::parse`] understands it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood_is_shown_again() {
        for text in ["127.0.0.1:10025", "[::1]:25", "relay.example:10026", "unix:/run/dkimproxy/in.sock", "h:0"] {
            assert_eq!(Endpoint::parse(text, None).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_port_may_be_left_out_where_there_is_a_default() {
        for (text, expected) in [("mail", "mail:25"), ("[::1]", "[::1]:25"), ("10.0.0.1", "10.0.0.1:25")] {
            assert_eq!(Endpoint::parse(text, Some(25)).unwrap().to_string(), expected);
        }
        assert_eq!(Endpoint::parse("mail", None), Err(EndpointError::NoPort("mail".into())));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("", EndpointError::NoHost),
            (":25", EndpointError::NoHost),
            ("a b:25", EndpointError::NoHost),
            ("h:", EndpointError::Port("".into())),
            ("h:99999", EndpointError::Port("99999".into())),
            ("h:+25", EndpointError::Port("+25".into())),
            ("::1:25", EndpointError::Ambiguous("::1:25".into())),
            ("[::1", EndpointError::Brackets("[::1".into())),
            ("[::1]25", EndpointError::Brackets("[::1]25".into())),
            ("[mail]:25", EndpointError::Brackets("[mail]:25".into())),
            ("unix:in.sock", EndpointError::UnixPath("in.sock".into())),
        ] {
            assert_eq!(Endpoint::parse(text, Some(25)), Err(expected), "{text}");
        }
    }
}
